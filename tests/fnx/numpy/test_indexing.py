"""``x[index]`` and ``x.at[index]`` against NumPy: eager, traced, differentiated."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import fnx
import fnx.numpy as fnp
from tests.oracles import said

INDICES = [
    0,
    -1,
    np.int64(2),
    slice(None),
    slice(1, None),
    slice(None, None, -1),
    slice(-1, None, -2),
    slice(5, 1),
    slice(1, 1),
    slice(None, None, 3),
    None,
    ...,
    (0, 1),
    (slice(1, 3), 2),
    (..., 0),
    (0, ..., 1),
    (None, 0, None),
    (slice(None), None, 1),
    (slice(None, None, -1), ..., slice(None, None, -2)),
    (),
    np.array([0, 2, 0]),
    np.array([[0], [-1]]),
    np.array([], np.int32),
    [0, -1],
    [],
    (np.array([0, 1]), np.array([1, 2])),
    (slice(None), np.array([1, 0])),
    (np.array([0, 2]), slice(1, 3)),
    (np.array([0, 2]), slice(None), np.array([1, 0])),
    (0, slice(None), np.array([1, 0])),
    (np.array([[0], [2]]), np.array([1, 2, 0])),
    (np.array([0, 1]), None, np.array([1, 2])),
    (slice(None), 1, np.array([0, 1])),
    (..., np.array([0, 1]), slice(None, None, -1)),
    (np.array(1), slice(None)),
    (slice(None), np.array([0, 1], np.uint8), np.array([1, 1], np.int8)),
    (None, np.array([0, 1]), ..., None),
    (slice(0, 0), np.array([0, 1])),
]
SHAPE = (3, 4, 2)


def numbered(shape=SHAPE, dtype=np.float32):
    return np.arange(1, 1 + np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def same(found, expected):
    assert type(found) is fnx.Array
    assert found._buffer.flags.c_contiguous
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(np.asarray(found), expected)


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_read(index):
    x = numbered()
    expected = np.asarray(x[index])
    same(fnp.asarray(x)[index], expected)
    same(fnx.jit(lambda x: x[index])(x), expected)


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_read_is_differentiable(index):
    x = numbered()
    weights = np.random.default_rng(0).normal(size=np.shape(x[index])).astype(np.float32)
    expected = np.zeros_like(x)
    np.add.at(
        expected, index if not isinstance(index, list) or index else np.array([], int), weights
    )
    gradient = fnx.grad(lambda x: fnp.sum(x[index] * weights))(x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_set_and_add(index):
    x = numbered()
    place = np.array([], int) if isinstance(index, list) and not index else index
    y = -numbered(np.shape(x[place]))
    replaced, added = x.copy(), x.copy()
    replaced[place] = y
    np.add.at(added, place, y)
    for run in (lambda f: f, fnx.jit):
        same(run(lambda x: x.at[index].set(y))(fnp.asarray(x)), replaced)
        same(run(lambda x: x.at[index].add(y))(fnp.asarray(x)), added)


@pytest.mark.parametrize(
    "index", [i for i in INDICES if np.unique(numbered()[i]).size == numbered()[i].size], ids=str
)
@pytest.mark.parametrize("name", ["multiply", "min", "max", "subtract", "divide", "power"])
def test_other_updates(index, name):
    x = numbered(dtype=np.float64)
    place = np.array([], int) if isinstance(index, list) and not index else index
    operation = getattr(np, {"min": "minimum", "max": "maximum"}.get(name, name))
    expected = x.copy()
    expected[place] = operation(x[place], 2.0)
    found = getattr(fnp.asarray(x).at[index], name)(2.0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@given(data=st.data(), shape=npst.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
def test_drawn_indices(data, shape):
    x = numbered(shape)
    index = data.draw(npst.basic_indices(shape, allow_newaxis=True, max_dims=6))
    same(fnp.asarray(x)[index], np.asarray(x[index]))
    arrays = data.draw(npst.integer_array_indices(shape, dtype=np.int32))
    same(fnp.asarray(x)[arrays], x[arrays])


@pytest.mark.parametrize("kind", ["set", "add"])
def test_updates_have_derivatives(kind):
    x, y = numbered(), numbered((2, 2))
    index = (np.array([0, 2]), 1)

    def f(x, y):
        return fnp.sum(fnp.square(getattr(x.at[index], kind)(y)))

    gx, gy = fnx.grad(f, argnums=(0, 1))(x, y)
    changed = x.copy()
    changed[index] = y if kind == "set" else x[index] + y
    expected = 2 * changed
    np.testing.assert_allclose(gy, expected[index])
    if kind == "set":
        expected[index] = 0
    np.testing.assert_allclose(gx, expected)


# Masks


def test_masks():
    x = numbered()
    for mask in (x > 5, x[:, :, 0] > 5, x[:, 0, 0] > 100):
        same(fnp.asarray(x)[mask], x[mask])
        same(fnp.asarray(x)[fnp.asarray(mask)], x[mask])
        expected = x.copy()
        expected[mask] = -1
        same(fnp.asarray(x).at[mask].set(-1), expected)
    rows = np.array([True, False, True])
    same(fnp.asarray(x)[rows, 1:3], x[rows, 1:3])
    same(fnp.asarray(x)[:, [True, False, True, True], 0], x[:, [True, False, True, True], 0])


def test_masks_of_the_whole_array_work_under_jit():
    x = numbered()
    found = fnx.jit(lambda x: x.at[x > 5].add(10.0))(x)
    same(found, np.where(x > 5, x + 10, x))


def test_masks_while_tracing_are_explained():
    message = r"(?s)how many elements of the mask are true is not known.*fnx\.numpy\.where"
    with pytest.raises(TypeError, match=message):
        fnx.jit(lambda x: x[x > 5])(numbered())


def test_masks_work_where_values_are_known():
    gradient = fnx.grad(lambda x: fnp.sum(x[x > 5] ** 2))(numbered((3, 3)))
    np.testing.assert_array_equal(gradient, np.where(numbered((3, 3)) > 5, 2 * numbered((3, 3)), 0))


# Traced indices


def test_traced_ints():
    x = numbered()
    take = fnx.jit(lambda x, i: x[i])
    for i in range(-3, 3):
        same(take(x, i), x[i])
    same(take(x, 99), x[2])  # out of range: the nearest
    same(fnx.jit(lambda x, i, j: x[i, :, j])(x, 2, -1), x[2, :, -1])
    same(fnx.jit(lambda x, i: x[1:, i, None])(x, np.uint8(3)), x[1:, 3, None])
    same(fnx.vmap(lambda x, i: x[i], in_axes=(None, 0))(x, np.array([2, 0])), x[[2, 0]])


def test_traced_updates_out_of_range_change_nothing():
    x = numbered()
    for name, value in (("set", 0.0), ("add", 5.0)):
        change = fnx.jit(lambda x, i, name=name, value=value: getattr(x.at[i], name)(value))
        same(change(x, 3), x)
        same(change(x, -4), x)
        assert change(x, -1)[2, 0, 0] != x[2, 0, 0]
    same(fnx.jit(lambda x, i: x.at[i, :2].set(0.0))(x, np.array([7, 8])), x)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32", "int64", "uint64"])
def test_index_dtypes(dtype):
    x = numbered((300,))
    index = np.array([0, 5, 100], dtype)
    same(fnp.asarray(x)[index], x[index])
    same(fnp.take(x, index), x[index])
    if dtype.startswith("i"):
        same(fnp.asarray(x)[-index], x[-index])


def test_large_indices_are_out_of_range():
    x = numbered((3,))
    for i in (2**40, -(2**40)):
        far = fnx.jit(lambda x, i: x[i])(x, np.array([i]))
        same(far, x[[2 if i > 0 else 0]])


# Functions


def test_take():
    x = numbered()
    for indices in (np.array([0, 2, -1]), np.array([[0], [1]]), 1):
        for axis in (0, 1, -3, None):
            same(fnp.take(x, indices, axis=axis), np.take(x, indices, axis=axis))
    assert fnp.take(x, np.array([5]), axis=0, mode="clip")[0, 0, 0] == x[2, 0, 0]
    same(fnp.take(x, np.array([5, -4]), axis=0, mode="wrap"), np.take(x, [5, -4], 0, mode="wrap"))
    assert fnp.all(fnp.isnan(fnp.take(x, np.array([5]), axis=0, mode="fill")))
    same(fnp.take(x, np.zeros(0, int), axis=1), x[:, :0])
    same(fnp.asarray(x).take([0, 1], axis=1), x[:, [0, 1]])


def test_take_along_axis():
    x = numbered()
    for axis in (0, 1, 2):
        order = np.argsort(-x, axis)
        same(fnp.take_along_axis(x, order, axis=axis), np.take_along_axis(x, order, axis))
    pick = np.array([[[1]], [[0]], [[1]]])
    same(fnp.take_along_axis(x, pick, axis=2), np.take_along_axis(x, pick, 2))


def test_positions():
    x = numbered() * (numbered() > 3)
    for found, expected in zip(fnp.nonzero(x), np.nonzero(x), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(fnp.argwhere(x), np.argwhere(x))
    same(fnp.compress([True, False, True], x, axis=0), np.compress([True, False, True], x, 0))


# Errors


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: x[3], IndexError, r"3 is out of range for axis 0 of f32\[3,4,2\]"),
        (lambda x: x[0, -5], IndexError, "-5 is out of range for axis 1"),
        (lambda x: x[0, 0, 0, 0], IndexError, "at most 3 indices for .* got 4"),
        (lambda x: x[..., ...], IndexError, "at most one ellipsis"),
        (lambda x: x[1.0], TypeError, "indices are ints, slices and arrays, got float 1.0"),
        (lambda x: x["a"], TypeError, "got str 'a'"),
        (lambda x: x[::0], ValueError, "the step must not be 0"),
        (lambda x: x[np.ones(2)], TypeError, r"holds integers, got f64\[2\]"),
        (lambda x: x[True], TypeError, "a bool is no index"),
        (lambda x: x.at[5].set(0), IndexError, "5 is out of range"),
        (lambda x: x.at[0].set(np.ones(3)), ValueError, r"\[4,2\], got f32\[3\]"),
        (lambda x: x.at[x > 1].set(np.ones(3)), TypeError, "y must be a number"),
        (lambda x: fnp.take(x, 1.5), TypeError, "indices are integers"),
        (lambda x: fnp.take(np.ones(0), 1), ValueError, "no elements"),
        (lambda x: fnp.take_along_axis(x, np.array([1])), ValueError, "different ranks"),
        (lambda x: fnp.nonzero(np.float32(1)), ValueError, "rank 0"),
        (lambda x: x[np.zeros((3, 3), bool)], IndexError, "mask"),
    ],
)
def test_errors_teach(call, kind, message):
    with pytest.raises(kind) as caught:
        call(fnp.asarray(numbered()))
    assert re.search(message, said(caught.value))


def test_errors_show_the_users_line():
    with pytest.raises(IndexError, match=r"in test_indexing\.py:\d+, in .*fnp\.ones\(2\)\[7\]"):
        fnp.ones(2)[7]


def test_slices_of_tracers_need_static_bounds():
    with pytest.raises(TypeError, match=r"static argument|dynamic_slice"):
        fnx.jit(lambda x, i: x[i:])(numbered(), 1)


def test_at_prints():
    assert repr(fnp.ones(1).at) == "At(Array([1.], dtype=float32))"
    assert repr(fnp.ones(1).at[0]) == "IndexedAt(Array([1.], dtype=float32), 0)"
    assert fnp.ones(2).at[0].get() == 1
    assert fnp.ones(2).at[0].apply(lambda v: v * 3).tolist() == [3, 1]


@pytest.mark.parametrize("name", ["multiply", "min", "max", "divide"])
@pytest.mark.parametrize(
    "index",
    [
        np.array([0, 2, 0, -3]),
        (np.array([[0, 1], [0, 1]]), slice(1, 3), np.array([0, 0])),
        (slice(None), np.array([1, 1, 3]), 0),
        (np.array([], int),),
    ],
    ids=str,
)
def test_an_index_named_twice_counts_twice(name, index):
    x = numbered(dtype=np.float64)
    operation = getattr(np, {"min": "minimum", "max": "maximum"}.get(name, name))
    y = np.random.default_rng(0).uniform(0.5, 30, np.shape(x[index]))
    expected = x.copy()
    operation.at(expected, index, y)
    known = getattr(fnp.asarray(x).at[index], name)(y)
    np.testing.assert_allclose(known, expected, rtol=1e-12)
    arrays = [
        i for i in (index if isinstance(index, tuple) else (index,)) if isinstance(i, np.ndarray)
    ]

    def traced(x, y, *arrays):
        left = list(arrays)
        entries = index if isinstance(index, tuple) else (index,)
        place = tuple(left.pop(0) if isinstance(i, np.ndarray) else i for i in entries)
        return getattr(x.at[place], name)(y)

    np.testing.assert_allclose(fnx.jit(traced)(x, y, *arrays), expected, rtol=1e-12)
