"""Map: apply a function to each element of arrays, one after the other, or a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fnx import tree
from fnx.control.loops.bodies import check_callable
from fnx.control.loops.scan import scan, scan_length
from fnx.core.eager import aval_of
from fnx.core.flatten import FlatFunction, as_value
from fnx.core.sources import user_source
from fnx.errors import FnxTypeError
from fnx.ops.joining import concatenate
from fnx.ops.layout import reshape
from fnx.ops.slicing import slice as slice_of
from fnx.transforms.vmap import place_axis, vmap_flat


def map(f: Callable[..., Any], xs: Any, *, batch_size: int | None = None) -> Any:
    """The results of ``f(x)`` for each element of the leading axis of ``xs``, stacked.

    As ``vmap(f)(xs)``, but elements are computed one after the other, in a compiled loop, so no
    more memory is needed than for one of them.

    Args:
        f: takes and returns pytrees.
        xs: a pytree of arrays with equal leading axes.
        batch_size: how many elements to compute at a time, by `vmap`.

    >>> import numpy as np
    >>> map(lambda x: x * x, np.arange(3)).tolist()
    [0, 1, 4]
    """
    check_callable("map", "f", f)
    if batch_size is None:
        return scan(lambda _, x: ((), f(x)), (), xs)[1]
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise FnxTypeError(
            f"map: batch_size must be a positive whole number, got {batch_size!r:.60}",
            source=user_source(),
        )
    leaves, in_tree = tree.flatten(xs)
    values = [as_value(x) for x in leaves]
    length = scan_length("map", xs, values, None)
    whole = length - length % batch_size
    parts = []
    if whole or not length:
        rounds = [_rounds(_rows(x, 0, whole), batch_size) for x in values]
        found = scan(
            lambda _, x: ((), _batch(f, in_tree, tree.leaves(x), batch_size)), (), tuple(rounds)
        )[1]
        parts.append(tree.map(lambda y: reshape(y, shape=(whole, *aval_of(y).shape[2:])), found))
    if whole != length:
        rest = [_rows(x, whole, length) for x in values]
        parts.append(_batch(f, in_tree, rest, length - whole))
    if len(parts) == 1:
        return parts[0]
    return tree.map(lambda a, b: concatenate(a, b, dimension=0), *parts)


def _rows(x: Any, first: int, last: int) -> Any:
    shape = aval_of(x).shape
    zeros, ones = (0,) * (len(shape) - 1), (1,) * len(shape)
    return slice_of(x, start=(first, *zeros), limit=(last, *shape[1:]), strides=ones)


def _rounds(x: Any, size: int) -> Any:
    count, *rest = aval_of(x).shape
    return reshape(x, shape=(count // size, size, *rest))


def _batch(f: Callable[..., Any], in_tree: tree.TreeDef, leaves: list[Any], size: int) -> Any:
    """``f`` on a batch."""
    flat = FlatFunction(lambda *xs: f(tree.unflatten(in_tree, xs)), _positional(len(leaves)))
    outs, axes = vmap_flat(flat, leaves, [0] * len(leaves), size)
    assert flat.out_tree is not None
    placed = [place_axis(y, axis, 0, size) for y, axis in zip(outs, axes, strict=True)]
    return tree.unflatten(flat.out_tree, placed)


def _positional(count: int) -> tree.TreeDef:
    return tree.structure(((0,) * count, {}))
