"""Mapping: vmap."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from typing import Any

from fnx import tree
from fnx.api.arguments import F, out_of
from fnx.core.flatten import FlatFunction, as_value, name_of
from fnx.core.named_axes import NamedSize
from fnx.core.sources import user_source
from fnx.errors import AxisError
from fnx.transforms.vmap import Axis, place_axis, vmap_flat

_IN_AXES = (
    "in_axes is an axis for all arguments, or a tuple or list with one entry for each: an axis,\n"
    "None for an argument that is not mapped, or a tree of these in the structure of the argument."
)


def vmap(
    f: F,
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: Hashable = None,
    axis_size: int | None = None,
) -> F:
    """A function that maps ``f`` over an axis of its arguments: each operation gets a batch axis.

    Args:
        f: the function of one element. Keyword arguments are mapped over their axis 0.
        in_axes: the axis to map of each argument, None for those that are not mapped; a prefix of
            ``args``.
        out_axes: where results get the axis; None for results that are the same for all elements.
        axis_name: what collectives inside of ``f``, such as `fnx.lax.psum`, call the axis.
        axis_size: number of elements; needed only if nothing is mapped.

    Raises:
        AxisError: if axes do not fit the arguments, or sizes differ.

    >>> import numpy as np
    >>> vmap(lambda x, y: x * y, in_axes=(0, None))(np.arange(3.0, dtype="float32"), 2.0)
    Array([0., 2., 4.], dtype=float32)
    """

    @functools.wraps(f, updated=())
    def batched(*args: Any, **kwargs: Any) -> Any:
        leaves, in_tree = tree.flatten((args, kwargs))
        axes = _axes(f, in_axes, args, kwargs)
        values = [as_value(x) for x in leaves]
        axes = [
            _existing(f, i, args, kwargs, x.aval, a)
            for i, (x, a) in enumerate(zip(values, axes, strict=True))
        ]
        size = _size(f, args, kwargs, values, axes, axis_size)
        if axis_name is not None:
            size = NamedSize(size, axis_name)
        flat = FlatFunction(f, in_tree)
        outs, placed = vmap_flat(flat, values, axes, size)
        wanted = _spread(out_axes, flat.out_tree, "vmap: out_axes")
        rows = zip(outs, placed, wanted, strict=True)
        return out_of(flat, [place_axis(x, axis, out_axis, size) for x, axis, out_axis in rows])

    return batched


def _spread(axes: Any, treedef: tree.TreeDef, what: str) -> list[Any]:
    """The axis of each leaf, from a prefix of the structure; errors have the user's line."""
    try:
        return tree.broadcast_prefix(axes, treedef, what, _is_none)
    except tree.TreeError as error:
        source = user_source()
        where = f"\n  in {source.describe()}" if source is not None else ""
        raise tree.TreeError(f"{error}{where}") from None


def _is_none(x: object) -> bool:
    return x is None


def _axes(f: F, in_axes: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Axis]:
    """The axis of each leaf, as written."""
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise AxisError(
            f"vmap({name_of(f)}): in_axes has {len(in_axes)} entries for "
            f"{len(args)} positional arguments.",
            source=user_source(),
            hint=_IN_AXES,
        )
    axes = _spread(in_axes, tree.structure(args), "vmap: in_axes")
    bad = next((axis for axis in axes if axis is not None and type(axis) is not int), None)
    if bad is not None:
        raise AxisError(
            f"vmap({name_of(f)}): an axis is an int or None, got {bad!r}.",
            source=user_source(),
            hint=_IN_AXES,
        )
    return axes + [0] * tree.structure(kwargs).num_leaves


def _path(i: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    paths = [f"argument {k}{p}" for k, x in enumerate(args) for p in tree.paths(x)]
    paths += [f"keyword argument {p}" for p in tree.paths(kwargs)]
    return paths[i]


def _existing(
    f: F, i: int, args: tuple[Any, ...], kwargs: dict[str, Any], aval: Any, axis: Axis
) -> Axis:
    if axis is None or -aval.ndim <= axis < aval.ndim:
        return axis if axis is None else axis % aval.ndim
    raise AxisError(
        f"vmap({name_of(f)}): {_path(i, args, kwargs)} is {aval}: it has no axis {axis} to map.",
        source=user_source(),
        hint=_IN_AXES,
    )


def _size(
    f: F,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    values: Sequence[Any],
    axes: Sequence[Axis],
    axis_size: int | None,
) -> int:
    sizes = {
        i: x.aval.shape[a]
        for i, (x, a) in enumerate(zip(values, axes, strict=True))
        if a is not None
    }
    distinct = set(sizes.values()) | ({axis_size} if axis_size is not None else set())
    if len(distinct) == 1:
        return distinct.pop()
    if not distinct:
        raise AxisError(
            f"vmap({name_of(f)}): no argument is mapped, so the size of the batch is not known.",
            source=user_source(),
            hint=f"Write axis_size=..., or map an argument.\n{_IN_AXES}",
        )
    lines = [
        f"{_path(i, args, kwargs)} is {values[i].aval}: size {n} at axis {axes[i]}"
        for i, n in sizes.items()
    ]
    if axis_size is not None:
        lines.append(f"axis_size is {axis_size}")
    raise AxisError(
        f"vmap({name_of(f)}): mapped axes must have one size, got {sorted(distinct)}.",
        source=user_source(),
        hint="\n".join(lines)
        + "\nWrite None in in_axes for what is not mapped, as in in_axes=(0, None).",
    )
