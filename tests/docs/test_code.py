"""The code of docs/*.md runs, page by page in one session, and prints what the page shows."""

from __future__ import annotations

import contextlib
import io
import itertools
import linecache
import re
import sys
import types
from pathlib import Path

import pytest

from fnx.core.primitive import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OF_THE_GALLERY = {"errors.md"}  # each of its programs is run by tests/errors
PAGES = [p for p in sorted(ROOT.glob("docs/*.md")) if p.name not in OF_THE_GALLERY]


def run(code: str, name: str, namespace: dict[str, object]) -> str:
    """What the code prints. Its lines can be read, so that errors show them."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, name, "exec"), namespace)
    return out.getvalue()


def blocks_with_output(text: str) -> list[tuple[str, str | None]]:
    """Each block of Python with the block of text that follows it, if one does."""
    found = BLOCK.findall(text)
    pairs = itertools.zip_longest(found, found[1:], fillvalue=("", ""))
    return [
        (code, following[1] if following[0] == "text" else None)
        for (language, code), following in pairs
        if language == "python"
    ]


@pytest.fixture(autouse=True)
def own_primitives():
    """What a page registers is forgotten after it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_the_code_of_a_page_prints_what_it_shows(path, monkeypatch):
    module = types.ModuleType("program")
    monkeypatch.setitem(sys.modules, "program", module)
    for code, expected in blocks_with_output(path.read_text("utf-8")):
        printed = run(code, "program.py", module.__dict__)
        if expected is not None:  # else the page says in words what it prints
            assert printed == expected, code


def test_there_is_code():
    text = (ROOT / "docs/extending.md").read_text("utf-8")
    blocks = blocks_with_output(text)
    assert len(blocks) > 10
    assert sum(out is not None for _, out in blocks) >= 8
    assert all(out is not None for code, out in blocks if "print(" in code)
