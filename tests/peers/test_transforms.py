"""Transforms beside JAX: values, gradients, batching, what is kept, and what is counted."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402
from jax.ad_checkpoint import checkpoint_name  # noqa: E402

pytestmark = pytest.mark.peers
N = 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, N, 2)).astype(np.float32)
W = RNG.normal(size=(8, 8)).astype(np.float32) / 3
close = functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-5)
RING = [(i, (i + 1) % N) for i in range(N)]

COLLECTIVES = {
    "psum": lambda lax, x: lax.psum(x, "i"),
    "psum of a constant": lambda lax, x: x * lax.psum(1.0, "i"),
    "pmean": lambda lax, x: lax.pmean(x, "i"),
    "all_gather": lambda lax, x: lax.all_gather(x, "i", axis=1),
    "all_gather, tiled": lambda lax, x: lax.all_gather(x, "i", axis=1, tiled=True),
    "psum_scatter": lambda lax, x: lax.psum_scatter(x, "i"),
    "psum_scatter, tiled": lambda lax, x: lax.psum_scatter(x, "i", tiled=True),
    "ppermute": lambda lax, x: lax.ppermute(x, "i", RING),
    "pshuffle": lambda lax, x: lax.pshuffle(x, "i", [2, 0, 3, 1]),
    "all_to_all, tiled": lambda lax, x: lax.all_to_all(x, "i", 0, 1, tiled=True),
    "axis_index": lambda lax, x: x * lax.axis_index("i"),
    "axis_size": lambda lax, x: x * lax.axis_size("i"),
}
NO_DERIVATIVE_IN_JAX = {  # the transpose of an all_to_all that is not tiled fails there
    "all_to_all": lambda lax, x: lax.all_to_all(x, "i", 0, 1),
    "pmax": lambda lax, x: lax.pmax(x, "i"),
    "pmin": lambda lax, x: lax.pmin(x, "i"),
}


@pytest.mark.parametrize("name", [*COLLECTIVES, *NO_DERIVATIVE_IN_JAX])
def test_collectives(name):
    f = {**COLLECTIVES, **NO_DERIVATIVE_IN_JAX}[name]
    ours, theirs = functools.partial(f, fnx.lax), functools.partial(f, jax.lax)
    expected = jax.vmap(theirs, axis_name="i")(X)
    close(fnx.vmap(ours, axis_name="i")(X), expected)
    close(fnx.jit(fnx.vmap(fnx.jit(ours), axis_name="i"))(X), expected)
    rows = np.stack([X, 2 * X])
    close(
        fnx.vmap(fnx.vmap(ours, axis_name="i"), axis_name="j")(rows),
        jax.vmap(jax.vmap(theirs, axis_name="i"), axis_name="j")(rows),
    )


@pytest.mark.parametrize("name", COLLECTIVES)
def test_gradients_inside_and_outside_of_named_axes(name):
    f = COLLECTIVES[name]

    def inside(lib, np_, lax):
        loss = lambda x: np_.sum(np_.sin(f(lax, x)) * np_.cos(x).sum())
        return lib.vmap(lib.grad(loss), axis_name="i")

    def outside(lib, np_, lax):
        mapped = lib.vmap(lambda x: np_.sin(f(lax, x)), axis_name="i")
        return lib.grad(lambda x: mapped(x).sum())

    for make in (inside, outside):
        expected = make(jax, jnp, jax.lax)(X)
        close(make(fnx, fnp, fnx.lax)(X), expected)
        close(fnx.jit(make(fnx, fnp, fnx.lax))(X), expected)


def test_collectives_over_several_axes():
    def nested(lib, lax):
        f = lambda x: (lax.psum(x, ("i", "j")), lax.axis_index(("i", "j")))
        return lib.vmap(lib.vmap(f, axis_name="j"), axis_name="i")(X)

    for ours, theirs in zip(nested(fnx, fnx.lax), nested(jax, jax.lax), strict=True):
        close(ours, theirs)


def test_linear_transpose():
    def both(f, *primals):
        ours = fnx.linear_transpose(functools.partial(f, fnp), *primals)
        theirs = jax.linear_transpose(functools.partial(f, jnp), *primals)
        return ours, theirs

    x = np.ones((3, 8), np.float32)
    for f, ct in (
        (lambda np_, x: x @ W, x),
        (lambda np_, x: np_.concatenate([x[1:], 2 * x], axis=0).sum(0), x[0]),
        (lambda np_, x: x.T.reshape(4, 6), None),
        (lambda np_, x: {"a": x.sum(), "b": np_.pad(x, ((1, 0), (0, 2)))}, None),
    ):
        ours, theirs = both(f, x)
        if ct is None:
            shapes = jax.eval_shape(functools.partial(f, jnp), x)
            draw = lambda s: RNG.normal(size=s.shape).astype(np.float32)
            ct = jax.tree.map(draw, shapes)
        for a, b in zip(ours(ct), theirs(ct), strict=True):
            close(a, b)


def test_residuals_of_policies_are_those_of_jax():
    def block(np_, name, x):
        hidden = name(np_.tanh(x @ W), "hidden")
        return np_.sin(name(hidden @ W, "out"))

    ours, theirs = fnx.checkpoint_policies, jax.checkpoint_policies
    x = X.reshape(4, 8)
    for choose in (
        lambda p: p.nothing_saveable,
        lambda p: p.everything_saveable,
        lambda p: p.dots_saveable,
        lambda p: p.dots_with_no_batch_dims_saveable,
        lambda p: p.save_only_these_names("hidden"),
        lambda p: p.save_any_names_but_these("hidden"),
        lambda p: p.save_from_both_policies(p.dots_saveable, p.save_only_these_names("hidden")),
    ):
        f = fnx.checkpoint(functools.partial(block, fnp, fnx.checkpoint_name), policy=choose(ours))
        g = jax.checkpoint(functools.partial(block, jnp, checkpoint_name), policy=choose(theirs))
        total = lambda h: lambda x: h(x).sum()
        close(fnx.grad(total(f))(x), jax.grad(total(g))(x))
        close(fnx.jit(fnx.grad(total(f)))(x), jax.grad(total(g))(x))
        # products in the gradient: two forwards, two backwards, and those that run again
        count = lambda jaxpr: str(jaxpr).count("dot_general[")
        mine = count(fnx.make_jaxpr(fnx.grad(total(f)))(x))
        assert mine <= count(jax.make_jaxpr(jax.grad(total(g)))(x))


def test_custom_vmap():
    def made(custom_vmap, np_):
        @custom_vmap
        def f(x, y):
            return np_.sin(x) * y

        @f.def_vmap
        def rule(axis_size, in_batched, x, y):
            y = y if in_batched[1] else np_.stack([y] * axis_size)
            return np_.sin(x) * y + 100, True

        return f

    ours, theirs = made(fnx.custom_vmap, fnp), made(jax.custom_batching.custom_vmap, jnp)
    y = X[0]
    close(fnx.vmap(ours, (0, None))(X, y), jax.vmap(theirs, (0, None))(X, y))
    close(fnx.jit(fnx.vmap(ours))(X, X), jax.vmap(theirs)(X, X))
    tangent = lambda lib, f: lib.vmap(lambda x, t: lib.jvp(lambda x: f(x, y), (x,), (t,)))(X, X)
    for a, b in zip(tangent(fnx, ours), tangent(jax, theirs), strict=True):
        close(a, b)


PROGRAMS = {
    "product": (lambda np_, x, w: x @ w, (64, 32), (32, 48)),
    "dense layer": (lambda np_, x, w: np_.tanh(x @ w), (64, 32), (32, 48)),
    "sum": (lambda np_, x, w: (x * x).sum() + w.sum(), (64, 32), (7,)),
    "softmax": (
        lambda np_, x, w: np_.exp(x - x.max(1, keepdims=True)) / (1 + w), (64, 32), (32,)
    ),
    "loss": (lambda np_, x, w: ((x @ w) ** 2).sum(), (64, 32), (32, 48)),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_operations_are_counted_as_jax_counts(name):
    f, *shapes = PROGRAMS[name]
    args = [np.ones(shape, np.float32) for shape in shapes]
    ours = fnx.jit(functools.partial(f, fnp)).lower(*args)
    theirs = jax.jit(functools.partial(f, jnp)).lower(*args)
    mine, other = ours.compile().cost_analysis(), theirs.compile().cost_analysis()
    assert mine["flops"] == pytest.approx(other["flops"], rel=0.05)
    assert mine["transcendentals"] == other.get("transcendentals", 0)
    assert ours.out_info.shape == theirs.out_info.shape


def test_memory_is_reported_under_the_same_names():
    f = lambda np_, x: np_.sin(x) @ x
    x = np.ones((64, 64), np.float32)
    ours = fnx.jit(functools.partial(f, fnp)).lower(x).compile().memory_analysis()
    theirs = jax.jit(functools.partial(f, jnp)).lower(x).compile().memory_analysis()
    for name in ("argument_size_in_bytes", "output_size_in_bytes", "alias_size_in_bytes"):
        assert getattr(ours, name) == getattr(theirs, name)
