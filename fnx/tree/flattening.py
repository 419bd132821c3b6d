"""Flattening: taking pytrees apart into leaves and a structure, and putting them together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from fnx.errors import TreeError
from fnx.tree.containers import index_keys, sorted_keys
from fnx.tree.structures import LEAF, TreeDef, intern, leaf_types, node_of, nodes

IsLeaf = Callable[[Any], bool]


def flatten(tree: Any, is_leaf: IsLeaf | None = None) -> tuple[list[Any], TreeDef]:
    """The leaves of a pytree, and its structure.

    Args:
        tree: any pytree.
        is_leaf: called with each container first; where it returns True, that container is a leaf.

    >>> from fnx import tree
    >>> tree.flatten({"b": [1, 2], "a": None})
    ([1, 2], TreeDef({'a': None, 'b': [*, *]}))
    """
    leaves: list[Any] = []
    if is_leaf is None:
        return leaves, _take_apart(leaves, tree)
    return leaves, _take_apart_until(leaves, tree, is_leaf)


def _take_apart(leaves: list[Any], x: Any) -> TreeDef:
    """Append the leaves of ``x``. A hot path: the commonest containers and leaves come first."""
    kind = type(x)
    meta: Hashable = None
    if kind is tuple or kind is list:
        children = x
    elif kind is dict:
        keys = sorted_keys(x)
        meta = tuple(keys)
        children = [x[key] for key in keys]
    else:
        node = node_of(kind)
        if node is None:
            leaf_types.add(kind)
            leaves.append(x)
            return LEAF
        children, meta = node.flatten(x)
    structures = []
    for child in children:
        if type(child) in leaf_types:
            leaves.append(child)
            structures.append(LEAF)
        else:
            structures.append(_take_apart(leaves, child))
    return intern(kind, meta, tuple(structures))


def _take_apart_until(leaves: list[Any], x: Any, is_leaf: IsLeaf) -> TreeDef:
    node = node_of(type(x))
    if node is None or is_leaf(x):
        leaves.append(x)
        return LEAF
    children, meta = node.flatten(x)
    return intern(type(x), meta, tuple([_take_apart_until(leaves, c, is_leaf) for c in children]))


def unflatten(treedef: TreeDef, leaves: Iterable[Any]) -> Any:
    """Inverse of `flatten`.

    Raises:
        TreeError: if the number of leaves is not the structure's.
    """
    leaves = leaves if isinstance(leaves, list | tuple) else list(leaves)
    if len(leaves) != treedef.num_leaves:
        raise TreeError(
            f"tree.unflatten: expected {treedef.num_leaves} leaves for {treedef}, "
            f"got {len(leaves)}.",
            hint="Pass as many leaves as flatten returned, in the same order.",
        )
    return treedef.unflatten(iter(leaves))


def leaves(tree: Any, is_leaf: IsLeaf | None = None) -> list[Any]:
    """The leaves of a pytree, from left to right."""
    return flatten(tree, is_leaf)[0]


def structure(tree: Any, is_leaf: IsLeaf | None = None) -> TreeDef:
    """The structure of a pytree."""
    return flatten(tree, is_leaf)[1]


def flatten_up_to(treedef: TreeDef, tree: Any, what: str = "tree.map") -> list[Any]:
    """The subtrees of ``tree`` that stand where ``treedef`` has leaves.

    Raises:
        TreeError: with the path to the first difference.
    """
    found: list[Any] = []
    _collect(treedef, tree, found, "", what)
    return found


def _collect(treedef: TreeDef, x: Any, found: list[Any], path: str, what: str) -> None:
    if treedef.kind is None:
        found.append(x)
        return
    if type(x) is not treedef.kind:
        raise _different(
            f"{what}: expected a {treedef.kind.__name__} at {path or 'the root'}, "
            f"got {type(x).__name__}.",
            treedef,
            x,
        )
    node = nodes[treedef.kind]
    children, meta = node.flatten(x)
    children = list(children)
    if meta != treedef.meta or len(children) != len(treedef.children):
        difference = _difference(treedef, meta, len(children))
        message = f"{what}: different {treedef.kind.__name__}s at {path or 'the root'}: "
        raise _different(message + difference, treedef, x)
    keys = node.keys(x) if node.keys is not None else index_keys(children)
    for child_def, child, key in zip(treedef.children, children, keys, strict=True):
        _collect(child_def, child, found, path + key, what)


def _difference(treedef: TreeDef, meta: Hashable, size: int) -> str:
    """What two containers of one type do not share: keys, number of children, or static parts."""
    if treedef.kind is dict:
        expected, got = set(treedef.meta), set(meta)
        missing = [key for key in treedef.meta if key not in got]
        more = [key for key in meta if key not in expected]
        parts = [("missing", missing), ("not expected", more)]
        return f"keys {' and '.join(f'{what} {keys}' for what, keys in parts if keys)}."
    if size != len(treedef.children):
        return f"expected {len(treedef.children)} children, got {size}."
    return f"expected the static part {treedef.meta!r}, got {meta!r}."


def _different(message: str, treedef: TreeDef, x: Any) -> TreeError:
    expected, got = (str(d).removeprefix("TreeDef(")[:-1] for d in (treedef, structure(x)))
    return TreeError(
        message,
        hint=f"Expected there: {expected:.200}\nGot: {got:.200}\n"
        "Trees that go together have one structure: fnx.tree.structure(x) shows it.",
    )


def broadcast_prefix(
    prefix: Any, treedef: TreeDef, what: str, is_leaf: IsLeaf | None = None
) -> list[Any]:
    """For each leaf of ``treedef``, the leaf of ``prefix`` above it.

    A prefix is a tree that stops early: ``(0, None)`` is one of every pair. ``is_leaf`` decides on
    the prefix's own leaves, for example so that None counts as one.

    Raises:
        TreeError: if ``prefix`` is no prefix; the message begins with ``what``.

    >>> from fnx import tree
    >>> pair = tree.structure(([1, 2], 3))
    >>> tree.broadcast_prefix((0, None), pair, "in_axes", lambda x: x is None)
    [0, 0, None]
    """
    prefix_leaves, prefix_def = flatten(prefix, is_leaf)
    numbered = unflatten(treedef, range(treedef.num_leaves))
    subtrees = flatten_up_to(prefix_def, numbered, what)
    result: list[Any] = []
    for leaf, subtree in zip(prefix_leaves, subtrees, strict=True):
        result += [leaf] * structure(subtree).num_leaves
    return result


def flatten_with_path(
    tree: Any, is_leaf: IsLeaf | None = None
) -> tuple[list[tuple[str, Any]], TreeDef]:
    """As `flatten`, with the path of each leaf as one would write it in Python.

    >>> from fnx import tree
    >>> tree.flatten_with_path({"a": [1, 2]})[0]
    [("['a'][0]", 1), ("['a'][1]", 2)]
    """
    found: list[tuple[str, Any]] = []
    _walk_paths(found, "", tree, is_leaf)
    return found, structure(tree, is_leaf)


def _walk_paths(found: list[tuple[str, Any]], path: str, x: Any, is_leaf: IsLeaf | None) -> None:
    node = node_of(type(x))
    if node is None or (is_leaf is not None and is_leaf(x)):
        found.append((path, x))
        return
    children = list(node.flatten(x)[0])
    keys = node.keys(x) if node.keys is not None else index_keys(children)
    for key, child in zip(keys, children, strict=True):
        _walk_paths(found, path + key, child, is_leaf)


def paths(tree: Any, is_leaf: IsLeaf | None = None) -> list[str]:
    """The path of each leaf."""
    return [path for path, _ in flatten_with_path(tree, is_leaf)[0]]
