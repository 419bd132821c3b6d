"""Rehearsal: a function is traced only to learn what it would return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from fnx.core.avals import Aval
from fnx.core.trace import trace

_rehearsing: ContextVar[bool] = ContextVar("fnx_rehearsal", default=False)


def is_rehearsal() -> bool:
    """Whether what runs now is a rehearsal, which uses nothing up: no random keys, for example."""
    return _rehearsing.get()


def rehearse(f: Callable[..., Sequence[Any]], avals: Sequence[Aval]) -> list[Aval] | None:
    """What a flat function returns for these avals; None if that depends on values."""
    token = _rehearsing.set(True)
    try:
        return [atom.aval for atom in trace(f, avals).outputs]
    except Exception:  # it looks at values, or is wrong itself, which it says when it is called
        return None
    finally:
        _rehearsing.reset(token)
