"""Tests of the oracles: they accept what is right, and explain what is not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracles import (
    assert_all_close,
    assert_close,
    assert_same_bits,
    central_difference,
    inner,
    loop_vmap,
)


def test_closeness_counts_relative_to_one_and_lets_infinity_equal_itself():
    assert_close(np.array([1e-9, np.inf, np.nan]), np.array([0, np.inf, np.nan]), 1e-8)
    assert_close(np.float32(1000.1), np.float32(1000), 2e-4)


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        (np.array([1.0, 2.0]), np.array([1.0, 2.1]), r"1 of 2 .* first at \[1\]"),
        (np.array([np.nan]), np.array([1.0]), "1 of 1"),
        (np.array([np.inf]), np.array([-np.inf]), "1 of 1"),
        (np.array([1]), np.array([2]), "1 of 1 elements differ; first"),
        (np.zeros(2), np.zeros(3), r"shape \(2,\), expected \(3,\)"),
        (np.zeros(2, np.float32), np.zeros(2), "dtype float32, expected float64"),
    ],
)
def test_what_is_not_close_is_explained(actual, expected, message):
    with pytest.raises(AssertionError, match=message):
        assert_close(actual, expected, 1e-3, "note")


def test_a_missing_result_is_noticed():
    with pytest.raises(AssertionError, match="1 results, expected 2"):
        assert_all_close([np.zeros(1)], [np.zeros(1), np.zeros(1)], 1e-3)


def test_bits_differ_where_values_are_equal():
    assert_same_bits([np.array([np.nan, 1.0])], [np.array([-np.nan, 1.0])])
    with pytest.raises(AssertionError, match="bits differ"):
        assert_same_bits([np.array([0.0])], [np.array([-0.0])])


def test_central_difference_of_a_cube():
    (slope,) = central_difference(lambda xs: [xs[0] ** 3], [np.array([2.0])], [np.array([1.0])])
    assert_close(slope, np.array([12.0]), 1e-8)


def test_inner_product_skips_zeros():
    ones = np.ones((2, 2))
    assert inner([np.ones(3), None, ones], [np.full(3, 2.0), np.ones(2), ones]) == 10


def test_loop_vmap_takes_rows():
    x = np.arange(6.0).reshape(2, 3)
    rows = loop_vmap(lambda a, b: [a + b], [x, np.float64(1)], [1, None], 3)
    assert_close(np.stack([row[0] for row in rows]), x.T + 1, 0)
