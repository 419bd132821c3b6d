"""Means, variances, log-sum-exp, and running sums along an axis."""

from __future__ import annotations

import math
from typing import Any

from fnx import lax
from fnx.core.array import Array
from fnx.core.dtypes import BOOL, INT32
from fnx.numpy.arithmetic import divide, multiply, subtract
from fnx.numpy.conversion import astype
from fnx.numpy.joining import concat, piece
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    broadcast_operand,
    broadcast_shapes,
    canonical_axes,
    canonical_axis,
    cast,
    promote,
    value_error,
)
from fnx.numpy.reductions import Axis
from fnx.numpy.reductions import max as max_over
from fnx.numpy.reductions import sum as sum_over
from fnx.numpy.shaping import ravel, reshape
from fnx.ops import arithmetic as ops
from fnx.ops import comparison, conversion
from fnx.ops import elementwise_math as maths
from fnx.ops import shape as shape_ops


def _inexact(name: str, x: ArrayLike, dtype: object = None) -> Any:
    if dtype is not None:
        return astype(x, dtype)
    return promote(name, x, inexact=True)[0]


def _count(x: Any, axis: Axis, name: str) -> int:
    return math.prod([x.aval.shape[a] for a in canonical_axes(axis, x.aval.ndim, name)])


def mean(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: object = None,
    *,
    keepdims: bool = False,
    where: ArrayLike | None = None,
) -> Array:
    """Arithmetic mean over axes (all of them, if ``axis`` is None); nan of no elements.

    Args:
        x: the array; integers are taken as float32.
        axis: one axis or several.
        dtype: the dtype in which to compute.
        keepdims: whether the axes stay, with size 1.
        where: the elements that take part, as bools that broadcast with ``x``.
    """
    x = _inexact("mean", x, dtype)
    total = sum_over(x, axis, keepdims=keepdims, where=where)
    if where is None:
        return divide(total, float(_count(x, axis, "mean")))
    shape = broadcast_shapes(x.aval.shape, as_array(as_operand(where, "mean")).aval.shape)
    mask = broadcast_operand(astype(as_operand(where, "mean"), x.aval.dtype), shape)
    return divide(total, sum_over(mask, axis, keepdims=keepdims))


def average(
    x: ArrayLike, axis: Axis = None, weights: ArrayLike | None = None, *, keepdims: bool = False
) -> Array:
    """Weighted mean over axes; the weights broadcast with ``x``."""
    if weights is None:
        return mean(x, axis, keepdims=keepdims)
    x, weights = promote("average", x, weights, inexact=True)
    total = sum_over(multiply(x, weights), axis, keepdims=keepdims)
    weights = broadcast_operand(as_array(weights), as_array(x).aval.shape)
    return divide(total, sum_over(weights, axis, keepdims=keepdims))


def var(
    x: ArrayLike,
    /,
    axis: Axis = None,
    *,
    correction: float = 0,
    keepdims: bool = False,
    ddof: float | None = None,
) -> Array:
    """Variance over axes: the mean square distance from the mean.

    Args:
        x: the array; integers are taken as float32.
        axis: one axis or several; all of them, if None.
        correction: the sum of squares is divided by ``n - correction``.
        keepdims: whether the axes stay, with size 1.
        ddof: NumPy's name for ``correction``.
    """
    x = _inexact("var", x)
    centred = subtract(x, mean(x, axis, keepdims=True))
    total = sum_over(ops.square(centred), axis, keepdims=keepdims)
    degrees = _count(x, axis, "var") - (correction if ddof is None else ddof)
    return divide(total, float(degrees if degrees > 0 else 0))


def std(
    x: ArrayLike,
    /,
    axis: Axis = None,
    *,
    correction: float = 0,
    keepdims: bool = False,
    ddof: float | None = None,
) -> Array:
    """Standard deviation over axes: the square root of `var`."""
    return maths.sqrt(var(x, axis, correction=correction, keepdims=keepdims, ddof=ddof))


def logsumexp(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """``log(sum(exp(x)))`` over axes without overflow; -inf of no elements."""
    x = _inexact("logsumexp", x)
    # log sum exp(x) = m + log sum exp(x - m); any m will do, so it is no part of the derivative
    largest = max_over(x, axis, keepdims=True, initial=-math.inf)
    is_finite = ops.is_finite(largest)
    shift = conversion.stop_gradient(comparison.select(is_finite, largest, 0.0))
    total = sum_over(maths.exp(subtract(x, shift)), axis, keepdims=keepdims)
    return ops.add(maths.log(total), reshape(shift, total.aval.shape))


def _running(name: str, op: Any, x: ArrayLike, axis: int | None, dtype: object) -> Any:
    x = as_array(as_operand(x, name))
    if dtype is not None:
        x = astype(x, dtype)
    elif x.aval.dtype == BOOL:
        x = cast(x, INT32)
    x, position = (ravel(x), 0) if axis is None else (x, canonical_axis(axis, x.aval.ndim, name))
    return op(x, position)


def cumsum(x: ArrayLike, /, axis: int | None = None, dtype: object = None) -> Array:
    """Sums of all elements up to each one, along an axis (of all in order, if None)."""
    return _running("cumsum", lax.cumsum, x, axis, dtype)


def cumprod(x: ArrayLike, /, axis: int | None = None, dtype: object = None) -> Array:
    """Products of all elements up to each one, along an axis (of all in order, if None)."""
    return _running("cumprod", lax.cumprod, x, axis, dtype)


def cumulative_sum(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: object = None,
    include_initial: bool = False,
) -> Array:
    """The same as `cumsum`; with ``include_initial`` a zero comes first."""
    return _cumulative(cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: object = None,
    include_initial: bool = False,
) -> Array:
    """The same as `cumprod`; with ``include_initial`` a one comes first."""
    return _cumulative(cumprod, 1, x, axis, dtype, include_initial)


def _cumulative(
    function: Any, neutral: int, x: ArrayLike, axis: int | None, dtype: object, initial: bool
) -> Any:
    x = as_array(as_operand(x, function.__name__))
    if axis is None and x.aval.ndim > 1:
        raise value_error(f"{function.__name__}: name an axis of {x.aval}.")
    position = canonical_axis(axis or 0, max(x.aval.ndim, 1), function.__name__)
    result = function(x, axis if x.aval.ndim else None, dtype)
    if not initial:
        return result
    ndim = result.aval.ndim
    low = tuple(int(a == position) for a in range(ndim))
    value = result.aval.dtype.type(neutral)
    return shape_ops.pad(result, value, low=low, high=(0,) * ndim, interior=(0,) * ndim)


def diff(
    x: ArrayLike,
    /,
    n: int = 1,
    axis: int = -1,
    prepend: ArrayLike | None = None,
    append: ArrayLike | None = None,
) -> Array:
    """Differences of neighbours along an axis, ``n`` times.

    Args:
        x: the array.
        axis: the axis.
        n: how many times.
        prepend: slices to put before the first, along the axis.
        append: slices to put behind the last.
    """
    x = as_array(as_operand(x, "diff"))
    position = canonical_axis(axis, x.aval.ndim, "diff")
    pieces = [part for part in (prepend, x, append) if part is not None]
    x = concat(pieces, axis=position) if len(pieces) > 1 else x
    for _ in range(n):
        size = x.aval.shape[position]
        later, earlier = piece(x, position, min(1, size), size), piece(x, position, 0, size - 1)
        x = subtract(later, earlier)
    return x
