"""Zeros: ``None`` stands for a zero tangent; here it is made an array, where one is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fnx.core.avals import Aval
from fnx.core.dtypes import FLOATS
from fnx.ops.layout import broadcast_in_dim


def is_differentiable(aval: Aval) -> bool:
    """Whether a value has a tangent: floating-point values do, integers and booleans do not."""
    return aval.dtype in FLOATS


def filled(aval: Aval, value: float) -> Any:
    """An array of this aval full of one value; a NumPy scalar if the rank is 0."""
    scalar = aval.dtype.type(value)
    if not aval.shape:
        return scalar
    return broadcast_in_dim(scalar, shape=aval.shape, dimensions=())


def zeros(aval: Aval) -> Any:
    """An array of zeros."""
    return filled(aval, 0)


def instantiate(x: Any, aval: Aval) -> Any:
    """``x``, or zeros where it is None."""
    return zeros(aval) if x is None else x


def drop_nonfloat(tangents: Sequence[Any], avals: Sequence[Aval]) -> tuple[Any, ...]:
    """Tangents with None for every result that cannot have one."""
    pairs = zip(tangents, avals, strict=True)
    return tuple([t if is_differentiable(aval) else None for t, aval in pairs])
