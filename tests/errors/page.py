"""Write docs/errors.md from the gallery: ``python -m tests.errors.page``.

The page shows each program as it stands in the gallery, and the message that it really gives.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path

from tests.errors.mistake import Mistake
from tests.errors.test_gallery import MODULES, caught, entries_of

PAGE = Path(__file__).resolve().parents[2] / "docs/errors.md"

_HEAD = """# Mistakes, and what fnx says about them

An error says what came in, where (your line), what was expected, and what to write instead. Its
traceback has your frames only, not ours: the last line that it shows is the one to look at.
`FNX_TRACEBACK=full` shows all frames. `f32[3,4]` is an array's dtype and shape; with a `~`, as in
`f32~[]`, the dtype came from a Python number and gives way to that of an array.

This page is written by `python -m tests.errors.page` from the programs in `tests/errors/`, which
the tests run: each message below is what the program above it really gives, and each program under
"Instead" runs. {count} mistakes:

{contents}

Every program begins with

```python
import dataclasses
import math

import numpy

import fnx
import fnx.numpy as np
import fnx_xla_lite
from fnx import checkify, data, debug, extend, lax, nn, optim, random, tree
```
"""


def page() -> str:
    """The text of the page."""
    sections, contents, count = [], [], 0
    for name in MODULES:
        entries = entries_of(name)
        count += len(entries)
        title = sys.modules[f"tests.errors.gallery_{name}"].__doc__.splitlines()[0].rstrip(".")
        contents.append(f"- [{title}](#{_anchor(title)}) ({len(entries)})")
        sections.append(f"## {title}\n\n{_constants(name)}" + "\n".join(map(_section, entries)))
    return _HEAD.format(count=count, contents="\n".join(contents)) + "\n" + "\n".join(sections)


def _constants(name: str) -> str:
    """What the programs of a module share, as a block of code."""
    source = inspect.getsource(sys.modules[f"tests.errors.gallery_{name}"])
    found = [x for x in ast.parse(source).body if isinstance(x, ast.Assign)]
    code = "\n".join(ast.get_source_segment(source, x) or "" for x in found)
    return f"```python\n{code}\n```\n\n" if code else ""


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def _section(entry: Mistake) -> str:
    wrong, _ = entry.source(entry.wrong)
    assert entry.right is not None
    right, _ = entry.source(entry.right)
    return (
        f"### {entry.title}\n\n```python\n{wrong}```\n\n```text\n{message(entry)}\n```\n\n"
        f"Instead:\n\n```python\n{right}```\n"
    )


def message(entry: Mistake) -> str:
    """The message as it is given, with lines counted from the program's first."""
    error = caught(entry)
    first = entry.source(entry.wrong)[1]
    file = re.escape(Path(entry.file).name)

    def renumber(match: re.Match[str]) -> str:
        return f"program.py:{int(match[1]) - first + 1}"

    return f"{type(error).__name__}: {re.sub(file + r':([0-9]+)', renumber, str(error))}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
