"""custom_jvp, custom_vjp and checkpoint: rules are used, compose, and errors teach."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
from fnx.api import grad, hessian, jacfwd, jacrev, jvp, linearize, make_jaxpr, vjp, vmap
from fnx.control.checkpoints.checkpoint import checkpoint
from fnx.control.custom.jvp import custom_jvp
from fnx.control.custom.vjp import custom_vjp
from fnx.core.array import Array
from fnx.core.verify import verify
from fnx.errors import DerivativeError
from fnx.ops.arithmetic import mul
from fnx.ops.comparison import gt
from fnx.ops.conversion import convert
from fnx.ops.elementwise_math import exp
from fnx.ops.families import add
from fnx.ops.layout import reduce_sum
from fnx.ops.trigonometric import cos, sin
from tests.fnx.transforms.programs import called, total

X = np.array([0.5, -1.0, 2.0])
ROWS = np.stack([X, 2 * X])
close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@custom_jvp
def wave(x, scale):
    return mul(sin(x), scale)


@wave.defjvp
def wave_jvp(primals, tangents):
    (x, scale), (dx, dscale) = primals, tangents
    out = wave(x, scale)
    return out, add(mul(mul(cos(x), scale), dx), mul(sin(x), dscale))


@custom_vjp
def product(x, y):
    return mul(x, mul(y, y))


def product_fwd(x, y):
    return product(x, y), (x, y)


def product_bwd(residuals, ct):
    x, y = residuals
    return mul(ct, mul(y, y)), mul(ct, mul(mul(x, y), 2.0))


product.defvjp(product_fwd, product_bwd)


def plain_wave(x, scale):
    return mul(sin(x), scale)


def plain_product(x, y):
    return mul(x, mul(y, y))


def saved(x, y):
    return mul(exp(mul(x, 0.3)), sin(y))


PAIRS = [(wave, plain_wave), (product, plain_product), (checkpoint(saved), saved)]
TRANSFORMS = [
    lambda f: lambda x: f(x, x),
    lambda f: grad(lambda x: total(f(x, x))),
    lambda f: called(grad(lambda x: total(f(x, cos(x))))),
    lambda f: grad(called(lambda x: total(f(sin(x), x)))),
    lambda f: lambda x: jvp(f, (x, x), (x, sin(x)))[1],
    lambda f: lambda x: linearize(f, x, cos(x))[1](x, x),
    lambda f: called(lambda x: linearize(f, x, cos(x))[1](x, x)),
    lambda f: hessian(lambda x: total(f(x, sin(x)))),
    lambda f: jacrev(grad(lambda x: total(f(x, sin(x))))),
    lambda f: jacrev(jacfwd(lambda x: total(f(x, sin(x))))),
    lambda f: jacfwd(jacfwd(lambda x: f(x, sin(x)))),
    lambda f: lambda x: vmap(f)(x, x),
    lambda f: lambda x: vmap(grad(lambda s: f(s, sin(s))))(x),
    lambda f: lambda x: vmap(f, (0, None))(np.stack([x, x]), x),
    lambda f: grad(lambda x: total(vmap(f, (0, None))(ROWS, x))),
    lambda f: grad(lambda x: total(vmap(f, (1, None), 1)(ROWS.T, x))),
    lambda f: grad(lambda x: total(called(vmap(f, (None, 0)))(x, ROWS))),
    lambda f: vmap(grad(called(lambda s: f(s, mul(s, s))))),
    lambda f: lambda x: vmap(lambda t: linearize(f, x, cos(x))[1](x, t))(ROWS),
    lambda f: vmap(grad(grad(lambda s: f(s, mul(s, s))))),
]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(("f", "plain"), PAIRS, ids=["jvp", "vjp", "checkpoint"])
def test_rules_compose_with_all_transforms(transform, f, plain):
    close(transform(f)(X), transform(plain)(X))


@pytest.mark.parametrize(("f", "plain"), PAIRS, ids=["jvp", "vjp", "checkpoint"])
def test_recorded_programs_verify(f, plain):
    for g in (lambda x: f(x, x), grad(lambda x: total(f(x, x))), vmap(lambda x: f(x, x))):
        verify(make_jaxpr(g)(X))
        verify(make_jaxpr(called(g))(X))


def test_rules_are_what_is_used():
    @custom_jvp
    def f(x):
        return x

    f.defjvp(lambda primals, tangents: (primals[0], mul(tangents[0], 10.0)))

    @custom_vjp
    def g(x):
        return x

    g.defvjp(lambda x: (x, None), lambda residuals, ct: (mul(ct, 10.0),))
    for h in (f, g):
        assert float(grad(h)(1.0)) == 10.0
        assert float(jvp(h, (1.0,), (1.0,))[1]) == 10.0
        assert float(grad(called(h))(np.float32(1))) == 10.0
        np.testing.assert_array_equal(vmap(grad(h))(np.float32([1, 2])), [10, 10])


def test_rules_of_one_argument_each():
    @custom_jvp
    def f(x, y):
        return mul(x, y)

    f.defjvps(lambda t, out, x, y: mul(t, y), None)
    assert [float(g) for g in grad(f, (0, 1))(2.0, 3.0)] == [3.0, 0.0]
    f.defjvps(None, None)
    assert [float(g) for g in grad(f, (0, 1))(2.0, 3.0)] == [0.0, 0.0]


def test_arguments_that_are_not_differentiated():
    @custom_jvp
    def jvp_power(x, n, name="n"):
        return x if n == 1 else mul(x, jvp_power(x, n - 1))

    jvp_power.nondiff_argnums = (1, 2)
    jvp_power.defjvp(
        lambda n, name, primals, tangents: (
            jvp_power(*primals, n),
            mul(tangents[0], mul(float(n), jvp_power(*primals, n - 1))),
        )
    )
    assert float(grad(jvp_power)(2.0, 3)) == 12.0

    def fwd(f, x):
        return f(x), x

    apply = custom_vjp(lambda f, x: f(x), nondiff_argnums=(0,))
    apply.defvjp(fwd, lambda f, x, ct: (mul(ct, f(x)),))
    assert float(grad(lambda x: apply(lambda y: mul(y, 3.0), x))(2.0)) == 6.0


def test_trees_and_integers():
    @custom_vjp
    def f(p, n):
        return {"y": mul(p["x"], 2.0), "n": n}

    f.defvjp(lambda p, n: (f(p, n), None), lambda residuals, ct: ({"x": mul(ct["y"], 7.0)}, None))
    out, pull_back = vjp(lambda p: f(p, np.int32(3)), {"x": X})
    assert int(out["n"]) == 3
    close(pull_back({"y": X, "n": 0})[0]["x"], 7 * X)
    close(vmap(lambda x: f({"x": x}, np.int32(1))["y"])(X), 2 * X)
    close(jvp(lambda x: f({"x": x}, 1)["y"], (X,), (X,))[1], 7 * X)


def test_zero_cotangents():
    @custom_vjp
    def f(p, y):
        return mul(p["a"], y)

    f.defvjp(lambda p, y: (f(p, y), p["a"]), lambda a, ct: (None, mul(ct, a)))
    gradient, second = grad(lambda p, y: total(f(p, y)), (0, 1))({"a": X}, X)
    close(gradient["a"], 0 * X)
    close(second, X)


def test_python_control_flow_in_functions_with_rules():
    @custom_jvp
    def f(x):
        return mul(x, 2.0) if gt(x, 0.0) else x

    f.defjvp(
        lambda primals, tangents: (
            f(*primals),
            mul(tangents[0], 2.0 if gt(primals[0], 0.0) else 1.0),
        )
    )
    assert [float(grad(f)(v)) for v in (1.0, -1.0)] == [2.0, 1.0]
    assert float(grad(grad(lambda x: mul(f(x), x)))(1.0)) == 4.0


def test_checkpoint_saves_only_arguments():
    f = lambda x: sin(sin(sin(sin(x))))
    saved = []
    for g in (f, checkpoint(f)):
        _, f_vjp = vjp(lambda x, g=g: g(x), X)
        cells = [c.cell_contents for c in f_vjp.__closure__]
        linear = next(c for c in cells if hasattr(c, "eqns"))
        saved.append(len(linear.consts))
        close(f_vjp(X)[0], vjp(f, X)[1](X)[0])
    assert saved == [4, 1]


def test_checkpoint_differentiates_what_it_closes_over():
    close(grad(lambda w: total(checkpoint(lambda x: mul(sin(x), w))(X)))(X), np.sin(X))


def test_linear_bodies_transpose():
    f = lambda x: custom_linear(x)
    close(grad(lambda x: total(mul(linearize(f, X)[1](x), X)))(X), 3 * X)


@custom_jvp
def custom_linear(x):
    return mul(x, 3.0)


custom_linear.defjvp(lambda primals, tangents: (custom_linear(*primals), custom_linear(*tangents)))


def without_rule(kind):
    return kind(lambda x: x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: custom_jvp(cos)(1.0), "cos has no rule yet"),
        (lambda: custom_vjp(cos)(1.0), "cos has no rule yet"),
        (
            lambda: grad(bad_jvp(lambda p, t: p[0]))(1.0),
            r"must return a pair \(out, out_tangent\), got",
        ),
        (
            lambda: grad(bad_jvp(lambda p, t: (p[0], (t[0],))))(1.0),
            "expected a leaf of f32|got tuple",
        ),
        (
            lambda: grad(bad_jvp(lambda p, t: (p[0], X)))(1.0),
            r"expected a leaf of f32\[\], got f64\[3\]",
        ),
        (lambda: grad(bad_vjp(lambda x: x, cos))(1.0), r"must return a pair \(out, residuals\)"),
        (
            lambda: grad(bad_vjp(lambda x: (x, x), lambda r, ct: ct))(1.0),
            "must return a tuple of 1 cotangents",
        ),
        (
            lambda: grad(bad_vjp(lambda x: (x, x), lambda r, ct: (ct, ct)))(1.0),
            "one for each argument, got 2",
        ),
        (
            lambda: grad(bad_vjp(lambda x: (x, x), lambda r, ct: (X,)))(1.0),
            r"expected a leaf of f32\[\], got f64\[3\]",
        ),
        (
            lambda: jvp(bad_vjp(lambda x: (x, x), lambda r, ct: (sin(ct),)), (1.0,), (1.0,)),
            "sin cannot be transposed",
        ),
        (lambda: grad(bad_jvp(lambda p, t: (p[0], sin(t[0]))))(1.0), "sin cannot be transposed"),
    ],
)
def test_bad_rules(call, message):
    with pytest.raises((DerivativeError, ValueError), match=message):
        call()


def bad_jvp(rule):
    f = custom_jvp(lambda x: x)
    f.defjvp(rule)
    return f


def bad_vjp(fwd, bwd):
    f = custom_vjp(lambda x: x)
    f.defvjp(fwd, bwd)
    return f


def test_closing_over_a_differentiated_value():
    def outer(w):
        f = custom_jvp(lambda x: mul(x, w))
        f.defjvp(lambda primals, tangents: (f(*primals), tangents[0]))
        return called(f)(np.float32(2))

    with pytest.raises(DerivativeError, match="closes over a value that is being differentiated"):
        grad(called(outer))(np.float32(1))


def test_integer_results_of_checkpoint():
    f = checkpoint(lambda x: (mul(x, x), convert(x, dtype=np.dtype("int32"))))
    close(grad(lambda x: total(f(x)[0]))(X), 2 * X)
    assert type(f(X)[1]) is Array
    assert reduce_sum(f(X)[1], axes=(0,)).dtype == np.int32


def test_a_backward_rule_with_constants_is_compiled_in_forward_mode():
    f = custom_vjp(lambda x: mul(x, X))
    f.defvjp(lambda x: (mul(x, X), None), lambda _, ct: (mul(ct, X),))
    tangent = lambda x: fnx.jvp(f, (x,), (x,))[1]
    close(fnx.jit(tangent)(Array(X)), X * X)
    close(fnx.jit(fnx.hessian(lambda x: total(mul(f(x), f(x)))))(Array(X)), np.diag(2 * X * X))
