"""Drawn nests of loops and branches that change two arrays in place, against Python."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as jnp
from fnx import lax

SIZE = 4


class InPython:
    """The same control flow on known values."""

    @staticmethod
    def fori_loop(lower, upper, body, value):
        for i in range(lower, upper):
            value = body(i, value)
        return value

    @staticmethod
    def cond(pred, on_true, on_false):
        return on_true() if bool(pred) else on_false()


def drawn(rng, depth):
    """A function ``(control flow, t, a, b)`` to two arrays."""
    kind, i, j = int(rng.integers(7)), int(rng.integers(SIZE)), int(rng.integers(SIZE))
    if depth == 0 or kind < 3:
        return [
            lambda c, t, a, b: (a.at[(t + i) % SIZE].set(b[j] * 0.5), b),
            lambda c, t, a, b: (b, a),
            lambda c, t, a, b: (a + b * 0.1, b.at[j].add(a[(t + i) % SIZE] * 0.3)),
            lambda c, t, a, b: (a, jnp.sin(b)),
            lambda c, t, a, b: (a.at[i].set(t * 1.0), a * 0.5 + b * 0.5),
        ][int(rng.integers(5))]
    f, g, m = drawn(rng, depth - 1), drawn(rng, depth - 1), int(rng.integers(4))
    loop = lambda c, a, b: c.fori_loop(0, m, lambda s, v: f(c, s, *v), (a, b))
    if kind == 3:
        return lambda c, t, a, b: loop(c, a, b)
    if kind == 4:
        return lambda c, t, a, b: g(c, t, *loop(c, a, b))
    if kind == 5:
        return lambda c, t, a, b: c.cond(a[i] > b[j], lambda: f(c, t, a, b), lambda: g(c, t, a, b))
    return lambda c, t, a, b: (loop(c, a, b)[0], loop(c, a, b)[1] + a)


def check(seed):
    rng = np.random.default_rng(seed)
    step = drawn(rng, 3)
    f = lambda c: lambda a, b: c.fori_loop(0, 3, lambda t, v: step(c, t, *v), (a, b))
    a, b = (jnp.asarray(rng.normal(size=SIZE)) for _ in range(2))
    expected = f(InPython)(a, b)
    found = fnx.jit(f(lax))(a, b)
    overwriting = fnx.jit(f(lax), donate_argnums=(0, 1))(a + 0, b + 0)
    for x, y, z in zip(found, expected, overwriting, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(x, z)


@pytest.mark.parametrize("seed", range(8))
def test_nests_compute_what_python_computes(seed):
    check(seed)


@pytest.mark.slow
def test_many_nests_compute_what_python_computes():
    for seed in range(100, 500):
        check(seed)


def test_an_array_goes_through_branches_of_a_loop_in_place():
    def step(i, x):
        return lax.cond(i % 2 == 0, lambda x: x.at[i].set(1.0), lambda x: x, x)

    f = fnx.jit(lambda x: lax.fori_loop(0, 9, step, x), donate_argnums=0)
    x = jnp.zeros(10_000)
    assert f.lower(x).compile().memory_analysis().temp_size_in_bytes < 1000
    np.testing.assert_array_equal(f(x)[:10], [1, 0] * 5)
