"""Join, split, repeat and reorder along axes. No element is computed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.core.array import Array, wrap
from fnx.core.avals import Aval
from fnx.core.trace import Tracer
from fnx.numpy.promotion import (
    ArrayLike,
    as_owned,
    broadcast_operand,
    canonical_axes,
    canonical_axis,
    promote,
    type_error,
    value_error,
)
from fnx.numpy.shaping import Axis, atleast_1d, atleast_2d, expand_dims, ravel, reshape, squeeze
from fnx.numpy.sizes import as_count, as_shape
from fnx.ops import indexing
from fnx.ops import shape as ops
from fnx.ops.checks import unknown_size


def concat(arrays: Sequence[ArrayLike], /, *, axis: int | None = 0) -> Array:
    """The arrays one after the other along an axis; flattened, if ``axis`` is None. Promotes."""
    xs = _promoted_arrays("concat", arrays)
    if axis is None:
        xs, axis = [ravel(x) for x in xs], 0
    first = xs[0].aval
    position = canonical_axis(axis, first.ndim, "concat")
    for x in xs:
        sizes = list(x.aval.shape)
        if len(sizes) == first.ndim:
            sizes[position] = first.shape[position]
        if tuple(sizes) != first.shape:
            raise value_error(
                f"concatenate: shapes must agree except along axis {position}, "
                f"got {first} and {x.aval}.",
                _other_axis(first, x.aval),
            )
    return xs[0] if len(xs) == 1 else ops.concatenate(*xs, dimension=position)


def _other_axis(a: Aval, b: Aval) -> str:
    """The axis along which two arrays can be joined, if there is one."""
    differing = [i for i, (m, n) in enumerate(zip(a.shape, b.shape, strict=False)) if m != n]
    if a.ndim == b.ndim and len(differing) == 1:
        return f"They can be joined along axis={differing[0]}."
    return "Reshape or broadcast one of them first; stack makes a new axis."


def _promoted_arrays(name: str, arrays: Any) -> list[Any]:
    xs = [as_owned(x, name) for x in arrays]
    if not xs:
        raise value_error(f"{name}: at least one array is needed.")
    return promote(name, *xs)


def concatenate(arrays: Sequence[ArrayLike], axis: int | None = 0) -> Array:
    """The same as `concat`."""
    return concat(arrays, axis=axis)


def stack(arrays: Sequence[ArrayLike], /, axis: int = 0) -> Array:
    """Arrays of one shape along a new axis. Promotes."""
    xs = _promoted_arrays("stack", arrays)
    for x in xs:
        if x.aval.shape != xs[0].aval.shape:
            raise value_error(
                f"stack: shapes must be equal, got {xs[0].aval} and {x.aval}.",
                "Write concatenate to join along an axis that exists, or pad the shorter one.",
            )
    position = canonical_axis(axis, xs[0].aval.ndim + 1, "stack")
    return concat([expand_dims(x, position) for x in xs], axis=position)


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The slices of the array along an axis."""
    x = as_owned(x, "unstack")
    if not x.aval.ndim:
        raise value_error("unstack: an array of rank 0 has no axis.")
    position = canonical_axis(axis, x.aval.ndim, "unstack")
    pieces = split(x, max(x.aval.shape[position], 1), axis=position)
    return tuple(squeeze(p, position) for p in pieces) if x.aval.shape[position] else ()


def split(x: ArrayLike, sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """Pieces along an axis: equally many equal ones, or cut at these positions.

    Raises:
        FnxValueError: if the axis cannot be cut into so many equal pieces.
    """
    x = as_owned(x, "split")
    position = canonical_axis(axis, x.aval.ndim, "split")
    size = x.aval.shape[position]
    if not isinstance(sections, Sequence):
        sections = as_count(sections, "split")
    if isinstance(sections, Sequence):
        cuts = [0, *(c.__index__() for c in sections), size]
    elif sections < 1 or size % sections:
        raise value_error(
            f"split: axis {position} of {x.aval} does not divide into {sections} equal pieces.",
            "Write array_split for pieces of different sizes.",
        )
    else:
        cuts = list(range(0, size + 1, size // sections)) if size else [0] * (sections + 1)
    return [piece(x, position, a, b) for a, b in itertools.pairwise(cuts)]


def array_split(x: ArrayLike, sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """Like `split`; the first pieces are larger by one if the axis does not divide."""
    x = as_owned(x, "array_split")
    if isinstance(sections, Sequence):
        return split(x, sections, axis)
    sections = as_count(sections, "array_split")
    size = x.aval.shape[canonical_axis(axis, x.aval.ndim, "array_split")]
    each, more = divmod(size, sections)
    cuts = [i * each + min(i, more) for i in range(1, sections)]
    return split(x, cuts, axis)


def piece(x: Any, axis: int, start: int, limit: int) -> Any:
    """``x[start:limit]`` along an axis."""
    sizes = x.aval.shape
    start, limit, _ = slice(start, limit).indices(sizes[axis])
    starts = tuple(start if a == axis else 0 for a in range(len(sizes)))
    limits = tuple(max(start, limit) if a == axis else n for a, n in enumerate(sizes))
    return ops.slice(x, start=starts, limit=limits, strides=(1,) * len(sizes))


def flip(x: ArrayLike, /, axis: Axis | None = None) -> Array:
    """The elements in reverse order along axes (all, if None)."""
    x = as_owned(x, "flip")
    axes = canonical_axes(axis, x.aval.ndim, "flip")
    return ops.reverse(x, dimensions=axes) if axes else x


def roll(x: ArrayLike, /, shift: int | Sequence[int], axis: Axis | None = None) -> Array:
    """The elements moved along axes; what leaves at the end enters at the start."""
    x = as_owned(x, "roll")
    if axis is None:
        if not isinstance(shift, int):
            raise type_error("roll: several shifts need as many axes.")
        return reshape(_rolled(ravel(x), shift, 0), x.aval.shape)
    axes = axis if isinstance(axis, Sequence) else (axis,)
    shifts = shift if isinstance(shift, Sequence) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise value_error(f"roll: {len(shifts)} shifts for {len(axes)} axes.")
    for amount, a in zip(shifts, axes, strict=True):
        x = _rolled(x, amount, canonical_axis(a, x.aval.ndim, "roll"))
    return x


def _rolled(x: Any, shift: int, axis: int) -> Any:
    size = x.aval.shape[axis]
    cut = -shift % size if size else 0
    if not cut:
        return x
    return concat([piece(x, axis, cut, size), piece(x, axis, 0, cut)], axis=axis)


def tile(x: ArrayLike, repetitions: int | Sequence[int], /) -> Array:
    """The whole array repeated along each axis."""
    x = as_owned(x, "tile")
    times = as_shape(repetitions, "tile")
    ndim = max(len(times), x.aval.ndim)
    times = (1,) * (ndim - len(times)) + times
    sizes = (1,) * (ndim - x.aval.ndim) + x.aval.shape
    pairs = tuple(n for pair in zip(times, sizes, strict=True) for n in pair)  # (t0, n0, t1, n1)
    spread = tuple(n for size in sizes for n in (1, size))
    repeated = broadcast_operand(reshape(x, spread), pairs)
    return reshape(repeated, tuple(t * n for t, n in zip(times, sizes, strict=True)))


def vstack(arrays: Sequence[ArrayLike]) -> Array:
    """The arrays below each other: concatenated along the first axis, vectors as rows."""
    return concat([atleast_2d(x) for x in arrays], axis=0)


def hstack(arrays: Sequence[ArrayLike]) -> Array:
    """The arrays beside each other: concatenated along the second axis, or the only one."""
    xs = [atleast_1d(x) for x in arrays]
    return concat(xs, axis=min(xs[0].aval.ndim - 1, 1) if xs else 0)


def repeat(
    x: ArrayLike,
    repeats: int | Sequence[int],
    /,
    axis: int | None = None,
    *,
    total_repeat_length: int | None = None,
) -> Array:
    """Each element repeated along an axis (of all in order, if None).

    Args:
        x: the array.
        repeats: how many times: one int, or one for each element along the axis.
        axis: the axis along which to repeat.
        total_repeat_length: the size of the result along the axis, if that must be checked.
    """
    x = as_owned(x, "repeat")
    x, axis = (ravel(x), 0) if axis is None else (x, axis)
    position = canonical_axis(axis, x.aval.ndim, "repeat")
    sizes = x.aval.shape
    if isinstance(repeats, Tracer) and not repeats.aval.shape:
        repeats = as_count(repeats, "repeat")
    if isinstance(repeats, int):
        (times,) = as_shape(repeats, "repeat")
        spread = (*sizes[: position + 1], times, *sizes[position + 1 :])
        repeated = broadcast_operand(expand_dims(x, position + 1), spread)
        result = reshape(
            repeated, (*sizes[:position], sizes[position] * times, *sizes[position + 1 :])
        )
    else:
        if isinstance(repeats, Tracer) and repeats._value is None:
            raise unknown_size("repeat", f"{repeats!r}")
        places = np.repeat(np.arange(sizes[position], dtype=np.int32), np.asarray(repeats, np.intp))
        nothing = piece(x, position, 0, 0)
        result = indexing.take(x, wrap(places), axis=position) if places.size else nothing
    if total_repeat_length not in (None, result.aval.shape[position]):
        raise value_error(
            f"repeat: {result.aval.shape[position]} elements are not {total_repeat_length}."
        )
    return result
