"""Containers: registering classes, and Python's own containers."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from fnx.errors import TreeError, did_you_mean
from fnx.tree.structures import Children, Node, leaf_types, nodes

T = TypeVar("T", bound=type)


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
        unflatten: ``unflatten(static, children) -> x``. Children can be anything, also
            placeholders.
        flatten_with_keys: as ``flatten``, but each child is a pair ``(key, child)``.

    Raises:
        TreeError: if the class is a container already.
    """
    if cls in nodes:
        raise _registered_already("tree.register", cls)

    def keys(x: object) -> list[str]:
        assert flatten_with_keys is not None
        return [k if isinstance(k, str) else f"[{k!r}]" for k, _ in flatten_with_keys(x)[0]]

    leaf_types.discard(cls)
    nodes[cls] = Node(flatten, unflatten, keys if flatten_with_keys is not None else None)
    return cls


def register_dataclass(
    cls: T, data_fields: Sequence[str] | None = None, meta_fields: Sequence[str] = ()
) -> T:
    """Make a dataclass a container: ``data_fields`` are children, ``meta_fields`` are static.

    Without ``data_fields``, a field is static if its metadata say ``static=True``. Works as a
    decorator.

    >>> from fnx import tree
    >>> @tree.register_dataclass
    ... @dataclasses.dataclass
    ... class Point:
    ...     x: float
    ...     y: float
    >>> tree.map(lambda v: 2 * v, Point(1.0, 2.0))
    Point(x=2.0, y=4.0)
    """
    if not dataclasses.is_dataclass(cls):
        raise TreeError(
            f"tree.register_dataclass: {cls!r} is no dataclass.",
            hint="Write @dataclasses.dataclass below it, or use fnx.tree.register.",
        )
    if data_fields is None:
        static = {f.name for f in dataclasses.fields(cls) if f.metadata.get("static")} | set(
            meta_fields
        )
        data_fields = [f.name for f in dataclasses.fields(cls) if f.init and f.name not in static]
        meta_fields = [f.name for f in dataclasses.fields(cls) if f.init and f.name in static]
    data, meta = tuple(data_fields), tuple(meta_fields)
    _check_fields(cls, (*data, *meta))
    keys = [f".{name}" for name in data]

    def take_apart(x: object) -> tuple[list[Any], Hashable]:
        return [getattr(x, name) for name in data], tuple([getattr(x, name) for name in meta])

    def put_together(static: tuple[Any, ...], children: Children) -> object:
        x = object.__new__(cls)  # no __init__ and no __post_init__: children may be placeholders
        for name, value in zip((*data, *meta), (*children, *static), strict=True):
            object.__setattr__(x, name, value)
        return x

    if cls in nodes:
        raise _registered_already("tree.register_dataclass", cls)
    leaf_types.discard(cls)
    nodes[cls] = Node(take_apart, put_together, lambda x: keys)
    return cls


def _registered_already(what: str, cls: type) -> TreeError:
    return TreeError(
        f"{what}: expected a new class, got {cls.__name__}, which is registered already.",
        hint="Register a class once, directly after its definition.",
    )


def _check_fields(cls: type, listed: Sequence[str]) -> None:
    """Every listed name is a field, and every field that `__init__` takes is listed."""
    names = [f.name for f in dataclasses.fields(cls)]
    unknown = [name for name in listed if name not in names]
    missing = [f.name for f in dataclasses.fields(cls) if f.init and f.name not in listed]
    if unknown or missing:
        wrong = f"has no field {unknown[0]!r}" if unknown else f"has a field {missing[0]!r} too"
        raise TreeError(
            f"tree.register_dataclass: {cls.__name__} {wrong}; got {list(listed)}.",
            hint=f"{did_you_mean(unknown[0], names) if unknown else ''}"
            f"Its fields are {names}: list each in data_fields or in meta_fields.",
        )


def sorted_keys(d: dict[Any, Any]) -> list[Any]:
    """The keys of a dict in their order; of several types, by type first."""
    try:
        return sorted(d)
    except TypeError:
        pass
    try:
        return sorted(d, key=lambda k: (type(k).__qualname__, k))
    except TypeError:
        kinds = sorted({type(k).__name__ for k in d})
        raise TreeError(
            f"the keys of a dict have no order, so its leaves have none: got keys of {kinds}.",
            hint="Use keys that can be sorted: strings, numbers, tuples of them.",
        ) from None


def _dict_keys(d: dict[Any, Any]) -> list[str]:
    return [f"[{k!r}]" for k in sorted_keys(d)]


def index_keys(x: Sequence[Any]) -> list[str]:
    """Keys of children without names."""
    return [f"[{i}]" for i in range(len(x))]


def _flatten_dict(d: dict[Any, Any]) -> tuple[list[Any], Hashable]:
    keys = sorted_keys(d)
    return [d[k] for k in keys], tuple(keys)


def _flatten_defaultdict(d: defaultdict[Any, Any]) -> tuple[list[Any], Hashable]:
    values, keys = _flatten_dict(d)
    return values, (d.default_factory, keys)


nodes[type(None)] = Node(lambda x: ((), None), lambda meta, xs: None, lambda x: ())
nodes[tuple] = Node(lambda x: (x, None), lambda meta, xs: tuple(xs), index_keys)
nodes[list] = Node(lambda x: (x, None), lambda meta, xs: list(xs), index_keys)
nodes[dict] = Node(_flatten_dict, lambda keys, xs: dict(zip(keys, xs, strict=True)), _dict_keys)
nodes[OrderedDict] = Node(
    lambda d: (d.values(), tuple(d)),
    lambda keys, xs: OrderedDict(zip(keys, xs, strict=True)),
    lambda d: [f"[{k!r}]" for k in d],
)
nodes[defaultdict] = Node(
    _flatten_defaultdict,
    lambda meta, xs: defaultdict(meta[0], zip(meta[1], xs, strict=True)),
    _dict_keys,
)
