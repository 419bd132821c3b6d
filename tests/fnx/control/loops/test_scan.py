"""Scan: it is the Python loop, under every transform."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as jnp
from fnx import lax

RNG = np.random.default_rng(0)
W, H, XS = RNG.normal(size=(3, 3)) / 2, RNG.normal(size=3), RNG.normal(size=(4, 3))


def looped(f, init, xs, reverse=False):
    """What scan means."""
    ys, carry = [], init
    rows = list(xs)
    for x in rows[::-1] if reverse else rows:
        carry, y = f(carry, x)
        ys.append(y)
    ys = ys[::-1] if reverse else ys
    return carry, jnp.stack(ys)


def rnn(loop, **options):
    def loss(w, h, xs):
        def step(h, x):
            h = jnp.tanh(w @ h + x)
            return h, 2 * h

        last, ys = loop(step, h, xs, **options)
        return (last**2).sum() + jnp.sin(ys).sum()

    return loss


def close(found, expected):
    for a, b in zip(fnx.tree.leaves(found), fnx.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit])
@pytest.mark.parametrize("options", [{}, {"reverse": True}, {"unroll": 3}, {"unroll": True}])
def test_scan_is_the_python_loop_under_every_transform(wrap, options):
    f = rnn(lax.scan, **options)
    g = rnn(looped, reverse=options.get("reverse", False))
    every = (0, 1, 2)
    close(wrap(f)(W, H, XS), g(W, H, XS))
    close(wrap(fnx.grad(f, every))(W, H, XS), fnx.grad(g, every)(W, H, XS))
    tangents = (W, H, XS)
    close(wrap(lambda *a: fnx.jvp(f, a, tangents))(W, H, XS), fnx.jvp(g, (W, H, XS), tangents))
    close(wrap(fnx.hessian(f, 1))(W, H, XS), fnx.hessian(g, 1)(W, H, XS))
    batch = np.stack([XS, -XS])
    close(
        wrap(fnx.vmap(fnx.grad(f), (None, None, 0)))(W, H, batch),
        np.stack([fnx.grad(g)(W, H, xs) for xs in batch]),
    )
