"""Approximations: special functions that NumPy lacks, vectorised, in float64, to about 1e-15.

The polynomials are Chebyshev expansions in ``u`` in [-1, 1], fitted with 60 digits, rounded once.
"""

from __future__ import annotations

import math
from typing import Any

# erf(x) / x, u = 2 x^2 - 1, for |x| <= 1
_ERF = (
    0.9654687386698673, -0.1405360890227171, 0.019852496688983708, -0.0022854855611441132,
    0.00021751715604160108, -1.7537169441124826e-05, 1.223382738352401e-06,
    -7.51156928660089e-08, 4.11580059766496e-09, -2.035228404899467e-10, 9.167606746069445e-12,
    -3.8078827395263415e-13, 1.454817075960679e-14,
)  # fmt: skip
# (1 + 2x) exp(x^2) erfc(x), x = 4 (1 + t) / (1 - t), t = 0.675 u + 0.075, for 1 <= x <= 28
# (the variable is that of Shepherd & Laframboise, Math. Comp. 36, 1981)
_ERFCX = (
    1.2226357880184675, -0.09201708380792208, 0.01260128855147965, 0.013082190782404904,
    -0.014733262554293997, 0.00951617056652079, -0.004653157685509197, 0.001814963305914614,
    -0.0005604356294708227, 0.0001284403525624003, -1.707290811624448e-05,
    -1.0056735551554482e-06, 1.0931550173920178e-06, -1.9807106097695587e-07,
    -1.9689676677181926e-08, 1.504049230548998e-08, -1.196794014346136e-09,
    -7.827080300854949e-10, 1.6273203508404965e-10, 3.495677326192247e-11,
    -1.0018208429532428e-11, -1.2091624878271583e-12,
)  # fmt: skip
# lgamma(x) / ((x - 2) (x - 1)), u = x - 2, for 1 <= x <= 3
_LGAMMA = (
    0.42278433509846713, -0.1003173016743539, 0.032965000621156974, -0.012384192193374355,
    0.004998641164623283, -0.0021081308338291313, 0.0009153769241238952, -0.0004057073999387517,
    0.00018255261441838105, -8.30950999467849e-05, 3.81690832831345e-05, -1.76618554743359e-05,
    8.221205092155423e-06, -3.846514242663473e-06, 1.8114769634727658e-06,
    -8.554816957122729e-07, 3.95720794275161e-07, -1.861315818147291e-07, 1.0444285443279689e-07,
    -5.2038665332275675e-08, 5.68873795385758e-09, -7.860744687083056e-10, 1.6327287432845006e-08,
    -8.952022836709702e-09, -4.358862409072515e-09, 2.4694237633377504e-09,
    1.5818126337371086e-09, -8.190037783551156e-10,
)  # fmt: skip
SHIFT = 8  # from here on the asymptotic series of lgamma and digamma are accurate
# Bernoulli numbers B_2, B_4, ...
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def _polynomial(coefficients: tuple[float, ...], u: Any) -> Any:
    """Horner's scheme; coefficients by increasing degree."""
    result = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        result = result * u + coefficient
    return result


def _erfc_of_large(xp: Any, x: Any) -> Any:
    """Erfc for x >= 1, as exp(-x^2) times a slowly varying factor."""
    x = xp.clip(x, 1.0, 28.0)  # erfc(28) < 1e-342 is 0 in float64
    t = (x - 4) / (x + 4)
    factor = _polynomial(_ERFCX, (t - 0.075) / 0.675) / (1 + 2 * x)
    # x^2 in two parts, of which the first is exact: else its rounding error is multiplied by x^2.
    head = xp.trunc(x * 64) / 64
    return xp.exp(-head * head) * xp.exp(-(x - head) * (x + head)) * factor


def _erf_of_small(xp: Any, x: Any) -> Any:
    return x * _polynomial(_ERF, 2 * x * x - 1)


def erf(xp: Any, x: Any) -> Any:
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    size = xp.absolute(x)
    tail = xp.copysign(1 - _erfc_of_large(xp, size), x)
    return xp.where(
        size > 1, tail, _erf_of_small(xp, xp.clip(x, -1, 1))
    )  # NaN comes from the latter


def erfc(xp: Any, x: Any) -> Any:
    """1 - erf(x), without cancellation for large x."""
    tail = _erfc_of_large(xp, xp.absolute(x))
    tail = xp.where(x > 0, tail, 2 - tail)
    return xp.where(xp.absolute(x) > 1, tail, 1 - _erf_of_small(xp, xp.clip(x, -1, 1)))


def erf_inv(xp: Any, y: Any) -> Any:
    """The inverse of erf: Winitzki's closed form (error 2e-3), two steps of Halley's method."""
    size = xp.absolute(y)
    log = xp.log1p(-size * size)
    a = 0.147
    half = 2 / (math.pi * a) + log / 2
    x = xp.sqrt(xp.sqrt(half * half - log / a) - half)
    for _ in range(2):
        # erf(x) - y; in the tail as (1 - y) - erfc(x), where 1 - y is exact
        error = xp.where(size > 0.5, (1 - size) - erfc(xp, x), erf(xp, x) - size)
        step = error * (math.sqrt(math.pi) / 2) * xp.exp(x * x)
        x = x - step / (1 + x * step)
    x = xp.where(size == 1, xp.inf, x)
    x = xp.where(size < 1e-8, size * (math.sqrt(math.pi) / 2), x)  # where 1 - y^2 rounds to 1
    return xp.copysign(x, y)  # NaN outside of [-1, 1], from log1p


def lgamma(xp: Any, x: Any) -> Any:
    """The logarithm of |gamma(x)|.

    A polynomial around its zeros 1 and 2, Stirling's series from 8 on, shifts between.
    """
    positive = xp.where(x < 0.5, 1 - x, x)  # gamma(x) gamma(1 - x) = pi / sin(pi x)
    result = xp.where(positive < SHIFT, _lgamma_of_small(xp, positive), _stirling(xp, positive))
    fraction = x - xp.floor(x)
    sine = xp.sin(math.pi * xp.minimum(fraction, 1 - fraction))  # |sin(pi x)|
    reflected = math.log(math.pi) - xp.log(sine) - result  # +inf at the poles 0, -1, ...
    result = xp.where(x < 0.5, reflected, result)
    result = xp.where(xp.absolute(x) < 1e-290, -xp.log(xp.absolute(x)), result)
    return xp.where(xp.isinf(x), xp.inf, result)


def _lgamma_of_small(xp: Any, x: Any) -> Any:
    """Lgamma for 0.5 <= x < 8, moved into [1, 3] by gamma(x + 1) = x gamma(x)."""
    x = xp.clip(x, 0.5, SHIFT)
    z, factor = x, 1.0
    for _ in range(SHIFT - 3):
        above = z > 3
        z = xp.where(above, z - 1, z)
        factor = xp.where(above, factor * z, factor)
    below = x < 1
    u = xp.where(below, x - 1, z - 2)  # of x + 1 or of z; both differences are exact
    log = xp.log(xp.where(below, x, factor))
    return u * (u + 1) * _polynomial(_LGAMMA, u) + xp.where(below, -log, log)


def _stirling(xp: Any, x: Any) -> Any:
    """(x - 1/2) log x - x + log(2 pi)/2 + sum of B_2k / (2k (2k-1) x^(2k-1)), for x >= 8."""
    x = xp.maximum(x, SHIFT)
    terms = tuple(b / ((2 * k + 2) * (2 * k + 1)) for k, b in enumerate(BERNOULLI))
    series = _polynomial(terms, 1 / (x * x)) / x
    return (x - 0.5) * (xp.log(x) - 1) - 0.5 + math.log(2 * math.pi) / 2 + series


def digamma(xp: Any, x: Any) -> Any:
    """The derivative of lgamma: asymptotic series from 8 on, shifts below, reflection below 1/2."""
    z = xp.where(x < 0.5, 1 - x, x)
    shift = 0.0
    for _ in range(SHIFT):
        below = z < SHIFT
        shift = shift + xp.where(below, 1 / z, 0.0)
        z = xp.where(below, z + 1, z)
    terms = (0.0, *(b / (2 * k + 2) for k, b in enumerate(BERNOULLI)))
    result = xp.log(z) - 0.5 / z - _polynomial(terms, 1 / (z * z)) - shift
    # psi(x) = psi(1 - x) - pi / tan(pi x); the tangent has period 1
    fraction = x - xp.round(x)
    reflected = result - math.pi / xp.tan(math.pi * fraction)
    result = xp.where(x < 0.5, reflected, result)
    is_pole = (x <= 0) & (fraction == 0)
    result = xp.where(is_pole, xp.where(x == 0, xp.copysign(xp.inf, -x), xp.nan), result)
    return xp.where(x == -xp.inf, xp.nan, xp.where(x == xp.inf, xp.inf, result))
