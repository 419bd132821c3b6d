"""Tree: pytrees. Nested containers are taken apart into a flat list of leaves and a `TreeDef`, and put together again.

Containers are ``None`` (no leaves), tuples, named tuples, lists, dicts (in the order of their sorted keys),
``OrderedDict``, ``defaultdict``, and every class that was given to `register`. Anything else is a leaf.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from fnx.errors import TreeError

T = TypeVar("T", bound=type)
Children = tuple[Any, ...]
IsLeaf = Callable[[Any], bool]


class TreeDef:
    """The structure of a pytree without its leaves. Equal structures are equal, and have equal hashes.

    Structures are interned, so comparing them costs no more than comparing two pointers.

    >>> structure({"a": 1, "b": (2, None)})
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
        if not isinstance(other, TreeDef) or self._hash != other._hash or self.kind is not other.kind:
            return False
        return bool(self.meta == other.meta) and self.children == other.children

    def __repr__(self) -> str:
        stars = [_Star()] * self.num_leaves
        try:
            return f"TreeDef({unflatten(self, stars)!r})"
        except Exception:  # a user's class may refuse such leaves
            return f"TreeDef({self.kind.__name__ if self.kind else '*'}, {self.num_leaves} leaves)"

    def __reduce__(self) -> tuple[Any, ...]:
        return _intern, (self.kind, self.meta, self.children)


class _Star:
    def __repr__(self) -> str:
        return "*"


@dataclasses.dataclass(frozen=True, slots=True)
class _Node:
    """How to take apart and put together the containers of one type."""

    flatten: Callable[[Any], tuple[Iterable[Any], Hashable]]
    unflatten: Callable[[Hashable, Children], Any]
    keys: Callable[[Any], Sequence[str]] | None  # one text for each child, as in "['a']" or ".weight"


_MOST_STRUCTURES = 50_000
_structures: dict[Any, TreeDef] = {}
_nodes: dict[type, _Node] = {}
_LEAF = TreeDef(None, None, ())
_NONE = type(None)


def _intern(kind: type | None, meta: Hashable, children: tuple[TreeDef, ...]) -> TreeDef:
    if kind is None:
        return _LEAF
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


# Registration


def register(
    cls: T,
    flatten: Callable[[Any], tuple[Iterable[Any], Hashable]],
    unflatten: Callable[[Any, Children], Any],
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Hashable]] | None = None,
) -> T:
    """Make a class a container.

    Args:
        cls: the class; its subclasses must be registered by themselves.
        flatten: ``flatten(x) -> (children, static)``; ``static`` must be hashable.
        unflatten: ``unflatten(static, children) -> x``. Children can be anything, also placeholders.
        flatten_with_keys: as ``flatten``, but each child is a pair ``(key, child)``.

    Raises:
        TreeError: if the class is a container already.
    """
    if cls in _nodes:
        raise TreeError(f"tree.register: {cls.__name__} is registered already.")

    def keys(x: object) -> list[str]:
        assert flatten_with_keys is not None
        return [k if isinstance(k, str) else f"[{k!r}]" for k, _ in flatten_with_keys(x)[0]]

    _nodes[cls] = _Node(flatten, unflatten, keys if flatten_with_keys is not None else None)
    return cls


def register_dataclass(
    cls: T, data_fields: Sequence[str] | None = None, meta_fields: Sequence[str] = ()
) -> T:
    """Make a dataclass a container: ``data_fields`` are its children, ``meta_fields`` its static part.

    Without ``data_fields``, a field is static if its metadata say ``static=True``. Works as a decorator.

    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Point:
    ...     x: float
    ...     y: float
    >>> map(lambda v: 2 * v, Point(1.0, 2.0))
    Point(x=2.0, y=4.0)
    """
    if data_fields is None:
        static = {f.name for f in dataclasses.fields(cls) if f.metadata.get("static")} | set(meta_fields)
        data_fields = [f.name for f in dataclasses.fields(cls) if f.init and f.name not in static]
        meta_fields = [f.name for f in dataclasses.fields(cls) if f.init and f.name in static]
    data, meta = tuple(data_fields), tuple(meta_fields)
    keys = [f".{name}" for name in data]

    def flatten(x: object) -> tuple[list[Any], Hashable]:
        return [getattr(x, name) for name in data], tuple([getattr(x, name) for name in meta])

    def unflatten(static: tuple[Any, ...], children: Children) -> object:
        x = object.__new__(cls)  # no __init__ and no __post_init__: children may be placeholders
        for name, value in zip((*data, *meta), (*children, *static), strict=True):
            object.__setattr__(x, name, value)
        return x

    if cls in _nodes:
        raise TreeError(f"tree.register_dataclass: {cls.__name__} is registered already.")
    _nodes[cls] = _Node(flatten, unflatten, lambda x: keys)
    return cls


def _sorted_keys(d: dict[Any, Any]) -> list[Any]:
    try:
        return sorted(d)
    except TypeError:  # keys of several types: by type first
        return sorted(d, key=lambda k: (type(k).__qualname__, k))


def _dict_keys(d: dict[Any, Any]) -> list[str]:
    return [f"[{k!r}]" for k in _sorted_keys(d)]


def _index_keys(x: Sequence[Any]) -> list[str]:
    return [f"[{i}]" for i in range(len(x))]


def _flatten_dict(d: dict[Any, Any]) -> tuple[list[Any], Hashable]:
    keys = _sorted_keys(d)
    return [d[k] for k in keys], tuple(keys)


def _flatten_defaultdict(d: defaultdict[Any, Any]) -> tuple[list[Any], Hashable]:
    values, keys = _flatten_dict(d)
    return values, (d.default_factory, keys)


_nodes[_NONE] = _Node(lambda x: ((), None), lambda meta, xs: None, lambda x: ())
_nodes[tuple] = _Node(lambda x: (x, None), lambda meta, xs: tuple(xs), _index_keys)
_nodes[list] = _Node(lambda x: (x, None), lambda meta, xs: list(xs), _index_keys)
_nodes[dict] = _Node(_flatten_dict, lambda keys, xs: dict(zip(keys, xs, strict=True)), _dict_keys)
_nodes[OrderedDict] = _Node(
    lambda d: (d.values(), tuple(d)),
    lambda keys, xs: OrderedDict(zip(keys, xs, strict=True)),
    lambda d: [f"[{k!r}]" for k in d],
)
_nodes[defaultdict] = _Node(
    _flatten_defaultdict,
    lambda meta, xs: defaultdict(meta[0], zip(meta[1], xs, strict=True)),
    _dict_keys,
)


def _node_of(kind: type) -> _Node | None:
    """The node of a type; named tuples are registered when they are met first."""
    node = _nodes.get(kind)
    if node is None and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        fields = [f".{name}" for name in kind._fields]
        node = _Node(lambda x: (x, None), lambda meta, xs: kind(*xs), lambda x: fields)
        _nodes[kind] = node
    return node


def container_functions(kind: type) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The functions ``flatten(x) -> (children, static)`` and ``unflatten(static, children)`` of a container type."""
    node = _node_of(kind)
    assert node is not None, f"{kind.__name__} is not a container"
    return node.flatten, node.unflatten


# Taking apart and putting together


def flatten(tree: Any, is_leaf: IsLeaf | None = None) -> tuple[list[Any], TreeDef]:  # noqa: ANN401
    """The leaves of a pytree, and its structure.

    Args:
        tree: any pytree.
        is_leaf: called with each container first; where it returns True, that container is a leaf.

    >>> flatten({"b": [1, 2], "a": None})
    ([1, 2], TreeDef({'a': None, 'b': [*, *]}))
    """
    leaves: list[Any] = []
    return leaves, _flatten_into(leaves, tree, is_leaf)


def _flatten_into(leaves: list[Any], x: Any, is_leaf: IsLeaf | None) -> TreeDef:  # noqa: ANN401
    kind = type(x)
    node = _nodes.get(kind)
    if node is None and (not issubclass(kind, tuple) or (node := _node_of(kind)) is None):
        leaves.append(x)
        return _LEAF
    if is_leaf is not None and is_leaf(x):
        leaves.append(x)
        return _LEAF
    children, meta = node.flatten(x)
    return _intern(kind, meta, tuple([_flatten_into(leaves, c, is_leaf) for c in children]))


def unflatten(treedef: TreeDef, leaves: Iterable[Any]) -> Any:  # noqa: ANN401
    """Inverse of `flatten`.

    Raises:
        TreeError: if the number of leaves is not the structure's.
    """
    leaves = leaves if isinstance(leaves, list | tuple) else list(leaves)
    if len(leaves) != treedef.num_leaves:
        raise TreeError(f"tree.unflatten: {len(leaves)} leaves for a structure of {treedef.num_leaves}.")
    return _unflatten_from(treedef, iter(leaves))


def _unflatten_from(treedef: TreeDef, leaves: Any) -> Any:  # noqa: ANN401
    if treedef.kind is None:
        return next(leaves)
    children = tuple([_unflatten_from(c, leaves) for c in treedef.children])
    return _nodes[treedef.kind].unflatten(treedef.meta, children)


def leaves(tree: Any, is_leaf: IsLeaf | None = None) -> list[Any]:  # noqa: ANN401
    """The leaves of a pytree, from left to right."""
    return flatten(tree, is_leaf)[0]


def structure(tree: Any, is_leaf: IsLeaf | None = None) -> TreeDef:  # noqa: ANN401
    """The structure of a pytree."""
    return flatten(tree, is_leaf)[1]


def flatten_up_to(treedef: TreeDef, tree: Any, what: str = "tree.map") -> list[Any]:  # noqa: ANN401
    """The subtrees of ``tree`` that stand where ``treedef`` has leaves.

    Raises:
        TreeError: with the path to the first difference.
    """
    found: list[Any] = []
    _collect(treedef, tree, found, "", what)
    return found


def _collect(treedef: TreeDef, x: Any, found: list[Any], path: str, what: str) -> None:  # noqa: ANN401
    if treedef.kind is None:
        found.append(x)
        return
    if type(x) is not treedef.kind:
        raise TreeError(
            f"{what}: expected a {treedef.kind.__name__} at {path or 'the root'}, got {type(x).__name__}.",
            hint=f"The other tree has this structure there: {treedef}",
        )
    node = _nodes[treedef.kind]
    children, meta = node.flatten(x)
    children = list(children)
    if meta != treedef.meta or len(children) != len(treedef.children):
        raise TreeError(
            f"{what}: different {treedef.kind.__name__}s at {path or 'the root'}: "
            f"{_explain(treedef.meta, len(treedef.children))} and {_explain(meta, len(children))}."
        )
    keys = node.keys(x) if node.keys is not None else _index_keys(children)
    for child_def, child, key in zip(treedef.children, children, keys, strict=True):
        _collect(child_def, child, found, path + key, what)


def _explain(meta: Hashable, size: int) -> str:
    return f"{size} children" if meta is None else f"{size} children with {meta!r}"


def broadcast_prefix(prefix: Any, treedef: TreeDef, what: str, is_leaf: IsLeaf | None = None) -> list[Any]:  # noqa: ANN401
    """For each leaf of ``treedef``, the leaf of ``prefix`` above it.

    A prefix is a tree that stops early: ``(0, None)`` is one of every pair. ``is_leaf`` decides on the
    prefix's own leaves, for example so that None counts as one.

    Raises:
        TreeError: if ``prefix`` is no prefix; the message begins with ``what``.

    >>> broadcast_prefix((0, None), structure(([1, 2], 3)), "in_axes", lambda x: x is None)
    [0, 0, None]
    """
    prefix_leaves, prefix_def = flatten(prefix, is_leaf)
    placeholder = unflatten(treedef, range(treedef.num_leaves))
    subtrees = flatten_up_to(prefix_def, placeholder, what)
    result: list[Any] = []
    for leaf, subtree in zip(prefix_leaves, subtrees, strict=True):
        result += [leaf] * structure(subtree).num_leaves
    return result


# With paths


def flatten_with_path(tree: Any, is_leaf: IsLeaf | None = None) -> tuple[list[tuple[str, Any]], TreeDef]:  # noqa: ANN401
    """As `flatten`, with the path of each leaf as one would write it in Python.

    >>> flatten_with_path({"a": [1, 2]})[0]
    [("['a'][0]", 1), ("['a'][1]", 2)]
    """
    found: list[tuple[str, Any]] = []
    _walk_paths(found, "", tree, is_leaf)
    return found, structure(tree, is_leaf)


def _walk_paths(found: list[tuple[str, Any]], path: str, x: Any, is_leaf: IsLeaf | None) -> None:  # noqa: ANN401
    node = _node_of(type(x))
    if node is None or (is_leaf is not None and is_leaf(x)):
        found.append((path, x))
        return
    children = list(node.flatten(x)[0])
    keys = node.keys(x) if node.keys is not None else _index_keys(children)
    for key, child in zip(keys, children, strict=True):
        _walk_paths(found, path + key, child, is_leaf)


def paths(tree: Any, is_leaf: IsLeaf | None = None) -> list[str]:  # noqa: ANN401
    """The path of each leaf."""
    return [path for path, _ in flatten_with_path(tree, is_leaf)[0]]


# Working on leaves. These names are Python's own; inside this file the built-ins are not used after here.


def map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf | None = None) -> Any:  # noqa: A001, ANN401
    """Apply ``f`` to each leaf, with the subtrees of the other trees that stand in the same places.

    Raises:
        TreeError: if another tree does not begin with the structure of the first; it names the path.

    >>> map(lambda a, b: a + b, {"x": 1}, {"x": 10})
    {'x': 11}
    """
    values, treedef = flatten(tree, is_leaf)
    columns = [flatten_up_to(treedef, other) for other in rest]
    return unflatten(treedef, [f(*xs) for xs in zip(values, *columns, strict=True)])


def map_with_path(
    f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf | None = None  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """As `map`, but ``f`` is called with the path of the leaf first.

    >>> map_with_path(lambda path, x: f"{path}={x}", [1, 2])
    ['[0]=1', '[1]=2']
    """
    values, treedef = flatten_with_path(tree, is_leaf)
    columns = [flatten_up_to(treedef, other) for other in rest]
    rows = zip(values, *columns, strict=True)
    return unflatten(treedef, [f(path, x, *others) for (path, x), *others in rows])


def reduce(f: Callable[[Any, Any], Any], tree: Any, *initial: Any, is_leaf: IsLeaf | None = None) -> Any:  # noqa: ANN401
    """``functools.reduce`` over the leaves.

    >>> reduce(lambda a, b: a + b, {"x": 1, "y": [2, 3]})
    6
    """
    return functools.reduce(f, leaves(tree, is_leaf), *initial)


def all(tree: Any, is_leaf: IsLeaf | None = None) -> bool:  # noqa: A001, ANN401
    """Whether all leaves are true."""
    return False not in [bool(x) for x in leaves(tree, is_leaf)]


def transpose(outer: TreeDef, inner: TreeDef, tree: Any) -> Any:  # noqa: ANN401
    """Turn a tree of structure ``outer`` of trees of structure ``inner`` inside out.

    >>> transpose(structure([0, 0]), structure({"a": 0}), [{"a": 1}, {"a": 2}])
    {'a': [1, 2]}
    """
    rows = [flatten_up_to(inner, x, "tree.transpose") for x in flatten_up_to(outer, tree, "tree.transpose")]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * inner.num_leaves
    return unflatten(inner, [unflatten(outer, column) for column in columns])
