"""Named axes: what a `vmap` with a name tells the batch rules, and which operations are its own."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from fnx.core.ir import Jaxpr
from fnx.core.primitive import Primitive


class NamedSize(int):
    """The size of a batch, which remembers the axis' name.

    Batch rules hand it on to the bodies that they batch, so that these know the axis too.
    """

    name: Hashable

    def __new__(cls, size: int, name: Hashable) -> NamedSize:
        """A size with a name."""
        self = super().__new__(cls, size)
        self.name = name
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return NamedSize, (int(self), self.name)


def name_of_axis(size: int) -> Hashable:
    """The name that a batch's size carries; None where it has none."""
    return size.name if type(size) is NamedSize else None


def is_claimed(primitive: Primitive, params: Mapping[str, Any], name: Hashable) -> bool:
    """Whether an operation belongs to the axis of this name, though it may read nothing mapped.

    A collective does that names it, and a call whose body may: one that is a jaxpr says so, one
    that is a Python function could do anything.
    """
    if primitive.collect is not None:
        return params["axis_name"] == name
    return primitive.split is not None and any(x is None or x == name for x in _names(params))


def _names(params: Mapping[str, Any]) -> Iterator[Hashable]:
    """Names of axes in the parameters of a call; None for a Python function."""
    for value in params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, Jaxpr):
                yield from axis_names(part)
            elif callable(part):
                yield None


def axis_names(jaxpr: Jaxpr) -> frozenset[Hashable]:
    """The names of axes that a jaxpr's collectives use; None where a Python function may use any.

    Every equation counts, also in jaxprs inside of its parameters.
    """
    found = jaxpr.memo.get("axis names")
    if found is None:
        found = jaxpr.memo["axis names"] = frozenset(_used(jaxpr))
    return found


def _used(jaxpr: Jaxpr) -> Iterable[Hashable]:
    for eqn in jaxpr.eqns:
        if eqn.primitive.collect is not None:
            yield eqn.params["axis_name"]
        elif eqn.primitive.split is not None:
            yield from _names(eqn.params)
