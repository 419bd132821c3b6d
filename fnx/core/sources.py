"""Sources: which line of the user's code an equation came from.

Frames of fnx are skipped, and so are those of NumPy and of the standard library.
"""

from __future__ import annotations

import contextlib
import functools
import linecache
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar, Token
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

F = Callable[..., Any]


class Origin(NamedTuple):
    """How an equation was made from the equation that the user wrote.

    Attributes:
        steps: by what, the first one first: "derivative" (a rule of forward mode, the residuals of
            reverse mode included) or "backward" (a transposed rule).
        called: the user's line that asked for the derivative, if that is known.
    """

    steps: tuple[str, ...]
    called: Source | None

    def describe(self) -> str:
        """For example ``backward pass``."""
        names = {"derivative": "derivative", "backward": "backward pass"}
        return " of the ".join([names[step] for step in reversed(self.steps)])


class Source(NamedTuple):
    """A line of code: file, line number, and the function that it stands in.

    Attributes:
        origin: how the equation was made from what stands in that line; None: it stands there.
        unchecked: names of the checks of a sanitiser build that leave the equation out.
    """

    file: str
    line: int
    function: str
    origin: Origin | None = None
    unchecked: tuple[str, ...] = ()

    def describe(self) -> str:
        """For example ``train.py:41, in loss:  y = x @ w``."""
        code = linecache.getline(self.file, self.line).strip()
        place = f"{os.path.basename(self.file)}:{self.line}, in {self.function}"
        return f"{place}:  {code}" if code else place

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line} in {self.function}"


OURS = "fnx"
LIBRARY = "a library that fnx may call"
USERS = "the user"

_FNX = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_PACKAGES = os.path.dirname(os.path.dirname(os.path.abspath(np.__file__)))
_DEPENDENCIES = ("numpy", "llvmlite", "ml_dtypes", "opt_einsum", "safetensors", "platformdirs")
_OUR_FOLDERS = (_FNX + os.sep, _FNX + "_xla_lite" + os.sep)
_LIBRARY_FOLDERS = tuple([os.path.join(_PACKAGES, name) + os.sep for name in _DEPENDENCIES])
_INSTALLED = tuple([f"{os.sep}{name}-packages{os.sep}" for name in ("site", "dist")])
_OUR_MODULES = re.compile(r"fnx(_xla_lite)?(\.|$)")
_TYPED = re.compile(r"^<(stdin|console|input|(i?python-)?input-.*)>$|[/\\\\]ipykernel_\d+[/\\\\]")
_owners: dict[str, str] = {}


def owner(code: CodeType, namespace: Mapping[str, Any]) -> str:
    """Whose code it is: `OURS`, a `LIBRARY`'s (NumPy, the standard library), or the `USERS`.

    Args:
        code: the code object of a frame or a function.
        namespace: its globals, which tell whose generated code (``<string>``) is.
    """
    file = code.co_filename
    whose = _owners.get(file)
    if whose is not None:
        return whose
    if file.startswith("<") and not file.startswith(("<frozen ", "<fnx ")):
        return OURS if _OUR_MODULES.match(str(namespace.get("__name__", ""))) else USERS
    whose = _owners[file] = _owner_of_file(file)
    return whose


def _owner_of_file(file: str) -> str:
    if file.startswith((*_OUR_FOLDERS, "<fnx ")):
        return OURS
    if file.startswith((*_LIBRARY_FOLDERS, "<frozen ")):
        return LIBRARY
    is_standard = file.startswith(_STANDARD) and not any(name in file for name in _INSTALLED)
    return LIBRARY if is_standard else USERS


# While a jaxpr is evaluated or transformed, new equations inherit the source of the old ones.
_inherited: ContextVar[Source | None] = ContextVar("fnx_source", default=None)
_step: ContextVar[str | None] = ContextVar("fnx_origin", default=None)
_asked: ContextVar[Source | None] = ContextVar("fnx_asked", default=None)
_unchecked: ContextVar[tuple[str, ...]] = ContextVar("fnx_unchecked", default=())


def current_source() -> Source | None:
    """The innermost line outside of fnx; or the inherited source, where one is set."""
    inherited = _inherited.get()
    source = user_source() if inherited is None else inherited
    step, unchecked = _step.get(), _unchecked.get()
    if source is None or (step is None and not unchecked):
        return source
    return _marked(source, step, unchecked)


_MOST_STEPS = 3


def _marked(source: Source, step: str | None, unchecked: tuple[str, ...]) -> Source:
    """A source with one more step of its origin, and what is not checked."""
    if step is not None:
        before = () if source.origin is None else source.origin.steps
        if before[-1:] == ("derivative",) and step == "backward":
            before = before[:-1]  # reverse mode is the transposed derivative
        if before[-1:] != (step,) and len(before) < _MOST_STEPS:
            before = (*before, step)
        source = source._replace(origin=Origin(before, _asked.get()))
    if not unchecked:
        return source
    return source._replace(unchecked=tuple(sorted({*source.unchecked, *unchecked})))


def user_source() -> Source | None:
    """The innermost line of the call stack that is the user's, not ours and not a library's."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        whose = _owners.get(code.co_filename) or owner(code, frame.f_globals)
        if whose is USERS:
            return Source(code.co_filename, frame.f_lineno, code.co_qualname)
        frame = frame.f_back
    return None


def defining_source() -> Source | None:
    """The user's line that makes something; None while a module of ours makes it."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        whose = _owners.get(code.co_filename) or owner(code, frame.f_globals)
        if whose is USERS:
            return Source(code.co_filename, frame.f_lineno, code.co_qualname)
        if whose is OURS and code.co_name == "<module>":
            return None
        frame = frame.f_back
    return None


def is_made_again(before: Source | None, now: Source | None) -> bool:
    """Whether what one line made, and another one makes now, is a second run of the same code.

    It is, if it is the same line of a module, which is loaded again; or if both lines were typed in
    a notebook or a console: there, a cell that was changed has another file.
    """
    if before is None or now is None:
        return False
    is_same = (before.file, before.line) == (now.file, now.line)
    return (is_same and now.function == "<module>") or all(
        _TYPED.search(source.file) for source in (before, now)
    )


def raised_by_user(error: BaseException) -> bool:
    """Whether an exception was raised in the user's code, not in ours or a library's."""
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    return entry is not None and owner(entry.tb_frame.f_code, entry.tb_frame.f_globals) is USERS


def inherit(source: Source | None) -> Token[Source | None]:
    """Until `disinherit`, new equations of this thread get this source (if it is not None)."""
    return _inherited.set(source)


def disinherit(token: Token[Source | None]) -> None:
    """Undo one `inherit`."""
    _inherited.reset(token)


def call_users(f: F, *args: Any) -> Any:
    """Call a derivative rule; equations of one that the user wrote get its own lines."""
    code = getattr(f, "__code__", None)
    if code is None or owner(code, f.__globals__) is not USERS:
        return f(*args)
    token = _inherited.set(None)
    try:
        return f(*args)
    finally:
        _inherited.reset(token)


def begin_step(step: str) -> Token[str | None]:
    """Until `end_step`, new equations of this thread are made by this; see `Origin`."""
    return _step.set(step)


def end_step(token: Token[str | None]) -> None:
    """Undo one `begin_step`."""
    _step.reset(token)


@contextlib.contextmanager
def asked_for(source: Source | None) -> Iterator[None]:
    """Inside, derivatives are noted as asked for by this line."""
    token = _asked.set(source)
    try:
        yield
    finally:
        _asked.reset(token)


def always_asked_for(source: Source | None) -> Callable[[F], F]:
    """A decorator: in each call of the function, derivatives are asked for by this line."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def asked(*args: Any, **kwargs: Any) -> Any:
            token = _asked.set(source)
            try:
                return function(*args, **kwargs)
            finally:
                _asked.reset(token)

        return asked

    return decorate


@contextlib.contextmanager
def leaving_out(*checks: str) -> Iterator[None]:
    """Inside, new equations are marked: these checks of a sanitiser build leave them out."""
    token = _unchecked.set((*_unchecked.get(), *checks))
    try:
        yield
    finally:
        _unchecked.reset(token)
