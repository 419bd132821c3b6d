"""Evenly distributed integers."""

from __future__ import annotations

from typing import Any

import numpy as np

import fnx.numpy as fnp
from fnx import lax
from fnx.core.array import Array
from fnx.core.dtypes import INT32, INTS, as_dtype, is_float
from fnx.core.sources import leaving_out
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    type_error,
)
from fnx.numpy.sizes import Shape, as_shape
from fnx.random.keys import bits, check_key, split


def randint(
    key: ArrayLike,
    shape: Shape,
    minval: ArrayLike,
    maxval: ArrayLike,
    dtype: object = INT32,
) -> Array:
    """Integers from ``[minval, maxval)``, evenly distributed; ``minval`` if that is empty.

    Args:
        key: a key.
        shape: shape of the result.
        minval: the lower end, which broadcasts to ``shape``; clipped to the dtype's range.
        maxval: the upper end, not included; the dtype's largest number plus one is allowed.
        dtype: an integer dtype.
    """
    with leaving_out("overflow"):  # words of random bits, in which carries are lost
        return _randint(key, as_shape(shape, "randint"), minval, maxval, as_dtype(dtype))


def _randint(
    key: ArrayLike, shape: tuple[int, ...], minval: ArrayLike, maxval: ArrayLike, dtype: np.dtype
) -> Array:
    if dtype not in INTS:
        raise type_error(f"randint: dtype must be an integer one, got {dtype}.")
    sampled = INT32 if dtype.itemsize < 4 else dtype  # of 8 or 16 bits, the remainder is biased
    unsigned = np.dtype(f"uint{8 * sampled.itemsize}")
    info = np.iinfo(dtype)
    top = int(info.max) + (sampled != dtype)
    low, _ = _bound(minval, sampled, int(info.min), int(info.max))
    high, is_beyond = _bound(maxval, sampled, int(info.min), top)
    is_wide = fnp.greater(high, low)
    span = lax.bitcast_convert_type(fnp.subtract(high, low), unsigned)
    if sampled == dtype:
        span = fnp.add(span, fnp.astype(is_beyond, unsigned))
    span = fnp.where(is_wide, span, unsigned.type(1))
    first, second = split(check_key(key, "randint"))
    upper, lower = (bits(k, shape, unsigned) for k in (first, second))
    # (upper * 2**n + lower) mod span; a span of 2**n is 0 here, and x mod 0 is x
    multiplier = _modulo(unsigned.type(2 ** (4 * sampled.itemsize)), span)
    multiplier = _modulo(fnp.multiply(multiplier, multiplier), span)
    offset = fnp.add(fnp.multiply(_modulo(upper, span), multiplier), _modulo(lower, span))
    offset = lax.bitcast_convert_type(_modulo(offset, span), sampled)
    return fnp.astype(fnp.broadcast_to(fnp.add(low, offset), shape), dtype)


def _modulo(x: Any, span: Any) -> Any:
    is_zero = fnp.equal(span, span.dtype.type(0))
    safe = fnp.where(is_zero, span.dtype.type(1), span)
    return fnp.where(is_zero, x, fnp.remainder(x, safe))


def _bound(value: ArrayLike, dtype: np.dtype, lowest: int, highest: int) -> tuple[Any, Any]:
    """A bound clipped to a range, in a dtype; and whether it was beyond the range's end."""
    value = as_array(as_operand(value, "randint"))
    if is_float(value.dtype):
        value = fnp.astype(value, INT32)
    its = np.iinfo(value.dtype)
    ends = (value.dtype.type(max(lowest, its.min)), value.dtype.type(min(highest, its.max)))
    clipped = fnp.clip(value, *ends)
    return fnp.astype(clipped, dtype), fnp.greater(value, clipped)
