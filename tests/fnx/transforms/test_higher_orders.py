"""Second and third derivatives through every kind of call, in every order of the two modes."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import hessian, jacfwd, jacrev

X = np.array([0.3, -0.7, 1.1])


def plain(x):
    return fnp.sin(x) * fnp.exp(0.5 * x)


@fnx.custom_jvp
def by_jvp(x):
    return plain(x)


by_jvp.defjvp(lambda primals, tangents: fnx.jvp(plain, primals, tangents))


@fnx.custom_vjp
def by_vjp(x):
    return plain(x)


by_vjp.defvjp(lambda x: (plain(x), x), lambda x, ct: fnx.vjp(plain, x)[1](ct))


@fnx.custom_vjp
def nested(x):
    return by_vjp(x)


nested.defvjp(lambda x: (by_vjp(x), x), lambda x, ct: fnx.vjp(by_vjp, x)[1](ct))


def _scaled(scale, x):
    return plain(x) * scale


with_fixed_vjp = fnx.custom_vjp(_scaled, nondiff_argnums=(0,))
with_fixed_vjp.defvjp(
    lambda s, x: (_scaled(s, x), x), lambda s, x, ct: fnx.vjp(lambda v: _scaled(s, v), x)[1](ct)
)
with_fixed_jvp = fnx.custom_jvp(_scaled, nondiff_argnums=(0,))
with_fixed_jvp.defjvp(lambda s, xs, ts: fnx.jvp(lambda v: _scaled(s, v), xs, ts))

INNER = {
    "plain": plain,
    "custom_jvp": by_jvp,
    "custom_vjp": by_vjp,
    "nested custom_vjp": nested,
    "nondiff custom_vjp": lambda x: with_fixed_vjp(1.0, x),
    "nondiff custom_jvp": lambda x: with_fixed_jvp(1.0, x),
}
AROUND = {
    "itself": lambda f: f,
    "jit": fnx.jit,
    "vmap": lambda f: lambda x: fnx.vmap(f)(x[None])[0],
    "checkpoint": fnx.checkpoint,
    "jit of vmap": lambda f: fnx.jit(lambda x: fnx.vmap(f)(x[None])[0]),
    "checkpoint of jit": lambda f: fnx.checkpoint(fnx.jit(f)),
    "jit of checkpoint": lambda f: fnx.jit(fnx.checkpoint(f)),
    "cond": lambda f: lambda x: fnx.lax.cond(fnp.sum(x) < 9, f, lambda y: y, x),
}
ORDERS = {
    "hessian": hessian,
    "jacfwd(jacrev)": lambda f: jacfwd(jacrev(f)),
    "jacrev(jacfwd)": lambda f: jacrev(jacfwd(f)),
    "jacfwd(jacfwd)": lambda f: jacfwd(jacfwd(f)),
    "jacrev(jacrev)": lambda f: jacrev(jacrev(f)),
}


def scalar(f):
    return lambda x: fnp.sum(f(x) * fnp.cumsum(f(x)))


def by_differences(f, x, h=1e-4):
    rows = [(np.asarray(f(x + h * e)) - np.asarray(f(x - h * e))) / (2 * h) for e in np.eye(x.size)]
    return np.stack(rows, -1)


EXPECTED = by_differences(fnx.grad(scalar(plain)), X)
THIRD = by_differences(hessian(scalar(plain)), X)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("inner", INNER)
def test_second_derivatives(inner, around, order):
    f = scalar(AROUND[around](INNER[inner]))
    np.testing.assert_allclose(ORDERS[order](f)(X), EXPECTED, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("around", ["itself", "jit", "checkpoint"])
@pytest.mark.parametrize("inner", INNER)
def test_third_derivatives(inner, around):
    f = scalar(AROUND[around](INNER[inner]))
    for third in (jacfwd(hessian(f)), jacrev(hessian(f)), jacfwd(jacrev(jacfwd(f)))):
        np.testing.assert_allclose(third(X), THIRD, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("inner", INNER)
def test_hessians_inside_of_jit_and_vmap(inner):
    f = scalar(INNER[inner])
    np.testing.assert_allclose(fnx.jit(hessian(f))(X), EXPECTED, rtol=1e-6, atol=1e-6)
    rows = fnx.jit(fnx.vmap(hessian(f)))(np.stack([X, X]))
    np.testing.assert_allclose(rows[1], EXPECTED, rtol=1e-6, atol=1e-6)
