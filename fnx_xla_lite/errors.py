"""Every exception that a user of the compiler can meet."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from typing import Any


class CompilerError(Exception):
    """Base of the compiler's errors.

    The message says what came in, where, and what was expected.
    """


class VerifyError(CompilerError, ValueError):
    """A module breaks an invariant of its IR: wrong shapes, element types, attributes or scopes."""


class ParseError(CompilerError, ValueError):
    """A text is not in the part of StableHLO's syntax that we read; names line and column."""


class UnsupportedOpError(CompilerError, NotImplementedError):
    """A module uses an operation or element type that this compiler does not have."""


class PassError(CompilerError, RuntimeError):
    """A pass cannot rewrite a module, or made an invalid one (which is our bug)."""


class BackendError(CompilerError, RuntimeError):
    """A backend cannot compile or run a program on this machine."""


_PLACE = re.compile(r"line (\d+), column (\d+)")


def _show_line(error: CompilerError, text: str) -> None:
    """Put the line of the text under a message that names one, with a mark at the column."""
    message = str(error)
    place = _PLACE.match(message)
    if place is None or "\n" in message:
        return
    line = text.splitlines()[int(place[1]) - 1]
    error.args = (f"{message}\n  {line}\n  {' ' * (int(place[2]) - 1)}^",)


def public(function: Callable[..., Any]) -> Any:
    """The function, as one whose `CompilerError` s show the caller's frames, not ours.

    Nothing below it is the caller's code. ``FNX_TRACEBACK=full`` shows all frames.
    """

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except CompilerError as error:
            if args and isinstance(args[0], str):
                _show_line(error, args[0])
            if os.environ.get("FNX_TRACEBACK", "").lower() != "full":
                error.__traceback__ = None
            raise

    return guarded
