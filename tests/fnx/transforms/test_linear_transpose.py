"""linear_transpose: the matrix of a linear function, transposed; what is not linear is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

import fnx
import fnx.numpy as fnp
from fnx.errors import DerivativeError, FnxTypeError, GradTypeError
from tests.fnx.transforms.programs import points, programs

X = np.array([1.0, 2.0, 3.0], np.float32)
A = np.arange(6, dtype=np.float32).reshape(2, 3)


@given(programs, points, points)
def test_the_transpose_of_the_derivative_is_vjp(f, x, ct):
    _, push = fnx.linearize(f, x)
    (found,) = fnx.linear_transpose(push, x)(ct)
    np.testing.assert_allclose(found, fnx.vjp(f, x)[1](ct)[0], rtol=1e-9, atol=1e-9)
    (again,) = fnx.linear_transpose(lambda c: fnx.linear_transpose(push, x)(c)[0], ct)(x)
    np.testing.assert_allclose(again, push(x), rtol=1e-9, atol=1e-9)


def test_trees_and_shapes_without_values():
    def f(tree):
        return {"sum": tree["x"].sum(), "product": tree["x"] @ A.T + 2 * tree["y"]}

    shapes = {
        "x": fnx.ShapeDtypeStruct((3,), np.float32),
        "y": fnx.ShapeDtypeStruct((2,), np.float32),
    }
    ct = {"sum": 2.0, "product": np.array([1.0, -1.0], np.float32)}
    (found,) = fnx.linear_transpose(f, shapes)(ct)
    np.testing.assert_allclose(found["x"], 2 + A[0] - A[1])
    np.testing.assert_allclose(found["y"], [2.0, -2.0])


def test_unused_arguments_get_zeros_and_dead_code_may_be_anything():
    def f(x, y):
        fnp.sin(x)
        return 3 * x

    x_ct, y_ct = fnx.linear_transpose(f, X, X)(X)
    np.testing.assert_array_equal(x_ct, 3 * X)
    np.testing.assert_array_equal(y_ct, 0 * X)


def test_integers_are_transposed_too():
    (found,) = fnx.linear_transpose(lambda i: 2 * i.sum(), np.arange(3))(np.int64(5))
    np.testing.assert_array_equal(found, [10, 10, 10])
    assert found.dtype == np.int64


def test_under_other_transforms():
    transposed = lambda c, ct: fnx.linear_transpose(lambda x: x * c, X)(ct)[0]
    np.testing.assert_allclose(fnx.jit(transposed)(X, X), X * X)
    np.testing.assert_allclose(fnx.grad(lambda c: transposed(c, X).sum())(X), X)
    np.testing.assert_allclose(fnx.vmap(transposed, (0, None))(A, X), A * X)
    rows = fnx.linear_transpose(fnx.vmap(fnx.jit(lambda r: A @ r)), A)
    np.testing.assert_allclose(rows(np.ones((2, 2), np.float32))[0], np.ones((2, 2)) @ A)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x * x, "the derivative of mul along operand 0, 1 depends on that operand"),
        (lambda x: 1 / x, "the derivative of div along operand 1 depends"),
        (lambda x: x @ x, "the derivative of dot_general along operand 0, 1 depends"),
        (lambda x: x + 1, "add brings in a constant"),
        (lambda x: fnp.concatenate([x, X]), "concatenate brings in a constant"),
        (lambda x: 2 * fnp.sin(x), "sin is not a linear operation"),
        (fnx.jit(lambda x: 2 * fnp.exp(x)), "exp is not a linear operation"),
        (lambda x: fnp.where(x > 0, x, 0), "gt is not a linear operation"),
    ],
)
def test_what_is_not_linear_is_named_with_its_line(f, message):
    with pytest.raises(DerivativeError, match=message) as info:
        fnx.linear_transpose(f, X)
    assert "the function is not linear" in str(info.value)
    assert "test_linear_transpose.py" in str(info.value)
    assert "fnx.linearize(f, x)" in str(info.value)


def test_constants_that_are_zero_are_linear():
    (found,) = fnx.linear_transpose(lambda x: fnp.concatenate([x, fnp.zeros(2)]) + 0.0, X)(
        np.arange(5, dtype=np.float32)
    )
    np.testing.assert_array_equal(found, [0, 1, 2])


def test_mixed_types_and_wrong_cotangents_are_refused():
    with pytest.raises(GradTypeError, match="must all be floats, or all integers"):
        fnx.linear_transpose(lambda x, i: x, X, 1)
    with pytest.raises(FnxTypeError, match=r"f32\[3\], got f64\[3\]"):
        fnx.linear_transpose(lambda x: x, X)(X.astype(np.float64))
    with pytest.raises(fnx.tree.TreeError, match="a cotangent"):
        fnx.linear_transpose(lambda x: (x, x), X)(X)
