"""Floating-point numbers: uniform ones, and what is made of them."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np

import fnx.numpy as fnp
from fnx import lax
from fnx.core.array import Array
from fnx.core.dtypes import FLOAT32, FLOATS, INT32, as_dtype
from fnx.numpy.promotion import (
    ArrayLike,
    as_operand,
    promote,
    type_error,
)
from fnx.numpy.sizes import Shape, as_shape
from fnx.random.keys import bits


def _float_dtype(dtype: object, name: str) -> np.dtype:
    dtype = as_dtype(dtype)
    if dtype not in FLOATS:
        hint = "Write dtype='float32'; fnx.random.randint draws integers."
        raise type_error(f"{name}: dtype must be a floating-point one, got {dtype}.", hint)
    return dtype


def uniform(
    key: ArrayLike,
    shape: Shape = (),
    dtype: object = FLOAT32,
    minval: ArrayLike = 0.0,
    maxval: ArrayLike = 1.0,
) -> Array:
    """Numbers from ``[minval, maxval)``, evenly distributed.

    Args:
        key: a key.
        shape: shape of the result.
        dtype: a floating-point dtype.
        minval: the lower end, which broadcasts to ``shape``.
        maxval: the upper end.
    """
    dtype, sizes = _float_dtype(dtype, "uniform"), as_shape(shape, "uniform")
    width, mantissa = 8 * dtype.itemsize, ml_dtypes.finfo(dtype).nmant
    random_width = 8 if mantissa < 8 else width
    random = bits(key, sizes, f"uint{random_width}")
    unsigned = np.dtype(f"uint{width}")
    random = random if random_width == width else fnp.astype(random, unsigned)
    # Random bits as the mantissa of a number from [1, 2), minus 1.
    random = fnp.bitwise_right_shift(random, unsigned.type(random_width - mantissa))
    one = dtype.type(1)
    random = fnp.bitwise_or(random, np.asarray(one).view(unsigned)[()])
    unit = fnp.subtract(lax.bitcast_convert_type(random, dtype), one)
    if all(isinstance(v, int | float | np.generic) for v in (minval, maxval)):
        low, high = dtype.type(minval), dtype.type(maxval)
        if (low, high) == (0, 1):
            return unit
        span = high - low
    else:
        low, high = (fnp.astype(as_operand(v, "uniform"), dtype) for v in (minval, maxval))
        span = fnp.subtract(high, low)
    scaled = fnp.add(fnp.multiply(unit, span), low)
    return fnp.broadcast_to(fnp.maximum(low, scaled), sizes)


def normal(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the normal distribution with mean 0 and variance 1."""
    dtype = _float_dtype(dtype, "normal")
    lowest = np.nextafter(dtype.type(-1), dtype.type(0), dtype=dtype)
    u = uniform(key, shape, dtype, lowest, dtype.type(1))
    return fnp.multiply(dtype.type(math.sqrt(2)), lax.erf_inv(u))


def truncated_normal(
    key: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    shape: Shape | None = None,
    dtype: object = FLOAT32,
) -> Array:
    """Numbers of the normal distribution, given that they lie between ``lower`` and ``upper``."""
    dtype = _float_dtype(dtype, "truncated_normal")
    low, high = (fnp.astype(as_operand(v, "truncated_normal"), dtype) for v in (lower, upper))
    sizes = fnp.broadcast_shapes(low.shape, high.shape) if shape is None else shape
    root = dtype.type(math.sqrt(2))
    ends = [lax.erf(fnp.divide(v, root)) for v in (low, high)]
    numbers = fnp.multiply(root, lax.erf_inv(uniform(key, sizes, dtype, *ends)))
    inf = dtype.type(math.inf)
    return fnp.clip(numbers, fnp.nextafter(low, inf), fnp.nextafter(high, -inf))


def bernoulli(key: ArrayLike, p: ArrayLike = 0.5, shape: Shape | None = None) -> Array:
    """Bools that are true with probability ``p``, which broadcasts to ``shape``."""
    (p,) = promote("bernoulli", p, inexact=True)
    return fnp.less(uniform(key, p.shape if shape is None else shape, p.dtype), p)


def rademacher(key: ArrayLike, shape: Shape = (), dtype: object = INT32) -> Array:
    """-1 or 1, equally likely."""
    return fnp.where(bernoulli(key, 0.5, shape), as_dtype(dtype).type(1), as_dtype(dtype).type(-1))


def exponential(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the exponential distribution with mean 1."""
    u = uniform(key, shape, _float_dtype(dtype, "exponential"))
    return fnp.negative(fnp.log1p(fnp.negative(u)))


def gumbel(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the standard Gumbel distribution."""
    dtype = _float_dtype(dtype, "gumbel")
    u = uniform(key, shape, dtype, ml_dtypes.finfo(dtype).tiny, dtype.type(1))
    return fnp.negative(fnp.log(fnp.negative(fnp.log(u))))


def laplace(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the Laplace distribution with mean 0 and scale 1."""
    dtype = _float_dtype(dtype, "laplace")
    lowest = dtype.type(-1.0) + ml_dtypes.finfo(dtype).epsneg
    u = uniform(key, shape, dtype, lowest, dtype.type(1))
    return fnp.multiply(fnp.sign(u), fnp.log1p(fnp.negative(fnp.abs(u))))


def logistic(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the standard logistic distribution."""
    dtype = _float_dtype(dtype, "logistic")
    u = uniform(key, shape, dtype, ml_dtypes.finfo(dtype).tiny, dtype.type(1))
    return fnp.subtract(fnp.log(u), fnp.log1p(fnp.negative(u)))


def cauchy(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the standard Cauchy distribution."""
    dtype = _float_dtype(dtype, "cauchy")
    u = uniform(key, shape, dtype, ml_dtypes.finfo(dtype).eps, dtype.type(1))
    return fnp.tan(fnp.multiply(dtype.type(math.pi), fnp.subtract(u, dtype.type(0.5))))
