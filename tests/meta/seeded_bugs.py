"""Plant each bug of `tests.meta.bugs` and run the laws against it.

Run as ``python -m tests.meta.seeded_bugs``. Each bug gets a process of its own, in which the edited
module is what is imported. First the laws run over programs with the primitives that the bug names;
if none fails, all of them run. Prints which laws caught it; the exit status is the number of bugs
that escaped. Not part of the test set.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.meta.bugs import BUGS, Bug

ROOT = Path(__file__).resolve().parents[2]
LAWS = ("tests/laws", "tests/xla_lite/passes/test_laws.py")
LONGEST = 900  # seconds for one bug


class Planter(importlib.abc.MetaPathFinder):
    """Imports one module with one text replaced."""

    def __init__(self, bug: Bug) -> None:
        self.bug = bug
        self.name = bug.file.removesuffix(".py").replace("/", ".")

    def find_spec(self, name: str, path: object, target: object = None) -> object:
        """The module's spec with an edited source, or None."""
        if name != self.name:
            return None
        loader = EditedLoader(self.name, str(ROOT / self.bug.file), self.bug)
        return importlib.machinery.ModuleSpec(name, loader, origin=str(ROOT / self.bug.file))


class EditedLoader(importlib.machinery.SourceFileLoader):
    """Loads the edited source; never from bytecode."""

    def __init__(self, name: str, path: str, bug: Bug) -> None:
        super().__init__(name, path)
        self.bug = bug

    def get_code(self, name: str) -> object:
        """The code of the edited source."""
        return compile(edited(self.bug), self.path, "exec", dont_inherit=True)


def edited(bug: Bug) -> str:
    """The source with the bug in it.

    Raises:
        LookupError: the source has changed: the text to replace is not there once.
    """
    source = (ROOT / bug.file).read_text("utf-8")
    if source.count(bug.old) != 1:
        raise LookupError(f"{bug.file}: {source.count(bug.old)} times {bug.old!r}")
    return source.replace(bug.old, bug.new)


class Collector:
    """Notes which tests fail.

    Args:
        through: keeps the laws over these primitives only; if empty, all laws, those first that
            draw their own programs.
    """

    def __init__(self, through: Sequence[str]) -> None:
        self.through, self.failed, self.broken, self.ran = set(through), [], [], 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Choose and order the laws."""
        if self.through:
            items[:] = [x for x in items if self.name_of(x) in self.through]
        items.sort(key=lambda x: self.name_of(x) is not None)

    @staticmethod
    def name_of(item: pytest.Item) -> str | None:
        """The primitive that a law is drawn through."""
        return getattr(item, "callspec", None) and item.callspec.params.get("name")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count, and keep the names of laws that fail."""
        self.ran += report.when == "call"
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module of laws that cannot be imported says nothing about the bug."""
        if report.failed:
            self.broken.append(report.nodeid)


def child(number: int, result: Path) -> None:
    """Plant one bug in this process and run the laws; failures are written to ``result``."""
    bug = BUGS[number]
    sys.meta_path.insert(0, Planter(bug))
    for through in ([bug.through] if bug.through else []) + [()]:
        collector = Collector(through)
        most = "--maxfail=8" if through else "--maxfail=1"
        quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--tb=no", most]
        status = pytest.main([*quiet, *LAWS], plugins=[collector])
        if collector.broken or not collector.ran:
            sys.exit(f"the laws did not run: {status!r} {collector.broken}")
        result.write_text(json.dumps({"failed": collector.failed, "ran": collector.ran}))
        if collector.failed:
            return


@dataclass(frozen=True)
class Verdict:
    """What became of a bug."""

    bug: Bug
    laws: tuple[str, ...]
    note: str
    seconds: float

    @property
    def caught(self) -> bool:
        """Whether a law failed."""
        return bool(self.laws)


def judge(number: int) -> Verdict:
    """Run one bug's process; again, if the laws did not run (a file was being written, say)."""
    for _ in range(3):
        verdict = attempt(number)
        if not verdict.note.startswith("no result"):
            break
        time.sleep(20)
    return verdict


def attempt(number: int) -> Verdict:
    """Run one bug's process."""
    bug, start = BUGS[number], time.perf_counter()
    try:
        edited(bug)
    except LookupError as error:
        return Verdict(bug, (), f"stale: {error}", 0)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        this = [sys.executable, "-m", "tests.meta.seeded_bugs"]
        environment = os.environ | {
            "FNX_CACHE": "0", "FNX_TEST_PROFILE": "unshrunk", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        try:
            done = subprocess.run(
                [*this, "--child", str(number), str(result)],
                cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Verdict(bug, (), "timeout", LONGEST)
        seconds = time.perf_counter() - start
        if done.returncode < 0:
            return Verdict(bug, ("crash",), f"signal {-done.returncode}", seconds)
        if not result.exists():
            return Verdict(bug, (), "no result: " + done.stderr[-500:], seconds)
        found = json.loads(result.read_text())
    return Verdict(bug, tuple(laws_of(found["failed"])), f"{found['ran']} tests", seconds)


def laws_of(failed: Sequence[str]) -> list[str]:
    """Names of laws, each once, from the ids of tests."""
    names = []
    for test in failed:
        parts = test.split("::")
        law = Path(parts[0]).stem.removeprefix("test_")
        names.append(f"{law}: {parts[-1].split('[')[0]}")
    return list(dict.fromkeys(names))


def main() -> int:
    """Judge all bugs, or those of a layer given, or whose description contains a word given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--child", nargs=2, metavar=("NUMBER", "RESULT"))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.child:
        child(int(options.child[0]), Path(options.child[1]))
        return 0
    meant = lambda bug: any(w in bug.what or w == bug.layer for w in options.words)
    chosen = [i for i, bug in enumerate(BUGS) if not options.words or meant(bug)]
    with ThreadPoolExecutor(options.workers) as pool:
        verdicts = []
        for verdict in pool.map(judge, chosen):
            verdicts.append(verdict)
            bug, word = verdict.bug, "caught " if verdict.caught else "ESCAPED"
            laws = ", ".join(verdict.laws) or verdict.note
            print(f"{word} {bug.layer:9} {bug.what} ({verdict.seconds:.0f} s): {laws}", flush=True)
    escaped = sum(not v.caught for v in verdicts)
    print(f"{len(verdicts) - escaped} of {len(verdicts)} caught")
    return escaped


if __name__ == "__main__":
    sys.exit(main())
