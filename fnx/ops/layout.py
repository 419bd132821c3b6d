"""Layout: broadcast, reshape and transpose, and ``reduce_sum``, the transpose of broadcasting.

These come first because the batching rules of all other families are made of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import NUMBERS
from fnx.core.primitive import Linear, Primitive
from fnx.core.trace import bind
from fnx.ops.checks import check_axes, check_dtypes, check_shape, fail, integers
from fnx.ops.precision import in_float32, lower_in_float32, one_array


def shifted(axes: tuple[int, ...], batch_axis: int) -> tuple[int, ...]:
    """Axes of one example as axes of the batch, which has one more, at ``batch_axis``."""
    return tuple(axis + (axis >= batch_axis) for axis in axes)


def move_axis(x: Any, source: int, destination: int) -> Any:
    """``x`` with the axis ``source`` moved to ``destination``."""
    if source == destination:
        return x
    order = [axis for axis in range(len(x.shape)) if axis != source]
    order.insert(destination, source)
    return transpose(x, permutation=tuple(order))


def expand(x: Any, size: int, axis: int) -> Any:
    """``x`` repeated ``size`` times along a new ``axis``."""
    old = np.shape(x)  # of Python scalars too, as weak literals are
    dimensions = shifted(tuple(range(len(old))), axis)
    return broadcast_in_dim(x, shape=(*old[:axis], size, *old[axis:]), dimensions=dimensions)


def batched(x: Any, axis: int | None, size: int) -> Any:
    """``x`` with its batch axis first, repeated if it had none."""
    return expand(x, size, 0) if axis is None else move_axis(x, axis, 0)


# broadcast_in_dim ------------------------------------------------------------------------------


def _broadcast_type(x: Aval, *, shape: tuple[int, ...], dimensions: tuple[int, ...]) -> tuple[Aval]:
    name = "broadcast_in_dim"
    check_shape(name, shape)
    check_axes(name, Aval.of(shape, x.dtype), dimensions, "dimensions")
    if len(dimensions) != x.ndim or list(dimensions) != sorted(dimensions):
        fail(name, f"dimensions must be increasing, one for each axis of {x}, got {dimensions}")
    if any(size not in (1, shape[d]) for size, d in zip(x.shape, dimensions, strict=True)):
        fail(name, f"sizes of {x} must be 1 or those of axes {dimensions} of {shape}")
    return (Aval.of(shape, x.dtype, x.weak),)


def _broadcast_numpy(
    xp: Any, x: Any, *, shape: tuple[int, ...], dimensions: tuple[int, ...]
) -> tuple[Any]:
    out = xp.empty(shape, x.dtype)
    if not x.shape:
        out.fill(x)
        return (out,)
    aligned = [1] * len(shape)
    for size, dimension in zip(x.shape, dimensions, strict=True):
        aligned[dimension] = size
    out[...] = x.reshape(aligned)
    return (out,)


def _broadcast_transpose(
    cts: tuple[Any, ...], inputs: tuple[Linear], *, shape: tuple[int, ...], dimensions: tuple
) -> tuple[Any]:
    (ct,), aval = cts, inputs[0].aval
    if ct is None:
        return (None,)
    stretched = {
        d for size, d in zip(aval.shape, dimensions, strict=True) if size == 1 and shape[d] != 1
    }
    axes = tuple(d for d in range(len(shape)) if d not in dimensions or d in stretched)
    summed = reduce_sum(ct, axes=axes) if axes else ct
    return (reshape(summed, shape=aval.shape) if stretched else summed,)


def _broadcast_batch(
    inputs: tuple[Any], axes: tuple[int], size: int, *, shape: tuple, dimensions: tuple
) -> tuple[tuple[Any], tuple[int]]:
    (x,), (axis,) = inputs, axes
    x = move_axis(x, axis, 0)
    dimensions = (0, *(d + 1 for d in dimensions))
    return (broadcast_in_dim(x, shape=(x.shape[0], *shape), dimensions=dimensions),), (0,)


broadcast_in_dim_p = Primitive(
    name="broadcast_in_dim",
    type=_broadcast_type,
    numpy=_broadcast_numpy,
    jvp=lambda primals, ts, outs, **params: (broadcast_in_dim(ts[0], **params),),
    transpose=_broadcast_transpose,
    batch=_broadcast_batch,
    lower=lambda b, x, *, shape, dimensions: (b.broadcast_in_dim(x, shape, dimensions),),
)


def broadcast_in_dim(x: Any, *, shape: tuple[int, ...], dimensions: tuple[int, ...]) -> Any:
    """Repeat ``x`` along new axes, and along its axes of size 1.

    Args:
        x: an array or scalar.
        shape: the shape of the result.
        dimensions: for each axis of ``x``, in increasing order, the axis of the result that it is.

    Raises:
        FnxTypeError: if a size of ``x`` is neither 1 nor the result's.
    """
    shape = integers("broadcast_in_dim", "shape", shape)
    dimensions = integers("broadcast_in_dim", "dimensions", dimensions)
    return bind(broadcast_in_dim_p, x, shape=shape, dimensions=dimensions)[0]


# reshape ---------------------------------------------------------------------------------------


def _reshape_type(x: Aval, *, shape: tuple[int, ...]) -> tuple[Aval]:
    check_shape("reshape", shape)
    if math.prod(shape) != x.size:
        fail("reshape", f"cannot reshape {x} ({x.size} elements) to {shape} ({math.prod(shape)})")
    return (Aval.of(shape, x.dtype, x.weak),)


def _reshape_batch(
    inputs: tuple[Any], axes: tuple[int], size: int, *, shape: tuple[int, ...]
) -> tuple[tuple[Any], tuple[int]]:
    x = move_axis(inputs[0], axes[0], 0)
    return (reshape(x, shape=(x.shape[0], *shape)),), (0,)


reshape_p = Primitive(
    name="reshape",
    type=_reshape_type,
    numpy=lambda xp, x, *, shape: (x.reshape(shape),),
    jvp=lambda primals, ts, outs, *, shape: (reshape(ts[0], shape=shape),),
    transpose=lambda cts, inputs, *, shape: (
        None if cts[0] is None else reshape(cts[0], shape=inputs[0].aval.shape),
    ),
    batch=_reshape_batch,
    lower=lambda b, x, *, shape: (b.reshape(x, shape),),
)


def reshape(x: Any, *, shape: tuple[int, ...]) -> Any:
    """The same elements in row-major order, in another shape.

    Raises:
        FnxTypeError: if the number of elements differs (no -1 here; fnx.numpy.reshape has it).
    """
    return bind(reshape_p, x, shape=integers("reshape", "shape", shape))[0]


def squeeze(x: Any, *, axes: tuple[int, ...]) -> Any:
    """``x`` without these axes of size 1."""
    if any(x.shape[axis] != 1 for axis in axes):
        fail("squeeze", f"axes {axes} must have size 1, got shape {x.shape}")
    return reshape(x, shape=tuple(n for axis, n in enumerate(x.shape) if axis not in axes))


def expand_dims(x: Any, *, axes: tuple[int, ...]) -> Any:
    """``x`` with axes of size 1 put in; ``axes`` are those of the result."""
    sizes = iter(x.shape)
    rank = len(x.shape) + len(axes)
    return reshape(x, shape=tuple(1 if i in axes else next(sizes) for i in range(rank)))


# transpose -------------------------------------------------------------------------------------


def _transpose_type(x: Aval, *, permutation: tuple[int, ...]) -> tuple[Aval]:
    if sorted(permutation) != list(range(x.ndim)):
        fail("transpose", f"permutation must name each axis of {x} once, got {permutation}")
    return (Aval.of(tuple(x.shape[p] for p in permutation), x.dtype, x.weak),)


def _transpose_transpose(
    cts: tuple[Any, ...], inputs: tuple[Linear], *, permutation: tuple[int, ...]
) -> tuple[Any]:
    if cts[0] is None:
        return (None,)
    inverse = sorted(range(len(permutation)), key=permutation.__getitem__)
    return (transpose(cts[0], permutation=tuple(inverse)),)


def _transpose_batch(
    inputs: tuple[Any], axes: tuple[int], size: int, *, permutation: tuple[int, ...]
) -> tuple[tuple[Any], tuple[int]]:
    permutation = (axes[0], *shifted(permutation, axes[0]))
    return (transpose(inputs[0], permutation=permutation),), (0,)


transpose_p = Primitive(
    name="transpose",
    type=_transpose_type,
    numpy=lambda xp, x, *, permutation: (xp.transpose(x, permutation),),
    jvp=lambda primals, ts, outs, **params: (transpose(ts[0], **params),),
    transpose=_transpose_transpose,
    batch=_transpose_batch,
    lower=lambda b, x, *, permutation: (b.transpose(x, permutation),),
)


def transpose(x: Any, *, permutation: tuple[int, ...]) -> Any:
    """Axis ``i`` of the result is axis ``permutation[i]`` of ``x``."""
    permutation = integers("transpose", "permutation", permutation)
    return bind(transpose_p, x, permutation=permutation)[0]


# reduce_sum ------------------------------------------------------------------------------------


def reduced(name: str, x: Aval, axes: tuple[int, ...]) -> Aval:
    """The aval that is left when ``axes`` are reduced away."""
    check_axes(name, x, axes)
    shape = tuple(size for axis, size in enumerate(x.shape) if axis not in axes)
    return Aval.of(shape, x.dtype, x.weak)


def spread(y: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """A reduced value repeated along the axes that were reduced, to ``shape`` again."""
    kept = tuple(axis for axis in range(len(shape)) if axis not in axes)
    return broadcast_in_dim(y, shape=shape, dimensions=kept)


def kept_batch_axis(axes: tuple[int, ...], batch_axis: int) -> int:
    """Where the batch axis is after ``axes`` (of one example) are reduced away."""
    return batch_axis - sum(axis < batch_axis for axis in shifted(axes, batch_axis))


def _reduce_sum_type(x: Aval, *, axes: tuple[int, ...]) -> tuple[Aval]:
    check_dtypes("reduce_sum", NUMBERS, x)
    return (reduced("reduce_sum", x, axes),)


@in_float32
def _sum(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return xp.add.reduce(x, axis=axes, dtype=x.dtype)


@lower_in_float32
def _lower_sum(b: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return b.reduce(x, b.constant(0, dtype=x.type.dtype), axes, "add")


def _reduce_sum_batch(
    inputs: tuple[Any], batch_axes: tuple[int], size: int, *, axes: tuple[int, ...]
) -> tuple[tuple[Any], tuple[int]]:
    (axis,) = batch_axes
    return (reduce_sum(inputs[0], axes=shifted(axes, axis)),), (kept_batch_axis(axes, axis),)


reduce_sum_p = Primitive(
    name="reduce_sum",
    type=_reduce_sum_type,
    numpy=one_array(_sum),
    jvp=lambda primals, ts, outs, *, axes: (reduce_sum(ts[0], axes=axes),),
    transpose=lambda cts, inputs, *, axes: (
        None if cts[0] is None else spread(cts[0], inputs[0].aval.shape, axes),
    ),
    batch=_reduce_sum_batch,
    lower=lambda b, x, *, axes: (_lower_sum(b, x, axes=axes),),
)


def reduce_sum(x: Any, *, axes: tuple[int, ...]) -> Any:
    """Sum over ``axes``. float16, bfloat16 and float8 are added up in float32."""
    return bind(reduce_sum_p, x, axes=integers("reduce_sum", "axes", axes))[0]
