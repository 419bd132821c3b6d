"""Multiply, minimum and maximum at index arrays, where an index may occur more than once.

The scatter primitive adds and sets; neither tells what several products or minima make of one
element. Where the indices are known, they are applied in rounds in which each occurs once. Where
they are traced, every element is combined with all updates, a neutral number in place of those
of other elements: more work, which the compiler fuses into one loop.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from fnx.core.array import wrap
from fnx.numpy.arithmetic import add, maximum, minimum, multiply
from fnx.numpy.index_plan import Plan
from fnx.numpy.indexing import index_vectors, known_index_vectors, window_dims
from fnx.numpy.joining import piece
from fnx.numpy.logic import equal, logical_and
from fnx.numpy.reductions import max as max_over
from fnx.numpy.reductions import min as min_over
from fnx.numpy.reductions import prod as product_over
from fnx.numpy.selection import where
from fnx.numpy.shaping import moveaxis, reshape
from fnx.ops import creation, gather, indexing
from fnx.ops.precision import highest, lowest

COMBINE = {"add": add, "multiply": multiply, "min": minimum, "max": maximum}


def combined(x: Any, plan: Plan, y: Any, kind: str) -> Any:
    """``x`` with the updates ``y`` combined into the elements that the plan picks.

    Args:
        x: the array, sliced already.
        plan: picks from it.
        y: updates of the shape of what is picked.
        kind: "multiply", "min" or "max".
    """
    position, count = plan.position, math.prod(plan.pick_shape)
    rank = len(plan.pick_shape)
    sizes = (*y.aval.shape[:position], count, *y.aval.shape[position + rank :])
    arrays = tuple([reshape(array, (count,)) for array in plan.arrays])
    flat = dataclasses.replace(plan, arrays=arrays, pick_shape=(count,))
    y = reshape(y, sizes)
    known = known_index_vectors(x, plan)
    if known is None:
        return _against_all(x, flat, y, kind)
    for rows in _rounds(known.reshape(count, len(plan.picked))):
        x = _one_round(x, flat, y, kind, rows, known.reshape(count, -1))
    return x


def _rounds(vectors: np.ndarray) -> list[np.ndarray]:
    """The rows of index vectors in groups in which no vector occurs twice."""
    seen: dict[bytes, int] = {}
    turns = np.empty(len(vectors), np.int64)
    for row, vector in enumerate(vectors):
        turn = seen.get(vector.tobytes(), 0)
        turns[row], seen[vector.tobytes()] = turn, turn + 1
    return [np.flatnonzero(turns == turn) for turn in range(max(seen.values(), default=0))]


def _one_round(x: Any, plan: Plan, y: Any, kind: str, rows: np.ndarray, vectors: np.ndarray) -> Any:
    indices = wrap(vectors[rows])
    dims = window_dims(x, plan)
    sizes = [1 if axis in plan.picked else n for axis, n in enumerate(x.aval.shape)]
    now = gather.gather(x, indices, slice_sizes=sizes, **dims)
    updates = y if len(rows) == len(vectors) else indexing.take(y, wrap(rows), axis=plan.position)
    changed = COMBINE[kind](now, updates)
    return gather.scatter(x, indices, changed, kind="set", mode="drop", **dims)


def _against_all(x: Any, plan: Plan, y: Any, kind: str) -> Any:
    shape = x.aval.shape
    picked_sizes = [shape[axis] for axis in plan.picked]
    windows = [n for axis, n in enumerate(shape) if axis not in plan.picked]
    count = plan.pick_shape[0]
    vectors = index_vectors(x, plan)  # (count, k)
    hits: Any = None
    for i, size in enumerate(picked_sizes):
        column = reshape(piece(vectors, 1, i, i + 1), (count, *[1] * len(picked_sizes)))
        along = tuple(size if j == i else 1 for j in range(len(picked_sizes)))
        places = creation.iota(shape=along, dtype=vectors.aval.dtype, dimension=i)
        hit = equal(column, places)  # (count, ..., size, ...)
        hits = hit if hits is None else logical_and(hits, hit)
    updates = reshape(moveaxis(y, plan.position, 0), (count, *[1] * len(picked_sizes), *windows))
    hits = reshape(hits, (count, *picked_sizes, *[1] * len(windows)))
    neutral = _neutral(kind, x.aval.dtype)
    candidates = where(hits, updates, neutral)  # (count, picked..., windows...)
    if not count:
        return x
    total = _OVER[kind](candidates, axis=0)
    front = tuple(range(len(picked_sizes)))
    return COMBINE[kind](x, moveaxis(total, front, plan.picked))


_OVER: dict[str, Any] = {"multiply": product_over, "min": min_over, "max": max_over}


def _neutral(kind: str, dtype: np.dtype) -> Any:
    if kind == "multiply":
        return dtype.type(1)
    return (highest if kind == "min" else lowest)(dtype)
