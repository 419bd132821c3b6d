"""Sources: which line of the user's code an equation came from. Frames inside fnx are skipped."""

from __future__ import annotations

import linecache
import os
import sys
from contextvars import ContextVar, Token
from typing import NamedTuple


class Source(NamedTuple):
    """A line of code: file, line number, and the function that it stands in."""

    file: str
    line: int
    function: str

    def describe(self) -> str:
        """For example ``train.py:41, in loss:  y = x @ w``."""
        code = linecache.getline(self.file, self.line).strip()
        place = f"{os.path.basename(self.file)}:{self.line}, in {self.function}"
        return f"{place}:  {code}" if code else place

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line} in {self.function}"


_FNX = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_INTERNAL_FOLDERS = (_FNX + os.sep, _FNX + "_xla_lite" + os.sep)
_is_internal_file: dict[str, bool] = {}

# While a jaxpr is evaluated or transformed, new equations inherit the source of the old ones.
_inherited: ContextVar[Source | None] = ContextVar("fnx_source", default=None)


def current_source() -> Source | None:
    """The innermost line outside of fnx; or the inherited source, where one is set."""
    inherited = _inherited.get()
    return user_source() if inherited is None else inherited


def user_source() -> Source | None:
    """The innermost line of the call stack that is outside of fnx and fnx_xla_lite."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        internal = _is_internal_file.get(file)
        if internal is None:
            internal = _is_internal_file[file] = file.startswith(_INTERNAL_FOLDERS)
        if not internal:
            return Source(file, frame.f_lineno, code.co_qualname)
        frame = frame.f_back
    return None


def inherit(source: Source | None) -> Token[Source | None]:
    """Until `disinherit`, new equations of this thread get this source (if it is not None)."""
    return _inherited.set(source)


def disinherit(token: Token[Source | None]) -> None:
    """Undo one `inherit`."""
    _inherited.reset(token)
