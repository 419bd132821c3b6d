"""Reductions and statistics against NumPy, over no elements too."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import fnx
import fnx.numpy as fnp

shapes = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
FUNCTIONS = [
    "sum",
    "prod",
    "max",
    "min",
    "mean",
    "std",
    "var",
    "all",
    "any",
    "count_nonzero",
    "ptp",
    "argmax",
    "argmin",
]


def drawn(shape, dtype=np.float64):
    return np.random.default_rng(1).normal(size=shape).astype(dtype)


def close(found, expected, rtol=1e-12):
    expected = np.asarray(expected)
    assert type(found) is fnx.Array
    assert found.shape == expected.shape
    np.testing.assert_allclose(np.asarray(found, float), expected, rtol=rtol, atol=rtol)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the reference, over no elements
@pytest.mark.parametrize("name", FUNCTIONS)
@given(shape=shapes, data=st.data())
def test_reductions(name, shape, data):
    x = drawn(shape)
    is_position = name.startswith("arg")
    axes = st.integers(-x.ndim, x.ndim - 1) if x.ndim else st.none()
    if not is_position and x.ndim:
        axes |= st.lists(axes, max_size=x.ndim, unique_by=lambda a: a % x.ndim).map(tuple)
    axis = data.draw(axes | st.none())
    keepdims = data.draw(st.booleans())
    try:
        expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    except ValueError:
        with pytest.raises(ValueError, match="no elements"):
            getattr(fnp, name)(x, axis=axis, keepdims=keepdims)
        return
    close(getattr(fnp, name)(x, axis=axis, keepdims=keepdims), expected)
    if hasattr(fnx.Array, name):
        close(getattr(fnp.asarray(x), name)(axis=axis, keepdims=keepdims), expected)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min"])
def test_where_leaves_elements_out(name):
    x, mask = drawn((3, 4)), np.array([True, False, True, True])
    initial = {"initial": -9.0} if name == "max" else {"initial": 9.0} if name == "min" else {}
    close(
        getattr(fnp, name)(x, axis=1, where=mask, **initial),
        getattr(np, name)(x, axis=1, where=mask, **initial),
    )


def test_initial_takes_part():
    assert fnp.max(np.ones(2), initial=3.0) == 3
    assert fnp.min(np.ones((0, 2)), axis=0, initial=3.0).tolist() == [3, 3]
    assert fnp.max(np.ones((2, 0)), axis=1, initial=3.0, keepdims=True).shape == (2, 1)


def test_dtypes():
    for name in ("sum", "prod"):
        assert getattr(fnp, name)(np.ones(3, bool)).dtype == np.int32
        assert getattr(fnp, name)(np.ones(3, np.int8)).dtype == np.int8
        assert getattr(fnp, name)(np.ones(3, np.int8), dtype="int64").dtype == np.int64
        assert getattr(fnp, name)(fnp.ones(3, "bfloat16")).dtype == fnp.bfloat16
    assert fnp.mean(np.arange(3)).dtype == np.float32
    assert fnp.mean(np.ones(3)).dtype == np.float64
    assert fnp.argmax(np.ones(3)).dtype == np.int32
    assert fnp.argmax(np.ones(3), dtype="int64").dtype == np.int64
    assert fnp.argmax(np.array([False, True])) == 1
    assert fnp.max(np.array([False, True])).dtype == bool
    assert fnp.count_nonzero(np.ones(3)).dtype == np.int32


def test_half_precision_adds_in_single():
    assert float(fnp.mean(fnp.full(4000, 0.1, "float16"))) == pytest.approx(0.1, abs=1e-4)
    assert float(fnp.sum(fnp.ones(4096, "bfloat16"))) == 4096


def test_nan_wins():
    x = np.array([1.0, np.nan, 3.0])
    assert fnp.isnan(fnp.max(x))
    assert fnp.isnan(fnp.min(x))
    assert fnp.argmax(x) == 1


def test_corrections():
    x = drawn((5, 3))
    close(fnp.var(x, axis=0, correction=1), np.var(x, axis=0, ddof=1))
    close(fnp.std(x, ddof=2), np.std(x, ddof=2))
    assert fnp.isnan(fnp.var(np.ones(1), correction=1))


def test_averages():
    x, w = drawn((3, 4)), np.arange(4.0)
    close(fnp.average(x, axis=1), x.mean(1))
    close(fnp.average(x, axis=1, weights=w), np.average(x, axis=1, weights=w))


@given(shape=npst.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9), data=st.data())
def test_running(shape, data):
    x = drawn(shape)
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    close(fnp.cumsum(x, axis), np.cumsum(x, axis), 1e-9)
    close(fnp.cumprod(x, axis), np.cumprod(x, axis), 1e-9)
    close(fnp.cumsum(x), np.cumsum(x), 1e-9)
    for name in ("cumulative_sum", "cumulative_prod"):
        for initial in (False, True):
            close(
                getattr(fnp, name)(x, axis=axis, include_initial=initial),
                getattr(np, name)(x, axis=axis, include_initial=initial),
                1e-9,
            )
    close(fnp.diff(x, axis=axis), np.diff(x, axis=axis))
    assert fnp.cumsum(np.ones(3, bool)).tolist() == [1, 2, 3]


def test_running_extremes():
    x = np.array([1, 3, 2, 5, 4], np.int8)
    assert fnx.lax.cummax(fnp.asarray(x)).tolist() == np.maximum.accumulate(x).tolist()
    assert fnx.lax.cummin(fnp.asarray(-x)).tolist() == np.minimum.accumulate(-x).tolist()


def test_logsumexp():
    x = drawn((3, 4))
    for axis in (None, 0, (0, 1)):
        close(fnp.logsumexp(x, axis), np.log(np.exp(x).sum(axis)))
    close(fnp.logsumexp(x, 1, keepdims=True), np.log(np.exp(x).sum(1, keepdims=True)))
    assert fnp.logsumexp(np.array([1e5, 1e5])) == pytest.approx(1e5 + np.log(2))
    assert fnp.logsumexp(np.array([-np.inf, -np.inf])) == -np.inf
    assert fnp.logsumexp(np.zeros(0)) == -np.inf
    assert fnp.logsumexp(np.array([np.inf, 1.0])) == np.inf


@pytest.mark.parametrize("order", [None, 1, 2, 3, np.inf])
def test_vector_norm(order):
    x = drawn((3, 4))
    given_order = 2 if order is None else order
    close(fnp.vector_norm(x, axis=1, ord=order), np.linalg.vector_norm(x, axis=1, ord=given_order))


def test_closeness():
    x = np.array([1.0, np.inf, -np.inf, np.nan, 1e-9])
    y = np.array([1.0 + 1e-6, np.inf, np.inf, np.nan, 0.0])
    for equal_nan in (False, True):
        expected = np.isclose(x, y, equal_nan=equal_nan)
        assert fnp.isclose(x, y, equal_nan=equal_nan).tolist() == expected.tolist()
    assert fnp.allclose(x[:2], y[:2])
    assert not fnp.allclose(x, y)
    assert fnp.array_equal(x, x, equal_nan=True)
    assert not fnp.array_equal(x, x)
    assert not fnp.array_equal(x, x[:2])
    assert fnp.array_equal(np.arange(3), np.arange(3), equal_nan=True)


@pytest.mark.parametrize("name", ["all", "any", "max", "mean", "min", "prod", "std", "sum", "var"])
def test_numpys_reductions_take_arrays(name):
    values = np.asarray([[1.0, 2.0], [3.0, 5.0]], np.float32)
    for settings in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}):
        found = getattr(np, name)(fnp.asarray(values), **settings)
        np.testing.assert_allclose(found, getattr(np, name)(values, **settings), rtol=1e-6)
    with pytest.raises(TypeError, match="out must be None"):
        getattr(fnp.asarray(values), name)(out=values)
