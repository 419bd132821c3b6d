"""Gradients of choices: what was not chosen contributes zero, whatever its derivative is there."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import lax
from fnx.transforms.linearize import linearize_jaxpr
from fnx.transforms.transpose import transpose_jaxpr

X = np.array([0.0, 4.0, -1.0, 0.25])
ROOT = [0.0, 0.25, 0.0, 1.0]  # derivative of sqrt where x > 0, zero elsewhere


def chosen(f):
    return lambda x: fnp.where(x > 0, f(x), 0.0)


def normalised(rows):
    """Each row over its length; a row of zeros stays one. The mask crosses sums and broadcasts."""
    length = fnp.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return fnp.where(length > 0, rows / length, 0.0)


def sided(x):
    return fnp.where(x > 0, fnp.sqrt(x), fnp.where(x < 0, fnp.sqrt(-x), 1.0))


def through_moves(x):
    """Everything that moves elements, between the root and the choice."""
    y = fnp.sqrt(x).reshape(2, 2).T[::-1]
    y = fnp.concatenate([y, y + 1.0], axis=0)[1:]
    y = fnp.pad(y, ((0, 1), (0, 0)))[fnp.asarray([0, 2, 1])]
    p = (x > 0).reshape(2, 2).T[::-1]
    p = fnp.concatenate([p, p], axis=0)[1:]
    p = fnp.pad(p, ((0, 1), (0, 0)))[fnp.asarray([0, 2, 1])]
    return fnp.where(p, y, 0.0)


CASES = {
    "root": (chosen(fnp.sqrt), X, ROOT),
    "jitted root": (chosen(fnx.jit(fnp.sqrt)), X, ROOT),
    "root of products": (chosen(lambda x: fnp.sqrt(x * 2.0 * x / x)), X, None),
    "jitted choice": (lambda x: fnx.jit(chosen(lambda y: y))(fnp.sqrt(x * x * x)), X, None),
    "checkpoint": (chosen(fnx.checkpoint(fnp.sqrt)), X, ROOT),
    "checkpointed choice": (fnx.checkpoint(chosen(fnp.sqrt)), X, ROOT),
    "two sides": (sided, X, [0.0, 0.25, -0.5, 1.0]),
    "x log x": (chosen(lambda x: x * fnp.log(x)), X, None),
    "division": (chosen(lambda x: 1.0 / x), X, [0.0, -0.0625, 0.0, -16.0]),
    "rows": (normalised, np.array([[0.0, 0.0], [3.0, 4.0]]), [[0, 0], [0.032, -0.024]]),
    "moves": (through_moves, np.array([1.0, 0.0, 4.0, 0.25]), None),
    "power": (chosen(lambda x: x**0.3), X, None),
}


@pytest.mark.parametrize("name", CASES)
def test_what_was_not_chosen_has_no_derivative(name):
    f, x, expected = CASES[name]
    x = fnp.asarray(x)

    def loss(x):
        return f(x).sum()

    gradient = np.asarray(fnx.grad(loss)(x))
    assert np.isfinite(gradient).all()
    if expected is not None:
        np.testing.assert_allclose(gradient, expected, rtol=1e-6)
    _, forward = fnx.jvp(loss, (x,), (fnp.ones(x.shape, x.dtype),))
    np.testing.assert_allclose(gradient.sum(), float(forward), rtol=1e-6)
    for other in (fnx.jit(fnx.grad(loss)), fnx.grad(fnx.jit(loss)), fnx.jacrev(loss)):
        np.testing.assert_allclose(np.asarray(other(x)), gradient, rtol=1e-6)
    (mapped,) = np.asarray(fnx.vmap(fnx.grad(loss))(x[None]))
    np.testing.assert_allclose(mapped, gradient, rtol=1e-6)


def test_second_derivatives_are_masked_too():
    f = chosen(fnp.sqrt)
    expected = [0.0, -1 / 32, 0.0, -2.0]
    for second in (fnx.grad(fnx.grad(f)), fnx.grad(fnx.jit(fnx.grad(f))), fnx.hessian(f)):
        np.testing.assert_allclose(np.asarray(fnx.vmap(second)(fnp.asarray(X))), expected)


def test_a_choice_made_by_a_mapped_branch_is_masked():
    def f(x):
        return lax.cond(x > 0, fnp.sqrt, lambda x: 0.0 * x, x)

    for mapped in (fnx.vmap(fnx.grad(f)), fnx.jit(fnx.vmap(fnx.grad(f)))):
        np.testing.assert_allclose(np.asarray(mapped(fnp.asarray(X))), ROOT)
    np.testing.assert_allclose(
        np.asarray(fnx.grad(lambda x: fnx.vmap(f)(x).sum())(fnp.asarray(X))), ROOT
    )


def test_a_nan_that_was_chosen_is_shown():
    """Masks hide nothing else: a real infinity or NaN of the chosen side arrives."""
    x = fnp.asarray([0.0, 1.0])
    got = np.asarray(fnx.grad(lambda x: fnp.where(x >= 0, fnp.sqrt(x), 0.0).sum())(x))
    np.testing.assert_array_equal(got, [np.inf, 0.5])
    got = np.asarray(fnx.grad(lambda x: (fnp.where(x > 0, x, 0.0) + fnp.log(x) * 0.0).sum())(x))
    assert np.isnan(got[0])

    def twice_read(x):  # a value that is read beside the choice too has no mask
        y = fnp.sqrt(x)
        return fnp.where(x > 0, y, 0.0) + y

    got = np.asarray(fnx.grad(lambda x: twice_read(x).sum())(x))
    np.testing.assert_array_equal(got, [np.inf, 1.0])


def test_products_of_many_elements_end_a_mask():
    """Zero times an infinite weight is NaN in a matrix product: nothing is known about it."""
    w = fnp.asarray([[np.inf, 1.0], [1.0, 1.0]])
    x = fnp.asarray([1.0, 1.0])
    got = np.asarray(fnx.grad(lambda x: fnp.where(fnp.asarray([False, True]), w @ x, 0.0).sum())(x))
    assert np.isnan(got[0])
    assert got[1] == 1.0


@pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit, fnx.checkpoint])
def test_the_masked_transpose_is_linear(wrap):
    """Also at cotangents that are zero: transposing it again gives the linear function itself."""
    x = fnp.asarray(X)
    out, pull_back = fnx.vjp(wrap(lambda x: fnp.where(x > 0, fnp.sqrt(x) * x, x)), x)

    def once(ct):
        return pull_back(ct)[0]

    _, again = fnx.linearize(once, fnp.zeros_like(out))
    ct = fnp.asarray([1.0, -2.0, 3.0, 0.0], x.dtype)
    np.testing.assert_allclose(np.asarray(again(ct)), np.asarray(once(ct)))


def test_the_mask_of_an_input_is_that_of_all_that_reads_it():
    x = fnp.asarray(X)

    def masked(f):
        parts = linearize_jaxpr(fnx.make_jaxpr(f)(x), [True])
        marks = [False] * (len(parts.linear.inputs) - 1) + [True]
        back = transpose_jaxpr(parts.linear, marks)
        assert len(back.masks.outputs) == sum(back.masked)
        return back.masked

    assert masked(chosen(fnp.sqrt)) == [True]
    assert masked(sided) == [True]
    assert masked(lambda x: chosen(fnp.sqrt)(x) + x) == [False]


def test_finite_factors_cost_nothing():
    """Masked again only where a factor may be infinite: one select for a scaled rectifier."""
    text = str(
        fnx.make_jaxpr(fnx.grad(lambda x: fnp.where(x > 0, -(x * 3.0 + 1.0), 0.0).sum()))(
            fnp.asarray(X)
        )
    )
    assert text.count("select") == 2  # forward, backward


def test_masks_go_through_branches():
    """A choice around a branch that runs, and one inside of it."""
    pred = fnp.asarray(True)

    def around(x):
        return fnp.where(x > 0, lax.cond(pred, fnp.sqrt, fnp.sin, x), 0.0).sum()

    def inside(x):
        return lax.cond(pred, chosen(lambda y: y), fnp.sin, fnp.sqrt(x)).sum()

    def inside_one_side(x):
        return lax.cond(pred, lambda y: fnp.where(x > 0, y, 0.0), fnp.zeros_like, fnp.sqrt(x)).sum()

    x = fnp.asarray(X)
    for f in (around, inside, inside_one_side):
        for g in (fnx.jit(fnx.grad(f)), fnx.grad(fnx.jit(f))):
            np.testing.assert_allclose(np.asarray(g(x)), ROOT)
