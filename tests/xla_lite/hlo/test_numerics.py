"""The NumPy meanings of scalar operations: special values, corners, accuracy."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.numerics import SCALAR, cast, evaluate_scalar
from fnx_xla_lite.hlo.opset import OPS, SCALAR_OPS
from tests.xla_lite.hlo.programs import applies

INF, NAN = math.inf, math.nan


def scalar(op, *numbers, dtype="f32", detail=""):
    arrays = tuple(np.array(x, to_numpy(dtype)) for x in numbers)
    return evaluate_scalar(op, arrays, dtype, detail)[()]


def test_every_scalar_op_has_a_meaning():
    assert set(SCALAR) | {"compare", "convert", "bitcast_convert"} == SCALAR_OPS


@pytest.mark.parametrize(
    ("op", "operands", "expected"),
    [
        ("sign", (-0.0,), -0.0),
        ("sign", (NAN,), NAN),
        ("sign", (-INF,), -1.0),
        ("maximum", (NAN, 1.0), NAN),
        ("minimum", (1.0, NAN), NAN),
        ("maximum", (-0.0, 0.0), 0.0),
        ("minimum", (0.0, -0.0), -0.0),
        ("round_nearest_even", (2.5,), 2.0),
        ("round_nearest_afz", (2.5,), 3.0),
        ("round_nearest_afz", (-0.49999997,), -0.0),
        ("remainder", (-5.5, 2.0), -1.5),
        ("power", (NAN, 0.0), 1.0),
        ("power", (-2.0, 3.0), -8.0),
        ("power", (-2.0, 0.5), NAN),
        ("power", (-0.0, 0.5), 0.0),
        ("power", (-INF, 0.5), INF),
        ("atan2", (0.0, -0.0), math.pi),
        ("rsqrt", (0.0,), INF),
        ("log", (-1.0,), NAN),
        ("log_plus_one", (-1.0,), -INF),
        ("logistic", (-200.0,), 0.0),
        ("logistic", (INF,), 1.0),
        ("erf_inv", (1.0,), INF),
        ("erf_inv", (1.5,), NAN),
        ("erf_inv", (-0.0,), -0.0),
        ("lgamma", (-2.0,), INF),
        ("lgamma", (-INF,), INF),
        ("digamma", (-1.0,), NAN),
        ("digamma", (0.0,), -INF),
        ("clamp", (0.0, NAN, 1.0), NAN),
        ("select", (True, 1.0, 2.0), 1.0),
        ("cbrt", (-8.0,), -2.0),
    ],
)
def test_float_special_values(op, operands, expected):
    got = scalar(op, *operands)
    np.testing.assert_allclose(got, np.float32(expected), rtol=1e-7)
    assert math.isnan(expected) or np.signbit(got) == np.signbit(expected)


@pytest.mark.parametrize(
    ("op", "operands", "dtype", "expected"),
    [
        ("divide", (7, -2), "i32", -3),
        ("divide", (-7, 0), "i32", -1),
        ("divide", (7, 0), "ui8", 255),
        ("divide", (-(2**31), -1), "i32", -(2**31)),
        ("remainder", (-7, 2), "i32", -1),
        ("remainder", (-7, 0), "i32", -7),
        ("remainder", (-(2**31), -1), "i32", 0),
        ("power", (3, 5), "i32", 243),
        ("power", (-1, -3), "i32", -1),
        ("power", (2, -1), "i32", 0),
        ("shift_left", (1, 31), "i32", -(2**31)),
        ("shift_left", (1, 32), "i32", 0),
        ("shift_left", (1, -1), "i32", 0),
        ("shift_right_logical", (-1, 28), "i32", 15),
        ("shift_right_logical", (-1, 40), "i32", 0),
        ("shift_right_arithmetic", (-16, 2), "i32", -4),
        ("shift_right_arithmetic", (-16, 99), "i32", -1),
        ("shift_right_arithmetic", (16, 99), "i32", 0),
        ("popcnt", (-1,), "i16", 16),
        ("count_leading_zeros", (1,), "ui8", 7),
        ("count_leading_zeros", (0,), "i64", 64),
        ("abs", (-(2**31),), "i32", -(2**31)),
        ("add", (200, 100), "ui8", 44),
        ("negate", (1,), "ui32", 2**32 - 1),
        ("not", (0,), "i8", -1),
        ("add", (True, True), "i1", True),
        ("multiply", (True, False), "i1", False),
    ],
)
def test_integer_corners(op, operands, dtype, expected):
    got = scalar(op, *operands, dtype=dtype)
    assert got == expected
    assert got.dtype == to_numpy(dtype)


@pytest.mark.parametrize(
    ("number", "dtype", "expected"),
    [
        (NAN, "i32", 0),
        (3e9, "i32", 2**31 - 1),
        (-3e9, "i32", -(2**31)),
        (INF, "i64", 2**63 - 1),
        (-2.9, "i8", -2),
        (-1.0, "ui8", 0),
        (2.0**64, "ui64", 2**64 - 1),
        (255.9, "ui8", 255),
        (0.5, "i1", True),
        (NAN, "i1", True),
        (-0.0, "i1", False),
    ],
)
def test_casts_from_floats_truncate_and_saturate(number, dtype, expected):
    assert cast(np.array(number), dtype)[()] == expected


def test_integer_casts_wrap():
    assert cast(np.array(300, np.int32), "ui8")[()] == 44
    assert cast(np.array(-1, np.int32), "ui64")[()] == 2**64 - 1


REFERENCES = {
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "erf_inv": mpmath.erfinv,
    "lgamma": lambda x: mpmath.log(abs(mpmath.gamma(x))),
    "digamma": mpmath.digamma,
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "log_plus_one": mpmath.log1p,
    "exponential_minus_one": mpmath.expm1,
}


@pytest.mark.parametrize("op", sorted(REFERENCES))
@given(x=st.floats(-0.99, 0.99).filter(lambda x: abs(x) > 1e-3))
def test_special_functions_against_mpmath(op, x):
    got = float(scalar(op, x, dtype="f64"))
    with mpmath.workdps(40):
        expected = float(REFERENCES[op](mpmath.mpf(x)))
    assert got == pytest.approx(expected, rel=4e-15, abs=4e-15)


@pytest.mark.parametrize("op", sorted(n for n, row in OPS.items() if row.elementwise))
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 1)])
def test_rank_0_and_empty_arrays(op, shape):
    for dtype in ("f32", "i32", "i1", "bf16"):
        x = np.ones(shape, to_numpy(dtype))
        operands = {"select": (x.astype(bool), x, x)}.get(op, (x,) * OPS[op].arity)
        if op == "bitcast_convert" or (op in SCALAR and not _takes(op, dtype)):
            continue
        result = evaluate_scalar(op, operands, "f32", "LT")
        assert result.shape == shape


def _takes(op, dtype):
    if op in ("select", "clamp"):
        return dtype != "i1"
    return applies(op, dtype)
