"""Functions of one and of two arrays against NumPy: values, dtypes, broadcasting, traces."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import fnx
import fnx.numpy as fnp
from tests.oracles import said

ONE = {
    "abs": None, "acos": (-1, 1), "acosh": (1, 9), "asin": (-1, 1), "asinh": None, "atan": None,
    "atanh": (-0.9, 0.9), "cbrt": None, "ceil": None, "cos": None, "cosh": None, "deg2rad": None,
    "exp": None, "exp2": None, "expm1": None, "floor": None, "isfinite": None, "isinf": None,
    "isnan": None, "log": (0.1, 9), "log10": (0.1, 9), "log1p": (-0.9, 9), "log2": (0.1, 9),
    "nan_to_num": None, "negative": None, "positive": None, "rad2deg": None, "reciprocal": (0.5, 9),
    "rint": None, "sign": None, "signbit": None, "sin": None, "sinc": None, "sinh": None,
    "sqrt": (0, 9), "square": None, "tan": None, "tanh": None, "trunc": None, "isposinf": None,
    "isneginf": None, "logical_not": None,
}  # fmt: skip
TWO = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "maximum",
    "minimum",
    "atan2",
    "floor_divide",
    "remainder",
    "fmod",
    "power",
    "logaddexp",
    "logaddexp2",
    "hypot",
    "copysign",
    "heaviside",
    "fmax",
    "fmin",
    "nextafter",
    "float_power",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
]
OF_INTEGERS = [
    "add",
    "subtract",
    "multiply",
    "floor_divide",
    "remainder",
    "fmod",
    "maximum",
    "minimum",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "bitwise_left_shift",
    "bitwise_right_shift",
    "equal",
    "less",
    "logical_and",
]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, np.inf, -np.inf, np.nan]

shapes = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
pairs = npst.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3)


def of_shape(shape, low, high, dtype=np.float64):
    generator = np.random.default_rng(0)
    return generator.uniform(low, high, shape).astype(dtype)


def check(found, expected, rtol=1e-12, dtype=None):
    assert type(found) is fnx.Array
    assert type(found._buffer) is np.ndarray
    assert found._buffer.flags.c_contiguous
    assert (found.shape, found.dtype) == (expected.shape, dtype or expected.dtype)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=rtol, atol=rtol)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the reference
@pytest.mark.parametrize("name", sorted(ONE))
@given(shape=shapes)
def test_functions_of_one_array(name, shape):
    x = of_shape(shape, *(ONE[name] or (-3, 3)))
    expected = np.asarray(getattr(np, name)(x))
    check(getattr(fnp, name)(x), expected)
    single = getattr(fnp, name)(x.astype(np.float32))
    assert single.dtype == (expected.dtype if expected.dtype == bool else np.float32)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", sorted(ONE))
def test_special_values_of_one_array(name):
    x = np.array(SPECIAL)
    check(getattr(fnp, name)(x), np.asarray(getattr(np, name)(x)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", TWO)
@given(two=pairs)
def test_functions_of_two_arrays_broadcast(name, two):
    low = 0.5 if "power" in name else -3
    x, y = (of_shape(shape, low, 3) for shape in two.input_shapes)
    expected = np.asarray(getattr(np, name)(x, y))
    assert expected.shape == two.result_shape
    check(getattr(fnp, name)(x, y), expected, 1e-10)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", TWO)
def test_special_values_of_two_arrays(name):
    x, y = np.meshgrid(SPECIAL, SPECIAL)
    expected = getattr(np, name)(x, y)
    if name == "floor_divide":  # by zero: NumPy says infinity, we (as JAX) nan
        x, y, expected = (v[y != 0] for v in (x, y, expected))
    check(getattr(fnp, name)(x, y), expected, 1e-7)


@pytest.mark.parametrize("name", OF_INTEGERS)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_integers_keep_their_dtype(name, dtype):
    x, y = np.array([1, 7, 9, 100], dtype), np.array([3, 2, 1, 6], dtype)
    if dtype.startswith("i"):
        x, y = np.concatenate([x, -x]), np.concatenate([y, y])
    check(getattr(fnp, name)(x, y), getattr(np, name)(x, y))


@pytest.mark.parametrize("dtype", ["int8", "int64"])
def test_division_rounds_down(dtype):
    x, y = np.meshgrid(np.arange(-7, 8).astype(dtype), np.array([-3, -2, -1, 1, 2, 3], dtype))
    check(fnp.floor_divide(x, y), x // y)
    check(fnp.remainder(x, y), x % y)
    quotient, rest = divmod(fnp.asarray(x), fnp.asarray(y))
    check(quotient * y + rest, x)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32", "float64"])
def test_powers(dtype):
    x = np.array([0, 1, 2, 3], dtype)
    check(fnp.asarray(x) ** 3, x**3, 1e-6)
    check(fnp.asarray(x) ** 0, x**0)
    check(fnp.power(x, x), np.power(x, x), 1e-6)
    assert (2 ** fnp.asarray(x)).tolist() == [1, 2, 4, 8]
    if dtype.startswith("float"):
        check((fnp.asarray(x) + 1) ** -2, (x + 1) ** -2.0, 1e-6)
    else:
        with pytest.raises(
            ValueError, match=r"to the power of -2 is no integer.*\n.*\n.*x \*\* -2\.0"
        ):
            _ = fnp.asarray(x) ** -2


@pytest.mark.parametrize(
    "dtype", ["float32", "bfloat16", "float16", "float64", "int32", "int8", "uint8", "bool"]
)
def test_python_scalars_give_way(dtype):
    x = fnp.ones(3, dtype)
    is_float = "float" in dtype
    plus_int = "int32" if dtype == "bool" else dtype
    assert (x + 1).dtype == plus_int
    assert (1 + x).dtype == plus_int
    assert (x * 2.0).dtype == (dtype if is_float else "float32")
    assert (x / 2).dtype == (dtype if is_float else "float32")
    assert (x < 2).dtype == bool
    assert fnp.maximum(x, 0).dtype == plus_int
    assert fnp.where(x > 0, x, 0).dtype == plus_int
    assert (x + True).dtype == dtype
    traced = fnx.make_jaxpr(lambda x: x * 2.0)(x)
    assert str(traced).count("f32") > 0 or is_float


def test_results_of_python_scalars_are_weak():
    x = fnp.add(1, 2.5)
    assert (x.dtype, x.weak_type, float(x)) == (np.float32, True, 3.5)
    assert (x * fnp.ones(2, "bfloat16")).dtype == "bfloat16"
    assert not (x * fnp.ones(2)).weak_type
    y = fnx.jit(lambda a: a * 2.0 + 1)(1.5)
    assert (y.dtype, y.weak_type) == (np.float32, True)
    assert fnp.add(2**40, 1).dtype == np.int64
    assert fnp.asarray(1e300, "float64") + 1e300 == 2e300


def test_numpy_scalars_are_strong():
    x = fnp.ones(2, "float32")
    assert (x * np.float64(2)).dtype == np.float64
    assert (np.int64(2) * fnp.ones(2, "int32")).dtype == np.int64


def test_python_ints_must_fit():
    with pytest.raises(OverflowError, match="300 out of bounds for uint8"):
        fnp.add(fnp.ones(2, "uint8"), 300)


def test_rounding_to_decimals():
    x = np.array([1.125, -2.675, 1e5, 0.0], np.float32)
    check(fnp.round(x, 2), np.round(x, 2), 1e-6)
    assert fnp.round(fnp.asarray([1.26], "float16"), 1).tolist() == [np.float16(1.3)]
    assert fnp.round(fnp.asarray([15, 25]), 1).tolist() == [15, 25]
    assert fnp.asarray([0.5, 1.5]).round().tolist() == [0, 2]


def test_parts_of_numbers():
    x = np.array([1.25, -2.5, 0.0])
    for found, expected in zip(fnp.modf(x), np.modf(x), strict=True):
        check(found, expected)
    check(fnp.ldexp(x, np.array([1, -2, 3])), np.ldexp(x, [1, -2, 3]))
    check(
        fnp.bitwise_count(np.array([-1, 7, 0], np.int8)),
        np.bitwise_count(np.array([-1, 7, 0], np.int8)),
    )
    check(fnp.bitwise_invert(np.array([True, False])), np.array([False, True]))
    check(fnp.clip(x, -1, None), np.clip(x, -1, None))
    check(fnp.clip(x, max=1.0), np.clip(x, None, 1.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fnp.add(np.ones((2, 3)), np.ones(2)),
            r"add: shapes \[2,3\] and \[2\].*axis -1 has sizes 3 and 2",
        ),
        (lambda: fnp.add([1, 2], 3), r"expected an array or a Python number, got list \[1, 2\]"),
        (lambda: fnp.sin("x"), "got str 'x'"),
        (lambda: fnp.sin(None), "got NoneType None"),
        (lambda: fnp.subtract(True, np.array([True])), r"subtract: expected numbers, got bool\[1"),
        (lambda: fnp.negative(np.array([True])), r"negative: expected numbers, got bool\[1\]"),
        (
            lambda: fnp.bitwise_and(np.ones(2), 1),
            "bitwise_and: expected integers or bools, got float64",
        ),
        (lambda: fnp.sin(np.ones(2, complex)), "fnx has no arrays of dtype complex128"),
        (lambda: fnp.ones(2, "float8_e5m2") + fnp.ones(2, "bfloat16"), "no common dtype"),
        (lambda: fnp.where(np.ones(2)), "x and y are both needed"),
    ],
)
def test_errors_teach(call, message):
    with pytest.raises(TypeError if "shapes" not in message else ValueError) as caught:
        call()
    assert re.search(message, said(caught.value))


def test_errors_show_the_users_line():
    with pytest.raises(
        ValueError, match=r"in test_elementwise\.py:\d+, in .*fnp\.ones\(3\) \+ fnp\.ones\(2\)"
    ):
        fnp.ones(3) + fnp.ones(2)


@pytest.mark.parametrize("name", ["logaddexp", "hypot", "sinc", "logsumexp"])
def test_derivatives_are_finite_at_the_corners(name):
    function = getattr(fnp, name)
    points = {
        "logaddexp": [(0.0, 0.0), (-np.inf, 1.0), (1e4, 1.0)],
        "hypot": [(0.0, 0.0), (3.0, 4.0), (1e30, 1.0)],
        "sinc": [(0.0,)],
        "logsumexp": [(np.array([1e4, 1e4, -np.inf]),)],
    }
    for point in points[name]:
        gradient = fnx.grad(lambda x, rest=point[1:]: function(x, *rest))(
            fnp.asarray(point[0], "float64")
        )
        assert fnp.all(fnp.isfinite(gradient)), point


def test_stages_the_same_operations():
    x, y = np.ones((2, 3), np.float32), np.ones(3, np.float32)
    for name in TWO:
        function = getattr(fnp, name)
        traced = fnx.jit(function)(x, y)
        eager = function(x, y)
        assert traced.aval is eager.aval
        np.testing.assert_allclose(traced, np.asarray(eager), rtol=1e-5)


@given(st.data())
def test_where_broadcasts_three_operands(data):
    shapes3 = data.draw(
        npst.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, min_side=0, max_side=3)
    )
    mask, x, y = (of_shape(shape, -1, 1) for shape in shapes3.input_shapes)
    check(fnp.where(mask > 0, x, y), np.where(mask > 0, x, y))


def test_select_takes_the_first():
    x = np.arange(6)
    found = fnp.select([x < 2, x < 4], [x, -x], 9)
    np.testing.assert_array_equal(found, np.select([x < 2, x < 4], [x, -x], 9))


def test_refused_bools_are_shown_with_their_shape():
    mask = fnp.ones(3, bool)
    with pytest.raises(TypeError, match=r"subtract: expected numbers, got bool\[3\]\."):
        mask - mask
    with pytest.raises(TypeError, match=r"got bool\[3\]\."):
        True - mask


def test_a_number_too_large_for_a_dtype_is_infinite_without_a_warning():
    assert fnp.asarray(1e300).tolist() == np.inf  # warnings are errors in these tests
    assert fnp.asarray(-1e300, "float16").tolist() == -np.inf
    assert float(fnp.asarray(1.0) * 1e300) == np.inf
