"""A mistake: a wrong program, what its error must say, and the program mended.

A program is a small function in a real file, so that source lines are real. The right program is
the one below it, under ``@<name>.mended``.
"""

from __future__ import annotations

import inspect
import linecache
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Program = Callable[[], Any]


@dataclass
class Mistake:
    """One entry of the gallery.

    Attributes:
        title: what is wrong, in words.
        error: the class of the exception.
        at: a part of the code of the line that the error must name.
        got: what came in, as the message says it.
        wanted: what was expected, as the message says it.
        write: what to write instead, as the message says it.
        check: turns a check on while the wrong program runs (a context manager), if one is needed.
        text: for mistakes inside of a text: a part of the line of the text that the error names.
    """

    title: str
    error: type[BaseException]
    at: str
    got: str
    wanted: str
    write: str
    check: Callable[[], Any] | None = None
    text: str = ""
    wrong: Program = field(init=False)
    right: Program | None = field(init=False, default=None)

    def mended(self, program: Program) -> Mistake:
        """Decorator of the right program."""
        self.right = program
        return self

    @property
    def name(self) -> str:
        return self.wrong.__name__

    @property
    def file(self) -> str:
        return inspect.getsourcefile(self.wrong) or ""

    def source(self, program: Program) -> tuple[str, int]:
        """The program's code without its decorator, and the number of its first line."""
        lines, first = inspect.getsourcelines(program)
        start = next(i for i, line in enumerate(lines) if line.lstrip().startswith("def "))
        return textwrap.dedent("".join(lines[start:])), first + start

    def line(self) -> int:
        """The number of the line that the error must name."""
        text, first = self.source(self.wrong)
        body = enumerate(text.splitlines()[1:], first + 1)
        (number,) = [i for i, line in body if self.at in line]
        return number

    def place(self) -> str:
        """The beginning of what the message says about the place."""
        return "" if self.text else f"in {Path(self.file).name}:{self.line()}, in "

    def code(self) -> str:
        """The code of that line."""
        return self.text or linecache.getline(self.file, self.line()).strip()


def mistake(
    title: str,
    error: type[BaseException],
    *,
    at: str,
    got: str,
    wanted: str,
    write: str,
    check: Callable[[], Any] | None = None,
    text: str = "",
) -> Callable[[Program], Mistake]:
    """Decorator of a wrong program; see `Mistake`."""

    def decorate(program: Program) -> Mistake:
        entry = Mistake(title, error, at, got, wanted, write, check, text)
        entry.wrong = program
        return entry

    return decorate


def mistakes_of(module: str) -> list[Mistake]:
    """The entries of a module of the gallery, in order."""
    found = [x for x in vars(sys.modules[module]).values() if isinstance(x, Mistake)]
    return sorted(found, key=Mistake.line)
