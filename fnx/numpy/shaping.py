"""Shapes: reshape, reorder, join, split and repeat. No element is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fnx.core.array import Array
from fnx.numpy.promotion import (
    ArrayLike,
    as_owned,
    broadcast_operand,
    canonical_axes,
    canonical_axis,
    shape_text,
    value_error,
)
from fnx.numpy.promotion import broadcast_shapes as broadcast_shapes
from fnx.numpy.sizes import Shape, as_shape
from fnx.ops import layout

Axis = int | Sequence[int]


def reshape(x: ArrayLike, /, shape: Shape, *, order: str = "C", copy: bool | None = None) -> Array:
    """The same elements in row-major order, in another shape; one size may be -1.

    Args:
        x: the array.
        shape: the new shape; -1 stands for the size that is left.
        order: "C" for row-major; "F" for column-major.
        copy: may be anything: nobody can tell.

    Raises:
        FnxValueError: if the number of elements differs.
    """
    x = as_owned(x, "reshape")
    sizes = _with_inferred_size(x, shape)
    if order == "C":
        return x if sizes == x.aval.shape else layout.reshape(x, shape=sizes)
    if order != "F":
        raise value_error(f"reshape: order is 'C' or 'F', got {order!r}.")
    return permute_dims(reshape(permute_dims(x), sizes[::-1]))


def _with_inferred_size(x: Any, shape: Shape) -> tuple[int, ...]:
    given = [shape] if not isinstance(shape, Sequence) else list(shape)
    unknown = [i for i, size in enumerate(given) if type(size) is int and size == -1]
    for i in unknown[:1]:
        rest = math.prod(as_shape((*given[:i], *given[i + 1 :]), "reshape"))
        given[i] = x.aval.size // rest if rest else 0
    sizes = as_shape(tuple(given), "reshape")
    if math.prod(sizes) != x.aval.size:
        raise value_error(
            f"reshape: {x.aval} has {x.aval.size} elements, shape "
            f"{shape_text([shape] if isinstance(shape, int) else shape)} does not fit: "
            "the product of the sizes must be the same.",
            "Write -1 for one size that follows from the others: x.reshape(len(x), -1).",
        )
    return sizes


def ravel(x: ArrayLike, /, *, order: str = "C") -> Array:
    """All elements along one axis."""
    return reshape(x, (-1,), order=order)


def squeeze(x: ArrayLike, /, axis: Axis | None = None) -> Array:
    """The array without axes of size 1: those named, or all.

    Raises:
        FnxValueError: if a named axis has another size.
    """
    x = as_owned(x, "squeeze")
    sizes = x.aval.shape
    if axis is None:
        return reshape(x, tuple(size for size in sizes if size != 1))
    axes = canonical_axes(axis, len(sizes), "squeeze")
    for a in axes:
        if sizes[a] != 1:
            raise value_error(
                f"squeeze: axis {a} of {x.aval} has size {sizes[a]}, expected 1.",
                "Index it (x[0]) or reduce it (x.sum(axis)) to drop the axis.",
            )
    return reshape(x, tuple(size for a, size in enumerate(sizes) if a not in axes))


def expand_dims(x: ArrayLike, /, axis: Axis = 0) -> Array:
    """The array with new axes of size 1 at these positions of the result."""
    x = as_owned(x, "expand_dims")
    count = len(axis) if isinstance(axis, Sequence) else 1
    axes = canonical_axes(axis, x.aval.ndim + count, "expand_dims")
    sizes = list(x.aval.shape)
    for a in axes:
        sizes.insert(a, 1)
    return reshape(x, sizes)


def permute_dims(x: ArrayLike, /, axes: Sequence[int] | None = None) -> Array:
    """Axis ``i`` of the result is axis ``axes[i]`` of ``x``; reversed, if ``axes`` is None."""
    x = as_owned(x, "permute_dims")
    ndim = x.aval.ndim
    if axes is None:
        order = tuple(reversed(range(ndim)))
    else:
        order = tuple(canonical_axis(a, ndim, "permute_dims") for a in axes)
    if sorted(order) != list(range(ndim)):
        raise value_error(
            f"transpose: axes must name each axis of {x.aval} once, got {axes}.",
            "Write all of them in their new order; x.mT or swapaxes swaps two.",
        )
    return x if order == tuple(range(ndim)) else layout.transpose(x, permutation=order)


def transpose(x: ArrayLike, /, axes: Sequence[int] | None = None) -> Array:
    """The same as `permute_dims`."""
    return permute_dims(x, axes)


def matrix_transpose(x: ArrayLike, /) -> Array:
    """The array with its last two axes swapped."""
    x = as_owned(x, "matrix_transpose")
    if x.aval.ndim < 2:
        raise value_error(
            f"matrix_transpose: expected at least two axes, got {x.aval}.",
            "Write x[None] for a row, x[:, None] for a column.",
        )
    return swapaxes(x, -1, -2)


def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> Array:
    """The array with two axes swapped."""
    x = as_owned(x, "swapaxes")
    order = list(range(x.aval.ndim))
    a, b = (canonical_axis(axis, x.aval.ndim, "swapaxes") for axis in (axis1, axis2))
    order[a], order[b] = b, a
    return permute_dims(x, order)


def moveaxis(x: ArrayLike, source: Axis, destination: Axis, /) -> Array:
    """The array with axes moved from ``source`` to ``destination``; the others keep their order."""
    x = as_owned(x, "moveaxis")
    ndim = x.aval.ndim
    sources, targets = (
        [canonical_axis(a, ndim, "moveaxis") for a in (v if isinstance(v, Sequence) else [v])]
        for v in (source, destination)
    )
    if not len(sources) == len(targets) == len({*sources}) == len({*targets}):
        raise value_error(
            f"moveaxis: source {source} and destination {destination} must be equally many "
            "different axes."
        )
    order = [axis for axis in range(ndim) if axis not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return permute_dims(x, order)


def broadcast_to(x: ArrayLike, /, shape: Shape) -> Array:
    """The array repeated along new axes and along axes of size 1, to this shape.

    Raises:
        FnxValueError: if it does not broadcast to this shape.
    """
    x = as_owned(x, "broadcast_to")
    sizes = as_shape(shape, "broadcast_to")
    if len(sizes) < x.aval.ndim or not _broadcasts(x.aval.shape, sizes):
        raise value_error(
            f"broadcast_to: {x.aval} does not broadcast to {shape_text(sizes)}: counted from the "
            "right, sizes must be equal or 1.",
            "Insert axes with x[:, None], or reshape.",
        )
    return broadcast_operand(x, sizes)


def _broadcasts(sizes: tuple[int, ...], target: tuple[int, ...]) -> bool:
    own = target[len(target) - len(sizes) :]
    return all(n in (1, m) for n, m in zip(sizes, own, strict=True))


def broadcast_arrays(*arrays: ArrayLike) -> list[Array]:
    """The arrays broadcast against each other."""
    xs = [as_owned(x, "broadcast_arrays") for x in arrays]
    sizes = broadcast_shapes(*(x.aval.shape for x in xs), name="broadcast_arrays")
    return [broadcast_operand(x, sizes) for x in xs]


def atleast_1d(x: ArrayLike) -> Array:
    """The array, with one axis if it had none."""
    x = as_owned(x, "atleast_1d")
    return x if x.aval.ndim else reshape(x, (1,))


def atleast_2d(x: ArrayLike) -> Array:
    """The array with axes of size 1 in front until it has two."""
    x = atleast_1d(x)
    return x if x.aval.ndim > 1 else reshape(x, (1, x.aval.size))


def atleast_3d(x: ArrayLike) -> Array:
    """The array with axes of size 1 until it has three: (n,) as (1, n, 1), (n, m) as (n, m, 1)."""
    x = atleast_2d(x)
    return x if x.aval.ndim > 2 else reshape(x, (*x.aval.shape, 1))
