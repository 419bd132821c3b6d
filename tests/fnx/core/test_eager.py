"""Eager application: results match the type rule, NumPy never warns, users' buffers stay theirs."""

from __future__ import annotations

import threading

import ml_dtypes
import numpy as np
import pytest

from fnx.core.array import Array
from fnx.core.eager import as_array
from fnx.core.trace import bind
from fnx.errors import FnxTypeError
from fnx.ops.arithmetic import div, mul, mul_p
from fnx.ops.layout import reduce_sum, reshape, transpose


def test_numpy_does_not_warn():
    one, zero = np.float32([1.0]), np.float32([0.0])
    np.testing.assert_array_equal(div(one, zero), [np.inf])
    with np.errstate(all="raise"):  # the caller's settings do not matter either
        np.testing.assert_array_equal(div(zero, zero), [np.nan])


def test_the_callers_settings_are_left_alone():
    before = np.geterr()
    div(np.float32([1.0]), np.float32([0.0]))
    assert np.geterr() == before


def test_many_threads_at_once():
    results = []

    def work():
        for _ in range(50):
            results.append(float(div(1.0, 0.0)))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [np.inf] * 200


def test_results_have_the_avals_of_the_type_rule():
    x = np.arange(6, dtype=ml_dtypes.bfloat16).reshape(2, 3)
    y = transpose(x, permutation=(1, 0))
    assert y.aval.shape == (3, 2)
    assert y._buffer.flags.c_contiguous
    total = reduce_sum(x, axes=(0, 1))
    assert type(total._buffer) is np.ndarray
    assert str(total.aval) == "bf16[]"


def test_python_scalars_stay_weak():
    assert str(mul(2.0, 3.0).aval) == "f32~[]"
    assert str(mul(np.float64(2.0), 3.0).aval) == "f64[]"


@pytest.mark.parametrize("x", [np.float32([[1, 2], [3, 4]]).T, np.arange(6, dtype=">f4")[::2]])
def test_arrays_in_any_layout(x):
    np.testing.assert_array_equal(mul(x, x), x * x)


def test_a_view_of_the_users_buffer_is_never_a_result():
    buffer = np.zeros(4, np.float32)
    y = reshape(buffer, shape=(2, 2))
    buffer[:] = 1
    np.testing.assert_array_equal(y, np.zeros((2, 2)))


def test_read_only_arrays():
    x = np.ones(3, np.float32)
    x.flags.writeable = False
    np.testing.assert_array_equal(mul(x, x), x)


def test_as_array():
    x = Array(np.ones(2))
    assert as_array(x) is x
    assert str(as_array(3).aval) == "i32~[]"
    with pytest.raises(FnxTypeError, match="got dict"):
        as_array({})


def test_the_same_check_with_and_without_a_trace():
    with pytest.raises(FnxTypeError, match="equal shapes"):
        bind(mul_p, np.ones((2, 3)), np.ones(3))
