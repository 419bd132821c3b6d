"""Indexing: ``dynamic_slice``, ``dynamic_update_slice`` and ``take``."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import ALL, FLOATS, INT32, INTS, UNSIGNED
from fnx.core.eager import aval_of
from fnx.core.primitive import Linear, Primitive
from fnx.core.trace import bind
from fnx.ops.arithmetic import rem
from fnx.ops.bitwise import and_
from fnx.ops.checks import as_operands, check_dtypes, check_equal_dtypes, fail, integers, is_scalar
from fnx.ops.comparison import ge, le, lt, select
from fnx.ops.creation import full, zeros_like
from fnx.ops.families import add
from fnx.ops.gather import gather as gather
from fnx.ops.gather import scatter as scatter
from fnx.ops.joining import concatenate
from fnx.ops.layout import batched, broadcast_in_dim, move_axis, reshape

Ints = tuple[int, ...]


def _check_starts(name: str, x: Aval, starts: tuple[Aval, ...], sizes: Ints) -> None:
    check_dtypes(name, INTS, *starts)
    check_equal_dtypes(name, *starts)
    if len(starts) != x.ndim or any(start.shape for start in starts):
        message = f"needs one start of rank 0 for each axis of {x}, got {starts}"
        fail(name, message, "Write 0 for an axis that is taken as a whole.")
    if len(sizes) != x.ndim or not all(
        0 <= size <= n for size, n in zip(sizes, x.shape, strict=True)
    ):
        message = f"expected a size for each axis, at most {x.shape}, got {sizes} for {x}"
        fail(name, message, "A slice lies inside of its array: pad the array first, or take less.")


def _clamped(x: Any, starts: tuple[Any, ...], sizes: Ints) -> tuple[builtins.slice, ...]:
    places = zip(x.shape, map(int, starts), sizes, strict=True)
    firsts = [(max(0, min(start, n - size)), size) for n, start, size in places]
    return tuple(builtins.slice(first, first + size) for first, size in firsts)


def _index_vectors(starts: Sequence[Any], axes: Sequence[int | None], size: int) -> Any:
    """Starts of rank 0, some of them batched, as index vectors ``(batch, axis)``."""
    columns = [batched(s, axis, size) for s, axis in zip(starts, axes, strict=True)]
    return concatenate(*(reshape(c, shape=(size, 1)) for c in columns), dimension=1)


def _zero_start(starts: Sequence[Any]) -> Any:
    """A start of 0 for one more axis, in the dtype of the others."""
    return (aval_of(starts[0]).dtype if starts else INT32).type(0)


# dynamic_slice ---------------------------------------------------------------------------------


def _dynamic_slice_type(x: Aval, *starts: Aval, sizes: Ints) -> tuple[Aval]:
    check_dtypes("dynamic_slice", ALL, x)
    _check_starts("dynamic_slice", x, starts, sizes)
    return (Aval.of(sizes, x.dtype, x.weak),)


def _dynamic_slice_transpose(
    cts: tuple[Any], inputs: tuple[Any, ...], *, sizes: Ints
) -> tuple[Any, ...]:
    (ct,), (x, *starts) = cts, inputs
    nothing = (None,) * len(starts)
    if ct is None or not isinstance(x, Linear):
        return (None, *nothing)
    zeros = full(shape=x.aval.shape, value=0, dtype=ct.dtype)
    return (dynamic_update_slice(zeros, ct, *starts), *nothing)


def _dynamic_slice_batch(
    inputs: tuple[Any, ...], axes: tuple[int | None, ...], size: int, *, sizes: Ints
) -> tuple[tuple[Any], tuple[int]]:
    x, *starts = inputs
    x_axis, *start_axes = axes
    rank = len(sizes)
    if all(axis is None for axis in start_axes):
        x = move_axis(x, x_axis, 0)
        sizes = (x.shape[0], *sizes)
        return (dynamic_slice(x, _zero_start(starts), *starts, sizes=sizes),), (0,)
    indices = _index_vectors(starts, start_axes, size)
    own = tuple(range(rank))
    if x_axis is None:
        dims = {"start_index_map": own, "offset_dims": tuple(d + 1 for d in own)}
        return (gather(x, indices, slice_sizes=sizes, **dims),), (0,)
    dims = _batching_dims(rank)
    sizes = (min(1, size), *sizes)
    return (gather(move_axis(x, x_axis, 0), indices, slice_sizes=sizes, **dims),), (0,)


def _batching_dims(rank: int) -> dict[str, Ints]:
    """Dimension numbers for one window of each example of a batch."""
    inner = tuple(range(1, rank + 1))
    return {
        "start_index_map": inner,
        "offset_dims": inner,
        "operand_batching_dims": (0,),
        "start_indices_batching_dims": (0,),
    }


dynamic_slice_p = Primitive(
    name="dynamic_slice",
    type=_dynamic_slice_type,
    numpy=lambda xp, x, *starts, sizes: (x[(*_clamped(x, starts, sizes), ...)],),
    jvp=lambda primals, ts, outs, *, sizes: (dynamic_slice(ts[0], *primals[1:], sizes=sizes),),
    transpose=_dynamic_slice_transpose,
    batch=_dynamic_slice_batch,
    lower=lambda b, x, *starts, sizes: (b.dynamic_slice(x, starts, sizes),),
)


def dynamic_slice(x: Any, *starts: Any, sizes: Ints) -> Any:
    """The part of ``x`` of static ``sizes`` that begins at ``starts``, which may be computed.

    Args:
        x: an array.
        *starts: one integer of rank 0 for each axis; moved so that the part lies inside of ``x``.
        sizes: shape of the part.
    """
    starts = as_operands("dynamic_slice", *starts) if starts else ()
    return bind(dynamic_slice_p, x, *starts, sizes=integers("dynamic_slice", "sizes", sizes))[0]


# dynamic_update_slice --------------------------------------------------------------------------


def _update_type(x: Aval, update: Aval, *starts: Aval) -> tuple[Aval]:
    check_dtypes("dynamic_update_slice", ALL, x)
    check_equal_dtypes("dynamic_update_slice", x, update)
    _check_starts("dynamic_update_slice", x, starts, update.shape)
    return (x,)


def _update_numpy(xp: Any, x: Any, update: Any, *starts: Any) -> tuple[Any]:
    out = xp.array(x, copy=True, order="C")
    out[_clamped(x, starts, update.shape)] = update
    return (out,)


def _update_jvp(
    primals: tuple[Any, ...], tangents: tuple[Any, ...], outs: tuple[Any]
) -> tuple[Any]:
    (x, update, *starts), (t_x, t_update, *_) = primals, tangents
    t_x = zeros_like(x) if t_x is None else t_x
    t_update = zeros_like(update) if t_update is None else t_update
    return (dynamic_update_slice(t_x, t_update, *starts),)


def _update_transpose(cts: tuple[Any], inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    (ct,), (x, update, *starts) = cts, inputs
    nothing = (None,) * len(starts)
    if ct is None:
        return (None, None, *nothing)
    shape = update.aval.shape if isinstance(update, Linear) else update.shape
    ct_x, ct_update = None, None
    if isinstance(x, Linear):
        zeros = full(shape=shape, value=0, dtype=ct.dtype)
        ct_x = dynamic_update_slice(ct, zeros, *starts)
    if isinstance(update, Linear):
        ct_update = dynamic_slice(ct, *starts, sizes=shape)
    return (ct_x, ct_update, *nothing)


def _update_batch(
    inputs: tuple[Any, ...], axes: tuple[int | None, ...], size: int
) -> tuple[tuple[Any], tuple[int]]:
    x, update = (batched(inputs[i], axes[i], size) for i in (0, 1))
    starts, start_axes = inputs[2:], axes[2:]
    if all(axis is None for axis in start_axes):
        return (dynamic_update_slice(x, update, _zero_start(starts), *starts),), (0,)
    indices = _index_vectors(starts, start_axes, size)
    dims = _batching_dims(len(starts))
    return (scatter(x, indices, update, kind="set", mode="clip", **dims),), (0,)


dynamic_update_slice_p = Primitive(
    name="dynamic_update_slice",
    type=_update_type,
    numpy=_update_numpy,
    jvp=_update_jvp,
    transpose=_update_transpose,
    batch=_update_batch,
    lower=lambda b, x, update, *starts: (b.dynamic_update_slice(x, update, starts),),
)


def dynamic_update_slice(x: Any, update: Any, *starts: Any) -> Any:
    """``x`` with the part at ``starts`` replaced by ``update``; starts as in `dynamic_slice`."""
    starts = as_operands("dynamic_update_slice", *starts) if starts else ()
    return bind(dynamic_update_slice_p, x, update, *starts)[0]


# take: a composite of gather ---------------------------------------------------------------------


def take(x: Any, indices: Any, *, axis: int, mode: str = "clip") -> Any:
    """Elements of ``x`` along ``axis``: the axis is replaced by the axes of ``indices``.

    Args:
        x: an array.
        indices: an array of integers, of any rank.
        axis: an axis of ``x``, counted from 0.
        mode: what an index outside of ``[0, n)`` means: ``"clip"`` the nearest element, ``"wrap"``
            the index modulo ``n``, ``"fill"`` NaN (floats), the least (signed) or the greatest
            (unsigned) integer, or True.

    Raises:
        FnxTypeError: for an unknown mode, or if the axis is empty.
    """
    if mode not in ("clip", "wrap", "fill"):
        fail("take", f"mode must be 'clip', 'wrap' or 'fill', got {mode!r}")
    (axis,) = integers("take", "axis", (axis,))
    shape, places = x.shape, aval_of(indices).shape
    if not 0 <= axis < len(shape):
        fail("take", f"axis must be in range(0, {len(shape)}), got {axis}")
    if is_scalar(indices):
        indices = broadcast_in_dim(indices, shape=(), dimensions=())
    if mode == "wrap":
        indices = _wrapped(indices, shape[axis])
    before, after = range(axis), range(axis + len(places), len(shape) - 1 + len(places))
    out = gather(
        x,
        reshape(indices, shape=(*places, 1)),
        slice_sizes=(*shape[:axis], 1, *shape[axis + 1 :]),
        start_index_map=(axis,),
        collapsed_slice_dims=(axis,),
        offset_dims=(*before, *after),
    )
    if mode != "fill":
        return out
    last = min(shape[axis] - 1, int(np.iinfo(indices.dtype).max))
    inside = and_(ge(indices, 0), le(indices, last))
    dimensions = tuple(range(axis, axis + len(places)))
    inside = broadcast_in_dim(inside, shape=out.shape, dimensions=dimensions)
    return select(inside, out, _missing(out.dtype))


def _wrapped(indices: Any, n: int) -> Any:
    if n > np.iinfo(indices.dtype).max:  # no index reaches the end; negative ones may begin there
        fail("take", f"mode 'wrap' needs an index dtype that holds {n}, got {indices.dtype}")
    rest = rem(indices, n)  # has the sign of the index
    if indices.dtype in UNSIGNED:
        return rest
    return select(lt(rest, 0), add(rest, n), rest)


def _missing(dtype: np.dtype) -> Any:
    if dtype in FLOATS:
        return dtype.type(np.nan)
    if dtype in INTS:
        info = np.iinfo(dtype)
        return dtype.type(info.max if dtype in UNSIGNED else info.min)
    return np.True_
