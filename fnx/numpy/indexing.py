"""``x[index]``: an index, as NumPy writes it, becomes slices, reversals and one `gather`.

`plan_index` took the index apart; `read` applies the plan, and `fnx.numpy.updates` its inverse.
Traced indices out of range read the nearest element.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnx.core.array import Array, wrap
from fnx.core.dtypes import INT32, INT64, UNSIGNED
from fnx.core.trace import current_trace
from fnx.numpy.index_plan import Plan, plan_index
from fnx.numpy.promotion import cast
from fnx.ops import arithmetic, comparison, creation, gather, layout
from fnx.ops import shape as ops


def getitem(x: Any, index: Any) -> Any:
    """``x[index]``."""
    if type(x) is Array and _is_static(index) and current_trace() is None:
        return _view(x, index)
    return read(x, plan_index(x, index))


def _is_static(index: Any) -> bool:
    entries = index if type(index) is tuple else (index,)
    return all(type(i) is int or type(i) is slice or i is None or i is ... for i in entries)


def _view(x: Array, index: Any) -> Array:
    try:
        return wrap(x._buffer[index], x.aval.weak)
    except (IndexError, ValueError, TypeError):
        plan_index(x, index)  # raises what explains it
        raise


def read(x: Any, plan: Plan) -> Any:
    """The elements of ``x`` that a plan means."""
    y = region(x, plan)
    if type(y) is Array and plan.arrays and current_trace() is None:
        known = known_index_vectors(y, plan)
        if known is not None and (y.aval.size or not known.size):
            return reshaped(_read_now(y, plan, known), plan.shape)
    if plan.arrays and not y.aval.size and not math.prod(plan.shape):
        return creation.full(shape=plan.shape, value=0, dtype=y.aval.dtype)  # there is nothing
    if plan.arrays:
        sizes = [1 if axis in plan.picked else n for axis, n in enumerate(y.aval.shape)]
        y = gather.gather(y, index_vectors(y, plan), slice_sizes=sizes, **window_dims(y, plan))
    return reshaped(y, plan.shape)


def _read_now(y: Array, plan: Plan, known: np.ndarray) -> Array:
    """The picks of a plan by NumPy; an index out of range means the nearest element."""
    rest = [axis for axis in range(y.aval.ndim) if axis not in plan.picked]
    picks = [known[..., i].clip(0, y.aval.shape[axis] - 1) for i, axis in enumerate(plan.picked)]
    found = y._buffer.transpose(*plan.picked, *rest)[tuple(picks)]  # (*pick_shape, *rest)
    rank = len(plan.pick_shape)
    before = range(rank, rank + plan.position)
    order = (*before, *range(rank), *range(rank + plan.position, found.ndim))
    return wrap(found.transpose(order), y.aval.weak)


def window_dims(y: Any, plan: Plan) -> dict[str, tuple[int, ...]]:
    """The dimension numbers with which gather and scatter pick from the sliced array ``y``."""
    windows = y.aval.ndim - len(plan.picked)
    rank = windows + len(plan.pick_shape)
    inside = range(plan.position, plan.position + len(plan.pick_shape))
    return {
        "start_index_map": plan.picked,
        "collapsed_slice_dims": plan.picked,
        "offset_dims": tuple(d for d in range(rank) if d not in inside),
    }


def index_vectors(y: Any, plan: Plan) -> Any:
    """The index arrays as one array of index vectors (its last axis), none of them negative."""
    kind = INT32 if max(y.aval.shape) < 2**31 else INT64
    known = known_index_vectors(y, plan)
    if known is not None:
        return wrap(known.astype(kind))
    columns = [
        layout.reshape(_counted(array, y.aval.shape[axis], kind), shape=(*plan.pick_shape, 1))
        for axis, array in zip(plan.picked, plan.arrays, strict=True)
    ]
    last = len(plan.pick_shape)
    return columns[0] if len(columns) == 1 else ops.concatenate(*columns, dimension=last)


def known_index_vectors(y: Any, plan: Plan) -> np.ndarray | None:
    """The index vectors, if the index arrays are known already; -1 or size if out of range."""
    if any(type(array) is not Array for array in plan.arrays):
        return None
    columns = []
    for axis, array in zip(plan.picked, plan.arrays, strict=True):
        size, indices = y.aval.shape[axis], array._buffer
        info = np.iinfo(indices.dtype)
        clipped = indices.clip(max(-size - 1, info.min), min(size, info.max)).astype(np.int64)
        columns.append(np.where(clipped < 0, clipped + size, clipped))
    return np.stack(columns, axis=-1)


def _counted(indices: Any, size: int, kind: np.dtype) -> Any:
    """Indices as int32 (or int64, if the axis needs it), negative ones counted from the end."""
    dtype = indices.aval.dtype
    if dtype.itemsize > kind.itemsize or (dtype in UNSIGNED and dtype.itemsize == kind.itemsize):
        # What the smaller dtype cannot hold is out of range anyway: size means just that.
        limit = dtype.type(size)
        low = dtype.type(0) if dtype in UNSIGNED else dtype.type(-size - 1)
        indices = arithmetic.clamp(low, indices, limit)
    indices = cast(indices, kind)
    if dtype in UNSIGNED:
        return indices
    wrapped = arithmetic.add(indices, kind.type(size))
    return comparison.select(comparison.lt(indices, kind.type(0)), wrapped, indices)


def region(x: Any, plan: Plan) -> Any:
    """The part of ``x`` that the spans mean, without the dropped axes."""
    sizes = x.aval.shape
    if any(span.count != size for span, size in zip(plan.spans, sizes, strict=True)):
        starts, limits, strides = zip(*[(s.start, s.stop, s.step) for s in plan.spans], strict=True)
        x = ops.slice(x, start=starts, limit=limits, strides=strides)
    backwards = tuple(axis for axis, span in enumerate(plan.spans) if span.backwards)
    if backwards:
        x = ops.reverse(x, dimensions=backwards)
    if not plan.dropped:
        return x
    return reshaped(x, tuple(s for a, s in enumerate(x.aval.shape) if a not in plan.dropped))


def reshaped(x: Any, sizes: tuple[int, ...]) -> Any:
    """``x`` in this shape."""
    return x if x.aval.shape == sizes else layout.reshape(x, shape=sizes)
