"""Functions of one array, element by element."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np

from fnx.core.array import Array
from fnx.core.dtypes import BOOL, FLOAT32, FLOATS, SIGNED
from fnx.numpy.promotion import ArrayLike, as_array, as_operand, aval_of, cast, promote
from fnx.numpy.publishing import float_function, number_function
from fnx.ops import arithmetic as ops
from fnx.ops import comparison, conversion, creation, trigonometric
from fnx.ops import elementwise_math as maths

sin = float_function("sin", trigonometric.sin_p, "Sine of an angle in radians.")
cos = float_function("cos", trigonometric.cos_p, "Cosine of an angle in radians.")
tan = float_function("tan", trigonometric.tan_p, "Tangent of an angle in radians.")
asin = float_function("asin", trigonometric.asin_p, "Inverse sine, in radians.")
acos = float_function("acos", trigonometric.acos_p, "Inverse cosine, in radians.")
atan = float_function("atan", trigonometric.atan_p, "Inverse tangent, in radians.")
sinh = float_function("sinh", trigonometric.sinh_p, "Hyperbolic sine.")
cosh = float_function("cosh", trigonometric.cosh_p, "Hyperbolic cosine.")
tanh = float_function("tanh", trigonometric.tanh_p, "Hyperbolic tangent.")
asinh = float_function("asinh", trigonometric.asinh_p, "Inverse hyperbolic sine.")
acosh = float_function("acosh", trigonometric.acosh_p, "Inverse hyperbolic cosine.")
atanh = float_function("atanh", trigonometric.atanh_p, "Inverse hyperbolic tangent.")
exp = float_function("exp", maths.exp_p, "``e ** x``.")
expm1 = float_function("expm1", maths.expm1_p, "``exp(x) - 1``, accurate near zero.")
log = float_function("log", maths.log_p, "Natural logarithm; nan below zero.")
log1p = float_function("log1p", maths.log1p_p, "``log(1 + x)``, accurate near zero.")
sqrt = float_function("sqrt", maths.sqrt_p, "Square root; nan below zero.")
rsqrt = float_function("rsqrt", maths.rsqrt_p, "``1 / sqrt(x)``.")
cbrt = float_function("cbrt", maths.cbrt_p, "Cube root, of negative numbers too.")

negative = number_function("negative", ops.neg_p, "``-x``.")


def _scaled(op: Any, factor: float) -> Any:
    return lambda x: ops.mul(op(x), factor)


log2 = float_function("log2", _scaled(maths.log, 1 / math.log(2.0)), "Logarithm to base 2.")
log10 = float_function("log10", _scaled(maths.log, 1 / math.log(10.0)), "Logarithm to base 10.")
exp2 = float_function("exp2", maths.exp2_p, "``2 ** x``.")
deg2rad = float_function("deg2rad", lambda x: ops.mul(x, math.pi / 180), "Degrees to radians.")
rad2deg = float_function("rad2deg", lambda x: ops.mul(x, 180 / math.pi), "Radians to degrees.")
reciprocal = float_function("reciprocal", lambda x: ops.div(1.0, x), "``1 / x``.")


def sinc(x: ArrayLike, /) -> Array:
    """``sin(pi x) / (pi x)``, and 1 at zero."""
    (x,) = promote("sinc", x, inexact=True)
    angle = ops.mul(x, math.pi)
    is_zero = comparison.eq(angle, 0.0)
    nonzero = comparison.select(is_zero, ones_of(angle), angle)  # keeps nan out of the derivative
    return comparison.select(is_zero, ones_of(angle), ops.div(trigonometric.sin(nonzero), nonzero))


def ones_of(x: Any, value: float = 1) -> Any:
    """An array of ``x``'s shape, dtype and weakness, full of ``value``."""
    aval = x.aval
    filled = creation.full(shape=aval.shape, dtype=aval.dtype, value=value)
    return cast(filled, aval.dtype, aval.weak)


def abs(x: ArrayLike, /) -> Array:
    """Absolute value; of bools and unsigned integers the array itself."""
    (x,) = promote("abs", x)
    return x if x.aval.dtype == BOOL else ops.abs(x)


def positive(x: ArrayLike, /) -> Array:
    """The array itself."""
    return as_array(as_operand(x, "positive"))


def sign(x: ArrayLike, /) -> Array:
    """-1, 0 or 1, and nan for nan."""
    (x,) = promote("sign", x)
    return x if x.aval.dtype == BOOL else ops.sign(x)


def square(x: ArrayLike, /) -> Array:
    """``x * x``."""
    (x,) = promote("square", x)
    return x if x.aval.dtype == BOOL else ops.square(x)


def _rounding(name: str, op: Any, meaning: str) -> Any:
    return number_function(
        name,
        lambda x: op(x) if x.aval.dtype in FLOATS else x,
        f"{meaning} Integers stay as they are.",
    )


floor = _rounding("floor", ops.floor, "The largest integer not above ``x``.")
ceil = _rounding("ceil", ops.ceil, "The smallest integer not below ``x``.")
rint = _rounding("rint", ops.round, "The nearest integer; ties to even.")
trunc = _rounding(
    "trunc",
    lambda x: comparison.select(comparison.lt(x, 0.0), ops.ceil(x), ops.floor(x)),
    "The integer part: rounded towards zero.",
)


def round(x: ArrayLike, /, decimals: int = 0) -> Array:
    """The nearest multiple of ``10 ** -decimals``; ties to even.

    >>> round(2.5).tolist(), round(1.126, 2).dtype
    (2.0, dtype('float32'))
    """
    (x,) = promote("round", x)
    if x.aval.dtype not in FLOATS or decimals == 0:
        return rint(x)
    factor = 10.0**decimals
    if x.aval.dtype.itemsize < 4:  # the factor may overflow half precision
        wide = ops.div(ops.round(ops.mul(cast(x, FLOAT32), factor)), factor)
        return cast(wide, x.aval.dtype, x.aval.weak)
    return ops.div(ops.round(ops.mul(x, factor)), factor)


def isfinite(x: ArrayLike, /) -> Array:
    """Whether elements are neither infinite nor nan."""
    (x,) = promote("isfinite", x)
    if x.aval.dtype in FLOATS:
        return ops.is_finite(x)
    return creation.full(shape=x.aval.shape, dtype=BOOL, value=True)


def isnan(x: ArrayLike, /) -> Array:
    """Whether elements are nan."""
    (x,) = promote("isnan", x)
    return comparison.ne(x, x)


def isinf(x: ArrayLike, /) -> Array:
    """Whether elements are infinite."""
    (x,) = promote("isinf", x)
    if x.aval.dtype not in FLOATS:
        return creation.full(shape=x.aval.shape, dtype=BOOL, value=False)
    return comparison.eq(ops.abs(x), math.inf)


def isposinf(x: ArrayLike, /) -> Array:
    """Whether elements are +infinity."""
    (x,) = promote("isposinf", x)
    return comparison.eq(x, math.inf) if x.aval.dtype in FLOATS else isinf(x)


def isneginf(x: ArrayLike, /) -> Array:
    """Whether elements are -infinity."""
    (x,) = promote("isneginf", x)
    return comparison.eq(x, -math.inf) if x.aval.dtype in FLOATS else isinf(x)


def signbit(x: ArrayLike, /) -> Array:
    """Whether the sign bit is set: true for negative numbers, ``-0.0`` included."""
    (x,) = promote("signbit", x)
    dtype = x.aval.dtype
    if dtype in FLOATS:
        integer = np.dtype(f"int{8 * dtype.itemsize}")
        return comparison.lt(conversion.bitcast(x, dtype=integer), integer.type(0))
    if dtype in SIGNED:
        return comparison.lt(x, dtype.type(0))
    return creation.full(shape=x.aval.shape, dtype=BOOL, value=False)


def nan_to_num(
    x: ArrayLike, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Array:
    """Replace nan by ``nan``, and infinities by ``posinf`` and ``neginf``.

    Args:
        x: any array; integers stay as they are.
        nan: what stands for nan.
        posinf: what stands for +infinity; the largest finite number if not given.
        neginf: what stands for -infinity; the smallest finite number if not given.
    """
    (x,) = promote("nan_to_num", x)
    if x.aval.dtype not in FLOATS:
        return x
    limits = ml_dtypes.finfo(x.aval.dtype)
    x = comparison.select(comparison.ne(x, x), ones_of(x, nan), x)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    x = comparison.select(comparison.eq(x, math.inf), ones_of(x, high), x)
    return comparison.select(comparison.eq(x, -math.inf), ones_of(x, low), x)


def real(x: ArrayLike, /) -> Array:
    """The array itself: there are no complex dtypes."""
    return positive(x)


def imag(x: ArrayLike, /) -> Array:
    """Zeros: there are no complex dtypes."""
    return ones_of(positive(x), 0)


def conj(x: ArrayLike, /) -> Array:
    """The array itself: there are no complex dtypes."""
    return positive(x)


def isreal(x: ArrayLike, /) -> Array:
    """True everywhere: there are no complex dtypes."""
    shape = aval_of(as_operand(x, "isreal")).shape
    return creation.full(shape=shape, dtype=BOOL, value=True)
