"""Key uses: which inputs of a traced function are random keys that it uses up.

`fnx.random` notes them while keys are checked; `jit` asks, so that a call of a compiled function
uses its keys up as its body does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from fnx.core.ir import Var

_noted: ContextVar[set[Var] | None] = ContextVar("fnx_key_uses", default=None)
_check: list[Callable[[Any, str], None]] = []


def check_by(use: Callable[[Any, str], None]) -> None:
    """Hand in what is to be called with a key, and what uses it up."""
    _check[:] = [use]


def note(var: Var) -> None:
    """A variable of an open trace is a key that is used up."""
    noted = _noted.get()
    if noted is not None:
        noted.add(var)


@contextlib.contextmanager
def noting() -> Iterator[set[Var]]:
    """Inside, used variables are collected; those of enclosing traces are theirs, too."""
    outer, own = _noted.get(), set()
    token = _noted.set(own)
    try:
        yield own
    finally:
        _noted.reset(token)
        if outer is not None:
            outer |= own


def use_up(key: Any, what: str) -> None:
    """A compiled function uses a key up."""
    for use in _check:
        use(key, what)
