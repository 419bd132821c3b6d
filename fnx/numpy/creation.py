"""Functions that make arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.core.array import Array, wrap
from fnx.core.dtypes import BOOL, FLOAT32, FLOATS, INT32, as_dtype, default_dtype, scalar_dtype
from fnx.core.trace import Tracer
from fnx.numpy.joining import stack
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    aval_of,
    cast,
    describe,
    result_dtype,
    type_error,
    value_error,
)
from fnx.numpy.shaping import broadcast_to
from fnx.numpy.sizes import Shape, as_shape
from fnx.ops import arithmetic, comparison, conversion, layout
from fnx.ops import creation as ops


def asarray(
    obj: object, dtype: object = None, *, copy: bool | None = None, device: str | None = None
) -> Array:
    """An array from numbers, nested lists, NumPy arrays and arrays of other libraries.

    Python numbers become bool, int32 and float32 (a Python int that needs it int64); arrays keep
    the dtype that they come with. A NumPy array is copied, since its owner may write to it, unless
    ``copy=False``.

    Args:
        obj: what to convert: anything with ``__array__`` or ``__dlpack__`` too.
        dtype: the dtype of the result; that of ``obj`` if not given.
        copy: False to share memory, which must then not be written to.
        device: "cpu" or None.

    Raises:
        FnxTypeError: for an object that is no array, and for ragged lists.
        FnxValueError: if ``copy=False`` and a copy is needed.

    >>> asarray([1.0, 2.0])
    Array([1., 2.], dtype=float32)
    """
    _check_device("asarray", device)
    result = _converted(obj, dtype, copy)
    if dtype is None or result.aval.dtype == as_dtype(dtype):
        return result if dtype is None else cast(result, result.aval.dtype)
    if copy is False:
        raise value_error(f"asarray: {result.aval} as {as_dtype(dtype)} needs a copy.")
    return astype(result, dtype)


def _check_device(name: str, device: str | None) -> None:
    if device not in (None, "cpu"):
        raise value_error(f"{name}: the only device is 'cpu', got {device!r}.")


def _converted(obj: object, dtype: object, copy: bool | None) -> Any:
    if type(obj) is Array:
        return wrap(obj._buffer.copy(), obj.aval.weak) if copy else obj
    if isinstance(obj, Tracer):
        return obj
    if isinstance(obj, np.ndarray):
        return as_operand(obj.copy() if copy is not False else obj, "asarray")
    if isinstance(obj, np.generic):
        return wrap(obj)
    if isinstance(obj, bool | int | float):
        return _from_number(obj, dtype)
    if isinstance(obj, list | tuple):
        return _from_list(obj, dtype)
    if getattr(obj, "__dlpack__", None) is not None:
        return from_dlpack(obj, copy=copy)
    if isinstance(obj, memoryview | bytearray) or getattr(obj, "__array__", None) is not None:
        return as_operand(np.array(obj), "asarray")
    raise type_error(f"asarray: cannot make an array of {describe(obj)}.")


def _from_number(number: bool | int | float, dtype: object) -> Array:
    if dtype is None:
        own, weak = scalar_dtype(number)
        return wrap(np.asarray(number, own), weak)
    target = as_dtype(dtype)
    if target not in FLOATS and isinstance(number, float):
        return wrap(np.asarray(number).astype(target))
    return wrap(np.asarray(number, target))


def _from_list(items: Sequence[Any], dtype: object) -> Any:
    leaves = list(_leaves(items))
    if any(isinstance(x, Tracer) for x in leaves):
        return _stacked(items)
    try:
        values = np.asarray(_without_arrays(items))
    except ValueError as error:
        raise type_error(f"asarray: the nested lists are ragged: {error}") from None
    if values.dtype.kind in "OUSc":
        raise type_error(f"asarray: the lists hold {values.dtype}, not real numbers.")
    own = _dtype_of_leaves(leaves, values) if dtype is None else as_dtype(dtype)
    return wrap(values.astype(own) if values.dtype != own else values)


def _leaves(items: Any) -> Any:
    for item in items:
        if isinstance(item, list | tuple):
            yield from _leaves(item)
        else:
            yield item


def _without_arrays(items: Any) -> Any:
    if isinstance(items, list | tuple):
        return [_without_arrays(item) for item in items]
    return items._buffer if isinstance(items, Array) else items


def _dtype_of_leaves(leaves: list[Any], values: np.ndarray) -> np.dtype:
    if not leaves:
        return FLOAT32
    if all(type(x) in (bool, int, float) for x in leaves):  # the common case, without promotion
        if values.dtype.kind in "bf":
            return default_dtype(bool if values.dtype.kind == "b" else float)
        is_small = not values.size or (values.min() >= -(2**31) and values.max() < 2**31)
        return INT32 if is_small else values.dtype
    return result_dtype(*{aval_of(as_operand(x, "asarray")).strong() for x in leaves})[0]


def _stacked(items: Sequence[Any]) -> Any:
    return stack([_stacked(x) if isinstance(x, list | tuple) else x for x in items])


def array(obj: object, dtype: object = None, *, copy: bool | None = None) -> Array:
    """The same as `asarray`."""
    return asarray(obj, dtype, copy=copy)


def from_dlpack(x: object, /, *, device: str | None = None, copy: bool | None = None) -> Array:
    """An array that shares the memory of another library's array, which must not write to it.

    Args:
        x: an object with ``__dlpack__``.
        device: "cpu" or None.
        copy: True to copy.
    """
    _check_device("from_dlpack", device)
    if isinstance(x, Array | Tracer):
        return x
    buffer = np.from_dlpack(x)
    return as_operand(buffer.copy() if copy else buffer, "from_dlpack")


def frombuffer(buffer: object, dtype: object = float, count: int = -1, offset: int = 0) -> Array:
    """An array of the bytes of a buffer (bytes, bytearray, memoryview), copied."""
    return wrap(np.frombuffer(buffer, as_dtype(dtype), count, offset).copy())


def astype(x: ArrayLike, dtype: object, /, *, copy: bool = True, device: None = None) -> Array:
    """The array in another dtype. Floats are cut off towards zero to become integers."""
    x = as_array(as_operand(x, "astype"))
    target = as_dtype(dtype)
    if x.aval.dtype == target and not x.aval.weak:
        return x
    if target == BOOL and x.aval.dtype != BOOL:
        return comparison.ne(x, x.aval.dtype.type(0))
    return conversion.convert(x, dtype=target)


def full(
    shape: Shape, fill_value: ArrayLike, dtype: object = None, *, device: str | None = None
) -> Array:
    """An array full of one value, which may be an array that broadcasts to ``shape``.

    >>> full((2,), 7)
    Array([7, 7], dtype=int32)
    """
    _check_device("full", device)
    sizes = as_shape(shape, "full")
    value = as_operand(fill_value, "full")
    target = aval_of(value).dtype if dtype is None else as_dtype(dtype)
    if isinstance(value, Array | Tracer):
        return broadcast_to(astype(value, target), sizes)
    return ops.full(shape=sizes, dtype=target, value=value)


def zeros(shape: Shape, dtype: object = None, *, device: str | None = None) -> Array:
    """An array of zeros; float32 unless told."""
    return full(shape, 0, dtype or FLOAT32, device=device)


def ones(shape: Shape, dtype: object = None, *, device: str | None = None) -> Array:
    """An array of ones; float32 unless told."""
    return full(shape, 1, dtype or FLOAT32, device=device)


def empty(shape: Shape, dtype: object = None, *, device: str | None = None) -> Array:
    """An array of zeros: an array that nobody can write to needs its elements from the start."""
    return zeros(shape, dtype, device=device)


def full_like(
    x: ArrayLike,
    /,
    fill_value: ArrayLike,
    dtype: object = None,
    *,
    shape: Shape | None = None,
    device: str | None = None,
) -> Array:
    """An array full of one value, with the shape and dtype of ``x`` unless told."""
    aval = aval_of(as_operand(x, "full_like"))
    sizes = aval.shape if shape is None else shape
    result = full(sizes, fill_value, dtype or aval.dtype, device=device)
    return cast(result, aval.dtype, aval.weak) if dtype is None and aval.weak else result


def zeros_like(
    x: ArrayLike,
    /,
    dtype: object = None,
    *,
    shape: Shape | None = None,
    device: str | None = None,
) -> Array:
    """An array of zeros, with the shape and dtype of ``x`` unless told."""
    return full_like(x, 0, dtype, shape=shape, device=device)


def ones_like(
    x: ArrayLike,
    /,
    dtype: object = None,
    *,
    shape: Shape | None = None,
    device: str | None = None,
) -> Array:
    """An array of ones, with the shape and dtype of ``x`` unless told."""
    return full_like(x, 1, dtype, shape=shape, device=device)


empty_like = zeros_like


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    dtype: object = None,
    *,
    device: str | None = None,
) -> Array:
    """Evenly spaced values ``start, start + step, ...`` below ``stop``.

    Args:
        start: the first value; the end, if ``stop`` is not given.
        stop: the end, not included.
        step: the distance of neighbours.
        dtype: int32 for Python ints and float32 for floats unless given.
        device: "cpu" or None.

    >>> arange(2, 8, 3)
    Array([2, 5], dtype=int32)
    """
    _check_device("arange", device)
    start, stop = (0, start) if stop is None else (start, stop)
    bounds = [_concrete_number(x, "arange") for x in (start, stop, step)]
    if bounds[2] == 0:
        raise value_error("arange: the step must not be zero.")
    own = result_dtype(*[aval_of(x) for x in bounds])[0]
    target = own if dtype is None else as_dtype(dtype)
    if target == BOOL:
        raise type_error("arange: there is no range of bools.")
    count = max(math.ceil((bounds[1] - bounds[0]) / bounds[2]), 0)
    if bounds[0] == 0 and bounds[2] == 1:
        return ops.iota(shape=(count,), dtype=target, dimension=0)
    kind = np.float64 if own in FLOATS else np.int64
    return wrap((np.arange(count, dtype=kind) * bounds[2] + bounds[0]).astype(target))


def _concrete_number(x: object, name: str) -> Any:
    if isinstance(x, bool | int | float | np.generic):
        return x
    return as_operand(x, name).item()


def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    /,
    num: int = 50,
    dtype: object = None,
    *,
    endpoint: bool = True,
    device: str | None = None,
) -> Array:
    """``num`` evenly spaced values from ``start`` to ``stop``, which is the last one if ``endpoint``.

    >>> linspace(0, 1, 3)
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    _check_device("linspace", device)
    if num < 0:
        raise value_error(f"linspace: the number of values cannot be negative, got {num}.")
    bounds = [_concrete_number(x, "linspace") for x in (start, stop)]
    own = result_dtype(*[aval_of(x) for x in bounds])[0]
    target = as_dtype(dtype) if dtype is not None else own if own in FLOATS else FLOAT32
    return wrap(np.linspace(*map(float, bounds), num, endpoint=endpoint).astype(target))


def logspace(
    start: float, stop: float, num: int = 50, *, base: float = 10.0, dtype: object = None
) -> Array:
    """``num`` values from ``base**start`` to ``base**stop``, evenly spaced in their logarithms."""
    exponents = np.linspace(float(start), float(stop), num)
    return wrap((float(base) ** exponents).astype(as_dtype(dtype or float)))


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: object = None,
    device: str | None = None,
) -> Array:
    """Ones on the ``k``-th diagonal (``k > 0`` above the main one), zeros elsewhere."""
    _check_device("eye", device)
    shape = as_shape((n_rows, n_rows if n_cols is None else n_cols), "eye")
    return astype(_diagonal_mask(shape, k, comparison.eq), dtype or FLOAT32)


def identity(n: int, dtype: object = None) -> Array:
    """The ``n`` by ``n`` identity matrix."""
    return eye(n, dtype=dtype)


def _diagonal_mask(shape: tuple[int, int], k: int, compare: Any) -> Any:
    rows = ops.iota(shape=shape, dtype=INT32, dimension=0)
    columns = ops.iota(shape=shape, dtype=INT32, dimension=1)
    return compare(columns, _plus(rows, k))


def _plus(x: Any, k: int) -> Any:
    return arithmetic.add(x, k) if k else x


def tri(n: int, m: int | None = None, k: int = 0, dtype: object = None) -> Array:
    """Ones on and below the ``k``-th diagonal of an ``n`` by ``m`` matrix."""
    shape = as_shape((n, n if m is None else m), "tri")
    return astype(_diagonal_mask(shape, k, comparison.le), dtype or FLOAT32)


def tril(x: ArrayLike, /, *, k: int = 0) -> Array:
    """The lower triangle of the last two axes: zeros above the ``k``-th diagonal."""
    return _triangle("tril", x, k, comparison.le)


def triu(x: ArrayLike, /, *, k: int = 0) -> Array:
    """The upper triangle of the last two axes: zeros below the ``k``-th diagonal."""
    return _triangle("triu", x, k, comparison.ge)


def _triangle(name: str, x: ArrayLike, k: int, compare: Any) -> Any:
    x = as_array(as_operand(x, name))
    if x.aval.ndim < 2:
        raise value_error(f"{name}: expected at least two axes, got {x.aval}.")
    mask = broadcast_to(_diagonal_mask(x.aval.shape[-2:], k, compare), x.aval.shape)
    return comparison.select(mask, x, x.aval.dtype.type(0))


def meshgrid(*arrays: ArrayLike, indexing: str = "xy") -> list[Array]:
    """Coordinate arrays of the grid of these rank-1 arrays.

    Args:
        *arrays: the coordinates along each axis.
        indexing: "ij" for axes in the order of the arrays, "xy" to swap the first two.
    """
    if indexing not in ("xy", "ij"):
        raise value_error(f"meshgrid: indexing is 'xy' or 'ij', got {indexing!r}.")
    xs = [as_array(as_operand(x, "meshgrid")) for x in arrays]
    if any(x.aval.ndim > 1 for x in xs):
        raise value_error("meshgrid: expected arrays of rank 1.")
    order = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        order[:2] = [1, 0]
    shape = [0] * len(xs)
    for x, axis in zip(xs, order, strict=True):
        shape[axis] = x.aval.size
    return [
        layout.broadcast_in_dim(_flat(x), shape=tuple(shape), dimensions=(axis,))
        for x, axis in zip(xs, order, strict=True)
    ]


def _flat(x: Any) -> Any:
    return x if x.aval.ndim == 1 else layout.reshape(x, shape=(1,))
