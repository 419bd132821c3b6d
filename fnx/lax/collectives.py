"""Collectives: reduce, gather and exchange over the elements of a `vmap` with an ``axis_name``.

All take pytrees. Where a name is expected, a tuple of names stands for all these axes, the first
one the slowest; exchanges (`ppermute`, `all_to_all`, `psum_scatter`) take one name.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

from fnx import tree
from fnx.core.array import Array
from fnx.core.dtypes import BOOL, FLOATS
from fnx.core.flatten import as_value
from fnx.core.infer import infer
from fnx.core.primitive import Primitive
from fnx.core.sources import user_source
from fnx.core.trace import Tracer, axes_in_scope, bind
from fnx.errors import FnxTypeError, FnxValueError
from fnx.lax.arguments import axis_of, value_error
from fnx.lax.elementwise import convert_element_type
from fnx.ops import collectives as ops
from fnx.ops.arithmetic import add, div, mul, neg
from fnx.ops.comparison import eq, select
from fnx.ops.layout import broadcast_in_dim, reshape

Name = Hashable


def psum(x: Any, axis_name: Name) -> Any:
    """The sum over a mapped axis; every element gets it. Of a number: times the axis' size.

    >>> import fnx, fnx.numpy as fnp
    >>> fnx.vmap(lambda x: x / psum(x, "i"), axis_name="i")(fnp.asarray([1.0, 3.0]))
    Array([0.25, 0.75], dtype=float32)
    """
    names = _sizes("psum", axis_name)

    def total(leaf: Any) -> Any:
        if isinstance(leaf, bool | int | float):
            return leaf * math.prod(names.values())
        return _over(ops.psum_p, names, _number("psum", leaf))

    return tree.map(total, x)


def pmean(x: Any, axis_name: Name) -> Any:
    """The mean over a mapped axis; integers become float32."""
    names = _sizes("pmean", axis_name)

    def mean(leaf: Any) -> Any:
        value = as_value(leaf)
        value = value if value.dtype in FLOATS else convert_element_type(value, "float32")
        return div(_over(ops.psum_p, names, value), float(math.prod(names.values())))

    return tree.map(mean, x)


def pmax(x: Any, axis_name: Name) -> Any:
    """The largest element over a mapped axis."""
    names = _sizes("pmax", axis_name)
    return tree.map(lambda leaf: _over(ops.pmax_p, names, _number("pmax", leaf)), x)


def pmin(x: Any, axis_name: Name) -> Any:
    """The smallest element over a mapped axis."""
    names = _sizes("pmin", axis_name)
    return tree.map(lambda leaf: neg(_over(ops.pmax_p, names, neg(_number("pmin", leaf)))), x)


def all_gather(x: Any, axis_name: Name, *, axis: int = 0, tiled: bool = False) -> Any:
    """All elements of a mapped axis, in every element.

    Args:
        x: the value of one element.
        axis_name: the axis.
        axis: where the result has it.
        tiled: join along the existing axis ``axis`` instead of making a new one.
    """
    names = _sizes("all_gather", axis_name)

    def gathered(leaf: Any) -> Any:
        value = as_value(leaf)
        place = axis_of(axis, value.ndim + (not tiled))
        for name, size in reversed(names.items()):
            value = bind(ops.all_gather_p, value, axis_name=name, axis_size=size, dimension=place)[
                0
            ]
        count = len(names) + tiled  # the axes of all names become one
        shape = value.shape
        joined = math.prod(shape[place : place + count])
        return reshape(value, shape=(*shape[:place], joined, *shape[place + count :]))

    return tree.map(gathered, x)


def psum_scatter(
    x: Any, axis_name: Name, *, scatter_dimension: int = 0, tiled: bool = False
) -> Any:
    """The sum over a mapped axis, of which element i gets slice i along ``scatter_dimension``.

    Args:
        x: the value of one element.
        axis_name: the axis.
        scatter_dimension: an axis of ``x`` as long as the mapped one; a multiple, if ``tiled``.
        tiled: keep the axis, with the slice's size.
    """
    name, size = _one("psum_scatter", axis_name)

    def scattered(leaf: Any) -> Any:
        value = as_value(leaf)
        place = axis_of(scatter_dimension, value.ndim)
        value = _divided("psum_scatter", value, place, size) if tiled else value
        return _apply(ops.psum_scatter_p, value, axis_name=name, axis_size=size, dimension=place)

    return tree.map(scattered, x)


def all_to_all(
    x: Any, axis_name: Name, split_axis: int, concat_axis: int, *, tiled: bool = False
) -> Any:
    """Transpose a mapped axis with one of the value's: element i gets slice i of every element.

    Args:
        x: the value of one element.
        axis_name: the axis.
        split_axis: an axis of ``x`` as long as the mapped one; a multiple, if ``tiled``.
        concat_axis: where the result has the slices of all elements.
        tiled: cut and join these axes instead of removing and making them.
    """
    name, size = _one("all_to_all", axis_name)

    def exchanged(leaf: Any) -> Any:
        value = as_value(leaf)
        split, concat = axis_of(split_axis, value.ndim), axis_of(concat_axis, value.ndim)
        value = _divided("all_to_all", value, split, size) if tiled else value
        value = _apply(
            ops.all_to_all_p, value, axis_name=name, axis_size=size, split=split, concat=concat
        )
        if not tiled:
            return value
        shape = value.shape
        joined = (*shape[:concat], size * shape[concat + 1], *shape[concat + 2 :])
        return reshape(value, shape=joined)

    return tree.map(exchanged, x)


def ppermute(x: Any, axis_name: Name, perm: Sequence[tuple[int, int]]) -> Any:
    """Element ``target`` gets the value of element ``source``, for each ``(source, target)``.

    Elements that are nobody's target get zeros.
    """
    name, size = _one("ppermute", axis_name)
    pairs = tuple([(int(source), int(target)) for source, target in perm])
    ends = list(zip(*pairs, strict=True)) or [(), ()]
    inside = all(0 <= i < size for places in ends for i in places)
    if not inside or any(len(set(places)) < len(places) for places in ends):
        raise FnxValueError(
            f"ppermute: sources and targets must be distinct, from 0 to {size - 1}, got {perm}.",
            source=user_source(),
            hint="For example [(i, (i + 1) % n) for i in range(n)], which passes all on by one.",
        )
    permuted = lambda leaf: bind(ops.ppermute_p, as_value(leaf), axis_name=name, perm=pairs)[0]
    return tree.map(permuted, x)


def pshuffle(x: Any, axis_name: Name, perm: Sequence[int]) -> Any:
    """Element i gets the value of element ``perm[i]``."""
    _, size = _one("pshuffle", axis_name)
    if sorted(perm) != list(range(size)):
        raise value_error(f"pshuffle: {perm} is no permutation of {size} elements.")
    return ppermute(x, axis_name, [(source, target) for target, source in enumerate(perm)])


def pbroadcast(x: Any, axis_name: Name, source: int) -> Any:
    """The value of element ``source``, in every element."""
    name, size = _one("pbroadcast", axis_name)
    mine = eq(axis_index(name), axis_of(source, size))

    def spread(leaf: Any) -> Any:
        value = as_value(leaf)
        here = broadcast_in_dim(mine, shape=value.shape, dimensions=())
        number = convert_element_type(value, "int32") if value.dtype == BOOL else value
        total = bind(ops.psum_p, select(here, number, 0), axis_name=name)[0]
        return convert_element_type(total, BOOL) if value.dtype == BOOL else total

    return tree.map(spread, x)


def axis_index(axis_name: Name) -> Any:
    """The position of this element along a mapped axis, an int32."""
    index: Any = None
    for name, size in _sizes("axis_index", axis_name).items():
        (own,) = bind(ops.axis_index_p, axis_name=name)
        index = own if index is None else add(mul(index, size), own)
    return index


def axis_size(axis_name: Name) -> int:
    """The number of elements along a mapped axis, a Python int."""
    return math.prod(_sizes("axis_size", axis_name).values())


def _sizes(what: str, axis_name: Name) -> dict[Name, int]:
    """The axes meant and their sizes, in the order in which they are named."""
    scope = axes_in_scope()
    names = axis_name if isinstance(axis_name, tuple | list) else (axis_name,)
    for name in names:
        _check_name(what, name)
    missing = [name for name in names if name not in scope]
    if missing:
        raise ops.unbound(what, missing[0], scope)
    if len(set(names)) < len(names):
        raise value_error(f"{what}: an axis is named twice in {axis_name!r}.")
    return {name: scope[name] for name in names}


def _check_name(what: str, name: Any) -> None:
    """Say that a value stands where a name belongs: the arguments may be swapped."""
    is_array = isinstance(name, Array | Tracer)
    if is_array or isinstance(name, float) or not isinstance(name, Hashable):
        got = name.aval if is_array else f"{type(name).__name__} {name!r:.40}"
        takes_value = what not in ("axis_index", "axis_size")
        example = f"fnx.lax.{what}(x, 'i', ...)" if takes_value else f"fnx.lax.{what}('i')"
        raise FnxTypeError(
            f"{what}: expected the name of a mapped axis, got {got}.",
            source=user_source(),
            hint=f"Write {example}" + (", the value first." if takes_value else "."),
        )


def _one(what: str, axis_name: Name) -> tuple[Name, int]:
    names = list(_sizes(what, axis_name).items())
    if len(names) != 1:
        raise value_error(f"{what}: takes the name of one axis, got {axis_name!r}.")
    return names[0]


def _over(primitive: Primitive, names: dict[Name, int], x: Any) -> Any:
    for name in names:
        (x,) = bind(primitive, x, axis_name=name)
    return x


def _apply(primitive: Primitive, x: Any, **params: Any) -> Any:
    """Bind after a check of types, which a `vmap` by itself does not make."""
    infer(primitive, (x.aval,), params)
    return bind(primitive, x, **params)[0]


def _number(what: str, leaf: Any) -> Any:
    value = as_value(leaf)
    if value.dtype == BOOL:
        raise FnxTypeError(
            f"{what}: takes numbers, got {value.aval}.",
            source=user_source(),
            hint="Convert it first: x.astype(fnx.numpy.int32).",
        )
    return value


def _divided(what: str, x: Any, axis: int, size: int) -> Any:
    """``x`` with one axis cut in ``size`` parts: an axis of parts before it."""
    if x.shape[axis] % size:
        raise value_error(f"{what}: axis {axis} of {x.aval} is no multiple of {size} elements.")
    part = x.shape[axis] // size
    return reshape(x, shape=(*x.shape[:axis], size, part, *x.shape[axis + 1 :]))
