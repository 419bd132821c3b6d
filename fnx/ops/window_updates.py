"""Window updates: what `scatter` writes, by NumPy or CuPy, and the size of its windows."""

from __future__ import annotations

from typing import Any

from fnx.ops.precision import in_float32
from fnx.ops.window_indices import Ints, locate, window_axes


def window_sizes(x: Ints, updates: Ints, dims: dict[str, Ints]) -> Ints:
    """Window sizes along each axis of the operand, from the shape of the updates."""
    axes = dict(zip(window_axes(len(x), dims), dims["offset_dims"], strict=False))

    def size(axis: int) -> int:
        if axes.get(axis, len(updates)) < len(updates):
            return updates[axes[axis]]
        return min(1, x[axis]) if axis in dims["operand_batching_dims"] else 1

    return tuple(map(size, range(len(x))))


def scatter_set(xp: Any, x: Any, updates: Any, **where: Any) -> Any:
    """A copy of ``x`` with windows overwritten; ``where`` as of `_places`."""
    out, view, index, values = _places(xp, x, updates, **where)
    view[index] = values  # of equal indices, the last one counts
    return out


@in_float32
def scatter_add(xp: Any, x: Any, updates: Any, **where: Any) -> Any:
    """A copy of ``x`` with the updates added to its windows."""
    out, view, index, values = _places(xp, x, updates, **where)
    xp.add.at(view, index, values)
    return out


def _places(
    xp: Any, x: Any, updates: Any, *, indices: Any, mode: str, dims: dict[str, Ints]
) -> tuple[Any, Any, tuple[Any, ...], Any]:
    """A copy of ``x``, a view of it, and the places in that view where each of the values goes."""
    sizes = window_sizes(x.shape, updates.shape, dims)
    windows = locate(xp, x.shape, indices, sizes, dims, clip=mode == "clip")
    out = xp.array(x, copy=True, order="C")
    view = out[None].transpose(windows.order)
    values = updates.transpose(windows.to_windows)
    index = windows.index
    if windows.inside is not None and not windows.inside.all():
        places = values.shape[: len(windows.inside.shape)]
        inside = xp.broadcast_to(windows.inside, places)
        index = tuple(xp.broadcast_to(i, places)[inside] for i in index)
        values = values[inside]
    return out, view, index, values
