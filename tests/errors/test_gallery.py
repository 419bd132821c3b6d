"""The gallery: each mistake says what came in, where, what was expected, and what to write."""

from __future__ import annotations

import contextlib
import importlib
import traceback
from pathlib import Path

import pytest

from tests.errors.mistake import Mistake, mistakes_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MODULES = (
    "shapes", "axes", "dtypes", "indexing", "values", "leaks", "derivatives", "custom", "control",
    "loops", "callbacks", "checks", "primitives", "jit", "trees", "random", "training", "compiler",
)  # fmt: skip
for _name in MODULES:
    importlib.import_module(f"tests.errors.gallery_{_name}")


def entries_of(name: str) -> list[Mistake]:
    """The mistakes of a module of the gallery, in order."""
    return mistakes_of(f"tests.errors.gallery_{name}")


ENTRIES = [
    pytest.param(entry, id=f"{name}-{entry.name}") for name in MODULES for entry in entries_of(name)
]


def caught(entry: Mistake) -> BaseException:
    with (entry.check or contextlib.nullcontext)(), pytest.raises(entry.error) as info:
        entry.wrong()
    return info.value


def test_every_module_of_the_gallery_is_listed():
    found = {path.stem.removeprefix("gallery_") for path in HERE.glob("gallery_*.py")}
    assert found == set(MODULES)
    assert len(ENTRIES) >= 60
    names = [entry.values[0].title for entry in ENTRIES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_message_answers_all_four_questions(entry):
    message = str(caught(entry))
    place = f"{entry.place()}"
    assert place in message, f"where: {place}\n{message}"
    assert entry.code() in message, f"the code of the line\n{message}"
    assert all([entry.got, entry.wanted, entry.write])
    assert entry.got in message, f"what came in\n{message}"
    assert entry.wanted in message, f"what was expected\n{message}"
    assert entry.write in message, f"what to write\n{message}"


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_traceback_shows_the_users_frames_and_the_message_reads_well(entry):
    error = caught(entry)
    shown = traceback.extract_tb(error.__traceback__)
    assert shown[-1].filename == entry.file
    text = "".join(traceback.format_exception(error))
    assert str(ROOT / "fnx") not in text
    assert "During handling" not in text
    assert "direct cause" not in text
    assert all(len(line) <= 240 for line in str(error).splitlines())


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_right_program_runs(entry, capsys):
    assert entry.right is not None, "each mistake has a right program"
    with (entry.check or contextlib.nullcontext)():
        entry.right()
