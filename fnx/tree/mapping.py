"""Mapping: functions applied to leaves. The names are Python's, so its own are not used here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from fnx.tree.flattening import IsLeaf, flatten, flatten_up_to, flatten_with_path, leaves, unflatten
from fnx.tree.structures import TreeDef


def map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf | None = None) -> Any:
    """Apply ``f`` to each leaf, with the subtrees of the other trees that stand in the same places.

    Raises:
        TreeError: if another tree does not begin with the structure of the first; it names the
            path.

    >>> from fnx import tree
    >>> tree.map(lambda a, b: a + b, {"x": 1}, {"x": 10})
    {'x': 11}
    """
    values, treedef = flatten(tree, is_leaf)
    columns = [flatten_up_to(treedef, other) for other in rest]
    return unflatten(treedef, [f(*xs) for xs in zip(values, *columns, strict=True)])


def map_with_path(
    f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf | None = None
) -> Any:
    """As `map`, but ``f`` is called with the path of the leaf first.

    >>> from fnx import tree
    >>> tree.map_with_path(lambda path, x: f"{path}={x}", [1, 2])
    ['[0]=1', '[1]=2']
    """
    values, treedef = flatten_with_path(tree, is_leaf)
    columns = [flatten_up_to(treedef, other) for other in rest]
    rows = zip(values, *columns, strict=True)
    return unflatten(treedef, [f(path, x, *others) for (path, x), *others in rows])


def reduce(
    f: Callable[[Any, Any], Any], tree: Any, *initial: Any, is_leaf: IsLeaf | None = None
) -> Any:
    """``functools.reduce`` over the leaves.

    >>> from fnx import tree
    >>> tree.reduce(lambda a, b: a + b, {"x": 1, "y": [2, 3]})
    6
    """
    return functools.reduce(f, leaves(tree, is_leaf), *initial)


def all(tree: Any, is_leaf: IsLeaf | None = None) -> bool:
    """Whether all leaves are true."""
    return False not in [bool(x) for x in leaves(tree, is_leaf)]


def transpose(outer: TreeDef, inner: TreeDef, tree: Any) -> Any:
    """Turn a tree of structure ``outer`` of trees of structure ``inner`` inside out.

    >>> from fnx import tree
    >>> tree.transpose(tree.structure([0, 0]), tree.structure({"a": 0}), [{"a": 1}, {"a": 2}])
    {'a': [1, 2]}
    """
    rows = [
        flatten_up_to(inner, x, "tree.transpose")
        for x in flatten_up_to(outer, tree, "tree.transpose")
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * inner.num_leaves
    return unflatten(inner, [unflatten(outer, column) for column in columns])
