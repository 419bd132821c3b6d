"""The NumPy meaning of indexing by data.

Dynamic slices, gather, and the places that a scatter writes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fnx_xla_lite.hlo.ir import Instruction


def _clamped(
    starts: tuple[np.ndarray, ...], sizes: tuple[int, ...], shape: tuple[int, ...]
) -> list[int]:
    return [
        min(max(int(start), 0), limit - size)
        for start, size, limit in zip(starts, sizes, shape, strict=True)
    ]


def _window(starts: list[int], sizes: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))


def dynamic_slice(instr: Instruction, x: np.ndarray, *starts: np.ndarray) -> np.ndarray:
    """A window whose corner is clamped so that it fits."""
    sizes = tuple(instr.attributes["slice_sizes"])
    return x[_window(_clamped(starts, sizes, x.shape), sizes)]


def dynamic_update_slice(
    _: Instruction, x: np.ndarray, update: np.ndarray, *starts: np.ndarray
) -> np.ndarray:
    """A copy of ``x`` with ``update`` written at the clamped corner."""
    result = x.copy()
    result[_window(_clamped(starts, update.shape, x.shape), update.shape)] = update
    return result


def gather(instr: Instruction, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """One clamped window per index vector; see StableHLO's ``gather``."""
    attrs, out = instr.attributes, instr.result.type
    sizes = tuple(attrs["slice_sizes"])
    batching = tuple(attrs.get("operand_batching_dims", ()))
    index_batching = tuple(attrs.get("start_indices_batching_dims", ()))
    dropped = {*attrs["collapsed_slice_dims"], *batching}
    result = np.empty(out.shape, x.dtype)
    offset_dims = attrs["offset_dims"]
    for place, vector in _index_vectors(indices, attrs["index_vector_dim"]):
        start = _full_index(x.ndim, vector, attrs["start_index_map"])
        _add_batching(start, place, batching, index_batching, attrs["index_vector_dim"])
        clamped = [min(max(s, 0), x.shape[d] - sizes[d]) for d, s in enumerate(start)]
        window = x[_window(clamped, sizes)].reshape(
            [n for d, n in enumerate(sizes) if d not in dropped]
        )
        outer = iter(place)
        target = tuple(
            slice(None) if d in offset_dims else next(outer) for d in range(len(out.shape))
        )
        result[target] = window
    return result


def _index_vectors(indices: np.ndarray, axis: int) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Each batch position of the indices with its index vector."""
    if axis == indices.ndim:
        indices = indices[..., None]
    vectors = np.moveaxis(indices, axis, -1)
    for place in np.ndindex(vectors.shape[:-1]):
        yield place, [int(i) for i in vectors[place]]


def _full_index(rank: int, vector: list[int], axes: tuple[int, ...]) -> list[int]:
    start = [0] * rank
    for axis, index in zip(axes, vector, strict=True):
        start[axis] = index
    return start


def _add_batching(
    start: list[int],
    place: tuple[int, ...],
    batching: tuple[int, ...],
    index_batching: tuple[int, ...],
    index_axis: int,
) -> None:
    """A batching axis of the operand follows a batch axis of the indices."""
    for axis, index_axis_of in zip(batching, index_batching, strict=True):
        start[axis] = place[index_axis_of - (index_axis_of > index_axis)]


def scatter_places(
    instr: Instruction, x: np.ndarray, indices: np.ndarray, updates: np.ndarray
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """(position in the updates, position in the operand) of every element written.

    Those outside are skipped.
    """
    attrs = instr.attributes
    window_dims = tuple(attrs["update_window_dims"])
    batching = tuple(attrs.get("input_batching_dims", ()))
    index_batching = tuple(attrs.get("scatter_indices_batching_dims", ()))
    hidden = {*attrs["inserted_window_dims"], *batching}
    kept = [axis for axis in range(x.ndim) if axis not in hidden]
    scatter_dims = [d for d in range(updates.ndim) if d not in window_dims]
    vectors = dict(_index_vectors(indices, attrs["index_vector_dim"]))
    for position in np.ndindex(updates.shape):
        place = tuple(position[d] for d in scatter_dims)
        target = _full_index(x.ndim, vectors[place], attrs["scatter_dims_to_operand_dims"])
        _add_batching(target, place, batching, index_batching, attrs["index_vector_dim"])
        for axis, d in zip(kept, window_dims, strict=True):
            target[axis] += position[d]
        if all(0 <= i < limit for i, limit in zip(target, x.shape, strict=True)):
            yield position, tuple(target)
