"""Elementary functions: accuracy by mpmath, special values, same bits at every width."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from fnx_xla_lite.backends.cpu.math_functions import MATH
from fnx_xla_lite.backends.cpu.math_lanes import horner, horner_by_pairs
from fnx_xla_lite.backends.cpu.target import AVX2, host
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.numerics import evaluate_scalar
from tests.xla_lite.backends.math_cases import CASES, Interval, draw, exact, ulps
from tests.xla_lite.backends.scalar_harness import run_expression, run_scalar

DTYPES = ("f32", "f64")
BINARY = ("power", "atan2", "remainder")
PAIRS = [(op, dtype) for op in CASES for dtype in DTYPES]
SPECIAL = [
    0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.5, -2.5,
    1e-40, -1e-40, 1e30, -1e30, 4097.0, -88.5, 110.0, -110.0, 720.0, -750.0, 3e9, -3e9, 28.0,
    0.9999999,
]  # fmt: skip


def specials(dtype):
    kind = to_numpy(dtype)
    limits = np.finfo(kind)
    edges = [limits.max, limits.tiny, limits.smallest_subnormal, -limits.max, -limits.tiny]
    return np.concatenate([np.array(SPECIAL, kind), np.array(edges, kind)])


def accuracy(op, dtype, count):
    """The largest error in ulp over a case's intervals, and where."""
    case, worst = CASES[op], (0.0, None)
    for seed, interval in enumerate(case.intervals(dtype)):
        x = draw(interval, dtype, count, seed)
        errors = ulps(run_scalar(op, x), exact(case.meaning, x, bits=case.bits), dtype)
        worst = max(worst, (errors.max(), x[errors.argmax()]), key=lambda pair: pair[0])
    return worst


def test_every_function_is_measured():
    assert set(CASES) | set(BINARY) == set(MATH)


@pytest.mark.parametrize(("op", "dtype"), PAIRS)
def test_accuracy(op, dtype):
    worst, where = accuracy(op, dtype, 120)
    assert worst <= CASES[op].limit, f"{op} {dtype}: {worst:.2f} ulp at {where!r}"


@pytest.mark.parametrize(
    ("op", "meaning"),
    [("exponential", np.exp), ("exponential_minus_one", np.expm1), ("tanh", np.tanh),
     ("logistic", lambda x: 1 / (1 + np.exp(-x)))],
)  # fmt: skip
def test_every_size_of_f32_against_f64(op, meaning):
    """All exponents and signs, 2^20 numbers; NumPy's f64 is exact enough to measure f32."""
    bits = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32)
    x = bits.view(np.float32)
    x = x[np.isfinite(x)]
    with np.errstate(all="ignore"):
        wide = meaning(x.astype(np.float64))
        found = run_scalar(op, x)
        over = np.abs(wide) > np.finfo(np.float32).max
    np.testing.assert_array_equal(np.isinf(found), over)
    spacing = 2.0 ** (np.floor(np.log2(np.maximum(np.abs(wide), 2.0**-126))) - 23)
    x, wide, found, spacing = (array[~over] for array in (x, wide, found, spacing))
    error = np.abs(found.astype(np.float64) - wide) / spacing
    worst = error.argmax()
    assert error[worst] <= CASES[op].limit, (x[worst], error[worst])


@pytest.mark.slow
@pytest.mark.parametrize(("op", "dtype"), PAIRS)
def test_accuracy_deep(op, dtype):
    worst, where = accuracy(op, dtype, 20_000)
    assert worst <= CASES[op].limit, f"{op} {dtype}: {worst:.2f} ulp at {where!r}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spread", [1.0, 0.01])
def test_power_accuracy(dtype, spread):
    # exponents chosen so that results fill the whole range
    x = draw(Interval(np.exp(-spread), np.exp(spread)), dtype, 300)
    y = draw(Interval(-0.99, 0.99), dtype, 300, 1) * np.log(np.finfo(to_numpy(dtype)).max)
    y = (y / np.abs(np.log(x.astype(np.float64)))).astype(x.dtype)
    errors = ulps(run_scalar("power", x, y), exact(mp.power, x, y), dtype)
    assert errors.max() <= 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_atan2_accuracy(dtype):
    x, y = (draw(Interval(1e-30, 1e30, log=True, signed=True), dtype, 300, seed) for seed in (0, 1))
    near = draw(Interval(0.3, 3.0), dtype, 300, 2)
    for a, b in ((y, x), (x, (x * near).astype(x.dtype))):
        assert ulps(run_scalar("atan2", a, b), exact(mp.atan2, a, b), dtype).max() <= 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_remainder_is_exact(dtype):
    smallest, largest = np.finfo(to_numpy(dtype)).smallest_subnormal, np.finfo(to_numpy(dtype)).max
    wide = Interval(float(smallest), float(largest), log=True, signed=True)
    near = Interval(-100.0, 100.0)
    for seed, interval in enumerate((wide, near)):
        x, y = draw(interval, dtype, 400, seed), draw(interval, dtype, 400, seed + 10)
        assert np.array_equal(run_scalar("remainder", x, y), np.fmod(x, y))


def assert_same_kind(computed, reference, message, tolerance=4):
    """Equal zeros, infinities, NaN and signs; finite numbers within a few last places."""
    kind = computed.dtype
    with np.errstate(all="ignore"):
        close = np.abs(computed - reference) <= tolerance * np.finfo(kind).eps * np.abs(reference)
        close |= np.abs(computed - reference) <= 4 * np.finfo(kind).smallest_subnormal
    same = np.where(np.isfinite(reference), close, computed == reference)
    same &= np.signbit(computed) == np.signbit(reference)
    same |= np.isnan(computed) & np.isnan(reference)
    assert same.all(), f"{message}: {computed[~same]} is not {reference[~same]}"


@pytest.mark.parametrize(("op", "dtype"), PAIRS)
@pytest.mark.parametrize("lanes", [0, 8])
def test_special_values(op, dtype, lanes):
    x = specials(dtype)
    if op in ("sine", "cosine", "tan"):
        x = x[~(np.abs(x) > 1e29)]  # NumPy's reduction of f32 arguments in f64 is exact only below
    # the interpreter's own gamma functions are coarse next to their zeros
    tolerance = 1e9 if dtype == "f64" and op in ("lgamma", "digamma") else 4
    reference = evaluate_scalar(op, (x,), dtype)
    assert_same_kind(run_scalar(op, x, lanes=lanes), reference, op, tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", BINARY)
def test_special_pairs(op, dtype):
    x, y = (grid.ravel() for grid in np.meshgrid(specials(dtype), specials(dtype)))
    reference = evaluate_scalar(op, (x, y), dtype)
    assert_same_kind(run_scalar(op, x, y), reference, op)


@pytest.mark.parametrize(("op", "dtype"), PAIRS)
def test_same_bits_at_every_width(op, dtype):
    x = np.concatenate(
        [draw(i, dtype, 24, 5) for i in CASES[op].intervals(dtype)] + [specials(dtype)]
    )
    scalar = run_scalar(op, x, lanes=0)
    for lanes in (4, 32):
        assert run_scalar(op, x, lanes=lanes).tobytes() == scalar.tobytes()


@pytest.mark.skipif(host().name not in ("avx512", "avx2"), reason="runs AVX2 code")
@pytest.mark.parametrize("op", ["exponential", "log", "tanh", "erf", "sine", "power", "cbrt"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_on_avx2(op, dtype):
    arrays = [np.abs(specials(dtype)) + 0.25] * (2 if op == "power" else 1)
    wide, narrow = (run_scalar(op, *arrays, target=target) for target in (host(), AVX2))
    assert wide.tobytes() == narrow.tobytes()


@pytest.mark.parametrize("op", ["lgamma", "digamma"])
def test_gamma_functions_of_negative_numbers(op):
    # between negative integers both have zeros: errors are relative to the larger reflected term
    x = draw(Interval(-6.0, 0.0), "f64", 200)
    reference = np.array([float(value) for value in exact(CASES[op].meaning, x)])
    error = np.abs(run_scalar(op, x) - reference)
    assert (error <= 2e-15 * (1 + np.abs(reference) * 4)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("terms", range(2, 9))
def test_both_ways_of_summing_a_polynomial(terms, dtype):
    coefficients = [1.0 / (k + 1) for k in range(terms)]
    for way in (horner, horner_by_pairs):
        x = np.linspace(-0.5, 0.5, 64).astype(to_numpy(dtype))
        found = run_expression(lambda v, way=way: way(v, coefficients), x)
        exact_sum = np.polyval(coefficients[::-1], x.astype(np.float64))
        np.testing.assert_allclose(found, exact_sum, rtol=4 * np.finfo(x.dtype).eps)
