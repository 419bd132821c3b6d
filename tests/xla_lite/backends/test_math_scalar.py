"""Scalar operations of the CPU backend against their NumPy meaning, for every element type."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from fnx_xla_lite.backends.cpu.scalar import SCALAR
from fnx_xla_lite.hlo.dtypes import ELEMENT_TYPES, FLOATS, INTS, SIGNED, to_numpy
from fnx_xla_lite.hlo.numerics import DIRECTIONS, evaluate_scalar
from fnx_xla_lite.hlo.opset import SCALAR_OPS
from tests.xla_lite.backends.scalar_harness import run_scalar

INT_BINARY = [
    "add", "subtract", "multiply", "divide", "remainder", "maximum", "minimum", "and", "or", "xor",
    "shift_left", "shift_right_logical", "shift_right_arithmetic", "power",
]  # fmt: skip
INT_UNARY = ["abs", "negate", "sign", "not", "count_leading_zeros", "square"]
FLOAT_BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum"]
FLOAT_UNARY = [
    "abs", "negate", "sign", "ceil", "floor", "round_nearest_afz", "round_nearest_even", "square",
]  # fmt: skip


def integers(dtype):
    info = np.iinfo(to_numpy(dtype))
    small = [0, 1, 2, 3, 5, 7, 31, 32, 63, 64, 100]
    edges = [info.min, info.min + 1, info.max, info.max - 1, info.max // 2, info.max // 3]
    signed = [-1, -2, -3, -7, -100] if info.min < 0 else []
    random = np.random.default_rng(3).integers(
        info.min, info.max, 12, dtype=info.dtype, endpoint=True
    )
    return np.concatenate([np.array(small + edges + signed, info.dtype), random])


def floats(dtype):
    values = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 0.49999997, 3.7, -3.7, 1e-7]
    values += [8388609.0, -4194304.5, 300.0, -300.0, 70000.0, np.inf, -np.inf, np.nan]
    with np.errstate(all="ignore"):
        return np.array(values, np.float64).astype(to_numpy(dtype))


def elements(dtype):
    if dtype == "i1":
        return np.array([False, True, True, False])
    return floats(dtype) if dtype in FLOATS else integers(dtype)


def pairs(x):
    return [grid.ravel() for grid in np.meshgrid(x, x)]


def assert_equal_bits(computed, reference):
    """The same bytes, where every NaN is the same."""
    if computed.dtype.kind in "iub":
        assert np.array_equal(computed, reference)
        return
    a, b = computed.astype(np.float64), reference.astype(np.float64)
    same = (np.isnan(a) & np.isnan(b)) | ((a == b) & (np.signbit(a) == np.signbit(b)))
    assert same.all(), (computed[~same], reference[~same])


def test_every_scalar_op_has_a_row():
    assert set(SCALAR) == set(SCALAR_OPS)


@pytest.mark.parametrize("dtype", sorted(INTS))
@pytest.mark.parametrize("op", INT_BINARY)
def test_integer_pairs(op, dtype):
    x, y = pairs(integers(dtype))
    with np.errstate(all="ignore"):
        reference = evaluate_scalar(op, (x, y), dtype)
    for lanes in (0, 16):
        assert_equal_bits(run_scalar(op, x, y, lanes=lanes), reference)


@pytest.mark.parametrize("dtype", sorted(INTS))
@pytest.mark.parametrize("op", INT_UNARY)
def test_integers(op, dtype):
    x = integers(dtype)
    for lanes in (0, 16):
        assert_equal_bits(run_scalar(op, x, lanes=lanes), evaluate_scalar(op, (x,), dtype))


@pytest.mark.parametrize("dtype", sorted(INTS))
def test_popcnt_counts_the_bits_of_negative_numbers_too(dtype):
    x = integers(dtype)
    expected = [bin(int(bits)).count("1") for bits in x.view(f"u{x.itemsize}")]
    assert run_scalar("popcnt", x).tolist() == expected


def test_division_by_zero_and_overflow_are_defined():
    lowest = np.iinfo(np.int32).min
    x, y = np.array([7, -7, lowest, lowest], np.int32), np.array([0, 0, -1, 0], np.int32)
    assert run_scalar("divide", x, y).tolist() == [-1, -1, lowest, -1]
    assert run_scalar("remainder", x, y).tolist() == [7, -7, 0, lowest]


@pytest.mark.parametrize("op", ["add", "multiply", "maximum", "minimum", "and", "or", "xor"])
def test_booleans(op):
    x, y = pairs(np.array([False, True]))
    assert_equal_bits(run_scalar(op, x, y), evaluate_scalar(op, (x, y), "i1"))


@pytest.mark.parametrize("dtype", sorted(FLOATS))
@pytest.mark.parametrize("op", FLOAT_UNARY)
def test_floats(op, dtype):
    x = floats(dtype)
    wide = evaluate_scalar(op, (x.astype(np.float64),), "f64")
    with np.errstate(all="ignore"):
        assert_equal_bits(run_scalar(op, x), wide.astype(x.dtype))


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32", "f64"])
@pytest.mark.parametrize("op", FLOAT_BINARY)
def test_float_pairs(op, dtype):
    x, y = pairs(floats(dtype))
    computed = run_scalar(op, x, y)
    if op in ("maximum", "minimum"):  # NumPy leaves the sign of a zero open, IEEE 754 does not
        zeros = (x == 0) & (y == 0)
        negative = (
            np.signbit(x) & np.signbit(y) if op == "maximum" else np.signbit(x) | np.signbit(y)
        )
        assert np.array_equal(np.signbit(computed[zeros]), negative[zeros])
        computed, x, y = computed[~zeros], x[~zeros], y[~zeros]
    assert_equal_bits(computed, evaluate_scalar(op, (x, y), dtype))


@pytest.mark.parametrize("dtype", ["f32", "bf16", "i8", "ui16", "i64", "i1"])
@pytest.mark.parametrize("direction", sorted(DIRECTIONS))
def test_compare(dtype, direction):
    x, y = pairs(elements(dtype))
    reference = evaluate_scalar("compare", (x, y), "i1", direction)
    assert_equal_bits(run_scalar("compare", x, y, dtype="i1", detail=direction), reference)


@pytest.mark.parametrize("dtype", ["f32", "i16"])
def test_select_clamp_is_finite(dtype):
    x, y = pairs(elements(dtype))
    predicate = np.arange(x.size) % 3 == 0
    assert_equal_bits(run_scalar("select", predicate, x, y, dtype=dtype), np.where(predicate, x, y))
    low, high = np.full_like(x, 1), np.full_like(x, 5)
    reference = evaluate_scalar("clamp", (low, x, high), dtype)
    assert_equal_bits(run_scalar("clamp", low, x, high), reference)
    if dtype == "f32":
        assert_equal_bits(run_scalar("is_finite", x, dtype="i1"), np.isfinite(x))


@pytest.mark.parametrize("source", sorted(ELEMENT_TYPES))
@pytest.mark.parametrize("target", sorted(ELEMENT_TYPES))
def test_convert(source, target):
    x = elements(source)
    if target == "f8E4M3FN" and source in INTS:
        x = x[np.abs(x.astype(np.float64)) < 440]  # ml_dtypes rounds twice near the largest number
    with np.errstate(all="ignore"):
        reference = evaluate_scalar("convert", (x,), target)
        if target in ("f16", "bf16", "f8E4M3FN", "f8E5M2"):
            reference = x.astype(np.float64).astype(to_numpy(target))
    assert_equal_bits(run_scalar("convert", x, dtype=target), reference)


@pytest.mark.parametrize("target", ["bf16", "f16"])
def test_narrowing_f64_rounds_once(target):
    # half way between two numbers, plus what f32 cannot hold: rounding to f32 first would lose it
    step = float(ml_dtypes.finfo(to_numpy(target)).eps)
    middle = 1.0 + step / 2
    x = np.array(
        [middle * (1 + 2.0**-50), middle, middle * (1 - 2.0**-50), -middle * (1 + 2.0**-50)]
    )
    expected = [1 + step, 1.0, 1.0, -1 - step]
    assert run_scalar("convert", x, dtype=target).astype(np.float64).tolist() == expected


def test_float_to_integer_saturates():
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 127.9, -128.9, 300.0], np.float32)
    assert run_scalar("convert", x, dtype="i8").tolist() == [
        0,
        127,
        -128,
        127,
        -128,
        127,
        -128,
        127,
    ]
    assert run_scalar("convert", x, dtype="ui8").tolist() == [0, 255, 0, 255, 0, 127, 0, 255]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("f32", "i32"),
        ("ui32", "f32"),
        ("f64", "i64"),
        ("bf16", "ui16"),
        ("i16", "f16"),
        ("f8E5M2", "i8"),
    ],
)
def test_bitcast(source, target):
    x = elements(source)
    computed = run_scalar("bitcast_convert", x, dtype=target)
    assert_equal_bits(computed, x.view(to_numpy(target)))


def test_signed_types_are_told_from_unsigned():
    for dtype in sorted(INTS):
        x = np.array([-1], np.int64).astype(to_numpy(dtype))
        less = run_scalar("compare", x, np.zeros_like(x), dtype="i1", detail="LT")
        assert less.tolist() == [dtype in SIGNED]
