"""Diagonals, norms, and products of matrices that are no contraction."""

from __future__ import annotations

import math
from typing import Any

from fnx.core.array import Array
from fnx.numpy.arithmetic import multiply, power, subtract
from fnx.numpy.grids import eye
from fnx.numpy.joining import concat, piece
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    broadcast_operand,
    promote,
    value_error,
)
from fnx.numpy.reductions import Axis
from fnx.numpy.reductions import max as max_over
from fnx.numpy.reductions import sum as sum_over
from fnx.numpy.shaping import moveaxis, reshape
from fnx.ops import arithmetic as ops
from fnx.ops import comparison
from fnx.ops import elementwise_math as maths
from fnx.ops import shape as shape_ops


def _pair(name: str, x1: ArrayLike, x2: ArrayLike) -> list[Any]:
    return [as_array(x) for x in promote(name, x1, x2)]


def kron(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Kronecker product: every element of ``x1`` times all of ``x2``, as blocks."""
    x, y = _pair("kron", x1, x2)
    ndim = max(x.aval.ndim, y.aval.ndim)
    a, b = ((1,) * (ndim - v.aval.ndim) + v.aval.shape for v in (x, y))
    blocks = multiply(
        reshape(x, [n for size in a for n in (size, 1)]),
        reshape(y, [n for size in b for n in (1, size)]),
    )
    return reshape(blocks, [n * m for n, m in zip(a, b, strict=True)])


def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """Cross product of vectors of three elements along an axis; the other axes broadcast."""
    x, y = (moveaxis(v, axis, -1) for v in _pair("cross", x1, x2))
    if x.aval.shape[-1] != 3 or y.aval.shape[-1] != 3:
        raise value_error(f"cross: the axis must have size 3, got {x.aval} and {y.aval}.")
    forth, back = [1, 2, 0], [2, 0, 1]
    terms = [multiply(_columns(x, a), _columns(y, b)) for a, b in ((forth, back), (back, forth))]
    return moveaxis(subtract(*terms), -1, axis)


def _columns(x: Any, order: list[int]) -> Any:
    return concat([piece(x, x.aval.ndim - 1, i, i + 1) for i in order], axis=-1)


def diagonal(x: ArrayLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The diagonal of two axes, as the last axis of the result."""
    x = as_array(as_operand(x, "diagonal"))
    if x.aval.ndim < 2:
        raise value_error(f"diagonal: expected at least two axes, got {x.aval}.")
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    *batch, rows, columns = x.aval.shape
    first = max(-offset, 0) * columns + max(offset, 0)
    count = max(min(rows - max(-offset, 0), columns - max(offset, 0)), 0)
    flat = reshape(x, (*batch, rows * columns))
    limit = first + (count - 1) * (columns + 1) + 1 if count else first
    end = rows * columns
    return shape_ops.slice(
        flat,
        start=(*[0] * len(batch), min(first, end)),
        limit=(*batch, min(limit, end)),
        strides=(*[1] * len(batch), columns + 1),
    )


def trace(x: ArrayLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Sum of the diagonal of two axes."""
    return sum_over(diagonal(x, offset=offset, axis1=axis1, axis2=axis2), axis=-1)


def diag(x: ArrayLike, /, k: int = 0) -> Array:
    """The matrix with a vector on its ``k``-th diagonal; or the ``k``-th diagonal of a matrix."""
    x = as_array(as_operand(x, "diag"))
    if x.aval.ndim == 2:
        return diagonal(x, offset=k)
    if x.aval.ndim != 1:
        raise value_error(f"diag: expected a vector or a matrix, got {x.aval}.")
    size = x.aval.size + abs(k)
    column = shape_ops.pad(
        x, x.aval.dtype.type(0), low=(max(k, 0),), high=(max(-k, 0),), interior=(0,)
    )
    matrix = broadcast_operand(column, (size, size))
    return comparison.select(eye(size, k=k, dtype=bool), matrix, x.aval.dtype.type(0))


def vector_norm(
    x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False, ord: float | None = None
) -> Array:
    """Vector norm over axes: ``sum(|x|**ord) ** (1/ord)``; the Euclidean one unless told.

    Args:
        x: the array; integers are taken as float32.
        axis: one axis or several; all of them, if None.
        keepdims: whether the axes stay, with size 1.
        ord: any positive number; infinity for the largest element.
    """
    (x,) = promote("vector_norm", x, inexact=True)
    if ord is None or ord == 2:
        return maths.sqrt(sum_over(ops.square(x), axis, keepdims=keepdims))
    magnitude = ops.abs(x)
    if ord == math.inf:
        return max_over(magnitude, axis, keepdims=keepdims)
    if ord == 1:
        return sum_over(magnitude, axis, keepdims=keepdims)
    powers = power(magnitude, float(ord))
    return power(sum_over(powers, axis, keepdims=keepdims), 1.0 / ord)
