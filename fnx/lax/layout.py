"""Arrays made, and arrays brought into another shape or order, under JAX's names and signatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.core.array import Array
from fnx.core.dtypes import as_dtype
from fnx.core.eager import aval_of
from fnx.lax.arguments import Sizes, axis_of
from fnx.lax.elementwise import convert_element_type
from fnx.ops import creation, layout
from fnx.ops import shape as shape_ops


def full(shape: Sizes, fill_value: Any, dtype: object = None) -> Array:
    """An array full of one number."""
    aval = aval_of(fill_value)
    target = aval.dtype if dtype is None else as_dtype(dtype)
    if isinstance(fill_value, bool | int | float | np.generic):
        return creation.full(shape=tuple(shape), value=fill_value, dtype=target)
    return broadcast_in_dim(convert_element_type(fill_value, target), shape, ())


def full_like(x: Array, fill_value: Any, dtype: object = None) -> Array:
    """An array full of one number, with the shape and dtype of ``x``."""
    aval = aval_of(x)
    return full(aval.shape, fill_value, aval.dtype if dtype is None else dtype)


def iota(dtype: object, size: int) -> Array:
    """``0, 1, ..., size - 1``."""
    return creation.iota(shape=(size,), dtype=as_dtype(dtype), dimension=0)


def broadcasted_iota(dtype: object, shape: Sizes, dimension: int) -> Array:
    """An array whose elements are their own index along ``dimension``."""
    return creation.iota(shape=tuple(shape), dtype=as_dtype(dtype), dimension=dimension)


def broadcast(operand: Array, sizes: Sizes) -> Array:
    """The array repeated along new axes of these sizes, in front."""
    shape = aval_of(operand).shape
    own = range(len(sizes), len(sizes) + len(shape))
    return broadcast_in_dim(operand, (*sizes, *shape), own)


def broadcast_in_dim(operand: Array, shape: Sizes, broadcast_dimensions: Sizes) -> Array:
    """The array repeated to ``shape``; its axis ``i`` becomes ``broadcast_dimensions[i]``."""
    return layout.broadcast_in_dim(
        operand, shape=tuple(shape), dimensions=tuple(broadcast_dimensions)
    )


def reshape(operand: Array, new_sizes: Sizes) -> Array:
    """The same elements in row-major order, in another shape."""
    return layout.reshape(operand, shape=tuple(new_sizes))


def collapse(operand: Array, start_dimension: int, stop_dimension: int | None = None) -> Array:
    """The axes from ``start_dimension`` up to ``stop_dimension`` as one."""
    sizes = operand.shape
    first, *middle = sizes[start_dimension:stop_dimension] or (1,)
    for size in middle:
        first *= size
    rest = () if stop_dimension is None else sizes[stop_dimension:]
    return reshape(operand, (*sizes[:start_dimension], first, *rest))


def expand_dims(operand: Array, dimensions: Sizes) -> Array:
    """The array with axes of size 1 at these positions of the result."""
    sizes = list(aval_of(operand).shape)
    rank = len(sizes) + len(dimensions)
    for position in sorted(axis_of(d, rank) for d in dimensions):
        sizes.insert(position, 1)
    return reshape(operand, sizes)


def squeeze(operand: Array, dimensions: Sizes) -> Array:
    """The array without these axes, which must have size 1."""
    sizes = aval_of(operand).shape
    gone = {axis_of(d, len(sizes)) for d in dimensions}
    return reshape(operand, [size for axis, size in enumerate(sizes) if axis not in gone])


def transpose(operand: Array, permutation: Sizes) -> Array:
    """Axis ``i`` of the result is axis ``permutation[i]`` of the operand."""
    return layout.transpose(operand, permutation=tuple(permutation))


def rev(operand: Array, dimensions: Sizes) -> Array:
    """The elements in reverse order along these axes."""
    return shape_ops.reverse(operand, dimensions=tuple(dimensions))


def concatenate(operands: Sequence[Array], dimension: int) -> Array:
    """The arrays one after the other along an axis."""
    return shape_ops.concatenate(*operands, dimension=dimension)


def pad(operand: Array, padding_value: Array, padding_config: Sequence[Sizes]) -> Array:
    """Elements added before, after and between those of each axis: ``(low, high, interior)``."""
    low, high, interior = zip(*padding_config, strict=True) if padding_config else ((), (), ())
    is_number = isinstance(padding_value, bool | int | float)
    value = aval_of(operand).dtype.type(padding_value) if is_number else padding_value
    return shape_ops.pad(operand, value, low=low, high=high, interior=interior)
