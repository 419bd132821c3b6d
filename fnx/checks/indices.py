"""Indices: which indices of an indexing operation lie outside of its array.

An index is the start of a window; it is outside if the window does not lie in the array, which is
where the operation would move it inside or leave it out. Negative indices of ``x[i]`` are counted
from the end before they get here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fnx.core.eager import aval_of
from fnx.ops.bitwise import or_
from fnx.ops.comparison import gt, lt
from fnx.ops.joining import concatenate
from fnx.ops.layout import broadcast_in_dim
from fnx.ops.window_updates import window_sizes

Values = Sequence[Any]


def index_masks(name: str, params: Mapping[str, Any], ins: Values) -> list[tuple[Any, int]]:
    """Masks of indices outside, each with the position of the operand that holds the indices."""
    if name in ("gather", "scatter"):
        mask = _outside(ins[1], last_of_vectors(name, params, ins))
        return [] if mask is None else [(mask, 1)]
    first = 1 if name == "dynamic_slice" else 2
    sizes = params["sizes"] if name == "dynamic_slice" else aval_of(ins[1]).shape
    shape = aval_of(ins[0]).shape
    found = []
    for position, (n, size) in enumerate(zip(shape, sizes, strict=True), start=first):
        start = ins[position]
        if isinstance(start, int | np.integer):
            outside = not 0 <= start <= n - size
            found += [(np.True_, position)] if outside else []
        else:
            found.append((_beyond(start, n - size), position))
    return found


def last_of_vectors(name: str, params: Mapping[str, Any], ins: Values) -> list[int]:
    """The greatest index inside, for each entry of an index vector of a gather or scatter."""
    shape = aval_of(ins[0]).shape
    if name == "gather":
        sizes = params["slice_sizes"]
    else:
        dims = {k: v for k, v in params.items() if k not in ("kind", "mode")}
        sizes = window_sizes(shape, aval_of(ins[2]).shape, dims)
    return [shape[axis] - sizes[axis] for axis in params["start_index_map"]]


def _outside(indices: Any, last: Sequence[int]) -> Any:
    """Which entries of index vectors are outside."""
    aval = aval_of(indices)
    if aval.size == 0:
        return None
    if len(set(last)) == 1:
        return _beyond(indices, last[0])
    highest = int(np.iinfo(aval.dtype).max)
    bounds = concatenate(*[_row(aval.dtype.type(min(n, highest))) for n in last], dimension=0)
    bounds = broadcast_in_dim(bounds, shape=aval.shape, dimensions=(aval.ndim - 1,))
    mask = gt(indices, bounds)
    return or_(mask, lt(indices, 0)) if aval.dtype.kind == "i" else mask


def _row(scalar: Any) -> Any:
    return broadcast_in_dim(scalar, shape=(1,), dimensions=())


def _beyond(x: Any, last: int) -> Any:
    """Which elements are negative or greater than ``last``."""
    aval = aval_of(x)
    low = lt(x, 0)  # false for unsigned ones
    if last > int(np.iinfo(aval.dtype).max):
        return low
    return or_(low, gt(x, max(last, -1) if aval.dtype.kind == "i" else max(last, 0)))
