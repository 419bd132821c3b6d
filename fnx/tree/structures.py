"""Structures: what is left of a pytree without its leaves, and the table of container types."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fnx.errors import TreeError

Children = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """How to take apart and put together the containers of one type."""

    flatten: Callable[[Any], tuple[Iterable[Any], Hashable]]
    unflatten: Callable[[Hashable, Children], Any]
    keys: (
        Callable[[Any], Sequence[str]] | None
    )  # one text for each child, as in "['a']" or ".weight"


nodes: dict[type, Node] = {}
leaf_types: set[type] = set()  # types that were met as leaves, for a fast decision


class TreeDef:
    """The structure of a pytree without its leaves; equal structures are equal and hash equally.

    Structures are interned, so comparing them costs no more than comparing two pointers.

    >>> from fnx import tree
    >>> tree.structure({"a": 1, "b": (2, None)})
    TreeDef({'a': *, 'b': (*, None)})
    """

    __slots__ = ("_hash", "children", "kind", "meta", "num_leaves")
    kind: type | None  # None for a leaf
    meta: Hashable
    children: tuple[TreeDef, ...]
    num_leaves: int

    def __init__(self, kind: type | None, meta: Hashable, children: tuple[TreeDef, ...]) -> None:
        self.kind = kind
        self.meta = meta
        self.children = children
        self.num_leaves = 1 if kind is None else sum([c.num_leaves for c in children])
        self._hash = hash((kind, meta, children))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if (
            not isinstance(other, TreeDef)
            or self._hash != other._hash
            or self.kind is not other.kind
        ):
            return False
        return bool(self.meta == other.meta) and self.children == other.children

    def __repr__(self) -> str:
        stars = [_Star()] * self.num_leaves
        try:
            return f"TreeDef({self.unflatten(iter(stars))!r})"
        except Exception:  # a user's class may refuse such leaves
            return f"TreeDef({self.kind.__name__ if self.kind else '*'}, {self.num_leaves} leaves)"

    def unflatten(self, leaves: Iterator[Any]) -> Any:
        """The pytree of this structure with these leaves."""
        if self.kind is None:
            return next(leaves)
        children = tuple(
            [next(leaves) if c is LEAF else c.unflatten(leaves) for c in self.children]
        )
        return nodes[self.kind].unflatten(self.meta, children)

    def __reduce__(self) -> tuple[Any, ...]:
        return intern, (self.kind, self.meta, self.children)


class _Star:
    def __repr__(self) -> str:
        return "*"


_MOST_STRUCTURES = 50_000
_structures: dict[Any, TreeDef] = {}
LEAF = TreeDef(None, None, ())


def intern(kind: type | None, meta: Hashable, children: tuple[TreeDef, ...]) -> TreeDef:
    """The one structure object with these parts."""
    if kind is None:
        return LEAF
    key = (kind, meta, children)
    try:
        known = _structures.get(key)
    except TypeError:
        raise TreeError(
            f"tree.flatten: the static part of a {kind.__name__} cannot be hashed: {meta!r}",
            hint="Static fields must be hashable: use tuples for lists, and make arrays leaves.",
        ) from None
    if known is None:
        if len(_structures) >= _MOST_STRUCTURES:
            _structures.clear()
        known = _structures[key] = TreeDef(kind, meta, children)
    return known


def node_of(kind: type) -> Node | None:
    """How to take apart a container type; None for types that are leaves."""
    node = nodes.get(kind)
    if node is None and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        node = nodes[kind] = _named_tuple(kind)  # registered when they are met first
    return node


def _named_tuple(kind: type) -> Node:
    keys = [f".{name}" for name in kind._fields]
    return Node(lambda x: (x, None), lambda meta, xs: kind(*xs), lambda x: keys)


def container_functions(kind: type) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """``flatten(x) -> (children, static)`` and ``unflatten(static, children)`` of a type."""
    node = node_of(kind)
    assert node is not None, f"{kind.__name__} is not a container"
    return node.flatten, node.unflatten
