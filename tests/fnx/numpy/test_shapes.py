"""Creation, shaping, joining, padding against NumPy, sizes 0 and 1 included."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import fnx
import fnx.numpy as fnp
from fnx.errors import AbstractValueError
from tests.oracles import said

shapes = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
ranked = npst.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


def numbered(shape, dtype=np.float32):
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def same(found, expected):
    expected = np.asarray(expected)
    assert type(found) is fnx.Array
    assert found._buffer.flags.c_contiguous
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(np.asarray(found), expected)


@given(shape=shapes, data=st.data())
def test_reorder(shape, data):
    x = numbered(shape)
    axes = data.draw(st.permutations(range(x.ndim)))
    same(fnp.permute_dims(x, axes), np.transpose(x, axes))
    same(fnp.asarray(x).transpose(*axes) if axes else fnp.asarray(x).T, np.transpose(x, axes))
    same(fnp.ravel(x), x.ravel())
    same(fnp.ravel(x, order="F"), x.ravel("F"))
    same(fnp.asarray(x).reshape(-1), x.reshape(-1))
    same(fnp.squeeze(x), x.squeeze())
    same(fnp.flip(x), np.flip(x))
    same(fnp.roll(x, 2), np.roll(x, 2))
    for function in (fnp.atleast_1d, fnp.atleast_2d, fnp.atleast_3d):
        same(function(x), getattr(np, function.__name__)(x))
    if x.ndim:
        axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
        other = data.draw(st.integers(-x.ndim, x.ndim - 1))
        same(fnp.moveaxis(x, axis, other), np.moveaxis(x, axis, other))
        same(fnp.swapaxes(x, axis, other), np.swapaxes(x, axis, other))
        same(fnp.expand_dims(x, (axis,)), np.expand_dims(x, (axis,)))
        same(fnp.flip(x, axis=axis), np.flip(x, axis))
        same(fnp.roll(x, -1, axis=axis), np.roll(x, -1, axis))
        same(fnp.repeat(x, 2, axis=axis), np.repeat(x, 2, axis))
        assert len(fnp.unstack(x, axis=axis)) == x.shape[axis]


@given(two=npst.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3))
def test_broadcast(two):
    x, y = map(numbered, two.input_shapes)
    for found, expected in zip(fnp.broadcast_arrays(x, y), np.broadcast_arrays(x, y), strict=True):
        same(found, expected)
    same(fnp.broadcast_to(x, two.result_shape), np.broadcast_to(x, two.result_shape))
    assert fnp.broadcast_shapes(*two.input_shapes) == two.result_shape


@given(shape=ranked, data=st.data())
def test_join_and_split(shape, data):
    x = numbered(shape)
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    same(fnp.concat([x, x.astype(np.int8)], axis=axis), np.concatenate([x, x], axis))
    same(fnp.concat([x, x], axis=None), np.concatenate([x, x], None))
    same(fnp.stack([x, x + 1], axis=axis), np.stack([x, x + 1], axis))
    same(fnp.vstack([x, x]), np.vstack([x, x]))
    same(fnp.hstack([x, x]), np.hstack([x, x]))
    for found, expected in zip(fnp.split(x, [1, 2], axis), np.split(x, [1, 2], axis), strict=True):
        same(found, expected)
    for n in (1, 2, 3):
        for found, expected in zip(
            fnp.array_split(x, n, axis), np.array_split(x, n, axis), strict=True
        ):
            same(found, expected)
    same(fnp.tile(x, (2, 1, 2)), np.tile(x, (2, 1, 2)))
    same(fnp.repeat(x, 2), np.repeat(x, 2))
    times = np.arange(x.shape[axis])
    same(fnp.repeat(x, times, axis=axis), np.repeat(x, times, axis))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("widths", [1, (2, 3), [(1, 0), (0, 7)], [(0, 0), (4, 4)]])
def test_pad(mode, widths):
    x = numbered((3, 4))
    same(fnp.pad(x, widths, mode), np.pad(x, widths, mode))
    same(
        fnp.pad(np.ones(2, np.int8), 1, constant_values=3),
        np.pad(np.ones(2, np.int8), 1, constant_values=3),
    )


@pytest.mark.parametrize("dtype", ["float32", "int8", "bool", "bfloat16", "uint64"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_filled(dtype, shape):
    dtype = fnp.zeros((), dtype).dtype
    for name in ("zeros", "ones", "empty"):
        x = getattr(fnp, name)(shape, dtype)
        assert (x.shape, x.dtype) == (shape, dtype)
        like = getattr(fnp, name + "_like")(x)
        assert like.aval is x.aval
    same(fnp.full(shape, 3, "float64"), np.full(shape, 3.0))
    same(fnp.full_like(numbered(shape), 2), np.full_like(numbered(shape), 2))
    assert fnp.ones(shape).dtype == np.float32
    assert fnp.full(shape, 1).dtype == np.int32
    assert fnp.zeros_like(fnp.asarray(1.0)).weak_type


@pytest.mark.parametrize(
    "arguments", [(5,), (2, 7), (0, 1, 0.25), (5, 0, -2), (0,), (3, 3), (1.5,), (-2, 2)]
)
def test_arange(arguments):
    found, expected = fnp.arange(*arguments), np.arange(*arguments)
    is_float = expected.dtype == np.float64
    assert found.dtype == (np.float32 if is_float else np.int32)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert fnp.arange(*arguments, dtype="float64").dtype == np.float64


def test_numbered_matrices():
    for n, m, k in [(3, 3, 0), (2, 4, 1), (4, 2, -1), (0, 3, 0), (1, 1, 2)]:
        same(fnp.eye(n, m, k=k), np.eye(n, m, k, np.float32))
        same(fnp.tri(n, m, k), np.tri(n, m, k, np.float32))
        x = numbered((2, n, m))
        same(fnp.tril(x, k=k), np.tril(x, k))
        same(fnp.triu(x, k=k), np.triu(x, k))
        same(fnp.diagonal(x, offset=k, axis1=1, axis2=2), np.diagonal(x, k, 1, 2))
        same(fnp.trace(x, offset=k, axis1=1, axis2=2), np.trace(x, k, 1, 2))
    for k in (-2, 0, 1):
        same(fnp.diag(numbered((3,)), k=k), np.diag(numbered((3,)), k))
        same(fnp.diag(numbered((3, 4)), k=k), np.diag(numbered((3, 4)), k))
    same(fnp.identity(2), np.identity(2, np.float32))
    for indexing in ("xy", "ij"):
        x, y, z = np.arange(2), np.arange(3), np.arange(0)
        for found, expected in zip(
            fnp.meshgrid(x, y, z, indexing=indexing),
            np.meshgrid(x, y, z, indexing=indexing),
            strict=True,
        ):
            same(found, expected)


def test_spaces():
    for num, endpoint in [(5, True), (5, False), (1, True), (0, True)]:
        np.testing.assert_allclose(
            fnp.linspace(1, 3, num, endpoint=endpoint),
            np.linspace(1, 3, num, endpoint=endpoint),
            rtol=1e-6,
        )
    np.testing.assert_allclose(fnp.logspace(0, 2, 3), [1, 10, 100], rtol=1e-6)
    assert fnp.linspace(0, 1, 3).dtype == np.float32


# asarray and astype


@pytest.mark.parametrize(
    ("source", "dtype"),
    [
        ([1, 2], "int32"),
        ([1, 2.5], "float32"),
        ([[True], [False]], "bool"),
        ([2**40], "int64"),
        ([], "float32"),
        ([[], []], "float32"),
        ((1, 2), "int32"),
        ([np.float64(1), 2], "float64"),
        ([np.int8(1), np.int16(2)], "int16"),
        (np.ones(2), "float64"),
        (np.int64(3), "int64"),
        (3, "int32"),
        (2.5, "float32"),
        ([1, True, 2.0], "float32"),
    ],
)
def test_asarray_dtypes(source, dtype):
    x = fnp.asarray(source)
    assert x.dtype == dtype
    np.testing.assert_array_equal(x, np.asarray(source))
    assert fnp.asarray(source, "float64").dtype == np.float64


def test_asarray_of_lists_of_arrays():
    x = fnp.asarray([fnp.ones(2), fnp.zeros(2)])
    assert x.tolist() == [[1, 1], [0, 0]]
    traced = fnx.jit(lambda a: fnp.asarray([a, [a[1], 2.0]][0:1]))(fnp.ones(2))
    assert traced.shape == (1, 2)
    assert fnx.jit(lambda a: fnp.asarray([[a, 1.0], [2.0, a]]))(3.0).tolist() == [[3, 1], [2, 3]]


def test_asarray_copies_what_may_change():
    source = np.zeros(2, np.float32)
    assert not np.shares_memory(fnp.asarray(source)._buffer, source)
    assert np.shares_memory(fnp.asarray(source, copy=False)._buffer, source)
    with pytest.raises(ValueError, match="needs a copy"):
        fnp.asarray(source, "float64", copy=False)
    x = fnp.asarray(source)
    assert fnp.asarray(x) is x
    assert fnp.asarray(x, copy=True) is not x
    assert fnp.asarray(memoryview(b"ab")).tolist() == [97, 98]
    assert fnp.frombuffer(b"\1\0\2\0", "int16").tolist() == [1, 2]


@pytest.mark.parametrize("source", ["float64", "int32", "bool", "bfloat16"])
@pytest.mark.parametrize("target", ["float32", "int8", "bool", "float16", "uint8"])
def test_astype(source, target):
    x = fnp.asarray([0, 1, 1.75, 3], source)
    same(x.astype(target), np.asarray(x).astype(target))
    assert x.astype(source) is x


def test_astype_at_the_limits():
    x = fnp.asarray([np.nan, np.inf, -1e20, -1.5])
    assert x.astype("int32").tolist() == [0, 2**31 - 1, -(2**31), -1]
    assert x.astype(bool).tolist() == [True] * 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fnp.reshape(np.ones(6), (4, -1)),
            r"f64\[6\] has 6 elements, shape \[4,-1\] does not fit",
        ),
        (
            lambda: fnp.reshape(np.ones(6), (2.0, 3)),
            r"a shape is made of ints, got tuple \(2.0, 3\)",
        ),
        (lambda: fnp.zeros(-1), "sizes cannot be negative"),
        (lambda: fnp.squeeze(np.ones((1, 2)), 1), "axis 1 of .* has size 2, expected 1"),
        (lambda: fnp.flip(np.ones(2), axis=1), "axis 1 is out of range for an array of rank 1"),
        (lambda: fnp.flip(np.ones(2), axis="x"), "an axis is an int, got str 'x'"),
        (lambda: fnp.sum(np.ones((2, 2)), axis=(0, -2)), "expected different axes"),
        (lambda: fnp.permute_dims(np.ones((2, 2)), (0, 0)), "must name each axis"),
        (lambda: fnp.broadcast_to(np.ones((2, 3)), (3,)), r"does not broadcast to \[3\]"),
        (lambda: fnp.concat([np.ones((2, 3)), np.ones((2, 4))]), "must agree except along axis 0"),
        (lambda: fnp.concat([]), "at least one array is needed"),
        (lambda: fnp.stack([np.ones(2), np.ones(3)]), "shapes must be equal"),
        (
            lambda: fnp.split(np.ones(5), 2),
            "does not divide into 2 equal pieces.*\n.*array_split",
        ),
        (lambda: fnp.asarray([[1], [1, 2]]), "must have equal lengths, got 1, 2"),
        (lambda: fnp.asarray(["a"]), "expected real numbers"),
        (lambda: fnp.asarray({}), "expected numbers or an array, got dict"),
        (lambda: fnp.asarray(1j), "got complex 1j.*\n  Arrays are real"),
        (lambda: fnp.asarray([1j]), "expected real numbers"),
        (lambda: fnp.zeros(2, device="gpu"), "only device is 'cpu'"),
        (lambda: fnp.arange(0, 3, 0), "step must not be zero"),
        (lambda: fnp.pad(np.ones(2), 1, "odd"), "mode is 'constant' or one of"),
        (lambda: fnp.pad(np.ones(0), 1, "edge"), "nothing to repeat"),
        (lambda: fnp.pad(np.ones(2), [(1, 1)] * 2), "do not fit"),
        (lambda: fnp.meshgrid(np.ones(2), indexing="zz"), "'xy' or 'ij'"),
        (lambda: fnp.tril(np.ones(2)), "at least two axes"),
        (lambda: fnp.roll(np.ones(2), (1, 2), axis=0), "2 shifts for 1 axes"),
        (lambda: fnp.moveaxis(np.ones((2, 2)), 0, (0, 1)), "equally many"),
    ],
)
def test_errors_teach(call, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert re.search(message, said(caught.value))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("arange", lambda n: fnp.arange(n)),
        ("arange", lambda n: fnp.arange(0, 10, n)),
        ("zeros", lambda n: fnp.zeros(n)),
        ("ones", lambda n: fnp.ones((2, n))),
        ("full", lambda n: fnp.full((n,), 2.0)),
        ("eye", lambda n: fnp.eye(n)),
        ("tri", lambda n: fnp.tri(3, n)),
        ("linspace", lambda n: fnp.linspace(0.0, 1.0, n)),
        ("broadcast_to", lambda n: fnp.broadcast_to(1.0, (n,))),
        ("reshape", lambda n: fnp.ones(6).reshape(n, -1)),
        ("tile", lambda n: fnp.tile(fnp.ones(3), n)),
        ("repeat", lambda n: fnp.repeat(fnp.ones(3), n)),
        ("repeat", lambda n: fnp.repeat(fnp.ones(3), n + fnp.arange(3))),
        ("split", lambda n: fnp.split(fnp.ones(4), n)),
        ("array_split", lambda n: fnp.array_split(fnp.ones(4), n)),
        ("iota", lambda n: fnx.lax.iota("int32", n)),
        ("broadcast_in_dim", lambda n: fnx.lax.full((n,), 1.0)),
    ],
)
def test_shapes_that_depend_on_data_are_explained(name, call):
    pattern = rf"^{name}: shapes must be known while tracing, got .*Tracer<i32"
    with pytest.raises(AbstractValueError, match=pattern) as info:
        fnx.jit(call)(3)
    assert "static argument: fnx.jit(f, static_argnums=...)" in str(info.value)
    assert "fnx.numpy.where(fnx.numpy.arange(largest) < n, x, 0)" in str(info.value)


def test_shapes_may_depend_on_values_that_are_known():
    """Under an un-jitted `grad` the count is a tracer that carries its value."""
    f = lambda x: (fnp.arange(x.astype("int32")) * x).sum() + fnp.repeat(x, x.astype("int32")).sum()
    assert float(fnx.grad(f)(3.0)) == 6.0
    g = lambda x: x * fnp.linspace(0.0, 1.0, x.astype("int32")).sum()
    assert float(fnx.grad(g)(3.0)) == 1.5
    h = lambda x: fnp.split(x * fnp.ones(4), x.astype("int32"))[0].sum()
    assert float(fnx.grad(h)(2.0)) == 2.0
