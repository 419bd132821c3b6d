"""Matrix and tensor products and einsum against NumPy."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnx
import fnx.numpy as fnp
from fnx.errors import FnxValueError
from tests.oracles import said

sizes = st.integers(0, 3)


def drawn(*shape, dtype=np.float64):
    return np.random.default_rng(2).normal(size=shape).astype(dtype)


def close(found, expected, rtol=1e-12):
    assert type(found) is fnx.Array
    assert (found.shape, found.dtype) == (np.shape(expected), np.asarray(expected).dtype)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=rtol, atol=rtol)


@given(n=sizes, k=sizes, m=sizes, b=sizes)
def test_matmul_of_all_ranks(n, k, m, b):
    lefts = [(k,), (n, k), (b, n, k), (2, 1, n, k)]
    rights = [(k,), (k, m), (b, k, m), (1, 3, k, m), (1, k, m)]
    for left in lefts:
        for right in rights:
            x, y = drawn(*left), drawn(*right)
            try:
                expected = np.matmul(x, y)
            except ValueError:
                with pytest.raises(ValueError, match="do not broadcast"):
                    fnp.matmul(x, y)
                continue
            close(fnp.matmul(x, y), expected)
            close(fnp.asarray(x) @ y, expected)


def test_products_promote():
    x, y = np.ones((2, 3), np.float32), np.ones((3, 2), np.int8)
    assert fnp.matmul(x, y).dtype == np.float32
    assert fnp.matmul(y, x).dtype == np.float32
    wide = fnp.matmul(
        x.astype(np.float16), x.T.astype(np.float16), preferred_element_type="float32"
    )
    assert wide.dtype == np.float32
    close(fnp.matmul(y > 0, y.T > 0), (y > 0) @ (y.T > 0))


def test_other_products():
    x, y, v = drawn(2, 3, 4), drawn(5, 4, 2), drawn(4)
    close(fnp.dot(x, y), np.dot(x, y))
    close(fnp.dot(x, v), np.dot(x, v))
    close(fnp.dot(v, 2.0), v * 2)
    close(fnp.vdot(x, x), np.vdot(x, x))
    close(fnp.inner(x, v), np.inner(x, v))
    close(fnp.outer(v, x), np.outer(v, x))
    close(fnp.vecdot(x, v), np.vecdot(x, v))
    close(fnp.vecdot(x, x, axis=0), np.vecdot(x, x, axis=0))
    close(fnp.tensordot(x, y, axes=((0, 2), (2, 1))), np.tensordot(x, y, axes=((0, 2), (2, 1))))
    close(fnp.tensordot(x, v, axes=1), np.tensordot(x, v, axes=1))
    close(fnp.tensordot(v, v, axes=0), np.tensordot(v, v, axes=0))
    close(fnp.kron(x, y), np.kron(x, y))
    close(fnp.cross(drawn(2, 3), drawn(3)), np.cross(drawn(2, 3), drawn(3)))
    close(fnp.cross(drawn(3, 2), drawn(3, 2), axis=0), np.cross(drawn(3, 2), drawn(3, 2), axis=0))


EINSUMS = [
    ("i,i->", (3,), (3,)),
    ("i,j->ij", (2,), (3,)),
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij->ij", (2, 2, 3)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,j->i", (2, 3), (3,)),
    ("ij,k->k", (2, 3), (4,)),
    ("ab,bc,cd->ad", (2, 3), (3, 4), (4, 5)),
    ("abc,cd,def->abef", (2, 3, 4), (4, 5), (5, 2, 3)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("...ij,...jk->...ik", (1, 3, 4), (2, 4, 5)),
    ("...i,...i", (2, 3), (2, 3)),
    ("ij,jk->ik", (0, 3), (3, 4)),
    ("ij,jk->ik", (2, 0), (0, 4)),
    ("ij,ij->i", (1, 3), (2, 3)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("i,ij,j->", (2,), (2, 3), (3,)),
    ("a,b,c->cab", (2,), (3,), (4,)),
    (",i->i", (), (3,)),
    ("ij,kj->k", (2, 3), (4, 3)),
]


@pytest.mark.parametrize("case", EINSUMS, ids=lambda case: case[0])
def test_einsum(case):
    subscripts, *operand_shapes = case
    operands = [drawn(*shape) for shape in operand_shapes]
    expected = np.einsum(subscripts, *operands)
    close(fnp.einsum(subscripts, *operands), expected)
    close(fnx.jit(lambda *xs: fnp.einsum(subscripts, *xs))(*operands), expected)


def test_einsum_takes_the_cheap_order():
    jaxpr = fnx.make_jaxpr(lambda x, y, z: fnp.einsum("ij,jk,k->i", x, y, z))(
        np.ones((50, 50)), np.ones((50, 50)), np.ones(50)
    )
    assert all(len(eqn.outputs[0].aval.shape) == 1 for eqn in jaxpr.eqns)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fnp.matmul(np.ones((2, 3)), np.ones((2, 3))),
            r"f64\[2,3\] @ f64\[2,3\].*has 3 elements.*x\.mT",
        ),
        (lambda: fnp.matmul(np.ones(3), 2.0), r"rank 0 have no product.*Write x \* y"),
        (lambda: fnp.dot(np.ones(3), np.ones(2)), "different sizes"),
        (lambda: fnp.vdot(np.ones(3), np.ones(2)), "3 and 2 elements are not equally many"),
        (
            lambda: fnp.tensordot(np.ones((2, 3)), np.ones((2, 3)), axes=1),
            r"axes \[1\] .* and \[0\]",
        ),
        (lambda: fnp.cross(np.ones(2), np.ones(2)), "must have size 3"),
        (
            lambda: fnp.einsum("ij,jk->ik", np.ones((2, 3)), np.ones((4, 5))),
            "one size for axis 'j', got 3 and 4",
        ),
        (lambda: fnp.einsum("ij->i", np.ones(3)), "expected 1 letters for shape"),
        (lambda: fnp.einsum("ij->z", np.ones((3, 3))), "einsum"),
        (lambda: fnp.diag(np.ones((1, 1, 1))), "expected a vector or a matrix"),
        (lambda: fnp.diagonal(np.ones(3)), "at least two axes"),
    ],
)
def test_errors_teach(call, message):
    with pytest.raises(FnxValueError) as caught:
        call()
    assert re.search("(?s)" + message, said(caught.value))


def test_derivatives_of_products():
    x, y = drawn(3, 4), drawn(4, 2)
    gradient = fnx.grad(lambda x: fnp.sum(fnp.einsum("ij,jk->ki", x, y) * drawn(2, 3)))(x)
    close(gradient, np.einsum("ki,jk->ij", drawn(2, 3), y))
