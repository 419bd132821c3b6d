"""Matrix and tensor products. Every product is one ``dot_general``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.core.array import Array, wrap
from fnx.core.dtypes import BOOL, FLOAT32, FLOAT64, INT32, as_dtype
from fnx.core.trace import current_trace
from fnx.numpy.arithmetic import multiply
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    broadcast_operand,
    broadcast_shapes,
    canonical_axis,
    cast,
    promote,
    value_error,
)
from fnx.numpy.publishing import run_quietly
from fnx.numpy.reductions import sum as sum_over
from fnx.numpy.shaping import moveaxis, ravel, reshape
from fnx.ops import comparison, contraction

_TRANSPOSED = "They must be equal: is one of the arrays transposed? x.mT is the matrix transpose."


def product(
    name: str,
    operands: Sequence[Any],
    contracting: tuple[Sequence[int], Sequence[int]],
    batch: tuple[Sequence[int], Sequence[int]] = ((), ()),
    preferred: object = None,
) -> Any:
    """``dot_general`` of two arrays of one dtype; bools are multiplied by *and*, added by *or*."""
    x, y = operands
    is_bool = x.aval.dtype == BOOL
    if is_bool:
        x, y = cast(x, INT32), cast(y, INT32)
    result = contraction.dot_general(
        x,
        y,
        contracting=(tuple(contracting[0]), tuple(contracting[1])),
        batch=(tuple(batch[0]), tuple(batch[1])),
        preferred=None if preferred is None else as_dtype(preferred),
    )
    return comparison.ne(result, INT32.type(0)) if is_bool else result


def _arrays(name: str, *xs: ArrayLike) -> list[Any]:
    return [as_array(x) for x in promote(name, *xs)]


def matmul(x1: ArrayLike, x2: ArrayLike, /, *, preferred_element_type: object = None) -> Array:
    """Matrix product of the last two axes; the axes before them broadcast. Promotes.

    A vector on the left is a row, one on the right a column; their axis is left out of the result.

    Args:
        x1: shape (..., n, k) or (k,).
        x2: shape (..., k, m) or (k,).
        preferred_element_type: the dtype in which to add up, and of the result.

    Returns:
        An array of shape (..., n, m).

    Raises:
        FnxValueError: if the sizes k differ, or an array has rank 0.
    """
    if current_trace() is None and preferred_element_type is None:
        result = _product_now(x1, x2)
        if result is not None:
            return result
    x, y = _arrays("matmul", x1, x2)
    if not x.aval.shape or not y.aval.shape:
        message = f"matmul: arrays of rank 0 have no product, got {x.aval} and {y.aval}."
        raise value_error(message, "Write x * y.")
    is_column = y.aval.ndim == 1
    size, other = x.aval.shape[-1], y.aval.shape[0 if is_column else -2]
    if size != other:
        raise value_error(
            f"matmul: {x.aval} @ {y.aval}: the last axis on the left has {size} elements, "
            f"the {'only' if is_column else 'second to last'} axis on the right {other}.",
            _TRANSPOSED,
        )
    if y.aval.ndim <= 2:  # (..., n, k) @ (k, m): one product, however many axes are in front
        contracting = ((x.aval.ndim - 1,), (0,))
        return product("matmul", (x, y), contracting, preferred=preferred_element_type)
    if x.aval.ndim <= 2:  # (n, k) @ (..., k, m): (n, ..., m), then n is moved
        contracting = ((x.aval.ndim - 1,), (y.aval.ndim - 2,))
        result = product("matmul", (x, y), contracting, preferred=preferred_element_type)
        return result if x.aval.ndim == 1 else moveaxis(result, 0, -2)
    return _batched_product(x, y, preferred_element_type)


def _product_now(x: ArrayLike, y: ArrayLike) -> Array | None:
    """NumPy's product, for two arrays of single or double precision that fit; else None."""
    if type(x) is not Array or type(y) is not Array or x.aval.dtype is not y.aval.dtype:
        return None
    if x.aval.dtype not in (FLOAT32, FLOAT64):
        return None
    try:
        result = run_quietly(np.matmul, x._buffer, y._buffer)
    except ValueError:  # shapes that do not fit: the long way says which
        return None
    return wrap(result, x.aval.weak and y.aval.weak)


def _batched_product(x: Any, y: Any, preferred: object) -> Any:
    sizes = broadcast_shapes(x.aval.shape[:-2], y.aval.shape[:-2], name="matmul")
    x = broadcast_operand(x, (*sizes, *x.aval.shape[-2:]))
    y = broadcast_operand(y, (*sizes, *y.aval.shape[-2:]))
    batch = tuple(range(len(sizes)))
    contracting = ((len(sizes) + 1,), (len(sizes),))
    return product("matmul", (x, y), contracting, (batch, batch), preferred)


def dot(x1: ArrayLike, x2: ArrayLike, /, *, preferred_element_type: object = None) -> Array:
    """Sum of products over the last axis of ``x1`` and the second to last of ``x2`` (as in NumPy).

    Scalars multiply; for vectors and matrices this is `matmul`.
    """
    x, y = _arrays("dot", x1, x2)
    if not x.aval.shape or not y.aval.shape:
        return multiply(x, y)
    axis = max(y.aval.ndim - 2, 0)
    if x.aval.shape[-1] != y.aval.shape[axis]:
        message = (
            f"dot: the last axis of {x.aval} and axis {axis} of {y.aval} have different sizes."
        )
        raise value_error(message, _TRANSPOSED)
    contracting = ((x.aval.ndim - 1,), (axis,))
    return product("dot", (x, y), contracting, preferred=preferred_element_type)


def vdot(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Sum of the products of all elements of two arrays of equal size."""
    x, y = (ravel(x) for x in _arrays("vdot", x1, x2))
    if x.aval.shape != y.aval.shape:
        raise value_error(f"vdot: {x.aval.size} and {y.aval.size} elements are not equally many.")
    return dot(x, y)


def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """Sum of products along an axis; the other axes broadcast."""
    return sum_over(multiply(x1, x2), axis)


def inner(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Sum of products over the last axes of both."""
    x, y = _arrays("inner", x1, x2)
    if not x.aval.shape or not y.aval.shape:
        return multiply(x, y)
    return tensordot(x, y, axes=((-1,), (-1,)))


def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """All products of an element of ``x1`` with one of ``x2``, in shape (x1.size, x2.size)."""
    x, y = (ravel(x) for x in _arrays("outer", x1, x2))
    return multiply(reshape(x, (-1, 1)), reshape(y, (1, -1)))


def tensordot(
    x1: ArrayLike,
    x2: ArrayLike,
    /,
    axes: int | tuple[int | Sequence[int], int | Sequence[int]] = 2,
    *,
    preferred_element_type: object = None,
) -> Array:
    """Sum of products over pairs of axes.

    Args:
        x1: one array.
        x2: the other.
        axes: ``n`` for the last n axes of ``x1`` with the first n of ``x2``; or both lists of axes.
        preferred_element_type: the dtype in which to add up, and of the result.

    Returns:
        An array with the other axes of ``x1``, then those of ``x2``.
    """
    x, y = _arrays("tensordot", x1, x2)
    if isinstance(axes, int):
        left: Any = range(x.aval.ndim - axes, x.aval.ndim)
        right: Any = range(axes)
    else:
        left, right = (a if isinstance(a, Sequence) else (a,) for a in axes)
    lefts = [canonical_axis(a, x.aval.ndim, "tensordot") for a in left]
    rights = [canonical_axis(a, y.aval.ndim, "tensordot") for a in right]
    sizes = [x.aval.shape[a] for a in lefts], [y.aval.shape[a] for a in rights]
    if sizes[0] != sizes[1]:
        raise value_error(
            f"tensordot: axes {lefts} of {x.aval} and {rights} of {y.aval} have different sizes."
        )
    return product("tensordot", (x, y), (lefts, rights), preferred=preferred_element_type)
