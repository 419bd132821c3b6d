"""Sums, products, extremes and truth over axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fnx.core.array import Array
from fnx.core.dtypes import BOOL, INT32, as_dtype
from fnx.numpy import selection
from fnx.numpy.arithmetic import maximum, minimum
from fnx.numpy.conversion import astype
from fnx.numpy.creation import full
from fnx.numpy.logic import as_bools
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    canonical_axes,
    canonical_axis,
    cast,
    value_error,
)
from fnx.numpy.shaping import ravel, reshape
from fnx.ops import arithmetic as ops
from fnx.ops import reduction

Axis = int | Sequence[int] | None


def over_axes(name: str, op: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Apply ``op(x, axes=...)``; with ``keepdims`` the axes stay, with size 1."""
    axes = canonical_axes(axis, x.aval.ndim, name)
    return kept(op(x, axes=axes), x.aval.shape, axes, keepdims)


def kept(y: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    """A reduced array; with ``keepdims`` with axes of size 1 where ``axes`` were."""
    if not keepdims:
        return y
    return reshape(y, [1 if axis in axes else size for axis, size in enumerate(shape)])


def _summand(name: str, x: ArrayLike, dtype: object, where: ArrayLike | None, neutral: int) -> Any:
    """The operand of a sum or product: bools count as int32, elements left out as ``neutral``."""
    x = as_array(as_operand(x, name))
    if dtype is not None:
        x = astype(x, dtype)
    elif x.aval.dtype == BOOL:
        x = cast(x, INT32)
    return x if where is None else selection.where(where, x, neutral)


def sum(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: object = None,
    *,
    keepdims: bool = False,
    where: ArrayLike | None = None,
) -> Array:
    """Sum over axes (all of them, if ``axis`` is None).

    Args:
        x: the array. Bools are counted in int32; other dtypes stay, and integers wrap around.
        axis: one axis or several.
        dtype: the dtype in which to add.
        keepdims: whether the axes stay, with size 1.
        where: the elements to add, as bools that broadcast with ``x``.

    >>> import fnx.numpy as fnp
    >>> fnp.sum(fnp.ones((2, 3)), axis=0)
    Array([2., 2., 2.], dtype=float32)
    """
    x = _summand("sum", x, dtype, where, 0)
    return over_axes("sum", reduction.reduce_sum, x, axis, keepdims)


def prod(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: object = None,
    *,
    keepdims: bool = False,
    where: ArrayLike | None = None,
) -> Array:
    """Product over axes (all of them, if ``axis`` is None); arguments as for `sum`."""
    x = _summand("prod", x, dtype, where, 1)
    return over_axes("prod", reduction.reduce_prod, x, axis, keepdims)


def _extreme(
    name: str,
    x: ArrayLike,
    axis: Axis,
    keepdims: bool,
    initial: float | None,
    where: ArrayLike | None,
) -> Any:
    x = as_array(as_operand(x, name))
    axes = canonical_axes(axis, x.aval.ndim, name)
    is_empty = 0 in [x.aval.shape[a] for a in axes]
    if initial is None and (is_empty or where is not None):
        raise value_error(
            f"{name}: the {name} of no elements has no value ({x.aval}, axes {axes}).",
            f"Write {name}(x, initial=value), a value for when there are none.",
        )
    if where is not None:
        x = selection.where(where, x, initial)
    if is_empty:
        sizes = enumerate(x.aval.shape)
        left = [1 if a in axes else n for a, n in sizes if keepdims or a not in axes]
        return full(left, initial, x.aval.dtype)
    op, combine = _EXTREMES[name]
    result = over_axes(name, op, x, axes, keepdims)
    return result if initial is None else combine(result, initial)


_EXTREMES = {
    "max": (reduction.reduce_max, maximum),
    "min": (reduction.reduce_min, minimum),
}


def max(
    x: ArrayLike,
    /,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    initial: float | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Largest element over axes; nan if there is one.

    Args:
        x: the array.
        axis: one axis or several; all of them, if None.
        keepdims: whether the axes stay, with size 1.
        initial: a value that takes part too; needed for axes without elements, and with ``where``.
        where: the elements that take part, as bools that broadcast with ``x``.

    Raises:
        FnxValueError: for no elements and no ``initial``.
    """
    return _extreme("max", x, axis, keepdims, initial, where)


def min(
    x: ArrayLike,
    /,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    initial: float | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Smallest element over axes; nan if there is one; arguments as for `max`."""
    return _extreme("min", x, axis, keepdims, initial, where)


def all(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Whether all elements over axes are true (nonzero)."""
    return over_axes("all", reduction.reduce_and, as_bools(x, "all"), axis, keepdims)


def any(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Whether an element over axes is true (nonzero)."""
    return over_axes("any", reduction.reduce_or, as_bools(x, "any"), axis, keepdims)


def _position(
    name: str, op: Any, x: ArrayLike, axis: int | None, keepdims: bool, dtype: object
) -> Any:
    x = as_array(as_operand(x, name))
    shape = x.aval.shape
    if axis is None:
        flat = ravel(x)
        flat_axis = 0
    else:
        flat, flat_axis = x, canonical_axis(axis, len(shape), name)
    if not flat.aval.shape[flat_axis]:
        raise value_error(f"{name}: no elements along the axis ({x.aval}).")
    if flat.aval.dtype == BOOL:
        flat = cast(flat, INT32)
    result = op(flat, axis=flat_axis, index_dtype=as_dtype(dtype))
    axes = tuple(range(len(shape))) if axis is None else (flat_axis,)
    return kept(result, shape, axes, keepdims)


def argmax(
    x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False, dtype: object = INT32
) -> Array:
    """Index of the largest element along an axis (of all in order, if None); a nan wins."""
    return _position("argmax", reduction.argmax, x, axis, keepdims, dtype)


def argmin(
    x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False, dtype: object = INT32
) -> Array:
    """Index of the smallest element along an axis (of all in order, if None); a nan wins."""
    return _position("argmin", reduction.argmin, x, axis, keepdims, dtype)


def count_nonzero(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """How many elements over axes are nonzero, as int32."""
    return sum(as_bools(x, "count_nonzero"), axis, keepdims=keepdims)


def ptp(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Distance between the largest and the smallest element."""
    return ops.sub(max(x, axis, keepdims=keepdims), min(x, axis, keepdims=keepdims))
