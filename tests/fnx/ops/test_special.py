"""Special functions against mpmath: units in the last place, and special values."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from fnx.ops import special

INF, NAN = np.inf, np.nan
mpmath.mp.dps = 30


def spread(*parts: tuple[float, float]) -> np.ndarray:
    return np.concatenate([np.linspace(low, high, 60) for low, high in parts])


def small(count: int = 20) -> np.ndarray:
    return 10.0 ** -np.linspace(1, 15, count)


def log_gamma(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.re(mpmath.loggamma(x))


CASES = {
    "erf": (special.erf, mpmath.erf, np.concatenate([spread((-6, 6)), small()]), 4),
    "erfc": (special.erfc, mpmath.erfc, spread((-6, 1), (1, 26)), 8),
    "erf_inv": (
        special.erf_inv, mpmath.erfinv,
        np.concatenate([spread((-0.99, 0.99)), small(), 1 - small()]), 8,
    ),
    "lgamma": (
        special.lgamma, log_gamma,
        np.concatenate([spread((0.01, 12), (12, 1e5)), 1 + small(), 1 - small(), 2 + small()]), 16,
    ),
}  # fmt: skip


def worst_ulps(actual: np.ndarray, f, xs: np.ndarray) -> float:
    errors = []
    for x, y in zip(xs, actual, strict=True):
        exact = f(mpmath.mpf(float(x)))
        ulp = float(np.spacing(np.abs(np.asarray(float(exact), actual.dtype))))
        errors.append(abs(mpmath.mpf(float(y)) - exact) / ulp)
    return float(max(errors))


@pytest.mark.parametrize("name", CASES)
def test_accuracy_in_float64(name: str) -> None:
    op, exact, xs, ulps = CASES[name]
    assert worst_ulps(np.asarray(op(xs)), exact, xs) <= ulps


@pytest.mark.parametrize("name", CASES)
def test_float32_is_rounded_once(name: str) -> None:
    op, exact, xs, _ = CASES[name]
    xs = xs.astype(np.float32)
    xs = xs[np.abs(xs) != 1]
    assert worst_ulps(np.asarray(op(xs)), exact, xs) <= 0.51


def test_digamma_and_reflections_are_accurate_in_absolute_terms() -> None:
    xs = spread((-9.9, -0.1), (0.1, 20))
    for op, exact in ((special.digamma, mpmath.digamma), (special.lgamma, log_gamma)):
        expected = np.array([float(exact(mpmath.mpf(float(x)))) for x in xs])
        np.testing.assert_allclose(np.asarray(op(xs)), expected, rtol=1e-12, atol=1e-13)


def test_trigamma() -> None:
    xs = spread((-3.9, -0.1), (0.1, 20))
    expected = [float(mpmath.psi(1, mpmath.mpf(float(x)))) for x in xs]
    np.testing.assert_allclose(np.asarray(special.trigamma(xs)), expected, rtol=1e-10)


SPECIAL_VALUES = {
    "erf": ([0, INF, -INF, NAN], [0, 1, -1, NAN]),
    "erfc": ([0, INF, -INF, NAN, 40], [1, 0, 2, NAN, 0]),
    "erf_inv": ([0, 1, -1, 1.5, NAN], [0, INF, -INF, NAN, NAN]),
    "lgamma": ([0, -1, -2, 1, 2, INF, -INF, NAN], [INF, INF, INF, 0, 0, INF, INF, NAN]),
    "digamma": ([0, -0.0, -1, INF, NAN], [-INF, INF, NAN, INF, NAN]),
}


@pytest.mark.parametrize("name", SPECIAL_VALUES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_special_values(name: str, dtype: type) -> None:
    xs, expected = SPECIAL_VALUES[name]
    out = np.asarray(getattr(special, name)(np.array(xs, dtype)))
    np.testing.assert_array_equal(out, np.array(expected, dtype))


def test_odd_functions_keep_the_sign_of_zero() -> None:
    zero = np.array([-0.0])
    assert np.signbit(np.asarray(special.erf(zero)))
    assert np.signbit(np.asarray(special.erf_inv(zero)))
