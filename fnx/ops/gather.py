"""Gather and scatter windows of an array at computed places; each is the other's transpose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import ALL, INT32, INT64, NUMBERS
from fnx.core.eager import aval_of
from fnx.core.primitive import Linear, Primitive
from fnx.core.trace import bind
from fnx.ops.bitwise import and_
from fnx.ops.checks import check_dtypes, check_equal_dtypes, fail, integers
from fnx.ops.comparison import eq, ge, le, select
from fnx.ops.creation import full, iota, zeros_like
from fnx.ops.families import add
from fnx.ops.layout import batched, broadcast_in_dim, move_axis, reshape
from fnx.ops.slicing import slice
from fnx.ops.window_indices import Ints, batched_dims, check_dims, clipped_in_hlo, inverse, locate
from fnx.ops.window_updates import scatter_add, scatter_set, window_sizes

# gather ----------------------------------------------------------------------------------------


def _gather_type(x: Aval, indices: Aval, *, slice_sizes: Ints, **dims: Ints) -> tuple[Aval]:
    return (Aval.of(check_dims("gather", x, indices, slice_sizes, dims), x.dtype, x.weak),)


def _gather_numpy(xp: Any, x: Any, indices: Any, *, slice_sizes: Ints, **dims: Ints) -> tuple[Any]:
    windows = locate(xp, x.shape, indices, slice_sizes, dims, clip=True)
    found = x[None].transpose(windows.order)[windows.index]
    return (found.transpose(inverse(windows.to_windows)),)


def _gather_transpose(
    cts: tuple[Any], inputs: tuple[Any, Any], *, slice_sizes: Ints, **dims: Ints
) -> tuple[Any, None]:
    (ct,), (x, indices) = cts, inputs
    if ct is None or not isinstance(x, Linear):
        return None, None
    zeros = full(shape=x.aval.shape, value=0, dtype=ct.dtype)
    return scatter(zeros, indices, ct, kind="add", mode="clip", **dims), None


def _gather_batch(
    inputs: tuple[Any, Any],
    axes: tuple[int | None, int | None],
    size: int,
    *,
    slice_sizes: Ints,
    **dims: Ints,
) -> tuple[tuple[Any], tuple[int]]:
    x, indices = (
        v if axis is None else move_axis(v, axis, 0) for v, axis in zip(inputs, axes, strict=True)
    )
    both, operand = None not in axes, axes[0] is not None
    dims = batched_dims(dims, operand=operand, indices=axes[1] is not None)
    if operand:
        slice_sizes = (min(1, size) if both else size, *slice_sizes)
    return (gather(x, indices, slice_sizes=slice_sizes, **dims),), (0,)


gather_p = Primitive(
    name="gather",
    type=_gather_type,
    numpy=_gather_numpy,
    jvp=lambda primals, ts, outs, **params: (gather(ts[0], primals[1], **params),),
    transpose=_gather_transpose,
    batch=_gather_batch,
    lower=lambda b, x, indices, **params: (
        b.gather(x, indices, index_vector_dim=len(indices.type.shape) - 1, **params),
    ),
)


def gather(
    x: Any,
    indices: Any,
    *,
    slice_sizes: Ints,
    start_index_map: Ints,
    offset_dims: Ints = (),
    collapsed_slice_dims: Ints = (),
    operand_batching_dims: Ints = (),
    start_indices_batching_dims: Ints = (),
) -> Any:
    """Windows of ``x``, one for each index vector; StableHLO's ``gather``.

    Args:
        x: the operand.
        indices: integers whose last axis holds the index vectors. A window that would lie outside
            of ``x`` is moved inside.
        slice_sizes: size of the windows along each axis of ``x``.
        start_index_map: the axis of ``x`` that each entry of an index vector is for.
        offset_dims: axes of the result that run inside a window.
        collapsed_slice_dims: axes of ``x`` of window size 1 that the result does not have.
        operand_batching_dims: axes of ``x`` that run together with axes of ``indices``.
        start_indices_batching_dims: these axes of ``indices``.
    """
    return bind(
        gather_p,
        x,
        indices,
        slice_sizes=integers("gather", "slice_sizes", slice_sizes),
        start_index_map=integers("gather", "start_index_map", start_index_map),
        offset_dims=integers("gather", "offset_dims", offset_dims),
        collapsed_slice_dims=integers("gather", "collapsed_slice_dims", collapsed_slice_dims),
        operand_batching_dims=integers("gather", "operand_batching_dims", operand_batching_dims),
        start_indices_batching_dims=integers(
            "gather", "start_indices_batching_dims", start_indices_batching_dims
        ),
    )[0]


# scatter ---------------------------------------------------------------------------------------


def _scatter_type(
    x: Aval, indices: Aval, updates: Aval, *, kind: str, mode: str, **dims: Ints
) -> tuple[Aval]:
    check_equal_dtypes("scatter", x, updates)
    check_dtypes("scatter", NUMBERS if kind == "add" else ALL, x)
    if kind not in ("add", "set") or mode not in ("clip", "drop"):
        fail("scatter", f"kind is 'add' or 'set', mode 'clip' or 'drop'; got {kind!r}, {mode!r}")
    sizes = window_sizes(x.shape, updates.shape, dims)
    expected = check_dims("scatter", x, indices, sizes, dims)
    if updates.shape != expected:
        fail("scatter", f"updates must have shape {expected} for {x} and {indices}, got {updates}")
    if mode == "drop" and any(sizes[axis] != 1 for axis in dims["start_index_map"]):
        fail("scatter", "mode 'drop' needs windows of size 1 along indexed axes; use mode 'clip'")
    return (x,)


def _scatter_numpy(
    xp: Any, x: Any, indices: Any, updates: Any, *, kind: str, mode: str, **dims: Ints
) -> tuple[Any]:
    scatter_kind = scatter_add if kind == "add" else scatter_set
    return (scatter_kind(xp, x, updates, indices=indices, mode=mode, dims=dims),)


def _scatter_jvp(
    primals: tuple[Any, ...], tangents: tuple[Any, ...], outs: tuple[Any], **params: Any
) -> tuple[Any]:
    (x, indices, updates), (t_x, _, t_updates) = primals, tangents
    t_x = zeros_like(x) if t_x is None else t_x
    t_updates = zeros_like(updates) if t_updates is None else t_updates
    return (scatter(t_x, indices, t_updates, **params),)


def _scatter_transpose(
    cts: tuple[Any], inputs: tuple[Any, ...], *, kind: str, mode: str, **dims: Ints
) -> tuple[Any, None, Any]:
    (ct,), (x, indices, updates) = cts, inputs
    if ct is None:
        return None, None, None
    aval = updates.aval if isinstance(updates, Linear) else aval_of(updates)
    params = {"kind": kind, "mode": mode, **dims}
    ct_x, ct_updates = None, None
    if isinstance(x, Linear):  # what was overwritten has no influence
        zeros = full(shape=aval.shape, value=0, dtype=ct.dtype)
        ct_x = ct if kind == "add" else scatter(ct, indices, zeros, **params)
    if isinstance(updates, Linear):
        sizes = window_sizes(ct.shape, aval.shape, dims)
        ct_updates = gather(ct, indices, slice_sizes=sizes, **dims)
        has_effect = None
        if kind == "set":
            has_effect = _survives(ct.shape, indices, aval.shape, sizes, params)
        elif mode == "drop":
            has_effect = _is_inside(ct.shape, indices, aval.shape, dims)
        ct_updates = ct_updates if has_effect is None else select(has_effect, ct_updates, 0)
    return ct_x, None, ct_updates


def _survives(x: Ints, indices: Any, updates: Ints, sizes: Ints, params: dict[str, Any]) -> Any:
    """Which updates no later one overwrites: number them, scatter the numbers, read them back."""
    count = math.prod(updates)
    dtype = INT32 if count < 2**31 else INT64
    numbers = add(iota(shape=(count,), dtype=dtype, dimension=0), 1)
    numbers = reshape(numbers, shape=updates)
    written = scatter(full(shape=x, value=0, dtype=dtype), indices, numbers, **params)
    dims = {key: value for key, value in params.items() if key not in ("kind", "mode")}
    return eq(gather(written, indices, slice_sizes=sizes, **dims), numbers)


def _is_inside(x: Ints, indices: Any, updates: Ints, dims: dict[str, Ints]) -> Any:
    """Which updates are not dropped for an index out of range; windows have size 1 there."""
    rank = len(indices.shape) - 1
    inside = full(shape=indices.shape[:-1], value=True, dtype=bool)
    highest = np.iinfo(indices.dtype).max
    for entry, axis in enumerate(dims["start_index_map"]):
        limit = (*indices.shape[:-1], entry + 1)
        column = slice(indices, start=(*(0,) * rank, entry), limit=limit)
        column = reshape(column, shape=indices.shape[:-1])
        is_low_enough = le(column, min(x[axis] - 1, int(highest)))
        inside = and_(inside, and_(ge(column, 0), is_low_enough))
    batch_dims = tuple(d for d in range(len(updates)) if d not in dims["offset_dims"])
    return broadcast_in_dim(inside, shape=updates, dimensions=batch_dims)


def _scatter_batch(
    inputs: tuple[Any, ...],
    axes: tuple[int | None, ...],
    size: int,
    *,
    kind: str,
    mode: str,
    **dims: Ints,
) -> tuple[tuple[Any], tuple[int]]:
    x, updates = (batched(inputs[i], axes[i], size) for i in (0, 2))
    indices = inputs[1] if axes[1] is None else move_axis(inputs[1], axes[1], 0)
    dims = batched_dims(dims, operand=True, indices=axes[1] is not None)
    return (scatter(x, indices, updates, kind=kind, mode=mode, **dims),), (0,)


def _scatter_lower(
    b: Any, x: Any, indices: Any, updates: Any, *, kind: str, mode: str, **dims: Ints
) -> tuple[Any]:
    sizes = window_sizes(x.type.shape, updates.type.shape, dims)
    if mode == "clip":
        last = [x.type.shape[axis] - sizes[axis] for axis in dims["start_index_map"]]
        indices = clipped_in_hlo(b, indices, last)
    body = "add" if kind == "add" else (lambda b, old, new: new)
    out = b.scatter(
        x,
        indices,
        updates,
        body,
        update_window_dims=dims["offset_dims"],
        inserted_window_dims=dims["collapsed_slice_dims"],
        input_batching_dims=dims["operand_batching_dims"],
        scatter_indices_batching_dims=dims["start_indices_batching_dims"],
        scatter_dims_to_operand_dims=dims["start_index_map"],
        index_vector_dim=len(indices.type.shape) - 1,
    )
    return (out,)


scatter_p = Primitive(
    name="scatter",
    type=_scatter_type,
    numpy=_scatter_numpy,
    jvp=_scatter_jvp,
    transpose=_scatter_transpose,
    batch=_scatter_batch,
    lower=_scatter_lower,
)


def scatter(
    x: Any,
    indices: Any,
    updates: Any,
    *,
    start_index_map: Ints,
    offset_dims: Ints = (),
    collapsed_slice_dims: Ints = (),
    operand_batching_dims: Ints = (),
    start_indices_batching_dims: Ints = (),
    kind: str = "add",
    mode: str = "drop",
) -> Any:
    """``x`` with windows changed; the same dimension numbers as in `gather`, its transpose.

    Args:
        x: the operand.
        indices: integers whose last axis holds the index vectors.
        updates: what to write, in the shape that the corresponding ``gather`` returns.
        start_index_map: as in `gather`, like the other dimension numbers.
        offset_dims: axes of ``updates`` that run inside a window.
        collapsed_slice_dims: axes of ``x`` that ``updates`` do not have.
        operand_batching_dims: axes of ``x`` that run together with axes of ``indices``.
        start_indices_batching_dims: these axes of ``indices``.
        kind: ``"add"`` adds, ``"set"`` overwrites: of several updates of one place the last counts.
        mode: what happens to windows outside of ``x``: ``"drop"`` leaves them out, ``"clip"`` moves
            them inside.
    """
    dims = {
        "start_index_map": start_index_map,
        "offset_dims": offset_dims,
        "collapsed_slice_dims": collapsed_slice_dims,
        "operand_batching_dims": operand_batching_dims,
        "start_indices_batching_dims": start_indices_batching_dims,
    }
    dims = {key: integers("scatter", key, value) for key, value in dims.items()}
    return bind(scatter_p, x, indices, updates, kind=kind, mode=mode, **dims)[0]
