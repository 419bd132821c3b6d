"""Edges of elementwise operations: literals, Python scalars, special values, integers, errors."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from fnx.core.eager import as_array
from fnx.core.trace import trace
from fnx.errors import FnxTypeError
from fnx.ops import arithmetic, bitwise, comparison, conversion, elementwise_math, trigonometric
from fnx.transforms.jvp import jvp_flat
from fnx.transforms.vmap import vmap_flat

F32 = np.float32(1).dtype
NAN, INF = float("nan"), float("inf")


def derivative(f, x):
    """d f / dx of an elementwise function, by its jvp rule."""
    x = as_array(np.asarray(x))
    ones = as_array(np.ones(x.shape, x.dtype))
    (_,), (t,) = jvp_flat(lambda v: [f(v)], [x], [ones])
    return np.zeros(x.shape) if t is None else np.asarray(t)


POINTS = np.array([0.5, 1.5, 2.5])
WITH_LITERALS = {
    "pow by a literal": (lambda x: elementwise_math.pow(x, 2.5), lambda x: 2.5 * x**1.5),
    "pow by 0": (lambda x: elementwise_math.pow(x, 0.0), lambda x: 0 * x),
    "power of a literal": (lambda x: elementwise_math.pow(2.0, x), lambda x: np.log(2) * 2**x),
    "atan2 of a literal": (lambda x: trigonometric.atan2(1.0, x), lambda x: -1 / (1 + x * x)),
    "atan2 to a literal": (lambda x: trigonometric.atan2(x, 2.0), lambda x: 2 / (4 + x * x)),
    "literal over x": (lambda x: arithmetic.div(1.0, x), lambda x: -1 / x**2),
    "remainder of a literal": (lambda x: arithmetic.rem(4.1, x), lambda x: -np.floor(4.1 / x)),
    "max with a literal": (lambda x: arithmetic.max(1.0, x), lambda x: (x > 1) * 1.0),
    "clamp to literals": (lambda x: arithmetic.clamp(1, x, 2), lambda x: (x > 1) * (x < 2) * 1.0),
    "clamp of literals": (lambda x: arithmetic.clamp(x, 1, 2), lambda x: (x > 1) * (x < 2) * 1.0),
    "select of a literal": (
        lambda x: comparison.select(comparison.gt(x, 1), x, 0),
        lambda x: (x > 1) * 1.0,
    ),
}


@pytest.mark.parametrize("name", WITH_LITERALS)
def test_derivatives_beside_literals(name: str) -> None:
    f, expected = WITH_LITERALS[name]
    np.testing.assert_allclose(derivative(f, POINTS), expected(POINTS), rtol=1e-12)
    second = derivative(lambda x: jvp_flat(lambda v: [f(v)], [x], [as_array(POINTS)])[1][0], POINTS)
    step = 1e-5
    high, low = (derivative(f, POINTS + s) * POINTS for s in (step, -step))
    np.testing.assert_allclose(second, (high - low) / (2 * step), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", WITH_LITERALS)
def test_literals_are_not_batched(name: str) -> None:
    f, _ = WITH_LITERALS[name]
    (out,), (axis,) = vmap_flat(lambda v: [f(v)], [as_array(POINTS)], [0], 3)
    assert axis == 0
    np.testing.assert_array_equal(np.asarray(out), np.asarray(f(as_array(POINTS))))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, ml_dtypes.bfloat16, np.int8, np.uint64])
def test_python_scalars_take_the_dtype_of_the_other_operand(dtype: type) -> None:
    x = np.ones(3, dtype)
    assert arithmetic.mul(x, 2).dtype == dtype
    assert arithmetic.sub(2, x).dtype == dtype


def test_python_scalars_stay_weak_and_arrays_decide() -> None:
    weak = as_array(2.0)
    assert arithmetic.mul(weak, 3).aval.weak
    assert not arithmetic.mul(np.float32(2), 3.0).aval.weak
    assert not arithmetic.mul(np.ones(2, np.float32), 3.0).aval.weak
    jaxpr = trace(lambda x: [arithmetic.mul(x, 3)], [weak.aval])
    assert str(jaxpr.outputs[0].aval) == "f32~[]"


def test_two_python_scalars() -> None:
    assert arithmetic.add(1, 2).dtype == np.int32
    assert arithmetic.add(1, 2.5).dtype == np.float32


BAD = {
    "shapes": (lambda: arithmetic.add(np.ones((3, 4)), np.ones(4)), r"f64\[3,4\] and f64\[4\]"),
    "dtypes": (lambda: arithmetic.mul(np.ones(3), np.ones(3, np.float32)), r"do not promote"),
    "a rank-0 array": (lambda: arithmetic.add(np.ones(3), as_array(1.0)), r"equal shapes"),
    "integers": (lambda: trigonometric.sin(np.arange(3)), r"floating-point operands, got i64\[3\]"),
    "float for int": (
        lambda: arithmetic.add(np.arange(3), 0.5),
        r"float 0.5 does not fit .* int64",
    ),
    "int for bool": (lambda: bitwise.and_(np.ones(3, bool), 1), r"int 1 does not fit .* bool"),
    "lists": (lambda: arithmetic.add([1.0], 2.0), r"list"),
    "bool arithmetic": (lambda: arithmetic.add(np.ones(3, bool), np.ones(3, bool)), "number"),
    "predicate": (lambda: comparison.select(np.ones(3), np.ones(3), 0), r"boolean operands"),
    "integer power": (lambda: elementwise_math.integer_pow(np.arange(3), exponent=-1), "negative"),
    "exponent": (lambda: elementwise_math.integer_pow(POINTS, exponent=0.5), "Python integers"),
    "bitcast": (lambda: conversion.bitcast(np.ones(3), dtype=np.int32), r"equal size"),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_say_what_came_in(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(FnxTypeError, match=message) as error:
        call()
    assert "test_elementwise.py" in str(error.value)


def test_integer_division_truncates_and_never_fails() -> None:
    low = np.iinfo(np.int32).min
    x = np.array([7, -7, 7, -7, 5, low, 0], np.int32)
    y = np.array([2, 2, -2, -2, 0, -1, 0], np.int32)
    assert arithmetic.div(x, y).tolist() == [3, -3, -3, 3, -1, low, -1]
    assert arithmetic.rem(x, y).tolist() == [1, -1, 1, -1, 5, 0, 0]
    u = np.array([7, 5], np.uint8)
    assert arithmetic.div(u, np.array([2, 0], np.uint8)).tolist() == [3, 255]


def test_integer_powers() -> None:
    x = np.array([2, -2, 0, 1, -1, -1, 3, 0], np.int32)
    y = np.array([10, 3, 0, -5, -5, -4, -1, -1], np.int32)
    assert elementwise_math.pow(x, y).tolist()[:7] == [1024, -8, 1, 1, -1, 1, 0]


def test_powers_at_zero_have_finite_derivatives() -> None:
    zero = np.zeros(1)
    assert derivative(lambda x: elementwise_math.pow(x, 2.0), zero) == 0
    assert derivative(lambda x: elementwise_math.pow(x, 0.0), zero) == 0
    two = as_array(np.full(1, 2.0))
    assert derivative(lambda y: elementwise_math.pow(np.zeros(1), y), two) == 0
    assert derivative(lambda x: elementwise_math.pow(x, np.zeros(1)), zero) == 0


def test_equal_operands_share_the_gradient() -> None:
    x = np.array([1.0, 2.0, 3.0])
    y = np.array([1.0, 0.0, 4.0])
    assert derivative(lambda v: arithmetic.max(v, y), x).tolist() == [0.5, 1, 0]
    assert derivative(lambda v: arithmetic.min(y, v), x).tolist() == [0.5, 0, 1]


def test_nan_spreads_through_extrema_and_sign() -> None:
    x, y = np.array([NAN, 1.0]), np.array([1.0, NAN])
    assert np.isnan(np.asarray(arithmetic.max(x, y))).all()
    assert np.isnan(np.asarray(arithmetic.min(x, y))).all()
    assert np.isnan(np.asarray(arithmetic.clamp(0.0, x, 2.0))).tolist() == [True, False]
    signs = np.asarray(arithmetic.sign(np.array([NAN, -0.0, -3.0])))
    assert np.isnan(signs[0])
    assert np.signbit(signs[1])
    assert signs[2] == -1


def test_no_warnings_for_infinities_and_nan() -> None:  # warnings are errors in the tests
    assert np.asarray(elementwise_math.log(np.array([-1.0, 0.0]))).tolist()[1] == -INF
    assert np.asarray(arithmetic.div(np.ones(1), np.zeros(1))).tolist() == [INF]
    assert np.asarray(elementwise_math.exp(np.array([1e4]))).tolist() == [INF]
    assert np.asarray(elementwise_math.logistic(np.array([-1e4, 1e4]))).tolist() == [0, 1]


@pytest.mark.parametrize("source", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("target", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_floats_saturate_when_they_become_integers(source: type, target: type) -> None:
    x = np.array([NAN, INF, -INF, 1.75, -1.75]).astype(source)
    info = np.iinfo(target)
    expected = [0, info.max, info.min, 1, -1 if info.min else 0]
    assert conversion.convert(x, dtype=target).tolist() == expected


def test_convert_to_the_ends_of_the_range_is_exact() -> None:
    x = np.array([127.9, -128.9, 128.0, -129.0])
    assert conversion.convert(x, dtype=np.int8).tolist() == [127, -128, 127, -128]


def test_convert_to_bool_is_not_zero() -> None:
    x = np.array([0.0, -0.0, 0.5, NAN])
    for dtype in (np.float64, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e5m2):
        assert conversion.convert(x.astype(dtype), dtype=bool).tolist() == [
            False,
            False,
            True,
            True,
        ]


def test_weak_is_asked_for() -> None:
    assert conversion.convert(np.ones(2), dtype=float, weak=True).aval.weak
    assert conversion.convert(2.0, dtype=np.float16).dtype == np.float16


def test_stop_gradient_stops() -> None:
    x = np.array([2.0, 3.0])
    stopped = derivative(lambda v: arithmetic.mul(v, conversion.stop_gradient(v)), x)
    assert stopped.tolist() == [2, 3]


def test_size_zero_and_rank_zero() -> None:
    assert trigonometric.sin(np.zeros((0, 3))).shape == (0, 3)
    assert arithmetic.add(np.float32(1), np.float32(2)).shape == ()
    assert float(arithmetic.add(np.array(1.0), np.array(2.0))) == 3
