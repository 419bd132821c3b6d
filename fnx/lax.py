"""lax: the operations under JAX's names and signatures.

They are strict: operands have one dtype and one shape (Python scalars fit all); `fnx.numpy`
promotes and broadcasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx import tree
from fnx.control.cond import cond as cond
from fnx.control.cond import switch as switch
from fnx.core.array import Array
from fnx.core.dtypes import INTS, as_dtype
from fnx.core.eager import aval_of
from fnx.core.sources import current_source
from fnx.errors import FnxTypeError, FnxValueError
from fnx.ops import contraction, conversion, creation, indexing, layout, reduction
from fnx.ops import elementwise as ops
from fnx.ops import shape as shape_ops
from fnx.ops.elementwise import abs as abs
from fnx.ops.elementwise import acos as acos
from fnx.ops.elementwise import acosh as acosh
from fnx.ops.elementwise import add as add
from fnx.ops.elementwise import asin as asin
from fnx.ops.elementwise import asinh as asinh
from fnx.ops.elementwise import atan as atan
from fnx.ops.elementwise import atan2 as atan2
from fnx.ops.elementwise import atanh as atanh
from fnx.ops.elementwise import cbrt as cbrt
from fnx.ops.elementwise import ceil as ceil
from fnx.ops.elementwise import clz as clz
from fnx.ops.elementwise import cos as cos
from fnx.ops.elementwise import cosh as cosh
from fnx.ops.elementwise import digamma as digamma
from fnx.ops.elementwise import div as div
from fnx.ops.elementwise import eq as eq
from fnx.ops.elementwise import erf as erf
from fnx.ops.elementwise import erf_inv as erf_inv
from fnx.ops.elementwise import erfc as erfc
from fnx.ops.elementwise import exp as exp
from fnx.ops.elementwise import exp2 as exp2
from fnx.ops.elementwise import expm1 as expm1
from fnx.ops.elementwise import floor as floor
from fnx.ops.elementwise import ge as ge
from fnx.ops.elementwise import gt as gt
from fnx.ops.elementwise import is_finite as is_finite
from fnx.ops.elementwise import le as le
from fnx.ops.elementwise import lgamma as lgamma
from fnx.ops.elementwise import log as log
from fnx.ops.elementwise import log1p as log1p
from fnx.ops.elementwise import logistic as logistic
from fnx.ops.elementwise import lt as lt
from fnx.ops.elementwise import max as max
from fnx.ops.elementwise import min as min
from fnx.ops.elementwise import mul as mul
from fnx.ops.elementwise import ne as ne
from fnx.ops.elementwise import neg as neg
from fnx.ops.elementwise import pow as pow
from fnx.ops.elementwise import rem as rem
from fnx.ops.elementwise import round as round
from fnx.ops.elementwise import rsqrt as rsqrt
from fnx.ops.elementwise import select as select
from fnx.ops.elementwise import shift_left as shift_left
from fnx.ops.elementwise import shift_right_arithmetic as shift_right_arithmetic
from fnx.ops.elementwise import shift_right_logical as shift_right_logical
from fnx.ops.elementwise import sign as sign
from fnx.ops.elementwise import sin as sin
from fnx.ops.elementwise import sinh as sinh
from fnx.ops.elementwise import sqrt as sqrt
from fnx.ops.elementwise import square as square
from fnx.ops.elementwise import sub as sub
from fnx.ops.elementwise import tan as tan
from fnx.ops.elementwise import tanh as tanh
from fnx.ops.precision import highest, lowest

bitwise_and = ops.and_
bitwise_not = ops.not_
bitwise_or = ops.or_
population_count = ops.popcnt
bitwise_xor = ops.xor

Sizes = Sequence[int]
DotDimensions = tuple[tuple[Sizes, Sizes], tuple[Sizes, Sizes]]


def integer_pow(x: Array, y: int) -> Array:
    """``x ** y`` for a Python integer, by repeated multiplication."""
    return ops.integer_pow(x, exponent=y)


def clamp(min: Array, x: Array, max: Array) -> Array:
    """``x`` with what is below ``min`` or above ``max`` moved to it; these may have rank 0."""
    shape = aval_of(x).shape
    low, high = (_spread(bound, shape) for bound in (min, max))
    return ops.clamp(low, x, high)


def _spread(x: Any, shape: tuple[int, ...]) -> Any:
    is_literal = isinstance(x, bool | int | float | np.generic)
    return x if is_literal or x.shape else layout.broadcast_in_dim(x, shape=shape, dimensions=())


def reciprocal(x: Array) -> Array:
    """``1 / x``."""
    return ops.div(1.0, x)


def select_n(which: Array, *cases: Array) -> Array:
    """``cases[which]``, element by element; ``which`` holds bools for two cases, else integers."""
    if which.dtype == np.bool_:
        if len(cases) != 2:
            raise _error(f"select_n: bools choose between two cases, got {len(cases)}.")
        return ops.select(which, cases[1], cases[0])
    result = cases[-1]
    for i in reversed(range(len(cases) - 1)):
        result = ops.select(ops.le(which, i), cases[i], result)
    return result


def convert_element_type(x: Array, new_dtype: object) -> Array:
    """The elements in another dtype."""
    return conversion.convert(x, dtype=as_dtype(new_dtype))


def bitcast_convert_type(x: Array, new_dtype: object) -> Array:
    """The same bits as another dtype of the same size."""
    return conversion.bitcast(x, dtype=as_dtype(new_dtype))


def stop_gradient(x: Any) -> Any:
    """The array, or all arrays of a pytree, as constants to derivatives."""
    return tree.map(conversion.stop_gradient, x)


# Making and shaping


def full(shape: Sizes, fill_value: Any, dtype: object = None) -> Array:
    """An array full of one number."""
    aval = aval_of(fill_value)
    target = aval.dtype if dtype is None else as_dtype(dtype)
    if isinstance(fill_value, bool | int | float | np.generic):
        return creation.full(shape=tuple(shape), value=fill_value, dtype=target)
    return broadcast_in_dim(convert_element_type(fill_value, target), shape, ())


def full_like(x: Array, fill_value: Any, dtype: object = None) -> Array:
    """An array full of one number, with the shape and dtype of ``x``."""
    aval = aval_of(x)
    return full(aval.shape, fill_value, aval.dtype if dtype is None else dtype)


def iota(dtype: object, size: int) -> Array:
    """``0, 1, ..., size - 1``."""
    return creation.iota(shape=(size,), dtype=as_dtype(dtype), dimension=0)


def broadcasted_iota(dtype: object, shape: Sizes, dimension: int) -> Array:
    """An array whose elements are their own index along ``dimension``."""
    return creation.iota(shape=tuple(shape), dtype=as_dtype(dtype), dimension=dimension)


def broadcast(operand: Array, sizes: Sizes) -> Array:
    """The array repeated along new axes of these sizes, in front."""
    shape = aval_of(operand).shape
    own = range(len(sizes), len(sizes) + len(shape))
    return broadcast_in_dim(operand, (*sizes, *shape), own)


def broadcast_in_dim(operand: Array, shape: Sizes, broadcast_dimensions: Sizes) -> Array:
    """The array repeated to ``shape``; its axis ``i`` becomes ``broadcast_dimensions[i]``."""
    return layout.broadcast_in_dim(
        operand, shape=tuple(shape), dimensions=tuple(broadcast_dimensions)
    )


def reshape(operand: Array, new_sizes: Sizes) -> Array:
    """The same elements in row-major order, in another shape."""
    return layout.reshape(operand, shape=tuple(new_sizes))


def collapse(operand: Array, start_dimension: int, stop_dimension: int | None = None) -> Array:
    """The axes from ``start_dimension`` up to ``stop_dimension`` as one."""
    sizes = operand.shape
    first, *middle = sizes[start_dimension:stop_dimension] or (1,)
    for size in middle:
        first *= size
    rest = () if stop_dimension is None else sizes[stop_dimension:]
    return reshape(operand, (*sizes[:start_dimension], first, *rest))


def expand_dims(operand: Array, dimensions: Sizes) -> Array:
    """The array with axes of size 1 at these positions of the result."""
    sizes = list(aval_of(operand).shape)
    rank = len(sizes) + len(dimensions)
    for position in sorted(_axis(d, rank) for d in dimensions):
        sizes.insert(position, 1)
    return reshape(operand, sizes)


def squeeze(operand: Array, dimensions: Sizes) -> Array:
    """The array without these axes, which must have size 1."""
    sizes = aval_of(operand).shape
    gone = {_axis(d, len(sizes)) for d in dimensions}
    return reshape(operand, [size for axis, size in enumerate(sizes) if axis not in gone])


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise _error(f"axis {axis} is out of range for an array of rank {rank}.")
    return axis % rank


def _error(message: str) -> FnxValueError:
    return FnxValueError(message, source=current_source())


def transpose(operand: Array, permutation: Sizes) -> Array:
    """Axis ``i`` of the result is axis ``permutation[i]`` of the operand."""
    return layout.transpose(operand, permutation=tuple(permutation))


def rev(operand: Array, dimensions: Sizes) -> Array:
    """The elements in reverse order along these axes."""
    return shape_ops.reverse(operand, dimensions=tuple(dimensions))


def concatenate(operands: Sequence[Array], dimension: int) -> Array:
    """The arrays one after the other along an axis."""
    return shape_ops.concatenate(*operands, dimension=dimension)


def pad(operand: Array, padding_value: Array, padding_config: Sequence[Sizes]) -> Array:
    """Elements added before, after and between those of each axis: ``(low, high, interior)``."""
    low, high, interior = zip(*padding_config, strict=True) if padding_config else ((), (), ())
    is_number = isinstance(padding_value, bool | int | float)
    value = aval_of(operand).dtype.type(padding_value) if is_number else padding_value
    return shape_ops.pad(operand, value, low=low, high=high, interior=interior)


# Slicing


def slice(
    operand: Array, start_indices: Sizes, limit_indices: Sizes, strides: Sizes | None = None
) -> Array:
    """``operand[start:limit:stride]`` along all axes."""
    steps = (1,) * len(start_indices) if strides is None else tuple(strides)
    return shape_ops.slice(
        operand, start=tuple(start_indices), limit=tuple(limit_indices), strides=steps
    )


def slice_in_dim(
    operand: Array, start_index: int, limit_index: int, stride: int = 1, axis: int = 0
) -> Array:
    """``operand[start:limit:stride]`` along one axis."""
    sizes = operand.shape
    position = _axis(axis, len(sizes))
    return slice(
        operand,
        [start_index if a == position else 0 for a in range(len(sizes))],
        [limit_index if a == position else size for a, size in enumerate(sizes)],
        [stride if a == position else 1 for a in range(len(sizes))],
    )


def index_in_dim(operand: Array, index: int, axis: int = 0, keepdims: bool = True) -> Array:
    """The slice at a static index of an axis."""
    index %= operand.shape[axis]
    result = slice_in_dim(operand, index, index + 1, axis=axis)
    return result if keepdims else squeeze(result, (axis,))


def dynamic_slice(operand: Array, start_indices: Sequence[Any], slice_sizes: Sizes) -> Array:
    """The part of these sizes that begins at computed indices, moved so that it lies inside."""
    return indexing.dynamic_slice(operand, *_starts(start_indices), sizes=tuple(slice_sizes))


def _starts(indices: Sequence[Any]) -> list[Any]:
    """Starts in one integer dtype; Python ints beyond it are moved to its ends."""
    avals = [None if type(i) is int else aval_of(i) for i in indices]
    dtypes = {a.dtype for a in avals if a is not None} or {np.dtype(np.int32)}
    wrong = [a for a in avals if a is not None and a.dtype not in INTS]
    if wrong:
        raise FnxTypeError(
            f"a start of a slice is an integer, got {wrong[0]}", source=current_source()
        )
    dtype = np.result_type(*dtypes)
    return [_start(i, np.dtype(np.int64) if dtype.kind == "f" else dtype) for i in indices]


def _start(index: Any, dtype: np.dtype) -> Any:
    if type(index) is int:
        ends = np.iinfo(dtype)
        low = int(ends.min) if index < ends.min else index
        return dtype.type(int(ends.max) if low > ends.max else low)
    return index if aval_of(index).dtype == dtype else conversion.convert(index, dtype=dtype)


def dynamic_slice_in_dim(operand: Array, start_index: Any, slice_size: int, axis: int = 0) -> Array:
    """The part of ``slice_size`` elements of one axis that begins at a computed index."""
    position = _axis(axis, len(operand.shape))
    sizes = [slice_size if a == position else size for a, size in enumerate(operand.shape)]
    return dynamic_slice(operand, _at(start_index, position, len(sizes)), sizes)


def _at(index: Any, position: int, ndim: int) -> list[Any]:
    return [index if a == position else 0 for a in range(ndim)]


def dynamic_index_in_dim(operand: Array, index: Any, axis: int = 0, keepdims: bool = True) -> Array:
    """The slice at a computed index of an axis."""
    result = dynamic_slice_in_dim(operand, index, 1, axis)
    return result if keepdims else squeeze(result, (axis,))


def dynamic_update_slice(operand: Array, update: Array, start_indices: Sequence[Any]) -> Array:
    """The array with the part that begins at computed indices replaced."""
    return indexing.dynamic_update_slice(operand, update, *_starts(start_indices))


def dynamic_update_slice_in_dim(
    operand: Array, update: Array, start_index: Any, axis: int
) -> Array:
    """The array with the part of one axis that begins at a computed index replaced."""
    position = _axis(axis, len(operand.shape))
    return dynamic_update_slice(operand, update, _at(start_index, position, len(operand.shape)))


def dynamic_update_index_in_dim(operand: Array, update: Array, index: Any, axis: int) -> Array:
    """The array with the slice at a computed index of an axis replaced."""
    if update.ndim < operand.ndim:
        update = expand_dims(update, (axis,))
    return dynamic_update_slice_in_dim(operand, update, index, axis)


# Contractions and reductions


def dot_general(
    lhs: Array,
    rhs: Array,
    dimension_numbers: DotDimensions,
    *,
    preferred_element_type: object = None,
) -> Array:
    """Sum of products over the contracting axes, for each index of the batch axes.

    Args:
        lhs: one array.
        rhs: the other.
        dimension_numbers: ``((lhs contracting, rhs contracting), (lhs batch, rhs batch))``.
        preferred_element_type: the dtype in which to add up, and of the result.

    Returns:
        An array with the batch axes, then the other axes of ``lhs``, then those of ``rhs``.
    """
    (contract_l, contract_r), (batch_l, batch_r) = dimension_numbers
    return contraction.dot_general(
        lhs,
        rhs,
        contracting=(tuple(contract_l), tuple(contract_r)),
        batch=(tuple(batch_l), tuple(batch_r)),
        preferred=None if preferred_element_type is None else as_dtype(preferred_element_type),
    )


def dot(lhs: Array, rhs: Array, *, preferred_element_type: object = None) -> Array:
    """The product of vectors and matrices."""
    numbers = (((lhs.ndim - 1,), (0,)), ((), ()))
    return dot_general(lhs, rhs, numbers, preferred_element_type=preferred_element_type)


def batch_matmul(lhs: Array, rhs: Array) -> Array:
    """Matrix products of the last two axes; the axes before them are equal."""
    batch = tuple(range(lhs.ndim - 2))
    return dot_general(lhs, rhs, (((lhs.ndim - 1,), (rhs.ndim - 2,)), (batch, batch)))


def _reduction(name: str, meaning: str) -> Any:
    op = getattr(reduction, name)

    def function(operand: Array, axes: Sizes) -> Array:
        return op(operand, axes=tuple(axes))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{meaning} over these axes, which the result does not have."
    return function


reduce_sum = _reduction("reduce_sum", "Sum")
reduce_prod = _reduction("reduce_prod", "Product")
reduce_max = _reduction("reduce_max", "Largest element")
reduce_min = _reduction("reduce_min", "Smallest element")
reduce_and = _reduction("reduce_and", "Whether all are true, or the bits set in all,")
reduce_or = _reduction("reduce_or", "Whether one is true, or the bits set in one,")


def argmax(operand: Array, axis: int, index_dtype: object) -> Array:
    """Index of the largest element along an axis."""
    return reduction.argmax(operand, axis=axis, index_dtype=as_dtype(index_dtype))


def argmin(operand: Array, axis: int, index_dtype: object) -> Array:
    """Index of the smallest element along an axis."""
    return reduction.argmin(operand, axis=axis, index_dtype=as_dtype(index_dtype))


def cumsum(operand: Array, axis: int = 0) -> Array:
    """Sums of all elements up to each one, along an axis."""
    return _running(ops.add, 0, operand, axis)


def cumprod(operand: Array, axis: int = 0) -> Array:
    """Products of all elements up to each one, along an axis."""
    return _running(ops.mul, 1, operand, axis)


def cummax(operand: Array, axis: int = 0) -> Array:
    """The largest of all elements up to each one, along an axis."""
    return _running(ops.max, lowest(operand.dtype), operand, axis)


def cummin(operand: Array, axis: int = 0) -> Array:
    """The smallest of all elements up to each one, along an axis."""
    return _running(ops.min, highest(operand.dtype), operand, axis)


def _running(combine: Any, neutral: Any, x: Any, axis: int) -> Any:
    """Prefixes by doubling: after step k every element combines the 2**k elements up to it."""
    rank = len(x.shape)
    position = _axis(axis, rank)
    distance = 1
    while distance < x.shape[position]:
        low = [distance if a == position else 0 for a in range(rank)]
        shifted = pad(x, x.dtype.type(neutral), [(n, -n, 0) for n in low])
        x = combine(x, shifted)
        distance *= 2
    return x
