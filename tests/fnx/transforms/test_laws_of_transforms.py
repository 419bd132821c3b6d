"""Laws of the transforms, over drawn programs that nest them."""

from __future__ import annotations

import functools

import numpy as np
from hypothesis import assume, given

from fnx.api import grad, hessian, jacfwd, jacrev, jvp, linearize, make_jaxpr, vjp, vmap
from fnx.core.equality import equal
from fnx.core.evaluate import evaluate
from fnx.core.text import parse
from fnx.core.verify import verify
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.jvp import jvp_jaxpr
from fnx.transforms.linearize import linearize_jaxpr
from fnx.transforms.transpose import transpose_jaxpr
from fnx.transforms.vmap import vmap_jaxpr
from tests.fnx.transforms.programs import called, points, programs, total

close = functools.partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-10)


@given(programs, points, points)
def test_jvp_agrees_with_central_differences(f, x, t):
    assume(np.abs(np.asarray(f(x))).max() < 1e3)
    h = 1e-5
    expected = (np.asarray(f(x + h * t)) - np.asarray(f(x - h * t))) / (2 * h)
    y, dy = jvp(f, (x,), (t,))
    close(y, f(x))
    np.testing.assert_allclose(dy, expected, rtol=1e-4, atol=1e-4 * (1 + np.abs(expected).max()))


@given(programs, points, points, points)
def test_reverse_mode_is_dual_to_forward_mode(f, x, t, ct):
    y, pull_back = vjp(f, x)
    (x_ct,) = pull_back(ct)
    close(y, f(x))
    dy = np.asarray(jvp(f, (x,), (t,))[1])
    assume(np.isfinite(dy).all())  # exponentials of squares of exponentials overflow
    np.testing.assert_allclose(np.dot(ct, dy), np.dot(x_ct, t), rtol=1e-7, atol=1e-7)


@given(programs, points, points)
def test_linearize_is_jvp_and_linear(f, x, t):
    y, f_jvp = linearize(f, x)
    close(y, f(x))
    close(f_jvp(t), jvp(f, (x,), (t,))[1])
    close(np.asarray(f_jvp(2 * t)) - 3 * np.asarray(f_jvp(x)), f_jvp(2 * t - 3 * x), atol=1e-8)


@given(programs, points, points)
def test_vmap_is_a_loop(f, x, y):
    for batch, axis in [(np.stack([x, y]), 0), (np.stack([x, y], 1), 1)]:
        rows = vmap(f, in_axes=axis, out_axes=axis)(batch)
        close(np.moveaxis(np.asarray(rows), axis, 0), [f(x), f(y)])


@given(programs, points, points)
def test_vmap_and_grad_commute(f, x, y):
    scalar = lambda v: total(f(v))
    batch = np.stack([x, y])
    rows = vmap(grad(scalar))(batch)
    close(rows, [grad(scalar)(x), grad(scalar)(y)])
    close(rows, grad(lambda b: total(vmap(scalar)(b)))(batch))


@given(programs, points)
def test_calls_change_nothing(f, x):
    scalar = lambda v: total(f(v))
    expected = grad(scalar)(x)
    close(grad(called(scalar))(x), expected)
    close(called(grad(scalar))(x), expected)
    close(called(grad(called(scalar)))(x), expected)
    close(vmap(called(f))(np.stack([x, -x])), [f(x), f(-x)])


@given(programs, points)
def test_second_derivatives_agree(f, x):
    scalar = lambda v: total(f(v))
    forward_over_reverse = hessian(scalar)(x)
    close(jacrev(jacfwd(scalar))(x), forward_over_reverse, atol=1e-7)
    close(jacrev(grad(called(scalar)))(x), forward_over_reverse, atol=1e-7)
    close(np.asarray(forward_over_reverse).T, forward_over_reverse, atol=1e-7)


@given(programs, points)
def test_evaluating_the_trace_is_calling(f, x):
    for g in (f, grad(lambda v: total(f(v)))):
        jaxpr = verify(make_jaxpr(g)(x))
        close(evaluate(jaxpr, x)[0], g(x))
        assert equal(parse(str(jaxpr), [v for _, v in jaxpr.consts]), jaxpr)
        close(evaluate(verify(dce_jaxpr(jaxpr)), x)[0], g(x))


@given(programs, points, points)
def test_transforms_of_jaxprs_verify_and_agree(f, x, t):
    jaxpr = make_jaxpr(f)(x)
    dual, active = jvp_jaxpr(jaxpr, [True])
    outs = evaluate(verify(dual), x, t)
    close(outs[0], f(x))
    if active[0]:
        close(outs[1], jvp(f, (x,), (t,))[1])
    batched, axes = vmap_jaxpr(jaxpr, [1], 2, out_axes=[0])
    close(evaluate(verify(batched), np.stack([x, t], 1))[0], [f(x), f(t)])
    assert axes == [0]
    parts = linearize_jaxpr(jaxpr, [True])
    outs = evaluate(verify(parts.forward), x)
    extra = iter(outs[1:])
    residuals = [next(extra) if i is None else (x, outs[0])[i] for i in parts.residuals]
    if parts.active[0]:
        close(evaluate(verify(parts.linear), *residuals, t)[0], jvp(f, (x,), (t,))[1])
        marks = [False] * len(residuals) + [True]
        back, nonzero, *_ = transpose_jaxpr(parts.linear, marks)
        if nonzero[0]:
            close(evaluate(verify(back), *residuals, t)[0], vjp(f, x)[1](t)[0])
