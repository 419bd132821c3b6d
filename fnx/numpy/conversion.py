"""Arrays from other things, and in other dtypes: asarray, astype, DLPack."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any

import numpy as np

from fnx.core import dlpack
from fnx.core.array import Array, wrap
from fnx.core.dtypes import (
    BOOL,
    FLOAT32,
    FLOATS,
    INT32,
    INTS,
    as_dtype,
    default_dtype,
    scalar_dtype,
)
from fnx.core.trace import Tracer
from fnx.errors import FnxOverflowError
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
from fnx.numpy.sizes import check_device
from fnx.ops import comparison, conversion


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
    check_device("asarray", device)
    result = _converted(obj, dtype, copy)
    if dtype is None or result.aval.dtype == as_dtype(dtype):
        return result if dtype is None else cast(result, result.aval.dtype)
    if copy is False:
        raise value_error(f"asarray: {result.aval} as {as_dtype(dtype)} needs a copy.")
    return astype(result, dtype)


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
    is_complex = isinstance(obj, complex | np.complexfloating)
    raise type_error(
        f"asarray: expected numbers or an array, got {describe(obj)}.",
        _REAL if is_complex else "Take the numbers out of it first, as a list or a NumPy array.",
    )


def _from_number(number: bool | int | float, dtype: object) -> Array:
    if dtype is None:
        own, weak = scalar_dtype(number)
        with np.errstate(over="ignore"):  # a number too large for the dtype is infinite in it
            return wrap(np.asarray(number, own), weak)
    target = as_dtype(dtype)
    if target not in FLOATS and isinstance(number, float):
        return wrap(np.asarray(number).astype(target))
    with np.errstate(over="ignore"):  # a number too large for the dtype is infinite in it
        return wrap(np.asarray(number, target))


def _from_list(items: Sequence[Any], dtype: object) -> Any:
    leaves = list(_leaves(items))
    if any(isinstance(x, Tracer) for x in leaves):
        return _stacked(items)
    own = None if dtype is None else as_dtype(dtype)
    exact = own in INTS and bool(leaves) and all(type(x) is int for x in leaves)
    try:
        values = np.asarray(_without_arrays(items), own if exact else None)
    except ValueError:
        raise value_error(
            f"asarray: lists inside of a list must have equal lengths, got {_lengths(items)}.",
            "Pad the shorter ones, or keep a list of arrays.",
        ) from None
    except OverflowError:
        info = np.iinfo(own)
        number = next(x for x in leaves if not info.min <= x <= info.max)
        raise FnxOverflowError(
            f"asarray: expected numbers that {own} holds, {info.min} to {info.max}, got {number}.",
            hint="Choose a wider dtype, or clip the numbers first.",
        ) from None
    if values.dtype.kind in "OUSc":
        hint = (
            _REAL if values.dtype.kind == "c" else "Convert them first: [float(x) for x in items]."
        )
        raise type_error(f"asarray: expected real numbers, got lists of {values.dtype}.", hint)
    if own is None:
        own = _dtype_of_leaves(leaves, values)
    return wrap(values.astype(own) if values.dtype != own else values)


_REAL = "Arrays are real: keep two, of the real and of the imaginary parts."


def _lengths(items: Any) -> str:
    """The lengths of the lists in a list, for a message."""
    sizes = [len(x) if isinstance(x, Sized) else "no length" for x in items]
    return ", ".join(map(str, sizes[:6])) + (", ..." if len(sizes) > 6 else "")


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
    check_device("from_dlpack", device)
    if isinstance(x, Array | Tracer):
        return x
    buffer = dlpack.from_dlpack(x)
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
