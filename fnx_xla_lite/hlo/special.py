"""Special functions in float64 for the reference interpreter: erf, erfc, erf_inv, lgamma, digamma.

Slow and accurate to a few ulp: they are the meaning that backends are tested against, and NumPy has
none of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def _pointwise(function: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    return np.vectorize(function, otypes=[np.float64])


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):  # poles at 0, -1, -2, ...; overflow at about 2.5e305
        return math.inf


def _erf_inv(x: float) -> float:
    if math.isnan(x) or abs(x) > 1.0:
        return math.nan
    if abs(x) == 1.0:
        return math.copysign(math.inf, x)
    if x == 0.0:
        return x
    z = abs(x)
    w = -math.log1p(-z * z)
    # Starting point: Winitzki (2008), within 2e-3; then Halley steps on erf(y) = z, or on
    # erfc(y) = 1 - z, which is exact for z >= 1/2 and keeps relative precision in the tail.
    b = 2.0 / (math.pi * 0.147) - 0.5 * w
    y = math.sqrt(max(math.sqrt(b * b + w / 0.147) - b, 0.0)) or z * math.sqrt(math.pi) / 2
    for _ in range(4):
        error = math.erf(y) - z if z < 0.5 else (1.0 - z) - math.erfc(y)
        slope = 2.0 / math.sqrt(math.pi) * math.exp(-y * y)
        step = error / slope
        y -= step / (1.0 + y * step)
    return math.copysign(y, x)


# Bernoulli numbers over 2k, for the asymptotic series of digamma (Abramowitz & Stegun 6.3.18).
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)


def _digamma(x: float) -> float:
    if math.isnan(x) or x == -math.inf or (x < 0.0 and x == math.floor(x)):
        return math.nan
    if x == 0.0:
        return -math.copysign(math.inf, x)
    if x == math.inf:
        return x
    if x < 0.0:  # reflection: digamma(1 - x) - digamma(x) = pi / tan(pi x)
        return _digamma(1.0 - x) - math.pi / math.tan(math.pi * (x - round(x)))
    total = 0.0
    while x < 10.0:  # recurrence: digamma(x + 1) = digamma(x) + 1 / x
        total -= 1.0 / x
        x += 1.0
    inverse = 1.0 / (x * x)
    series = 0.0
    for coefficient in reversed(_DIGAMMA):
        series = (series + coefficient) * inverse
    return total + math.log(x) - 0.5 / x - series


erf = _pointwise(math.erf)
erfc = _pointwise(math.erfc)
erf_inv = _pointwise(_erf_inv)
lgamma = _pointwise(_lgamma)
digamma = _pointwise(_digamma)


def logistic(x: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-x))`` without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, e) / (1.0 + e)
