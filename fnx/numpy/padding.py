"""Pad: elements added at the edges of an array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fnx.core.array import Array
from fnx.numpy.conversion import astype
from fnx.numpy.joining import concat, flip, piece
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    as_owned,
    broadcast_operand,
    value_error,
)
from fnx.ops import shape as ops

Widths = list[tuple[int, int]]


def pad(
    x: ArrayLike,
    pad_width: int | Sequence[int] | Sequence[Sequence[int]],
    mode: str = "constant",
    *,
    constant_values: ArrayLike = 0,
) -> Array:
    """The array with elements added at the edges.

    Args:
        x: the array.
        pad_width: ``n``, ``(before, after)``, or one such pair for each axis.
        mode: "constant", "edge" (the last element repeated), "reflect" (mirrored at the last
            element), "symmetric" (mirrored behind it) or "wrap" (from the other end).
        constant_values: the number to add in mode "constant".

    Raises:
        FnxValueError: for an unknown mode, for widths that do not fit the array, and where there is
            nothing to repeat.

    >>> import fnx.numpy as fnp
    >>> fnp.pad(fnp.arange(3), (0, 2), "reflect")
    Array([0, 1, 2, 1, 0], dtype=int32)
    """
    x = as_owned(x, "pad")
    widths = _widths(pad_width, x.aval)
    if mode == "constant":
        value = astype(as_array(as_operand(constant_values, "pad")), x.aval.dtype)
        low, high = zip(*widths, strict=True) if widths else ((), ())
        return ops.pad(x, value, low=low, high=high, interior=(0,) * len(widths))
    if mode not in _MODES:
        raise value_error(f"pad: mode is 'constant' or one of {sorted(_MODES)}, got {mode!r}.")
    for axis, (before, after) in enumerate(widths):
        if before or after:
            x = _extended(x, axis, before, after, mode)
    return x


def _widths(pad_width: Any, aval: Any) -> Widths:
    ndim = aval.ndim
    if isinstance(pad_width, int):
        widths = [(pad_width, pad_width)] * ndim
    elif all(isinstance(n, int) for n in pad_width):
        pair = tuple(pad_width) * (2 if len(pad_width) == 1 else 1)
        widths = [pair] * ndim
    else:
        widths = [tuple(pair) for pair in pad_width]
        widths *= ndim if len(widths) == 1 else 1
    fits = len(widths) == ndim and all(len(w) == 2 and min(w) >= 0 for w in widths)
    if not fits:
        raise value_error(
            f"pad: widths {pad_width} do not fit {aval}: expected (before, after), not negative, "
            "for each axis.",
            f"Write {ndim} pairs, (0, 0) for an axis that stays; one pair or number is for all.",
        )
    return widths


def _extended(x: Any, axis: int, before: int, after: int, mode: str) -> Any:
    make, most = _MODES[mode]
    while before or after:  # more than the array has takes several rounds
        size = x.aval.shape[axis]
        room = most(size)
        if room <= 0:
            message = f"pad: mode {mode!r} has nothing to repeat along axis {axis} ({x.aval})."
            raise value_error(message)
        low, high = min(before, room), min(after, room)
        x = concat([*make(x, axis, low, True), x, *make(x, axis, high, False)], axis=axis)
        before, after = before - low, after - high
    return x


def _edge(x: Any, axis: int, count: int, at_start: bool) -> list[Any]:
    size = x.aval.shape[axis]
    last = piece(x, axis, 0, 1) if at_start else piece(x, axis, size - 1, size)
    sizes = (*x.aval.shape[:axis], count, *x.aval.shape[axis + 1 :])
    return [broadcast_operand(last, sizes)]


def _mirrored(x: Any, axis: int, count: int, at_start: bool, skip: int) -> list[Any]:
    size = x.aval.shape[axis]
    first = skip if at_start else size - skip - count
    return [flip(piece(x, axis, first, first + count), axis=axis)]


def _wrapped(x: Any, axis: int, count: int, at_start: bool) -> list[Any]:
    size = x.aval.shape[axis]
    return [piece(x, axis, size - count, size) if at_start else piece(x, axis, 0, count)]


# For each mode: what to put at an end, and how much of it an axis of some size has.
_MODES: dict[str, tuple[Any, Any]] = {
    "edge": (_edge, lambda size: 2**62 if size else 0),
    "reflect": (lambda *args: _mirrored(*args, skip=1), lambda size: size - 1),
    "symmetric": (lambda *args: _mirrored(*args, skip=0), lambda size: size),
    "wrap": (_wrapped, lambda size: size),
}
