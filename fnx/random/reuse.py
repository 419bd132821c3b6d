"""Key reuse: an opt-in check that no random key is used twice.

A key is used up by a draw and by `split`; `fold_in` leaves it as it is. A second use gives the same
bits again, or bits that depend on the first. Keys that are known are told apart by their value,
from when they are made (`key`, `split`, `fold_in`); keys of a program that is being traced by what
computes them, so that ``keys[0]`` is one key however often it is written. A compiled function that
was traced while keys are checked uses up the arguments that its body uses. Not seen: a key that
every step of a loop primitive closes over, one that a compiled function closes over, operands of
loops and (in compiled functions) of branches, and arrays of keys of which some are taken.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

from fnx.config import config
from fnx.core.array import Array
from fnx.core.ir import Literal, Var
from fnx.core.key_uses import check_by, enter, note
from fnx.core.rehearsal import is_rehearsal
from fnx.core.sources import Source, user_source
from fnx.core.trace import Trace, current_trace
from fnx.core.tracer import Tracer
from fnx.errors import KeyReuseError

_SPLIT = (
    "Split it, and use each key once: k1, k2 = fnx.random.split(key). In a loop:\n"
    "key, k = fnx.random.split(key), or k = fnx.random.fold_in(key, step)."
)
_MOST_KEYS = 100_000
_is_on: ContextVar[bool] = ContextVar("fnx_key_reuse", default=config.check_keys)


class Use(NamedTuple):
    """What used a key up, and where."""

    what: str
    source: Source | None


class Numbers:
    """Value numbers of one trace: variables that are computed alike have one number."""

    def __init__(self) -> None:
        self.of: dict[Var, Any] = {}
        self.used: dict[Any, Use] = {}
        self.alive: list[Any] = []  # tracers whose ids are tokens
        self._interned: dict[Any, int] = {}
        self._seen = 0

    def number(self, trace: Trace, var: Var) -> Any:
        """The number of a variable: what computes it, or the variable itself."""
        for eqn in trace.eqns[self._seen :]:
            params = tuple(sorted((name, _hashable(x)) for name, x in eqn.params.items()))
            key = (eqn.primitive.name, params, tuple([self._operand(a) for a in eqn.inputs]))
            number = self._interned.setdefault(key, len(self._interned))
            for i, out in enumerate(eqn.outputs):
                self.of[out] = (number, i)
        self._seen = len(trace.eqns)
        return self.of.get(var, var)

    def _operand(self, atom: Any) -> Any:
        if type(atom) is Literal:
            return atom.value.tobytes(), atom.aval
        return self.of.get(atom, atom)


_traces: weakref.WeakKeyDictionary[Trace, Numbers] = weakref.WeakKeyDictionary()
_used: dict[bytes, Use] = {}


def _hashable(x: Any) -> Any:
    """Something that stands for a parameter: itself by its text, or by its identity."""
    return repr(x) if isinstance(x, int | float | str | tuple | bool | None) else f"{id(x)}"


@contextlib.contextmanager
def debug_key_reuse(enable: bool = True) -> Iterator[None]:
    """Raise where a random key is used twice, as long as the ``with`` block runs.

    ``FNX_CHECK_KEYS=1`` does so everywhere. Compiled functions are looked at when they are traced;
    those that were traced while nothing was checked use no key up.

    Args:
        enable: whether to check.

    >>> from fnx import random
    >>> with debug_key_reuse():
    ...     key = random.key(0)
    ...     x = random.normal(key)
    ...     y = random.normal(key)
    Traceback (most recent call last):
    ...
    fnx.errors.KeyReuseError: a random key is used twice: ...
    """
    token = _is_on.set(enable)
    try:
        yield
    finally:
        _is_on.reset(token)


def born(keys: Any) -> None:
    """Keys were made: they are fresh, whatever was done with equal ones before."""
    if not _is_on.get() or type(keys) is not Array:
        return
    words = keys._buffer.reshape(-1, 2)
    if len(_used) + len(words) > _MOST_KEYS:
        _used.clear()
    for row in words:
        _used.pop(row.tobytes(), None)


def use(key: Any, what: str) -> None:
    """A key is used up.

    Raises:
        KeyReuseError: it was used up before; with both lines.
    """
    if not _is_on.get() or is_rehearsal():
        return
    if type(key) is Tracer and key._var is not None:
        note(key._var)
    token, table = _identity(key)
    before = table.get(token)
    now = Use(what, user_source())
    if before is None:
        enter(table, token, now)
        return
    place = f"\n  it was used first in {before.source.describe()}" if before.source else ""
    raise KeyReuseError(
        f"a random key is used twice: expected a new one, got the key of {before.what}.{place}",
        source=now.source,
        hint=_SPLIT,
    )


def _identity(key: Any) -> tuple[Any, dict[Any, Use]]:
    """What tells a key from others, and the table of keys that it belongs to."""
    value = key
    while type(value) is Tracer and value._value is not None:
        value = value._value
    if type(value) is Array:
        trace = current_trace()
        table = _used if trace is None or not trace.stage_all else _numbers(trace).used
        return value._buffer.tobytes(), table
    numbers = _numbers(value._trace)
    if value._var is not None:
        return numbers.number(value._trace, value._var), numbers.used
    numbers.alive.append(value)
    return id(value), numbers.used


def _numbers(trace: Trace) -> Numbers:
    found = _traces.get(trace)
    if found is None:
        found = _traces[trace] = Numbers()
    return found


check_by(use)
