"""``x.at[index].set(y)`` and the like: copies of an array with some elements changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnx.core.array import Array
from fnx.core.dtypes import BOOL
from fnx.core.sources import current_source
from fnx.core.trace import Tracer
from fnx.core.tracebacks import guard_methods
from fnx.errors import FnxAttributeError
from fnx.numpy.arithmetic import divide, power, subtract
from fnx.numpy.combining import COMBINE, combined
from fnx.numpy.conversion import astype
from fnx.numpy.index_plan import Plan, plan_index
from fnx.numpy.indexing import (
    getitem,
    index_vectors,
    region,
    reshaped,
    window_dims,
)
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    shape_text,
    type_error,
    value_error,
)
from fnx.numpy.selection import where
from fnx.numpy.shaping import broadcast_to
from fnx.ops import comparison, gather, indexing
from fnx.ops import shape as ops


@guard_methods
class At:
    """``x.at``: index it, then say what to do: ``x.at[index].add(y)``."""

    __slots__ = ("_array",)

    def __init__(self, array: Any) -> None:
        self._array = array

    def __getitem__(self, index: Any) -> IndexedAt:
        return IndexedAt(self._array, index)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise FnxAttributeError(
            f"x.at.{name}: expected an index between, x.at[index].{name}.",
            source=current_source(),
            hint=f"Write x.at[:].{name}(...) for all elements; x is {self._array.aval}.",
        )

    def __repr__(self) -> str:
        return f"At({self._array!r})"


@guard_methods
class IndexedAt:
    """``x.at[index]``. Each method returns a copy of ``x``, changed where the index says.

    ``y`` broadcasts to the shape of ``x[index]`` and takes the dtype of ``x``. An element that the
    index names twice is changed twice; of several values to `set` the last one stays. Traced
    indices out of range change nothing.
    """

    __slots__ = ("_array", "_index")

    def __init__(self, array: Any, index: Any) -> None:
        self._array = array
        self._index = index

    def __repr__(self) -> str:
        return f"IndexedAt({self._array!r}, {self._index!r})"

    def get(self) -> Array:
        """``x[index]``."""
        return getitem(self._array, self._index)

    def set(self, y: ArrayLike) -> Array:
        """Replace elements by ``y``."""
        return self._changed("set", y)

    def add(self, y: ArrayLike) -> Array:
        """Add ``y`` to elements."""
        return self._changed("add", y)

    def subtract(self, y: ArrayLike) -> Array:
        """Subtract ``y`` from elements."""
        return self._changed("add", _negated(y))

    def multiply(self, y: ArrayLike) -> Array:
        """Multiply elements by ``y``."""
        return self._changed("multiply", y)

    mul = multiply

    def divide(self, y: ArrayLike) -> Array:
        """Divide elements by ``y``; the array must be one of floats."""
        return self._changed("multiply", divide(1.0, y))

    def power(self, y: ArrayLike) -> Array:
        """Raise elements to the power ``y``; an element named twice is raised once."""
        return self.set(power(self.get(), y))

    def min(self, y: ArrayLike) -> Array:
        """Replace elements by ``y`` where that is smaller."""
        return self._changed("min", y)

    def max(self, y: ArrayLike) -> Array:
        """Replace elements by ``y`` where that is larger."""
        return self._changed("max", y)

    def apply(self, function: Any) -> Array:
        """Replace elements by ``function(elements)``; one named twice is replaced once."""
        return self.set(function(self.get()))

    def _changed(self, kind: str, y: ArrayLike) -> Array:
        x, index = self._array, self._index
        y = _as_update(x, y)
        if _is_mask(index, x):
            return _changed_by_mask(x, index, y, kind)
        plan = plan_index(x, index)
        y = _spread(y, plan.shape, kind)
        return scattered(x, plan, y, kind) if plan.arrays else sliced(x, plan, y, kind)


def _negated(y: ArrayLike) -> Any:
    return subtract(0, y)


def _as_update(x: Any, y: ArrayLike) -> Any:
    y = as_array(as_operand(y, "x.at[index]"))
    return astype(y, x.aval.dtype)


def _is_mask(index: Any, x: Any) -> bool:
    """Whether the index is one mask of the whole array: then nothing needs to be counted."""
    is_array = isinstance(index, Array | Tracer | np.ndarray)
    return is_array and index.dtype == BOOL and index.shape == x.aval.shape


def _spread(y: Any, sizes: tuple[int, ...], kind: str) -> Any:
    """``y`` in the shape of ``x[index]``."""
    own = y.aval.shape
    if len(own) > len(sizes) or any(
        n not in (1, m) for n, m in zip(reversed(own), reversed(sizes), strict=False)
    ):
        raise value_error(
            f"x.at[index].{kind}(y): expected a y that broadcasts to the shape of x[index], "
            f"{shape_text(sizes)}, got {y.aval}.",
            "Choose other elements, as in x.at[:, 0], or insert axes with y[:, None].",
        )
    return broadcast_to(y, sizes)


def _changed_by_mask(x: Any, mask: Any, y: Any, kind: str) -> Any:
    if y.aval.shape:
        raise type_error(
            f"x.at[mask].{kind}(y): y must be a number, got {y.aval}.",
            "Write fnx.numpy.where(mask, y, x) for a y of the shape of x.",
        )
    return where(mask, y if kind == "set" else COMBINE[kind](x, y), x)


def scattered(x: Any, plan: Plan, y: Any, kind: str) -> Any:
    """``x`` changed at the places of a plan with index arrays."""
    part = region(x, plan)
    if not part.aval.size or not y.aval.size:
        return x
    dims = window_dims(part, plan)
    windows = [n for axis, n in enumerate(part.aval.shape) if axis not in plan.picked]
    sizes = (*windows[: plan.position], *plan.pick_shape, *windows[plan.position :])
    y = reshaped(y, sizes)
    if kind in ("set", "add"):
        indices = index_vectors(part, plan)
        changed = gather.scatter(part, indices, y, kind=kind, mode="drop", **dims)
    else:
        changed = combined(part, plan, y, kind)
    return changed if _is_whole(x, plan) else _put_back(x, plan, changed)


def sliced(x: Any, plan: Plan, y: Any, kind: str) -> Any:
    """``x`` changed at the places of a plan without index arrays."""
    part = tuple(n for axis, n in enumerate(_spans(plan)) if axis not in plan.dropped)
    y = reshaped(y, part)
    if kind == "set":
        return _put_back(x, plan, y)
    return _put_back(x, plan, COMBINE[kind](region(x, plan), y))


def _spans(plan: Plan) -> tuple[int, ...]:
    return tuple(span.count for span in plan.spans)


def _is_whole(x: Any, plan: Plan) -> bool:
    is_forward = not any(span.backwards for span in plan.spans)
    return is_forward and not plan.dropped and _spans(plan) == x.aval.shape


def _put_back(x: Any, plan: Plan, part: Any) -> Any:
    """``x`` with its region replaced: the inverse of `region`."""
    sizes = _spans(plan)
    part = reshaped(part, sizes)
    backwards = tuple(axis for axis, span in enumerate(plan.spans) if span.backwards)
    if backwards:
        part = ops.reverse(part, dimensions=backwards)
    if sizes == x.aval.shape:
        return part
    if 0 in sizes:
        return x
    if all(span.step == 1 or span.count == 1 for span in plan.spans):
        starts = [np.int32(span.start) for span in plan.spans]
        return indexing.dynamic_update_slice(x, part, *starts)
    return _put_back_strided(x, plan, part)


def _put_back_strided(x: Any, plan: Plan, part: Any) -> Any:
    steps = [span.step if span.count > 1 else 1 for span in plan.spans]
    ends = [s.start + (s.count - 1) * step + 1 for s, step in zip(plan.spans, steps, strict=True)]
    spread = ops.pad(
        part,
        part.aval.dtype.type(0),
        low=tuple(span.start for span in plan.spans),
        high=tuple(n - end for n, end in zip(x.aval.shape, ends, strict=True)),
        interior=tuple(step - 1 for step in steps),
    )
    mask = np.zeros(x.aval.shape, bool)
    mask[tuple(slice(s.start, s.stop, s.step) for s in plan.spans)] = True
    return comparison.select(mask, spread, x)
