"""What messages, docstrings and documents name exists: attributes of fnx, files, folders."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "benchmarks/*.md", "docs/*.md", "examples/*.md")
    for path in ROOT.glob(pattern)
)
TEXTS = sorted([*ROOT.glob("fnx/**/*.py"), *ROOT.glob("fnx_xla_lite/**/*.py"), *DOCUMENTS])
FOLDERS = ("benchmarks", "docs", "examples", "fnx", "fnx_xla_lite", "tests")
FILES = {
    f"/{path.relative_to(ROOT)}"
    for path in [*ROOT.glob("*"), *(x for folder in FOLDERS for x in (ROOT / folder).rglob("*"))]
}
METADATA = {"fnx.callback", "fnx.features"}  # what compiled modules carry, not Python
DOTTED = re.compile(r"(?<![\w./-])(?:fnx|fnx_xla_lite)(?:\.[A-Za-z_]\w*)+")
LINKED = re.compile(r"`([\w./]+/|[\w./-]+\.(?:py|md|toml))`")


def exists(dotted: str) -> bool:
    first, *rest = dotted.split(".")
    found = importlib.import_module(first)
    for i, name in enumerate(rest):
        if not hasattr(found, name):
            try:
                importlib.import_module(".".join([first, *rest[: i + 1]]))
            except ModuleNotFoundError:
                return False
        found = getattr(found, name)
    return True


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_names_in_text_exist(path: Path) -> None:
    named = set(DOTTED.findall(path.read_text("utf-8")))
    assert not sorted(name for name in named if name not in METADATA and not exists(name))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_named_in_documents_exist(path: Path) -> None:
    """A path may be shortened to its last parts."""
    named = {f"/{name.strip('/')}" for name in LINKED.findall(path.read_text("utf-8"))}
    assert not sorted(name for name in named if not any(file.endswith(name) for file in FILES))
