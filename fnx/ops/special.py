"""Special functions: error functions, the logarithm of the gamma function and its derivatives."""

from __future__ import annotations

import math
from typing import Any

from fnx.core.trace import bind
from fnx.ops import approximations
from fnx.ops.arithmetic import div, mul, neg, square, sub
from fnx.ops.comparison import lt, select
from fnx.ops.elementwise_math import exp, integer_pow
from fnx.ops.families import add, elementwise
from fnx.ops.precision import in_float64
from fnx.ops.trigonometric import sin

_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)

erf_p = elementwise(
    "erf",
    numpy=in_float64(approximations.erf),
    # 2 / sqrt(pi) exp(-x^2)
    jvp=lambda t, out, x: mul(t, mul(exp(neg(square(x))), _TWO_OVER_SQRT_PI)),
    lower=lambda b, x: b.erf(x),
)


def erf(x: Any) -> Any:
    """Elementwise error function."""
    return bind(erf_p, x)[0]


erfc_p = elementwise(
    "erfc",
    numpy=in_float64(approximations.erfc),
    jvp=lambda t, out, x: mul(t, mul(exp(neg(square(x))), -_TWO_OVER_SQRT_PI)),
    lower=lambda b, x: b.erfc(x),
)


def erfc(x: Any) -> Any:
    """Elementwise ``1 - erf(x)``, accurate for large ``x``."""
    return bind(erfc_p, x)[0]


erf_inv_p = elementwise(
    "erf_inv",
    numpy=in_float64(approximations.erf_inv),
    # the inverse of erf's derivative: sqrt(pi) / 2 exp(y^2)
    jvp=lambda t, out, x: mul(t, mul(exp(square(out)), 1 / _TWO_OVER_SQRT_PI)),
    lower=lambda b, x: b.erf_inv(x),
)


def erf_inv(x: Any) -> Any:
    """Elementwise inverse of the error function; NaN outside of [-1, 1]."""
    return bind(erf_inv_p, x)[0]


lgamma_p = elementwise(
    "lgamma",
    numpy=in_float64(approximations.lgamma),
    jvp=lambda t, out, x: mul(t, digamma(x)),
    lower=lambda b, x: b.lgamma(x),
)


def lgamma(x: Any) -> Any:
    """Elementwise ``log |gamma(x)|``."""
    return bind(lgamma_p, x)[0]


digamma_p = elementwise(
    "digamma",
    numpy=in_float64(approximations.digamma),
    jvp=lambda t, out, x: mul(t, trigamma(x)),
    lower=lambda b, x: b.digamma(x),
)


def digamma(x: Any) -> Any:
    """Elementwise derivative of ``lgamma``; NaN at its poles -1, -2, ..."""
    return bind(digamma_p, x)[0]


def trigamma(x: Any) -> Any:
    """Elementwise second derivative of ``lgamma``, composed of other operations.

    Below 1/2 by the reflection ``psi1(x) + psi1(1 - x) = (pi / sin(pi x))^2``.
    """
    is_low = lt(x, 0.5)
    z = select(is_low, sub(1, x), x)
    # psi1(z) = psi1(z + n) + sum of 1 / (z + k)^2 over k < n; then the asymptotic series
    # psi1(y) = 1/y + 1/(2 y^2) + sum of B_2k / y^(2k + 1)
    shift = integer_pow(z, exponent=-2)
    for k in range(1, approximations.SHIFT):
        shift = add(shift, integer_pow(add(z, k), exponent=-2))
    inverse = div(1, add(z, approximations.SHIFT))
    inverse_square = square(inverse)
    series = mul(inverse, 0)
    for bernoulli in reversed((1.0, *approximations.BERNOULLI)):
        series = add(mul(series, inverse_square), bernoulli)
    result = add(add(mul(inverse, series), mul(inverse_square, 0.5)), shift)
    sine = sin(mul(select(is_low, x, 0), math.pi))
    safe = select(is_low, sine, 1)
    return select(is_low, sub(mul(integer_pow(safe, exponent=-2), math.pi**2), result), result)
