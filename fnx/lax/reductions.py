"""Reductions, and running ones, under JAX's names and signatures."""

from __future__ import annotations

from typing import Any

from fnx.core.array import Array
from fnx.core.dtypes import as_dtype
from fnx.lax.arguments import Sizes, axis_of
from fnx.lax.layout import pad
from fnx.ops import elementwise as ops
from fnx.ops import reduction
from fnx.ops.precision import highest, lowest


def _reduction(name: str, meaning: str) -> Any:
    op = getattr(reduction, name)

    def function(operand: Array, axes: Sizes) -> Array:
        return op(operand, axes=tuple(axes))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{meaning} over these axes, which the result does not have."
    return function


reduce_sum = _reduction("reduce_sum", "Sum")
reduce_prod = _reduction("reduce_prod", "Product")
reduce_max = _reduction("reduce_max", "Largest element")
reduce_min = _reduction("reduce_min", "Smallest element")
reduce_and = _reduction("reduce_and", "Whether all are true, or the bits set in all,")
reduce_or = _reduction("reduce_or", "Whether one is true, or the bits set in one,")


def argmax(operand: Array, axis: int, index_dtype: object) -> Array:
    """Index of the largest element along an axis."""
    return reduction.argmax(operand, axis=axis, index_dtype=as_dtype(index_dtype))


def argmin(operand: Array, axis: int, index_dtype: object) -> Array:
    """Index of the smallest element along an axis."""
    return reduction.argmin(operand, axis=axis, index_dtype=as_dtype(index_dtype))


def cumsum(operand: Array, axis: int = 0, reverse: bool = False) -> Array:
    """Sums of all elements up to each one, along an axis; from the end with ``reverse``."""
    return _running(ops.add, 0, operand, axis, reverse)


def cumprod(operand: Array, axis: int = 0, reverse: bool = False) -> Array:
    """Products of all elements up to each one, along an axis; from the end with ``reverse``."""
    return _running(ops.mul, 1, operand, axis, reverse)


def cummax(operand: Array, axis: int = 0, reverse: bool = False) -> Array:
    """The largest of all elements up to each one, along an axis; from the end with ``reverse``."""
    return _running(ops.max, lowest(operand.dtype), operand, axis, reverse)


def cummin(operand: Array, axis: int = 0, reverse: bool = False) -> Array:
    """The smallest of all elements up to each one, along an axis; from the end with ``reverse``."""
    return _running(ops.min, highest(operand.dtype), operand, axis, reverse)


def _running(combine: Any, neutral: Any, x: Any, axis: int, reverse: bool) -> Any:
    """Prefixes by doubling: after step k every element combines the 2**k elements up to it."""
    rank = len(x.shape)
    position = axis_of(axis, rank)
    distance = 1
    while distance < x.shape[position]:
        low = [distance if a == position else 0 for a in range(rank)]
        edges = [(-n, n, 0) if reverse else (n, -n, 0) for n in low]
        shifted = pad(x, x.dtype.type(neutral), edges)
        x = combine(x, shifted)
        distance *= 2
    return x
