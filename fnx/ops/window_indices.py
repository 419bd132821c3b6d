"""Window indices: where the windows of gather and scatter lie, and their dimension numbers.

Both operations move windows of one operand. The *index vectors* (the last axis of ``indices``) say
where each window starts; the other axes of ``indices`` are batch axes. Dimension numbers are named
as in StableHLO's ``gather``:

* ``offset_dims``: axes of the result (gather) or the updates (scatter) that run inside a window,
* ``collapsed_slice_dims``: axes of the operand, of window size 1, that the result does not have,
* ``operand_batching_dims`` with ``start_indices_batching_dims``: axes of operand and indices that
  run together,
* ``start_index_map``: the axis of the operand that each entry of an index vector is for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import INTS
from fnx.ops.checks import check_axes, check_dtypes, fail

Ints = tuple[int, ...]
Dims = dict[str, Ints]


def window_axes(rank: int, dims: Dims) -> Ints:
    """The operand's axes that the windows have, in order; they are the result's ``offset_dims``."""
    gone = dims["collapsed_slice_dims"] + dims["operand_batching_dims"]
    return tuple(axis for axis in range(rank) if axis not in gone)


def check_dims(name: str, x: Aval, indices: Aval, sizes: Ints, dims: Dims) -> Ints:
    """Check dimension numbers and window sizes; returns the shape of the result of a gather."""
    check_dtypes(name, INTS, indices)
    if not indices.shape:
        fail(name, f"indices need an axis for the index vectors, got {indices}")
    mine, others = dims["operand_batching_dims"], dims["start_indices_batching_dims"]
    gone = dims["collapsed_slice_dims"] + mine
    check_axes(name, x, gone, "collapsed and batching axes together")
    check_axes(name, x, dims["start_index_map"] + dims["operand_batching_dims"], "indexed axes")
    if len(dims["start_index_map"]) != indices.shape[-1]:
        fail(
            name,
            f"start_index_map {dims['start_index_map']} does not fit index vectors of {indices}",
        )
    if len(sizes) != x.ndim or any(
        not 0 <= size <= n or (axis in gone and size != (min(1, n) if axis in mine else 1))
        for axis, (size, n) in enumerate(zip(sizes, x.shape, strict=True))
    ):
        fail(name, f"window sizes {sizes} do not fit {x} (collapsed and batching axes {gone}: 1)")
    check_axes(name, Aval.of(indices.shape[:-1], indices.dtype), others, "batching axes")
    if [x.shape[axis] for axis in mine] != [indices.shape[axis] for axis in others]:
        fail(name, f"batching axes {mine} of {x} and {others} of {indices} have different sizes")
    kept = [sizes[axis] for axis in window_axes(x.ndim, dims)]
    rank = len(kept) + indices.ndim - 1
    offset_dims = dims["offset_dims"]
    if len(offset_dims) != len(kept) or offset_dims != tuple(sorted(set(offset_dims))):
        fail(name, f"offset_dims {offset_dims} must be increasing, one for each window axis")
    check_axes(name, Aval.of((0,) * rank, x.dtype), offset_dims, "offset_dims")
    inner, outer = iter(kept), iter(indices.shape[:-1])
    return tuple(next(inner if d in dims["offset_dims"] else outer) for d in range(rank))


class Windows(NamedTuple):
    """Windows of an operand, as NumPy indexes them.

    ``operand[None].transpose(order)[index]`` has the axes ``to_windows`` of the result; an index
    that is outside (only if indices were not clipped) is False in ``inside``.
    """

    order: Ints
    index: tuple[Any, ...]
    to_windows: Ints
    inside: Any


def locate(xp: Any, shape: Ints, indices: Any, sizes: Ints, dims: Dims, *, clip: bool) -> Windows:
    """Where the windows are. Axes that windows span in full are not indexed, which is faster."""
    rank = indices.ndim - 1 + len(dims["offset_dims"])
    batch_dims = [d for d in range(rank) if d not in dims["offset_dims"]]
    offset_of = dict(zip(window_axes(len(shape), dims), dims["offset_dims"], strict=True))
    whole = [a for a in offset_of if sizes[a] == shape[a] and a not in dims["start_index_map"]]
    outer = [d for d in range(rank) if d not in {offset_of[a] for a in whole}]

    def along(values: Any, ds: list[int]) -> Any:
        """``values`` with its axes at the places of the result's axes ``ds`` among ``outer``."""
        sizes_of = dict(zip(ds, values.shape, strict=True))
        return values.reshape([sizes_of.get(d, 1) for d in outer])

    inside = xp.ones([1] * len(outer), bool)
    index = [along(xp.zeros(indices.shape[:-1], "i8"), batch_dims)]  # of the extra first axis
    indexed = [axis for axis in range(len(shape)) if axis not in whole]
    for axis in indexed:
        place = xp.zeros([1] * len(outer), "i8")
        if axis in dims["start_index_map"]:
            start = indices[..., dims["start_index_map"].index(axis)]
            last = shape[axis] - sizes[axis]
            clipped = xp.clip(start, 0, min(last, xp.iinfo(start.dtype).max)).astype("i8")
            inside = inside & along(clipped == start, batch_dims)
            place = place + along(clipped, batch_dims)
        if axis in dims["operand_batching_dims"]:
            other = dims["operand_batching_dims"].index(axis)
            d = batch_dims[dims["start_indices_batching_dims"][other]]
            place = place + along(xp.arange(shape[axis]), [d])
        if axis in offset_of:
            place = place + along(xp.arange(sizes[axis]), [offset_of[axis]])
        index.append(place)
    order = (0, *(axis + 1 for axis in indexed), *(axis + 1 for axis in whole))
    to_windows = (*outer, *(offset_of[axis] for axis in whole))
    return Windows(order, tuple(index), to_windows, None if clip else inside)


def inverse(permutation: Ints) -> Ints:
    """The permutation that undoes this one."""
    return tuple(sorted(range(len(permutation)), key=permutation.__getitem__))


def _plus_one(axes: Ints) -> Ints:
    return tuple(axis + 1 for axis in axes)


def batched_dims(dims: Dims, *, operand: bool, indices: bool) -> Dims:
    """Dimension numbers with a new first axis in the operand, in the indices, or in both."""
    dims = dict(dims)
    if operand:
        for key in ("collapsed_slice_dims", "operand_batching_dims", "start_index_map"):
            dims[key] = _plus_one(dims[key])
    if indices:
        dims["start_indices_batching_dims"] = _plus_one(dims["start_indices_batching_dims"])
    dims["offset_dims"] = _plus_one(dims["offset_dims"])
    if operand and indices:
        dims["operand_batching_dims"] = (0, *dims["operand_batching_dims"])
        dims["start_indices_batching_dims"] = (0, *dims["start_indices_batching_dims"])
    elif operand:
        dims["offset_dims"] = (0, *dims["offset_dims"])
    return dims


def clipped_in_hlo(b: Any, indices: Any, last: list[int]) -> Any:
    """HLO index vectors moved into ``[0, last]``, entry by entry."""
    shape, dtype = indices.type.shape, indices.type.dtype
    # A narrow index dtype may not hold the bound; then no index exceeds it.
    highest = 2 ** (int(dtype.lstrip("ui")) - (not dtype.startswith("u"))) - 1
    bounds = np.array([min(n, highest) for n in last])
    high = b.broadcast_in_dim(b.constant(bounds, dtype=dtype), shape, (len(shape) - 1,))
    low = b.broadcast_in_dim(b.constant(0, dtype=dtype), shape, ())
    return b.clamp(low, indices, high)
