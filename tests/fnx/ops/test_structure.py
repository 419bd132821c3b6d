"""Edges of structure, reduction, contraction and indexing: ties, out of range, errors."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from fnx.core.eager import as_array
from fnx.core.trace import trace
from fnx.errors import FnxTypeError
from fnx.lowering.lower import lower
from fnx.ops import contraction, creation, indexing, random_bits, reduction, shape
from fnx.transforms.jvp import jvp_flat
from fnx_xla_lite.hlo.interpret import interpret

X = np.arange(12.0).reshape(3, 4)


def tangent(f, x, t):
    (_,), (out,) = jvp_flat(lambda v: [f(v)], [as_array(x)], [as_array(t)])
    return None if out is None else np.asarray(out)


# Reductions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", [reduction.reduce_max, reduction.reduce_min])
def test_ties_share_the_gradient_evenly(op) -> None:
    x = np.array([[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]])
    t = np.array([[3.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert tangent(lambda v: op(v, axes=(1,)), x, t).tolist() == [1, 1]


def test_extrema_of_nothing_are_identities() -> None:
    empty = np.zeros((0, 2))
    assert reduction.reduce_max(empty, axes=(0,)).tolist() == [-np.inf, -np.inf]
    assert reduction.reduce_min(empty.astype(np.int8), axes=(0,)).tolist() == [127, 127]
    assert reduction.reduce_max(empty.astype(bool), axes=(0,)).tolist() == [False, False]
    assert reduction.reduce_sum(empty, axes=(0,)).tolist() == [0, 0]
    assert reduction.reduce_prod(empty, axes=(0,)).tolist() == [1, 1]
    assert reduction.reduce_and(empty.astype(bool), axes=(0,)).tolist() == [True, True]
    assert reduction.reduce_and(empty.astype(np.uint8), axes=(0,)).tolist() == [255, 255]


def test_products_with_zeros_have_derivatives() -> None:
    x, t = np.array([2.0, 0.0, 5.0]), np.array([1.0, 1.0, 1.0])
    assert tangent(lambda v: reduction.reduce_prod(v, axes=(0,)), x, t) == 10
    x = np.array([0.0, 0.0, 5.0])
    assert tangent(lambda v: reduction.reduce_prod(v, axes=(0,)), x, t) == 0


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_small_floats_are_summed_in_float32(dtype: type) -> None:
    x = np.full(4096, 1, dtype)
    assert float(reduction.reduce_sum(x, axes=(0,))) == 4096
    y = contraction.dot_general(x, x, contracting=((0,), (0,)))
    assert float(y) == 4096


def test_sums_of_narrow_integers_wrap() -> None:
    assert reduction.reduce_sum(np.array([100, 100], np.int8), axes=(0,)).tolist() == -56


def test_nan_is_the_extremum() -> None:
    x = np.array([1.0, np.nan, 3.0, np.nan])
    assert np.isnan(float(reduction.reduce_max(x, axes=(0,))))
    assert int(reduction.argmax(x, axis=0)) == 1
    assert int(reduction.argmin(x, axis=0)) == 1


@pytest.mark.parametrize("op", [reduction.argmax, reduction.argmin])
def test_lowered_places_of_extrema_are_those_of_numpy(op) -> None:
    nan, inf = np.nan, np.inf
    rows = [[nan, 1, nan], [1, 1, 0], [-inf, -inf, -inf], [inf, 0, inf], [0, nan, -inf]]
    x = np.array(rows, np.float32)
    jaxpr = trace(lambda v: [op(v, axis=1)], [as_array(x).aval])
    (out,) = interpret(lower(jaxpr), x)
    assert out.tolist() == getattr(np, op.__name__)(x, 1).tolist()


def test_the_first_extremum_is_found() -> None:
    x = np.array([[1, 3, 3], [2, 2, 2]], np.int32)
    assert reduction.argmax(x, axis=1).tolist() == [1, 0]
    assert reduction.argmin(x, axis=0, index_dtype=np.int64).dtype == np.int64


# Scatter and take --------------------------------------------------------------------------------


def put(x, rows, updates, **how):
    rows = np.asarray(rows, np.int32)[:, None]
    dims = {"start_index_map": (0,), "collapsed_slice_dims": (0,), "offset_dims": (1,)}
    return indexing.scatter(x, rows, updates, **dims, **how)


def test_the_last_of_equal_indices_counts_and_gets_the_gradient() -> None:
    x = np.zeros((3, 1))
    updates = np.array([[1.0], [2.0], [4.0]])
    assert put(x, [1, 1, 0], updates, kind="set").tolist() == [[4], [2], [0]]
    assert put(x, [1, 1, 0], updates, kind="add").tolist() == [[4], [3], [0]]
    t = tangent(
        lambda u: put(x, [1, 1, 0], u, kind="set"), updates, np.array([[5.0], [6.0], [7.0]])
    )
    assert t.tolist() == [[7], [6], [0]]


def test_updates_out_of_range_are_dropped_or_moved() -> None:
    x, updates = np.zeros((2, 1)), np.array([[1.0], [2.0], [4.0]])
    assert put(x, [-1, 2, 0], updates, mode="drop").tolist() == [[4], [0]]
    assert put(x, [-1, 2, 0], updates, mode="clip").tolist() == [[5], [2]]


INDICES = np.array([[0, 3], [-1, 7]])


@pytest.mark.parametrize("mode", ["clip", "wrap"])
@pytest.mark.parametrize("dtype", [np.int64, np.int8])
def test_take_is_numpy_take(mode: str, dtype: type) -> None:
    for axis in (0, 1):
        out = indexing.take(X, INDICES.astype(dtype), axis=axis, mode=mode)
        np.testing.assert_array_equal(np.asarray(out), np.take(X, INDICES, axis, mode=mode))


def test_take_fills_what_is_out_of_range() -> None:
    row = X[0]
    filled = np.asarray(indexing.take(row, INDICES, axis=0, mode="fill"))
    np.testing.assert_array_equal(filled, [[0, 3], [np.nan, np.nan]])
    least = np.iinfo(np.int32).min
    whole = indexing.take(row.astype(np.int32), INDICES, axis=0, mode="fill")
    assert whole.tolist() == [[0, 3], [least, least]]
    assert indexing.take(row.astype(np.uint8), INDICES, axis=0, mode="fill").tolist()[1] == [
        255,
        255,
    ]


def test_take_one() -> None:
    assert indexing.take(X, 2, axis=0).tolist() == X[2].tolist()
    assert indexing.take(X, np.zeros((0,), np.int32), axis=1).shape == (3, 0)


def test_dynamic_slices_are_moved_inside() -> None:
    assert indexing.dynamic_slice(X, 2, -5, sizes=(2, 2)).tolist() == X[1:3, :2].tolist()
    out = indexing.dynamic_update_slice(X, np.ones((2, 2)), np.int64(9), 3)
    assert out.tolist()[1:] == [[4, 5, 1, 1], [8, 9, 1, 1]]
    assert indexing.dynamic_slice(np.array(5.0), sizes=()).tolist() == 5


# Creation and random bits ------------------------------------------------------------------------


def test_full_and_iota() -> None:
    assert creation.full(shape=(2,), value=3, dtype=np.float16).tolist() == [3, 3]
    assert creation.full(shape=(), value=3, dtype=np.float16).shape == ()
    assert creation.iota(shape=(2, 2), dtype=np.int8, dimension=0).tolist() == [[0, 0], [1, 1]]


def test_threefry_known_answers() -> None:
    """The known-answer vectors of Random123, the reference implementation."""
    rows = {
        (0, 0, 0, 0): (0x6B200159, 0x99BA4EFE),
        (2**32 - 1,) * 4: (0x1CB996FC, 0xBB002BE7),
        (0x13198A2E, 0x03707344, 0x243F6A88, 0x85A308D3): (0xC4923A9C, 0x483DF7A0),
    }
    for words, expected in rows.items():
        out = random_bits.threefry2x32(*map(np.uint32, words))
        assert tuple(map(int, out)) == expected


def test_threefry_of_many_counters_is_that_of_each() -> None:
    n = 40_000  # more than one chunk
    counters = np.arange(n, dtype=np.uint32)
    key = (np.uint32(5), np.uint32(7))
    many = random_bits.threefry2x32(*key, counters, counters[::-1])
    for i in (0, 16_383, 16_384, n - 1):
        one = random_bits.threefry2x32(*key, counters[i], counters[n - 1 - i])
        assert [int(words[i]) for words in map(np.asarray, many)] == list(map(int, one))


# Errors ------------------------------------------------------------------------------------------

DOT = {"contracting": ((1,), (0,))}
BAD = {
    "reshape": (lambda: shape.reshape(X, shape=(5, 2)), r"f64\[3,4\] \(12 elements\) to \(5, 2\)"),
    "reshape -1": (lambda: shape.reshape(X, shape=(-1, 2)), "must not be negative"),
    "shape type": (lambda: shape.reshape(X, shape=(1.5,)), "Python integers"),
    "broadcast": (lambda: shape.broadcast_in_dim(X, shape=(2, 4), dimensions=(0, 1)), "must be 1"),
    "dimensions": (lambda: shape.broadcast_in_dim(X, shape=(3, 4), dimensions=(0,)), "each axis"),
    "permutation": (lambda: shape.transpose(X, permutation=(0, 0)), "each axis"),
    "slice": (lambda: shape.slice(X, start=(0, 0), limit=(3, 5)), "0 <= start <= limit"),
    "pad": (lambda: shape.pad(X, 0.0, low=(-4, 0), high=(0, 0)), "more than there is"),
    "pad value": (lambda: shape.pad(X, np.ones(1), low=(0, 0), high=(0, 0)), "rank 0"),
    "concatenate": (lambda: shape.concatenate(X, X[:, :3], dimension=0), "must agree"),
    "nothing": (lambda: shape.concatenate(dimension=0), "at least one"),
    "squeeze": (lambda: shape.squeeze(X, axes=(0,)), "size 1"),
    "reverse": (lambda: shape.reverse(X, dimensions=(2,)), "axes|dimensions"),
    "axes": (lambda: reduction.reduce_sum(X, axes=(0, 0)), "distinct"),
    "bool sum": (lambda: reduction.reduce_sum(X > 1, axes=()), "number"),
    "argmax": (lambda: reduction.argmax(X[:0], axis=0), "empty"),
    "dot sizes": (lambda: contraction.dot_general(X, X, **DOT), "must be equal"),
    "dot dtypes": (lambda: contraction.dot_general(X, X.T.astype("f4"), **DOT), "same dtype"),
    "dot kind": (lambda: contraction.dot_general(X, X.T, **DOT, preferred=int), "of the kind"),
    "take mode": (lambda: indexing.take(X, 0, axis=0, mode="raise"), "'raise'"),
    "take axis": (lambda: indexing.take(X, 0, axis=2), "range"),
    "take of nothing": (lambda: indexing.take(X[:0], 0, axis=0), "window sizes"),
    "float index": (lambda: indexing.take(X, X, axis=0), "integer"),
    "starts": (lambda: indexing.dynamic_slice(X, 0, sizes=(1, 1)), "one start"),
    "sizes": (lambda: indexing.dynamic_slice(X, 0, 0, sizes=(4, 4)), "do not fit"),
    "updates": (lambda: put(X, [0], np.ones((2, 4))), r"updates must have shape \(1, 4\)"),
    "kind": (lambda: put(X, [0], np.ones((1, 4)), kind="mul"), "'add' or 'set'"),
    "key": (lambda: random_bits.threefry2x32(1, 2, 3, 4), "u32|uint32"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_errors_say_what_came_in(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(FnxTypeError, match=message) as error:
        call()
    assert "test_structure.py" in str(error.value)
