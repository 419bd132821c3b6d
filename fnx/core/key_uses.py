"""Key uses: which inputs of a traced function are random keys that it uses up.

`fnx.random` notes them while keys are checked; `jit` asks, so that a call of a compiled function
uses its keys up as its body does; `cond` says that of its branches only one runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

from fnx.core.ir import Var

Entry = tuple[dict[Any, Any], Any, Any]  # a table of used keys, a key in it, its use

_noted: ContextVar[set[Var] | None] = ContextVar("fnx_key_uses", default=None)
_entries: ContextVar[list[Entry] | None] = ContextVar("fnx_key_entries", default=None)
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


def enter(table: dict[Any, Any], key: Any, use: Any) -> None:
    """A key is used up: it stands in a table from now on."""
    table[key] = use
    entries = _entries.get()
    if entries is not None:
        entries.append((table, key, use))


def run_apart(runs: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each of ``runs`` returns; of the programs that they record, only one will run.

    So each may use the same keys, and after them all, those of any are used up.
    """
    results, entries = [], []
    for run in runs:
        own: list[Entry] = []
        token = _entries.set(own)
        try:
            results.append(run())
        finally:
            _entries.reset(token)
            for table, key, _ in own:
                table.pop(key, None)
        entries += own
    for entry in entries:
        enter(*entry)
    return results
