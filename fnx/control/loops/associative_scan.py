"""Associative scan: all prefixes of an associative operation, in logarithmic depth.

Neighbours are combined to pairs, the pairs are scanned, and the prefixes that end between two pairs
are made of the pair before and one element: Blelloch, "Prefix Sums and Their Applications" (1990).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fnx import tree
from fnx.control.loops.bodies import check_callable
from fnx.core.eager import aval_of
from fnx.core.flatten import as_value, name_of
from fnx.core.sources import user_source
from fnx.errors import AxisError, FnxTypeError, FnxValueError
from fnx.ops.joining import concatenate
from fnx.ops.joining import reverse as reversed_along
from fnx.ops.layout import reshape
from fnx.ops.slicing import slice as slice_of

Leaves = list[Any]
Combine = Callable[[Leaves, Leaves], Leaves]


def associative_scan(
    fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """All prefixes ``x0, fn(x0, x1), fn(fn(x0, x1), x2), ...`` along an axis.

    Args:
        fn: associative: ``fn(fn(a, b), c) == fn(a, fn(b, c))``. It is called on parts of ``elems``,
            with many elements along ``axis``, so it must work on each of them by itself.
        elems: a pytree of arrays with equal sizes along ``axis``.
        reverse: whether to begin at the end.
        axis: the axis to scan over.

    Returns:
        A pytree like ``elems``.

    Raises:
        FnxTypeError: if ``fn`` returns something else than it gets.

    >>> import numpy as np
    >>> associative_scan(lambda a, b: a * b, np.array([1, 2, 3, 4])).tolist()
    [1, 2, 6, 24]
    """
    check_callable("associative_scan", "fn", fn)
    leaves, treedef = tree.flatten(elems)
    values = [as_value(x) for x in leaves]
    axes = [_axis(x, axis, path) for x, path in zip(values, tree.paths(elems), strict=True)]
    sizes = {x.shape[a] for x, a in zip(values, axes, strict=True)}
    if len(sizes) != 1:
        raise FnxValueError(
            "associative_scan: elems must be arrays of one size along the axis, got "
            f"{[x.aval for x in values]} and axis {axis}.",
            source=user_source(),
        )
    if reverse:
        values = [reversed_along(x, dimensions=(a,)) for x, a in zip(values, axes, strict=True)]

    def combine(a: Leaves, b: Leaves) -> Leaves:
        out = fn(tree.unflatten(treedef, a), tree.unflatten(treedef, b))
        return _checked(fn, out, treedef, a)

    found = _prefixes(combine, values, axes)
    if reverse:
        found = [reversed_along(x, dimensions=(a,)) for x, a in zip(found, axes, strict=True)]
    return tree.unflatten(treedef, found)


def _axis(x: Any, axis: int, path: str) -> int:
    rank = len(x.shape)
    if not -rank <= axis < rank:
        raise AxisError(
            f"associative_scan: elems{path} is {x.aval}: it has no axis {axis}.",
            source=user_source(),
        )
    return axis % rank


def _checked(fn: Callable[..., Any], out: Any, treedef: tree.TreeDef, wanted: Leaves) -> Leaves:
    leaves, out_tree = tree.flatten(out)
    before = [(aval_of(x).shape, aval_of(x).dtype) for x in wanted]
    is_same = out_tree == treedef
    if not is_same or [(aval_of(x).shape, aval_of(x).dtype) for x in leaves] != before:
        raise FnxTypeError(
            f"associative_scan: {name_of(fn)} must return what it gets, "
            f"{[aval_of(x) for x in wanted]} in {treedef}, got "
            f"{[aval_of(x) for x in leaves]} in {out_tree}.",
            source=user_source(),
            hint="It gets parts of elems, with many elements along the axis.",
        )
    return leaves


def _prefixes(combine: Combine, xs: Leaves, axes: Sequence[int]) -> Leaves:
    """The prefixes of each array along its axis."""
    size = aval_of(xs[0]).shape[axes[0]]
    if size < 2:
        return xs
    part = lambda values, first, last, step: [
        _part(x, a, first, last, step) for x, a in zip(values, axes, strict=True)
    ]
    pairs = combine(part(xs, 0, size - 1, 2), part(xs, 1, size, 2))
    odd = _prefixes(combine, pairs, axes)  # those that end at the places 1, 3, 5, ...
    half = size // 2
    heads = part(xs, 0, 1, 1)
    if size > 2:
        between = combine(part(odd, 0, (size - 1) // 2, 1), part(xs, 2, size, 2))
        even = [
            concatenate(h, b, dimension=a) for h, b, a in zip(heads, between, axes, strict=True)
        ]
    else:
        even = heads
    rows = zip(even, odd, axes, strict=True)
    return [_interleave(e, o, a, half, size) for e, o, a in rows]


def _part(x: Any, axis: int, first: int, last: int, step: int) -> Any:
    shape = aval_of(x).shape
    start, limit, strides = [0] * len(shape), list(shape), [1] * len(shape)
    start[axis], limit[axis], strides[axis] = first, last, step
    return slice_of(x, start=tuple(start), limit=tuple(limit), strides=tuple(strides))


def _interleave(even: Any, odd: Any, axis: int, half: int, size: int) -> Any:
    """``even[0], odd[0], even[1], odd[1], ...`` along an axis."""
    shape = aval_of(odd).shape
    column = (*shape[: axis + 1], 1, *shape[axis + 1 :])
    paired = _part(even, axis, 0, half, 1)
    both = concatenate(
        reshape(paired, shape=column), reshape(odd, shape=column), dimension=axis + 1
    )
    whole = reshape(both, shape=(*shape[:axis], 2 * half, *shape[axis + 1 :]))
    if size == 2 * half:
        return whole
    return concatenate(whole, _part(even, axis, half, half + 1, 1), dimension=axis)
