"""Elementary functions: their mpmath meaning and the intervals to measure them on."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mpmath as mp
import numpy as np

from fnx_xla_lite.hlo.dtypes import to_numpy

LARGEST = {"f32": 2.0**127.99, "f64": 2.0**1023.99}
SMALLEST = {"f32": 2.0**-149, "f64": 2.0**-1074}
OVERFLOW = {"f32": 89.0, "f64": 710.0}  # e^x is infinite beyond


class Interval(NamedTuple):
    """Where to draw arguments: uniform in the number, or (``log``) in its exponent."""

    low: float
    high: float
    log: bool = False
    signed: bool = False


class Case(NamedTuple):
    """``limit`` in ulp; ``intervals(dtype)``, one per operand and draw."""

    meaning: Callable
    limit: float
    intervals: Callable[[str], list[Interval]]
    bits: int = 160  # working precision of the oracle


def _everywhere(signed=True):
    return lambda t: Interval(SMALLEST[t], LARGEST[t], log=True, signed=signed)


def _draws(*makers):
    return lambda t: [make(t) if callable(make) else make for make in makers]


def _cbrt(x):
    return mp.sign(x) * mp.cbrt(abs(x))


_BELOW_ONE = lambda t: Interval(SMALLEST[t], 1.0, log=True, signed=True)
_TO_OVERFLOW = lambda t: Interval(-OVERFLOW[t], OVERFLOW[t])
_NEAR = Interval(-2.0, 2.0)
_TRIGONOMETRY = _draws(_everywhere(), Interval(-10.0, 10.0), Interval(-1e5, 1e5))

CASES = {
    "exponential": Case(
        mp.exp, 2, _draws(lambda t: Interval(-1.17 * OVERFLOW[t], OVERFLOW[t]), _BELOW_ONE, _NEAR)
    ),
    "exponential_minus_one": Case(mp.expm1, 2, _draws(_TO_OVERFLOW, _BELOW_ONE, _NEAR)),
    "log": Case(mp.log, 2, _draws(_everywhere(False), Interval(0.5, 2.0), Interval(0.99, 1.01))),
    "log_plus_one": Case(
        mp.log1p,
        2,
        _draws(_everywhere(False), Interval(-0.99999, 2.0), Interval(1e-30, 0.9, True, True)),
    ),
    "logistic": Case(
        lambda x: 1 / (1 + mp.exp(-x)),
        2,
        _draws(lambda t: Interval(-1.17 * OVERFLOW[t], 30.0), _NEAR),
    ),
    "tanh": Case(mp.tanh, 2, _draws(Interval(-12.0, 12.0), _BELOW_ONE, _NEAR)),
    "sinh": Case(mp.sinh, 2, _draws(_TO_OVERFLOW, _BELOW_ONE, _NEAR)),
    "cosh": Case(mp.cosh, 2, _draws(_TO_OVERFLOW, _BELOW_ONE, _NEAR)),
    "asinh": Case(mp.asinh, 2, _draws(_everywhere(), Interval(-4.0, 4.0))),
    "acosh": Case(
        mp.acosh, 2, _draws(lambda t: Interval(1.0, LARGEST[t], log=True), Interval(1.0, 2.0))
    ),
    "atanh": Case(mp.atanh, 2, _draws(Interval(-1.0, 1.0), _BELOW_ONE)),
    "erf": Case(mp.erf, 2, _draws(Interval(-6.0, 6.0), _BELOW_ONE, Interval(-1.2, 1.2))),
    "erfc": Case(
        mp.erfc,
        2,
        _draws(lambda t: Interval(-6.0, {"f32": 10.0, "f64": 27.0}[t]), Interval(-1.2, 2.0)),
    ),
    "erf_inv": Case(mp.erfinv, 4, _draws(Interval(-0.999999, 0.999999), _BELOW_ONE)),
    "sqrt": Case(mp.sqrt, 0.5, _draws(_everywhere(False))),
    "rsqrt": Case(lambda x: 1 / mp.sqrt(x), 2, _draws(_everywhere(False))),
    "cbrt": Case(_cbrt, 2, _draws(_everywhere(), Interval(-8.0, 8.0))),
    "sine": Case(mp.sin, 2, _TRIGONOMETRY, 1300),
    "cosine": Case(mp.cos, 2, _TRIGONOMETRY, 1300),
    "tan": Case(mp.tan, 2, _TRIGONOMETRY, 1300),
    "asin": Case(mp.asin, 2, _draws(Interval(-1.0, 1.0), _BELOW_ONE)),
    "acos": Case(mp.acos, 2, _draws(Interval(-1.0, 1.0), Interval(0.99, 1.0))),
    "atan": Case(mp.atan, 2, _draws(_everywhere(), Interval(-4.0, 4.0))),
    "lgamma": Case(
        lambda x: mp.re(mp.loggamma(x)),
        4,
        _draws(Interval(1e-30, 1e30, log=True), Interval(0.5, 3.0), Interval(3.0, 30.0)),
    ),
    "digamma": Case(
        mp.digamma,
        4,
        _draws(Interval(1e-30, 1e30, log=True), Interval(1.0, 3.0), Interval(0.01, 30.0)),
    ),
}


def draw(interval: Interval, dtype: str, count: int, seed: int = 0) -> np.ndarray:
    """Random arguments, deterministic."""
    random = np.random.default_rng(seed)
    if interval.log:
        x = np.exp2(random.uniform(np.log2(interval.low), np.log2(interval.high), count))
    else:
        x = random.uniform(interval.low, interval.high, count)
    if interval.signed:
        x = x * random.choice([-1.0, 1.0], count)
    return x.astype(to_numpy(dtype))


def exact(function: Callable, *arrays: np.ndarray, bits: int = 160) -> list[mp.mpf]:
    """The function by mpmath, element by element."""
    with mp.workprec(bits):
        return [
            function(*map(mp.mpf, xs)) for xs in zip(*(x.tolist() for x in arrays), strict=True)
        ]


def ulps(computed: np.ndarray, references: list[mp.mpf], dtype: str) -> np.ndarray:
    """Distances in units of the reference's last place; overflows to infinity count as exact."""
    significand, lowest = {"f32": (24, -149), "f64": (53, -1074)}[dtype]
    largest = float(np.finfo(to_numpy(dtype)).max)
    errors = []
    for value, reference in zip(computed.tolist(), references, strict=True):
        if not np.isfinite(value):
            errors.append(0.0 if abs(reference) > largest else np.inf)
            continue
        exponent = mp.frexp(reference)[1] if reference else lowest + significand
        unit = mp.mpf(2) ** max(exponent - significand, lowest)
        errors.append(float(abs(mp.mpf(value) - reference) / unit))
    return np.array(errors)
