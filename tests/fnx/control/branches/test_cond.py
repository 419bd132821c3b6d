"""cond and switch: branches under every transform, with known and unknown predicates; errors."""

from __future__ import annotations

import numpy as np
import pytest

from fnx.api import grad, hessian, jvp, linearize, make_jaxpr, vjp, vmap
from fnx.control.branches.cond import cond, switch
from fnx.core.evaluate import evaluate
from fnx.core.text import parse
from fnx.core.verify import verify
from fnx.errors import FnxTypeError
from fnx.lowering.jit import jit
from fnx.ops.arithmetic import mul
from fnx.ops.comparison import gt, select
from fnx.ops.conversion import convert
from fnx.ops.elementwise_math import exp
from fnx.ops.families import add
from fnx.ops.layout import broadcast_in_dim
from fnx.ops.trigonometric import cos, sin
from tests.fnx.transforms.programs import total

X = np.array([0.5, -1.0, 2.0])
POINTS = [X, -X]
close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def up(x, y):
    return mul(sin(x), exp(y)), x


def down(x, y):
    return mul(x, mul(x, y)), cos(y)


def f(x, y):
    """Both branches have residuals, of different number, and results that are arguments."""
    a, b = cond(gt(total(x), 0.0), up, down, x, y)
    return add(a, mul(b, 0.5))


def plain(x, y):
    """The same by selecting."""
    chosen = broadcast_in_dim(gt(total(x), 0.0), shape=x.shape, dimensions=())
    (a, b), (c, d) = up(x, y), down(x, y)
    return add(select(chosen, a, c), mul(select(chosen, b, d), 0.5))


def twice(x):
    return broadcast_in_dim(x, shape=(2, 3), dimensions=(1,))


TRANSFORMS = [
    lambda f: lambda x: f(x, cos(x)),
    lambda f: lambda x: jvp(f, (x, cos(x)), (x, x))[1],
    lambda f: lambda x: jvp(lambda y: f(x, y), (x,), (x,))[1],
    lambda f: grad(lambda x: total(f(x, cos(x)))),
    lambda f: lambda x: grad(lambda y: total(f(x, y)))(x),
    lambda f: lambda x: linearize(f, x, x)[1](x, cos(x)),
    lambda f: lambda x: vjp(f, x, cos(x))[1](x)[0],
    lambda f: hessian(lambda x: total(f(x, cos(x)))),
    lambda f: (
        lambda x: vmap(f)(np.stack([X, -X]), broadcast_in_dim(x, shape=(2, 3), dimensions=(1,)))
    ),
    lambda f: lambda x: vmap(f, (None, 0))(x, np.stack([X, -X])),
    lambda f: vmap(grad(lambda s: total(f(broadcast_in_dim(s, shape=(3,), dimensions=()), X)))),
    lambda f: grad(lambda x: total(vmap(f, (0, None))(np.stack([X, -X]), x))),
]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("x", POINTS, ids=["true", "false"])
def test_branches_under_transforms(transform, x):
    expected = transform(plain)(x)
    close(transform(f)(x), expected)
    jaxpr = verify(make_jaxpr(transform(f))(x))
    close(evaluate(jaxpr, x)[0], expected)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_compiled_branches(transform):
    for x in POINTS:
        close(jit(transform(f))(x), transform(plain)(x))


@pytest.mark.parametrize("x", POINTS, ids=["true", "false"])
def test_transforms_of_a_jitted_branch(x):
    close(grad(lambda x: total(jit(f)(x, x)))(x), grad(lambda x: total(plain(x, x)))(x))
    close(vmap(jit(f))(np.stack([x, -x]), np.stack([X, X])), [plain(x, X), plain(-x, X)])


def test_only_one_branch_runs():
    ran = []
    branch = lambda name: lambda x: ran.append(name) or x
    cond(np.bool_(True), branch("true"), branch("false"), X)
    grad(lambda x: cond(gt(x, 0.0), branch("true"), branch("false"), x))(-1.0)
    switch(7, [branch("first"), branch("last")], X)
    assert ran == ["true", "false", "last"]


@pytest.mark.parametrize(
    ("i", "value", "slope"),
    [
        (-3, X, 1 + 0 * X),
        (0, X, 1 + 0 * X),
        (1, 2 * X, 2 + 0 * X),
        (2, X * X, 2 * X),
        (9, X * X, 2 * X),
    ],
)
def test_switch(i, value, slope):
    close(run(np.int32(i), X), value)
    close(jit(run)(np.int32(i), X), value)
    close(jit(grad(lambda x, i: total(run(i, x))))(X, np.int32(i)), slope)


def run(i, x):
    return switch(i, [lambda x: x, lambda x: mul(x, 2.0), lambda x: mul(x, x)], x)


def test_a_branch_for_each_element():
    index = np.array([0, 1, 2])
    close(vmap(run, (0, None))(index, X), [X, 2 * X, X * X])
    close(jit(vmap(run))(index, X), [X[0], 2 * X[1], X[2] ** 2])


@pytest.mark.parametrize("x", POINTS, ids=["true", "false"])
def test_branches_close_over_values_of_outer_traces(x):
    def g(x, y):
        return cond(gt(total(x), 0.0), lambda: mul(x, y), lambda: mul(y, 2.0))

    expected = x if total(x) > 0 else 2 + 0 * x
    close(grad(lambda y: total(g(x, y)))(X), expected)
    close(grad(lambda y: total(jit(g)(x, y)))(X), expected)
    slope = jit(grad(lambda y, x: total(g(jit(sin)(x), y))))(X, np.arcsin(x / 3))
    close(slope, x / 3 if total(x) > 0 else expected)


def test_integers_pass_through_branches():
    g = lambda x: cond(gt(x, 0.0), lambda: (mul(x, x), np.int32(1)), lambda: (x, np.int32(2)))
    value, number = jit(g)(3.0)
    assert (float(value), int(number)) == (9.0, 1)
    assert float(jit(grad(lambda x: g(x)[0]))(3.0)) == 6.0


def test_programs_verify_and_parse():
    for g in (f, grad(lambda x, y: total(f(x, y)))):
        jaxpr = verify(make_jaxpr(g)(X, X))
        assert "cond[branches=(" in str(jaxpr)
        assert str(parse(str(jaxpr), [v for _, v in jaxpr.consts])) == str(jaxpr)


def to_f64(x):
    return convert(x, dtype=np.dtype("float64"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cond(1, sin, cos, X), r"must be a boolean of rank 0, got i32~\[\]"),
        (lambda: cond(X > 0, sin, cos, X), r"must be a boolean of rank 0, got bool\[3\]"),
        (lambda: switch(1.0, [sin], X), "needs an integer index"),
        (lambda: switch(1, [], X), "and 0 branches"),
        (lambda: jit(lambda x: cond(gt(x, 0.0), lambda: x, lambda: (x,)))(1.0), "same structure"),
        (
            lambda: jit(
                lambda x: cond(gt(x, 0.0), lambda: x, lambda: convert(x, dtype=np.dtype("float64")))
            )(1.0),
            r"got f64\[\] and f32\[\]",
        ),
    ],
)
def test_misfits(call, message):
    with pytest.raises(FnxTypeError, match=message):
        call()
