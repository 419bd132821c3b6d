"""Functions that make arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fnx.core.array import Array, wrap
from fnx.core.dtypes import BOOL, FLOAT32, FLOATS, as_dtype
from fnx.core.trace import Tracer
from fnx.errors import AbstractValueError
from fnx.numpy.conversion import astype
from fnx.numpy.promotion import (
    ArrayLike,
    as_operand,
    aval_of,
    cast,
    result_dtype,
    type_error,
    value_error,
)
from fnx.numpy.shaping import broadcast_to
from fnx.numpy.sizes import Shape, as_count, as_shape, check_device
from fnx.ops import creation as ops
from fnx.ops.checks import unknown_size


def full(
    shape: Shape, fill_value: ArrayLike, dtype: object = None, *, device: str | None = None
) -> Array:
    """An array full of one value, which may be an array that broadcasts to ``shape``.

    >>> full((2,), 7)
    Array([7, 7], dtype=int32)
    """
    return _full("full", shape, fill_value, dtype, device)


def _full(
    name: str, shape: Shape, fill_value: ArrayLike, dtype: object, device: str | None
) -> Array:
    check_device(name, device)
    sizes = as_shape(shape, name)
    value = as_operand(fill_value, name)
    target = aval_of(value).dtype if dtype is None else as_dtype(dtype)
    if isinstance(value, Array | Tracer):
        return broadcast_to(astype(value, target), sizes)
    return ops.full(shape=sizes, dtype=target, value=value)


def zeros(shape: Shape, dtype: object = None, *, device: str | None = None) -> Array:
    """An array of zeros; float32 unless told."""
    return _full("zeros", shape, 0, dtype or FLOAT32, device)


def ones(shape: Shape, dtype: object = None, *, device: str | None = None) -> Array:
    """An array of ones; float32 unless told."""
    return _full("ones", shape, 1, dtype or FLOAT32, device)


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
    check_device("arange", device)
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
    try:
        return as_operand(x, name).item()
    except AbstractValueError:
        raise unknown_size(name, f"{x!r}") from None


def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    /,
    num: int = 50,
    endpoint: bool = True,
    *,
    dtype: object = None,
    device: str | None = None,
) -> Array:
    """``num`` evenly spaced values from ``start`` to ``stop``, the last one if ``endpoint``.

    >>> linspace(0, 1, 3)
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    check_device("linspace", device)
    num = as_count(num, "linspace")
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
