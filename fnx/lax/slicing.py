"""Slices at static and at computed indices, under JAX's names and signatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.core.array import Array
from fnx.core.dtypes import INTS
from fnx.core.eager import aval_of
from fnx.core.sources import current_source
from fnx.errors import FnxTypeError
from fnx.lax.arguments import Sizes, axis_of
from fnx.lax.layout import expand_dims, squeeze
from fnx.ops import conversion, indexing
from fnx.ops import shape as shape_ops


def slice(
    operand: Array, start_indices: Sizes, limit_indices: Sizes, strides: Sizes | None = None
) -> Array:
    """``operand[start:limit:stride]`` along all axes."""
    steps = (1,) * len(start_indices) if strides is None else tuple(strides)
    return shape_ops.slice(
        operand, start=tuple(start_indices), limit=tuple(limit_indices), strides=steps
    )


def slice_in_dim(
    operand: Array, start_index: int, limit_index: int, stride: int = 1, axis: int = 0
) -> Array:
    """``operand[start:limit:stride]`` along one axis."""
    sizes = operand.shape
    position = axis_of(axis, len(sizes))
    return slice(
        operand,
        [start_index if a == position else 0 for a in range(len(sizes))],
        [limit_index if a == position else size for a, size in enumerate(sizes)],
        [stride if a == position else 1 for a in range(len(sizes))],
    )


def index_in_dim(operand: Array, index: int, axis: int = 0, keepdims: bool = True) -> Array:
    """The slice at a static index of an axis."""
    index %= operand.shape[axis]
    result = slice_in_dim(operand, index, index + 1, axis=axis)
    return result if keepdims else squeeze(result, (axis,))


def dynamic_slice(operand: Array, start_indices: Sequence[Any], slice_sizes: Sizes) -> Array:
    """The part of these sizes that begins at computed indices, moved so that it lies inside."""
    return indexing.dynamic_slice(operand, *_starts(start_indices), sizes=tuple(slice_sizes))


def _starts(indices: Sequence[Any]) -> list[Any]:
    """Starts in one integer dtype; Python ints beyond it are moved to its ends."""
    avals = [None if type(i) is int else aval_of(i) for i in indices]
    dtypes = {a.dtype for a in avals if a is not None} or {np.dtype(np.int32)}
    wrong = [a for a in avals if a is not None and a.dtype not in INTS]
    if wrong:
        raise FnxTypeError(
            f"a start of a slice is an integer, got {wrong[0]}", source=current_source()
        )
    dtype = np.result_type(*dtypes)
    return [_start(i, np.dtype(np.int64) if dtype.kind == "f" else dtype) for i in indices]


def _start(index: Any, dtype: np.dtype) -> Any:
    if type(index) is int:
        ends = np.iinfo(dtype)
        low = int(ends.min) if index < ends.min else index
        return dtype.type(int(ends.max) if low > ends.max else low)
    return index if aval_of(index).dtype == dtype else conversion.convert(index, dtype=dtype)


def dynamic_slice_in_dim(operand: Array, start_index: Any, slice_size: int, axis: int = 0) -> Array:
    """The part of ``slice_size`` elements of one axis that begins at a computed index."""
    position = axis_of(axis, len(operand.shape))
    sizes = [slice_size if a == position else size for a, size in enumerate(operand.shape)]
    return dynamic_slice(operand, _at(start_index, position, len(sizes)), sizes)


def _at(index: Any, position: int, ndim: int) -> list[Any]:
    return [index if a == position else 0 for a in range(ndim)]


def dynamic_index_in_dim(operand: Array, index: Any, axis: int = 0, keepdims: bool = True) -> Array:
    """The slice at a computed index of an axis."""
    result = dynamic_slice_in_dim(operand, index, 1, axis)
    return result if keepdims else squeeze(result, (axis,))


def dynamic_update_slice(operand: Array, update: Array, start_indices: Sequence[Any]) -> Array:
    """The array with the part that begins at computed indices replaced."""
    return indexing.dynamic_update_slice(operand, update, *_starts(start_indices))


def dynamic_update_slice_in_dim(
    operand: Array, update: Array, start_index: Any, axis: int
) -> Array:
    """The array with the part of one axis that begins at a computed index replaced."""
    position = axis_of(axis, len(operand.shape))
    return dynamic_update_slice(operand, update, _at(start_index, position, len(operand.shape)))


def dynamic_update_index_in_dim(operand: Array, update: Array, index: Any, axis: int) -> Array:
    """The array with the slice at a computed index of an axis replaced."""
    if update.ndim < operand.ndim:
        update = expand_dims(update, (axis,))
    return dynamic_update_slice_in_dim(operand, update, index, axis)
