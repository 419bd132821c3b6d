"""Rules that call jitted functions on primals and tangents together keep linear work apart."""

import numpy as np
import pytest

from fnx.api import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
)
from fnx.lowering.jit import jit
from fnx.ops.arithmetic import mul
from fnx.ops.trigonometric import cos, sin

X = np.float64(0.7)


def reference(x):
    return mul(sin(x), x)


DERIVATIVES = [
    np.cos(X) * X + np.sin(X),
    2 * np.cos(X) - X * np.sin(X),
    -3 * np.sin(X) - X * np.cos(X),
]

together = jit(lambda x, t: (sin(x), mul(x, 1.0), mul(t, cos(x)), mul(t, 1.0)))


@custom_jvp
def by_jvp(x):
    return reference(x)


@by_jvp.defjvp
def rule(primals, tangents):
    s, x, ds, dx = together(primals[0], tangents[0])
    return mul(s, x), mul(s, dx) + mul(ds, x)


@custom_vjp
def by_vjp(x):
    return reference(x)


def backward(x, ct):
    s, x, ds, dx = together(x, ct)
    return (mul(s, dx) + mul(ds, x),)


by_vjp.defvjp(lambda x: (by_vjp(x), x), backward)

CALLS = {
    "custom_jvp": by_jvp,
    "custom_vjp": by_vjp,
    "checkpoint of jit": checkpoint(jit(reference)),
    "jit of checkpoint of jit": jit(checkpoint(jit(reference))),
    "checkpoint of a product of jit": checkpoint(lambda x: mul(jit(sin)(x), x)),
    "jit of custom_vjp": jit(by_vjp),
    "checkpoint of custom_jvp": checkpoint(by_jvp),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives(name, order):
    f = CALLS[name]
    for _ in range(order):
        f = grad(f)
    np.testing.assert_allclose(f(X), DERIVATIVES[order - 1], rtol=1e-6)
    np.testing.assert_allclose(jit(f)(X), DERIVATIVES[order - 1], rtol=1e-6)


@pytest.mark.parametrize("name", CALLS)
def test_mixed_modes(name):
    f = CALLS[name]
    for second in (
        hessian(f)(X),
        jacrev(jacfwd(f))(X),
        jacfwd(jacfwd(f))(X),
        grad(lambda x: linearize(f, x)[1](1.0))(X),
        grad(lambda x: jvp(f, (x,), (1.0,))[1])(X),
    ):
        np.testing.assert_allclose(second, DERIVATIVES[1], rtol=1e-6)
