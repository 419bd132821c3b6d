"""fnx.lax: JAX's names and signatures on top of fnx.ops."""

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import lax

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def same(found, expected):
    assert type(found) is fnx.Array
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(np.asarray(found), expected)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: lax.broadcast(x, (5,)), np.broadcast_to(X, (5, 2, 3, 4))),
        (
            lambda x: lax.broadcast_in_dim(x, (2, 5, 3, 4), (0, 2, 3)),
            np.broadcast_to(X[:, None], (2, 5, 3, 4)),
        ),
        (lambda x: lax.reshape(x, (6, 4)), X.reshape(6, 4)),
        (lambda x: lax.collapse(x, 1), X.reshape(2, 12)),
        (lambda x: lax.collapse(x, 0, 2), X.reshape(6, 4)),
        (lambda x: lax.expand_dims(x, (0, -1)), X[None, ..., None]),
        (lambda x: lax.squeeze(lax.expand_dims(x, (1,)), (1,)), X),
        (lambda x: lax.transpose(x, (2, 0, 1)), X.transpose(2, 0, 1)),
        (lambda x: lax.rev(x, (0, 2)), X[::-1, :, ::-1]),
        (lambda x: lax.concatenate([x, x], 1), np.concatenate([X, X], 1)),
        (
            lambda x: lax.pad(x, 7.0, [(1, 0, 0), (0, 0, 0), (0, 1, 0)]),
            np.pad(X, [(1, 0), (0, 0), (0, 1)], constant_values=7),
        ),
        (lambda x: lax.slice(x, (0, 1, 1), (2, 3, 4), (1, 1, 2)), X[:, 1:3, 1:4:2]),
        (lambda x: lax.slice_in_dim(x, 1, 3, axis=-1), X[..., 1:3]),
        (lambda x: lax.index_in_dim(x, -1, 1), X[:, -1:]),
        (lambda x: lax.index_in_dim(x, 0, 1, keepdims=False), X[:, 0]),
        (lambda x: lax.dynamic_slice(x, (0, np.int8(1), 2), (2, 2, 2)), X[:, 1:3, 2:4]),
        (lambda x: lax.dynamic_slice_in_dim(x, 9, 2, axis=2), X[..., 2:]),
        (lambda x: lax.dynamic_index_in_dim(x, 1, 0, keepdims=False), X[1]),
        (
            lambda x: lax.dynamic_update_slice(x, 0 * x[:, :1], (0, 2, 0)),
            np.concatenate([X[:, :2], 0 * X[:, :1]], 1),
        ),
        (lambda x: lax.dynamic_update_index_in_dim(x, 0 * x[0], 1, 0), np.stack([X[0], 0 * X[1]])),
        (lambda x: lax.reduce_sum(x, (0, 2)), X.sum((0, 2))),
        (lambda x: lax.reduce_max(x, (1,)), X.max(1)),
        (lambda x: lax.argmin(x, 1, "int8"), X.argmin(1).astype(np.int8)),
        (lambda x: lax.cumsum(x, 1), X.cumsum(1)),
        (lambda x: lax.cumprod(x, -1), X.cumprod(-1)),
        (
            lambda x: lax.dot_general(x, x, (((2,), (2,)), ((0,), (0,)))),
            np.einsum("bij,bkj->bik", X, X),
        ),
        (lambda x: lax.batch_matmul(x, lax.transpose(x, (0, 2, 1))), X @ X.transpose(0, 2, 1)),
        (lambda x: lax.dot(x[0], x[0, 0]), X[0] @ X[0, 0]),
        (lambda x: lax.clamp(2.0, x, 5.0), X.clip(2, 5)),
        (lambda x: lax.select(x > 3, x, -x), np.where(X > 3, X, -X)),
        (lambda x: lax.select_n(x > 3, x, -x), np.where(X > 3, -X, X)),
        (
            lambda x: lax.select_n((x % 3).astype(int), x, -x, 2 * x),
            np.choose(X.astype(int) % 3, [X, -X, 2 * X]),
        ),
        (lambda x: lax.convert_element_type(x, "int8"), X.astype(np.int8)),
        (lambda x: lax.bitcast_convert_type(x, "int32"), X.view(np.int32)),
        (lambda x: lax.integer_pow(x, 2), X**2),
        (lambda x: lax.reciprocal(x + 1), 1 / (X + 1)),
        (lambda x: lax.full((2,), 3, "int8"), np.full(2, 3, np.int8)),
        (lambda x: lax.full((2,), x[0, 0, 1]), np.full(2, 1, np.float32)),
        (lambda x: lax.full_like(x, 2), np.full_like(X, 2)),
        (lambda x: lax.iota("int32", 3), np.arange(3, dtype=np.int32)),
        (
            lambda x: lax.broadcasted_iota("uint8", (2, 3), 1),
            np.tile(np.arange(3, dtype=np.uint8), (2, 1)),
        ),
        (lambda x: lax.bitwise_and(x.astype(int), 3), X.astype(np.int32) & 3),
    ],
)
def test_operations(call, expected):
    same(call(fnp.asarray(X)), expected)
    same(fnx.jit(call)(X), expected)


def test_clamp_takes_bounds_of_rank_0():
    low = fnp.asarray(2.0, "float32")
    same(lax.clamp(low, fnp.asarray(X), 5.0), X.clip(2, 5))
    same(fnx.jit(lambda x, low: lax.clamp(low, x, 5.0))(X, low), X.clip(2, 5))


def test_stop_gradient_of_a_tree():
    def f(x):
        fixed = lax.stop_gradient({"a": x, "b": [x * 2]})
        return fnp.sum(x * fixed["a"] + fixed["b"][0])

    np.testing.assert_array_equal(fnx.grad(f)(X), X)


def test_lax_is_strict():
    with pytest.raises(TypeError, match="equal shapes"):
        lax.add(fnp.ones((2, 3)), fnp.ones(3))
    with pytest.raises(TypeError, match="same dtype"):
        lax.add(fnp.ones(3), fnp.ones(3, "int32"))
    with pytest.raises(ValueError, match="axis 5 is out of range"):
        lax.cumsum(fnp.ones(3), 5)
    with pytest.raises(ValueError, match="two cases"):
        lax.select_n(fnp.ones(2, bool), fnp.ones(2))


def test_branches_are_chosen_eagerly_and_in_compiled_code():
    f = lambda x: lax.cond(fnp.sum(x) > 0, lambda x: x + 1, lambda x: x - 1, x)
    g = lambda i: lax.switch(i, [lambda: fnp.asarray(1.0), lambda: fnp.asarray(2.0)])
    for run in (lambda f: f, fnx.jit):
        same(run(f)(fnp.asarray(X)), X + 1)
        same(run(f)(fnp.asarray(-X)), -X - 1)
        assert float(run(g)(1)) == 2.0
