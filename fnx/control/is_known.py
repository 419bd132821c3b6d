"""Is known: whether Python can look at a value while a function is traced."""

from __future__ import annotations

from typing import Any

from fnx.core.tracer import Tracer


def is_known(x: Any) -> bool:
    """Whether a value is an array, or a tracer that carries one."""
    while isinstance(x, Tracer):
        x = x._value
    return x is not None
