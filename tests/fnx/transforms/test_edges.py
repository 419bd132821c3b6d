"""Edges of the transforms: dead code, unused inputs, what cannot be transposed, axes."""

from __future__ import annotations

import numpy as np
import pytest

from fnx.api import make_jaxpr, vjp
from fnx.core.array import Array
from fnx.core.avals import Aval
from fnx.core.evaluate import evaluate
from fnx.core.text import parse
from fnx.core.verify import verify
from fnx.errors import DerivativeError
from fnx.ops.arithmetic import mul
from fnx.ops.families import add
from fnx.ops.trigonometric import cos, sin
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.jvp import jvp_jaxpr
from fnx.transforms.linearize import linearize_flat, linearize_jaxpr
from fnx.transforms.transpose import transpose_flat, transpose_jaxpr
from fnx.transforms.vmap import vmap_flat, vmap_jaxpr

X = np.array([0.5, -1.0, 2.0])
F3 = Aval.of((3,), np.float64)
TWO_INPUTS = parse(
    "{ lambda ; a:f64[3] b:f64[3]. let c:f64[3] = mul a b d:f64[3] = sin b in (c, d, b) }"
)


def test_dead_code():
    c, d = Array(X), Array(2 * X)

    def f(x, unused):
        sin(mul(unused, c))
        return mul(cos(x), d)

    jaxpr = make_jaxpr(f)(X, X)
    lean = verify(dce_jaxpr(jaxpr))
    assert [eqn.primitive.name for eqn in lean.eqns] == ["cos", "mul"]
    assert [value for _, value in lean.consts] == [d]
    assert len(lean.inputs) == 2
    assert dce_jaxpr(lean) is lean


def test_zero_tangents_cost_nothing():
    dual, active = jvp_jaxpr(TWO_INPUTS, [True, False])
    assert active == [True, False, False]
    assert [eqn.primitive.name for eqn in dual.eqns] == ["mul", "mul", "sin"]
    same, active = jvp_jaxpr(TWO_INPUTS, [False, False])
    assert (len(same.inputs), active) == (2, [False] * 3)


def test_zero_cotangents_cost_nothing():
    linear = parse(
        "{ lambda ; a:f64[3] t:f64[3]. let c:f64[3] = mul a t d:f64[3] = neg t in (c, d, a) }"
    )
    back, nonzero, *_ = transpose_jaxpr(linear, [False, True], [True, False, False])
    assert [eqn.primitive.name for eqn in back.eqns] == ["mul"]
    assert nonzero == [True]
    nothing, nonzero, *_ = transpose_jaxpr(linear, [False, True], [False, False, True])
    assert (nothing.outputs, nonzero) == ((), [False])


def test_equations_that_depend_on_known_values_run_forwards():
    linear = parse(
        "{ lambda ; a:f64[3] t:f64[3]. let c:f64[3] = sin a d:f64[3] = mul c t in (d,) }"
    )
    ct = transpose_flat(linear, [False, True], [X, None], [X])[1]
    np.testing.assert_allclose(ct, np.sin(X) * X)


def test_cotangents_of_a_value_used_twice_are_summed():
    linear = parse("{ lambda ; t:f64[3]. let c:f64[3] = add t t in (c, t, c) }")
    (ct,) = transpose_flat(linear, [True], [None], [X, X, X])
    np.testing.assert_allclose(ct, 5 * X)


def test_what_is_not_linear_cannot_be_transposed():
    with pytest.raises(DerivativeError, match="sin cannot be transposed: not a linear operation"):
        transpose_jaxpr(make_jaxpr(sin)(X), [True])


def test_the_residuals_of_a_linear_function_are_none():
    _, linear, active = linearize_flat(lambda x: [add(x, mul(x, 3.0)), 1.0], [Array(X)], [True])
    assert linear.consts == ()
    assert active == [True, False]


def test_residuals_are_known_by_their_place():
    parts = linearize_jaxpr(TWO_INPUTS, [True, True])
    # of mul both inputs, of sin its cosine, which is the one extra result
    assert sorted(r for r in parts.residuals if r is not None) == [0, 1]
    assert parts.residuals.count(None) == 1
    assert len(parts.forward.outputs) == len(TWO_INPUTS.outputs) + 1


def test_results_that_are_inputs_of_a_vjp():
    (a, b), pull_back = vjp(lambda x: (x, x), X)
    np.testing.assert_array_equal(pull_back((X, 2 * X))[0], 3 * X)
    assert a is b


def test_where_results_have_their_batch_axes():
    outs, axes = vmap_flat(
        lambda x, y: [sin(y), x, 2.0], [np.stack([X, X], 1), Array(X)], [1, None], 2
    )
    assert axes == [None, 1, None]
    assert outs[2] == 2.0
    batched, axes = vmap_jaxpr(TWO_INPUTS, [None, 1], 2, out_axes=[0, 1, 1])
    found = evaluate(verify(batched), X, np.stack([X, 2 * X], 1))
    np.testing.assert_allclose(found[0], [X * X, 2 * X * X])
    np.testing.assert_allclose(found[1], np.sin(np.stack([X, 2 * X], 1)))
    assert axes == [0, 1, 1]
