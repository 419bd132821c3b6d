"""`plan_index` takes an index of ``x[index]`` apart: what is sliced, dropped, reversed and picked.

Static ints out of range raise; what arrays of indices hold is looked at when they are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fnx.core.array import Array, wrap
from fnx.core.dtypes import BOOL, BOOLS, INTS
from fnx.core.sources import current_source
from fnx.core.trace import Tracer
from fnx.errors import AbstractValueError, FnxIndexError
from fnx.numpy.promotion import (
    as_array,
    as_operand,
    broadcast_operand,
    broadcast_shapes,
    describe,
    shape_text,
    type_error,
    value_error,
)

_ABSTRACT_MASK = (
    "Write fnx.numpy.where(mask, x, other) to choose values, x.at[mask].set(value) to change\n"
    "them, or fnx.numpy.sum(x, where=mask) and the like to leave elements out."
)


@dataclass(frozen=True, slots=True)
class Span:
    """``start:stop:step`` of an axis, ``step > 0``, taken backwards if ``backwards``."""

    start: int
    stop: int
    step: int = 1
    backwards: bool = False

    @property
    def count(self) -> int:
        """How many elements it takes."""
        return len(range(self.start, self.stop, self.step))


@dataclass(frozen=True, slots=True)
class Plan:
    """An index taken apart.

    Attributes:
        spans: for each axis of the array, what is sliced of it; the whole where it is picked.
        dropped: the axes indexed by a static int, of size 1 after slicing.
        picked: the axes indexed by integer arrays, counted without the dropped ones.
        arrays: these arrays, broadcast to ``pick_shape``.
        pick_shape: their shape.
        position: where their axes stand among the axes that are left.
        shape: the shape of the result, with the new axes.
    """

    spans: tuple[Span, ...]
    dropped: tuple[int, ...]
    picked: tuple[int, ...]
    arrays: tuple[Any, ...]
    pick_shape: tuple[int, ...]
    position: int
    shape: tuple[int, ...]


_INTEGERS = "Write n // 2 for n / 2, int(x) for a number, x.astype('int32') for an array."


_NO_NAMES = (
    "Only dicts have names and only lists take lists: x[0, 1] or x[fnx.numpy.asarray([0, 1])]."
)


def _index_error(message: str, hint: str = "") -> FnxIndexError:
    """The error to raise, with the user's line."""
    return FnxIndexError(message, source=current_source(), hint=hint)


def plan_index(x: Any, index: Any) -> Plan:
    """Take an index of ``x`` apart.

    Raises:
        FnxIndexError: for too many indices, and for static ints out of range.
        FnxTypeError: for what is no index, and for boolean masks whose elements are not known.
    """
    entries = _expanded(x, index)
    has_arrays = any(isinstance(entry, Array | Tracer) for entry in entries)
    axis = 0
    spans: list[Span] = []
    for entry in entries:
        if entry is None:
            continue
        size = x.aval.shape[axis]
        if type(entry) is int:
            start = _in_range(x, entry, axis)
            spans.append(Span(0, size) if has_arrays else Span(start, start + 1))
        else:
            spans.append(_span(entry, size) if isinstance(entry, slice) else Span(0, size))
        axis += 1
    if has_arrays:
        return _plan_with_arrays(x, entries, tuple(spans))
    return _plan_of_slices(entries, tuple(spans))


def _plan_of_slices(entries: list[Any], spans: tuple[Span, ...]) -> Plan:
    axis, dropped, shape = 0, [], []
    for entry in entries:
        if entry is None:
            shape.append(1)
            continue
        if type(entry) is int:
            dropped.append(axis)
        else:
            shape.append(spans[axis].count)
        axis += 1
    return Plan(spans, tuple(dropped), (), (), (), 0, tuple(shape))


def _plan_with_arrays(x: Any, entries: list[Any], spans: tuple[Span, ...]) -> Plan:
    places = [i for i, entry in enumerate(entries) if not _is_sliced(entry)]
    is_adjacent = places[-1] - places[0] == len(places) - 1
    indices = [entries[i] for i in places]
    picks = [as_array(np.int32(i) if type(i) is int else i) for i in indices]
    sizes = broadcast_shapes(*[p.aval.shape for p in picks], name="x[index]")
    axis, position, picked, before, after = 0, 0, [], [], []
    for place, entry in enumerate(entries):
        if place in places:
            picked.append(axis)
        else:
            in_front = is_adjacent and place < places[0]
            (before if in_front else after).append(1 if entry is None else spans[axis].count)
            position += in_front and entry is not None
        axis += entry is not None
    arrays = tuple([_spread(p, sizes) for p in picks])
    shape = (*before, *sizes, *after)
    return Plan(spans, (), tuple(picked), arrays, sizes, position, shape)


def _spread(indices: Any, sizes: tuple[int, ...]) -> Any:
    if type(indices) is Array:  # known: no operation of the program
        return wrap(np.broadcast_to(indices._buffer, sizes))
    return broadcast_operand(indices, sizes)


def _is_sliced(entry: Any) -> bool:
    return entry is None or isinstance(entry, slice)


def _expanded(x: Any, index: Any) -> list[Any]:
    """The entries of an index: None, slices, ints, integer arrays; one per axis besides None."""
    entries = [_entry(entry) for entry in (index if isinstance(index, tuple) else (index,))]
    ndim, count = x.aval.ndim, sum(map(_axes_of, entries))
    if count > ndim:
        raise _index_error(
            f"x[index]: expected at most {ndim} indices for {x.aval}, got {count}.",
            "Leave some out, or index the result again; x[None] makes a new axis.",
        )
    dots = [i for i, entry in enumerate(entries) if entry is ...]
    if len(dots) > 1:
        raise _index_error(
            f"x[index]: an index has at most one ellipsis (...), got {len(dots)} for {x.aval}.",
            "Write : for the axes between, one for each.",
        )
    place = dots[0] if dots else len(entries)
    entries[place : place + len(dots)] = [slice(None)] * (ndim - count)
    result: list[Any] = []
    axis = 0
    for entry in entries:
        is_mask = isinstance(entry, Array | Tracer) and entry.aval.dtype == BOOL
        result.extend(_positions(x, entry, axis) if is_mask else [entry])
        axis += _axes_of(entry)
    return result


def _axes_of(entry: Any) -> int:
    """How many axes of the array an entry stands for."""
    if isinstance(entry, Array | Tracer) and entry.aval.dtype == BOOL:
        return len(entry.aval.shape)
    return int(entry is not None and entry is not ...)


def _entry(entry: Any) -> Any:
    """One entry of an index: None, ..., a slice, an int, or an array of integers or bools."""
    if entry is None or entry is ... or type(entry) is int or isinstance(entry, slice):
        return entry
    if isinstance(entry, int | np.integer) and not isinstance(entry, bool):
        return int(entry)
    if isinstance(entry, list):
        entry = np.asarray(entry, np.int32 if not entry else None)
    if isinstance(entry, float | str | tuple):
        raise type_error(
            f"x[index]: indices are ints, slices and arrays, got {describe(entry)}.",
            _INTEGERS if isinstance(entry, float) else _NO_NAMES,
        )
    array = as_array(as_operand(entry, "x[index]"))
    if array.aval.dtype == BOOL and not array.aval.shape:
        raise type_error("x[index]: a bool is no index.", "Write x[None] for a new axis.")
    if array.aval.dtype not in INTS | BOOLS:
        raise type_error(
            f"x[index]: an array of indices holds integers, got {array.aval}.", _INTEGERS
        )
    is_number = not array.aval.shape and isinstance(array, Array)
    return int(array) if is_number else array


def _positions(x: Any, mask: Any, axis: int) -> list[Any]:
    """The coordinates of the true elements of a mask, one array for each axis of it."""
    shape = x.aval.shape[axis : axis + mask.aval.ndim]
    if mask.aval.shape != shape:
        raise _index_error(
            f"x[mask]: the mask's shape {shape_text(mask.aval.shape)} is not that of the axes that "
            f"it stands for, {shape_text(shape)} of {x.aval}.",
            "A mask needs one element for each of x; an array of integers can be shorter.",
        )
    if isinstance(mask, Tracer) and mask._value is None:
        raise AbstractValueError(
            f"x[mask]: how many elements of the mask are true is not known while tracing "
            f"({mask.aval}): the shape of the result would depend on values.",
            source=current_source(),
            hint=_ABSTRACT_MASK,
        )
    return [wrap(np.asarray(places)) for places in np.nonzero(np.asarray(mask))]


def _bounds(entry: slice) -> str:
    parts = (entry.start, entry.stop, entry.step)
    return "x[" + ":".join("" if part is None else repr(part) for part in parts) + "]"


def _in_range(x: Any, i: int, axis: int) -> int:
    size = x.aval.shape[axis]
    if not -size <= i < size:
        allowed = f"expected an int from {-size} to {size - 1}" if size else "it has no elements"
        raise _index_error(
            f"x[index]: {i} is out of range for axis {axis} of {x.aval}: {allowed}.",
            "Indices count from 0, negative ones from the end; x[i : i + 1] is empty where x[i]\n"
            "does not exist, and fnx.numpy.take(x, i) takes the nearest element.",
        )
    return i % size


def _span(entry: slice, size: int) -> Span:
    try:
        start, stop, step = entry.indices(size)
    except AbstractValueError:
        raise AbstractValueError(
            f"x[start:stop]: the bounds of a slice must be known, got {_bounds(entry)}.",
            source=current_source(),
            hint="The size of the result must be static: fnx.lax.dynamic_slice(x, (start,),\n"
            "(size,)) takes traced starts. Or keep all, and leave out what is too much by a mask:\n"
            "fnx.numpy.where(fnx.numpy.arange(len(x)) < stop, x, 0).",
        ) from None
    except TypeError:
        message = f"x[start:stop]: expected ints, got {_bounds(entry)}."
        raise type_error(message, "Write n // 2 for n / 2, int(x) for a number.") from None
    except ValueError:
        message = f"x[start:stop:step]: the step must not be 0, got {_bounds(entry)}."
        raise value_error(message, "Write x[::-1] for the reverse, x[:0] for nothing.") from None
    count = len(range(start, stop, step))
    if step > 0 or not count:
        return Span(start, max(start, stop), max(step, 1)) if count else Span(0, 0)
    last = start + (count - 1) * step  # backwards: the same elements counted from the other end
    return Span(last, start + 1, -step, True)
