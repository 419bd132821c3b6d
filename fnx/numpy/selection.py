"""Choose between values, and take elements by index along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.core.array import Array, wrap
from fnx.core.dtypes import INT32, INTS, SIGNED
from fnx.core.sources import current_source
from fnx.core.trace import Tracer
from fnx.errors import AbstractValueError
from fnx.numpy.arithmetic import maximum, minimum
from fnx.numpy.conversion import asarray
from fnx.numpy.indexing import getitem
from fnx.numpy.logic import as_bools
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    broadcast_shapes,
    canonical_axis,
    cast,
    promote,
    type_error,
    value_error,
)
from fnx.numpy.publishing import apply
from fnx.numpy.shaping import broadcast_to, ravel
from fnx.ops import arithmetic as ops
from fnx.ops import comparison, creation, indexing


def where(condition: ArrayLike, x: ArrayLike | None = None, y: ArrayLike | None = None, /) -> Array:
    """``x`` where the condition is true, ``y`` elsewhere. Promotes ``x, y`` and broadcasts all.

    Both are computed. A derivative that is nan where it is not chosen stays nan (0 * nan): choose
    the argument as well, as in ``where(x > 0, log(where(x > 0, x, 1.0)), 0.0)``.
    """
    if x is None or y is None:
        raise type_error(
            "where: x and y are both needed: the shape of nonzero(condition) depends on the data.",
            "Write fnx.numpy.nonzero(condition) outside of jit.",
        )
    choices = promote("where", x, y, keep_scalars=True)
    return apply("where", comparison.select_p, as_bools(condition, "where"), *choices)


def select(
    conditions: Sequence[ArrayLike], choices: Sequence[ArrayLike], default: ArrayLike = 0
) -> Array:
    """The choice that belongs to the first true condition, element by element; else ``default``."""
    if len(conditions) != len(choices) or not conditions:
        raise type_error(
            f"select: as many choices as conditions are needed, and at least one; "
            f"got {len(conditions)} conditions and {len(choices)} choices."
        )
    *xs, result = promote("select", *choices, default)
    for condition, x in zip(reversed(conditions), reversed(xs), strict=True):
        result = where(condition, x, result)
    return result


def clip(x: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Array:
    """``x`` with what is below ``min`` set to ``min``, then what is above ``max`` to ``max``."""
    x = as_array(as_operand(x, "clip"))
    x = x if min is None else maximum(x, min)
    return x if max is None else minimum(x, max)


def take(
    x: ArrayLike, indices: ArrayLike, /, axis: int | None = None, *, mode: str = "clip"
) -> Array:
    """Elements at integer indices along an axis; of all elements in order, if ``axis`` is None.

    Args:
        x: the array.
        indices: integers of any shape, which takes the place of the axis. Negative ones count from
            the end.
        axis: the axis along which to take.
        mode: what an index out of range means: "clip" the nearest element, "wrap" around, "fill"
            nan (of integers the lowest, of unsigned ones the highest).

    Returns:
        An array of shape ``x.shape[:axis] + indices.shape + x.shape[axis + 1:]``.
    """
    x = as_array(as_operand(x, "take"))
    x, position = (ravel(x), 0) if axis is None else (x, canonical_axis(axis, x.aval.ndim, "take"))
    indices = integer_operand(indices, "take")
    return take_axis(x, indices, position, mode)


def integer_operand(indices: ArrayLike, name: str) -> Any:
    """The indices as an array of integers.

    Raises:
        FnxTypeError: for floats and bools.
    """
    if isinstance(indices, list | tuple):
        indices = asarray(indices)
    indices = as_array(as_operand(indices, name))
    if indices.aval.dtype not in INTS:
        raise type_error(
            f"{name}: indices are integers, got {indices.aval}.",
            "Write indices.astype('int32'); for a mask, x[mask] or fnx.numpy.where.",
        )
    return indices


def take_axis(x: Any, indices: Any, axis: int, mode: str) -> Any:
    """`take` of arrays: negative indices count from the end first."""
    size = x.aval.shape[axis]
    if not size and indices.aval.size:
        raise value_error(f"take: axis {axis} of {x.aval} has no elements.")
    if not indices.aval.size:
        sizes = (*x.aval.shape[:axis], *indices.aval.shape, *x.aval.shape[axis + 1 :])
        return creation.full(shape=sizes, dtype=x.aval.dtype, value=0)
    dtype = indices.aval.dtype
    if dtype in SIGNED and mode != "wrap":
        if dtype.itemsize < 4:
            indices, dtype = cast(indices, INT32), INT32
        from_end = ops.add(indices, dtype.type(size))
        indices = comparison.select(comparison.lt(indices, dtype.type(0)), from_end, indices)
    return indexing.take(x, indices, axis=axis, mode=mode)


def take_along_axis(x: ArrayLike, indices: ArrayLike, /, axis: int = -1) -> Array:
    """``x[..., indices[..., i, ...], ...]`` along an axis; the others run together and broadcast.

    Args:
        x: the array.
        indices: integers, of the rank of ``x``.
        axis: the axis that is indexed.
    """
    x = as_array(as_operand(x, "take_along_axis"))
    indices = integer_operand(indices, "take_along_axis")
    ndim = x.aval.ndim
    position = canonical_axis(axis, ndim, "take_along_axis")
    if indices.aval.ndim != ndim:
        raise value_error(f"take_along_axis: {x.aval} and {indices.aval} have different ranks.")
    sizes = broadcast_shapes(
        *[(*v.shape[:position], 1, *v.shape[position + 1 :]) for v in (x, indices)],
        name="take_along_axis",
    )
    x = broadcast_to(x, (*sizes[:position], x.aval.shape[position], *sizes[position + 1 :]))
    index = [_positions_along(a, sizes) for a in range(ndim)]
    index[position] = indices
    return getitem(x, tuple(index))


def _positions_along(axis: int, sizes: tuple[int, ...]) -> Any:
    shape = tuple(size if a == axis else 1 for a, size in enumerate(sizes))
    return creation.iota(shape=shape, dtype=INT32, dimension=axis)


def _known(name: str, x: Any) -> np.ndarray:
    """The value of an operand, on which the shape of the result depends."""
    while isinstance(x, Tracer):
        if x._value is None:
            raise AbstractValueError(
                f"{name}: how many elements are nonzero is not known while tracing ({x.aval}): the "
                "shape of the result would depend on values.",
                source=current_source(),
                hint="Call it outside of jit; inside, fnx.numpy.where(x != 0, a, b) chooses, and\n"
                "fnx.numpy.count_nonzero counts.",
            )
        x = x._value
    return np.asarray(x)


def nonzero(x: ArrayLike, /) -> tuple[Array, ...]:
    """The indices of nonzero elements, one array for each axis. Not under jit: it needs values."""
    x = as_array(as_operand(x, "nonzero"))
    if not x.aval.shape:
        raise value_error("nonzero: an array of rank 0 has no axes.", "Write atleast_1d(x).")
    return tuple(wrap(places.astype(np.int32)) for places in np.nonzero(_known("nonzero", x)))


def argwhere(x: ArrayLike, /) -> Array:
    """The indices of nonzero elements as rows. Not under jit: it needs values."""
    x = as_array(as_operand(x, "argwhere"))
    return wrap(np.argwhere(_known("argwhere", x)).astype(np.int32))


def compress(condition: ArrayLike, x: ArrayLike, /, axis: int | None = None) -> Array:
    """The slices along an axis where a rank-1 condition is true. Not under jit: it needs values."""
    places = np.flatnonzero(_known("compress", as_bools(asarray(condition), "compress")))
    return take(x, wrap(places.astype(np.int32)), axis=axis)
