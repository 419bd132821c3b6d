"""Checkpoint: the same values and gradients, fewer residuals, less memory in compiled programs."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import checkpoint_policies as policies
from fnx.core.primitive import REGISTRY
from fnx.errors import FnxTypeError, FnxValueError
from fnx.ops.contraction import dot_general_p
from fnx.transforms.linearize import linearize_flat

RNG = np.random.default_rng(0)
WIDTH, ROWS, LAYERS = 32, 64, 6


def parameters(layers=LAYERS):
    shapes = [(WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH)]
    draw = lambda shape: (RNG.normal(size=shape) * 0.1).astype(np.float32)
    return [tuple(draw(shape) for shape in shapes) for _ in range(layers)]


WEIGHTS = parameters()
X = RNG.normal(size=(ROWS, WIDTH)).astype(np.float32)
HIDDEN = 4 * ROWS * WIDTH * 4  # bytes of a hidden activation
SMALL = ROWS * WIDTH * 4  # bytes of what stands between blocks
# Values are compared in double precision: in single, products round differently for each processor.
EXACT = [tuple(w.astype(np.float64) for w in layer) for layer in WEIGHTS], X.astype(np.float64)
close = functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-9)


def block(x, weights):
    first, second = weights
    hidden = fnx.checkpoint_name(fnp.tanh(x @ first), "hidden")
    return x + fnx.checkpoint_name(fnp.tanh(hidden @ second), "out")


def loss_with(wrap):
    def loss(weights, x):
        for layer in weights:
            x = wrap(block)(x, layer)
        return (x * x).sum()

    return loss


POLICIES = {
    "everything_saveable": policies.everything_saveable,
    "nothing_saveable": policies.nothing_saveable,
    "dots_saveable": policies.dots_saveable,
    "dots_with_no_batch_dims_saveable": policies.dots_with_no_batch_dims_saveable,
    "save_only_these_names": policies.save_only_these_names("hidden"),
    "save_any_names_but_these": policies.save_any_names_but_these("out"),
    "save_anything_except_these_names": policies.save_anything_except_these_names("hidden"),
    "save_from_both_policies": policies.save_from_both_policies(
        policies.dots_saveable, policies.save_only_these_names("out")
    ),
}
WRAPS = {
    "no policy": fnx.checkpoint,
    "nothing prevented": functools.partial(fnx.checkpoint, prevent_cse=False),
    "nested": lambda f: fnx.remat(lambda *xs: fnx.remat(f)(*xs)),
    "of jit": lambda f: fnx.checkpoint(fnx.jit(f), policy=policies.dots_saveable),
    **{name: functools.partial(fnx.checkpoint, policy=p) for name, p in POLICIES.items()},
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_gradients_are_the_same_eager_and_compiled(wrap):
    plain, f = loss_with(lambda f: f), loss_with(WRAPS[wrap])
    expected = fnx.tree.leaves(fnx.grad(plain, (0, 1))(*EXACT))
    for found in (
        fnx.grad(f, (0, 1))(*EXACT),
        fnx.jit(fnx.grad(f, (0, 1)))(*EXACT),
        fnx.grad(fnx.jit(f), (0, 1))(*EXACT),
    ):
        for a, b in zip(fnx.tree.leaves(found), expected, strict=True):
            close(a, b)


def test_gradients_have_the_same_bits_once_compiled():
    plain = fnx.jit(fnx.grad(loss_with(lambda f: f)))(WEIGHTS, X)
    again = fnx.jit(fnx.grad(loss_with(fnx.checkpoint)))(WEIGHTS, X)
    for a, b in zip(fnx.tree.leaves(plain), fnx.tree.leaves(again), strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def residual_bytes(f, *args):
    """Bytes of what an un-jitted vjp keeps alive, without its arguments."""
    leaves, structure = fnx.tree.flatten(args)
    flat = lambda *xs: [f(*fnx.tree.unflatten(structure, xs))]
    linear = linearize_flat(flat, leaves, [True] * len(leaves)).linear
    given = {id(x) for x in leaves}
    kept = {id(value): np.asarray(value).nbytes for _, value in linear.consts}
    return sum(size for key, size in kept.items() if key not in given)


def arena_bytes(f, *args):
    return fnx.jit(fnx.grad(f)).compiled(*args).executable.arena_bytes


def test_fewer_residuals_are_kept():
    weights, x = fnx.tree.map(fnp.asarray, (WEIGHTS, X))
    measured = {name: residual_bytes(loss_with(wrap), weights, x) for name, wrap in WRAPS.items()}
    plain = residual_bytes(loss_with(lambda f: f), weights, x)
    inputs = LAYERS * SMALL  # what comes into blocks, and the last result; not the first, x
    assert measured["no policy"] == measured["nothing_saveable"] == inputs
    assert measured["save_only_these_names"] == inputs + LAYERS * HIDDEN
    assert measured["save_any_names_but_these"] == inputs + LAYERS * HIDDEN
    assert measured["dots_saveable"] == inputs + LAYERS * (HIDDEN + SMALL)
    assert measured["everything_saveable"] == plain
    assert measured["no policy"] < plain / 4


def test_compiled_programs_need_less_memory():
    measured = {name: arena_bytes(loss_with(wrap), WEIGHTS, X) for name, wrap in WRAPS.items()}
    plain = arena_bytes(loss_with(lambda f: f), WEIGHTS, X)
    assert plain >= LAYERS * (HIDDEN + SMALL)
    assert measured["no policy"] <= LAYERS * SMALL + 4 * (HIDDEN + SMALL)
    assert measured["no policy"] == measured["nothing_saveable"]
    assert measured["nothing prevented"] == measured["everything_saveable"] == plain
    assert measured["no policy"] < measured["save_only_these_names"] < plain
    assert measured["no policy"] < measured["dots_saveable"]


def test_memory_grows_with_what_is_kept_per_layer():
    sizes = {}
    for name, wrap in {"plain": lambda f: f, "checkpoint": fnx.checkpoint}.items():
        few, many = (arena_bytes(loss_with(wrap), parameters(n), X) for n in (4, 12))
        sizes[name] = (many - few) / 8
    assert sizes["checkpoint"] == SMALL
    assert sizes["plain"] >= HIDDEN + SMALL


def test_in_the_body_of_a_scan_only_what_is_kept_is_stacked():
    stacked = fnx.tree.map(lambda *xs: np.stack(xs), *WEIGHTS)

    def loss_over(wrap):
        def loss(weights, x):
            step = lambda carry, layer: (wrap(block)(carry, layer), None)
            return (fnx.lax.scan(step, x, weights)[0] ** 2).sum()

        return loss

    exact = tuple(w.astype(np.float64) for w in stacked), EXACT[1]
    expected = fnx.grad(loss_over(lambda f: f))(*exact)
    plain = arena_bytes(loss_over(lambda f: f), stacked, X)
    for policy, kept in {None: 0, POLICIES["save_only_these_names"]: HIDDEN}.items():
        f = loss_over(functools.partial(fnx.checkpoint, policy=policy))
        for found in (fnx.grad(f)(*exact), fnx.jit(fnx.grad(f))(*exact)):
            for a, b in zip(found, expected, strict=True):
                close(a, b)
        used = arena_bytes(f, stacked, X)
        assert LAYERS * (SMALL + kept) <= used < plain


def counted(f, *args):
    """How often a program multiplies matrices."""
    jaxpr = fnx.make_jaxpr(f)(*args)

    def count(jaxpr):
        inner = [v for eqn in jaxpr.eqns for v in eqn.params.values() if hasattr(v, "eqns")]
        own = sum(eqn.primitive is dot_general_p for eqn in jaxpr.eqns)
        return own + sum(map(count, inner))

    return count(jaxpr)


def test_what_is_kept_is_not_computed_again():
    def products(policy):
        f = fnx.checkpoint(lambda w, x: fnp.sin(fnp.sin(x @ w) @ w).sum(), policy=policy)
        return counted(
            fnx.grad(f), WEIGHTS[0][1] @ WEIGHTS[0][0], np.ones((3, 4 * WIDTH), "float32")
        )

    # two forwards, three backwards (x gets no gradient); nothing kept: both forwards again
    assert products(policies.everything_saveable) == 5
    assert products(policies.dots_saveable) == 5
    assert products(policies.nothing_saveable) == products(None) == 7


def test_dots_with_batch_dims_are_told_apart():
    def f(x, w):
        return fnp.sin(fnp.matmul(fnp.sin(fnp.matmul(x, x)), w)).sum()

    args = (np.ones((2, 3, 3), np.float32), np.ones((3, 3), np.float32))
    of = lambda policy: counted(fnx.grad(fnx.checkpoint(f, policy=policy)), *args)
    few, some, all_ = (
        of(p)
        for p in (
            policies.dots_saveable, policies.dots_with_no_batch_dims_saveable,
            policies.nothing_saveable,
        )
    )  # fmt: skip
    assert few < some < all_


CUSTOM = fnx.custom_vjp(lambda x: fnp.sin(x) * x)
CUSTOM.defvjp(lambda x: (fnp.sin(x) * x, x), lambda x, ct: ((fnp.sin(x) + x * fnp.cos(x)) * ct,))


def inner_functions():
    yield "custom_vjp", CUSTOM
    yield "cond", lambda x: fnx.lax.cond(fnp.sum(x) > 0, fnp.sin, fnp.cos, x)
    yield "jit", fnx.jit(lambda x: fnp.sin(x) * x)
    yield "vmap", fnx.vmap(lambda x: fnp.exp(x) * x)
    yield "checkpoint", fnx.checkpoint(lambda x: fnp.sin(fnp.sin(x)))
    yield "grad", lambda x: fnx.grad(lambda y: fnp.sum(fnp.sin(y) ** 3))(x)


@pytest.mark.parametrize("policy", [None, *POLICIES])
@pytest.mark.parametrize("name", [name for name, _ in inner_functions()])
def test_around_every_kind_of_function(name, policy):
    inner = dict(inner_functions())[name]
    f = lambda x: fnp.sum(fnp.exp(inner(fnx.checkpoint_name(fnp.sin(x), "hidden"))))
    g = fnx.checkpoint(f, policy=POLICIES.get(policy))
    x = np.array([0.3, 1.2, -0.4])
    close(fnx.grad(g)(x), fnx.grad(f)(x))
    close(fnx.jit(fnx.grad(g))(x), fnx.grad(f)(x))
    close(fnx.vmap(fnx.grad(g))(np.stack([x, 2 * x])), fnx.vmap(fnx.grad(f))(np.stack([x, 2 * x])))
    close(fnx.grad(lambda v: fnx.vmap(g)(v).sum())(np.stack([x, x]))[1], fnx.grad(f)(x))
    close(fnx.hessian(g)(x), fnx.hessian(f)(x))
    close(fnx.jacrev(fnx.jacrev(g))(x), fnx.hessian(f)(x))


def test_as_a_decorator_with_static_arguments():
    @fnx.checkpoint(static_argnums=(1,))
    def power(x, n, *, flip=False):
        for _ in range(n):
            x = x * x
        return x

    assert float(fnx.grad(power)(3.0, 1)) == 6.0
    assert float(fnx.grad(lambda x: power(x, 2))(1.0)) == 4.0
    assert float(fnx.grad(fnx.remat(lambda n, x: x**n, static_argnums=0), 1)(3, 2.0)) == 12.0


def test_names_are_seen_in_trees_and_printed():
    named = fnx.checkpoint_name({"a": 1.0, "b": X}, "pair")
    np.testing.assert_array_equal(named["b"], X)
    assert "name[name='h']" in str(fnx.make_jaxpr(lambda x: fnx.checkpoint_name(x, "h"))(1.0))


def test_policies_are_asked_like_jax_asks():
    seen = []

    def policy(primitive, *avals, **params):
        seen.append((primitive, avals, params))
        return False

    fnx.grad(fnx.checkpoint(lambda x: fnp.sum(fnp.sin(x)), policy=policy))(X)
    assert (REGISTRY["sin"], (fnx.ShapeDtypeStruct(X.shape, X.dtype),), {}) in seen


def test_messages():
    with pytest.raises(FnxTypeError, match="a policy is a function, got 'dots'"):
        fnx.checkpoint(lambda x: x, policy="dots")
    with pytest.raises(FnxTypeError, match="names are strings, got 3"):
        policies.save_only_these_names("a", 3)
    with pytest.raises(FnxTypeError, match="the name must be a string, got 3"):
        fnx.checkpoint_name(X, 3)
    with pytest.raises(FnxValueError, match="static_argnums has 2, but the call has 1 positional"):
        fnx.checkpoint(lambda x: x, static_argnums=2)(X)


def test_barriers_change_nothing():
    f = lambda x: fnx.lax.optimization_barrier((fnp.sin(x), x))[0]
    np.testing.assert_allclose(fnx.jit(f)(X), np.sin(X), rtol=1e-5)
    np.testing.assert_allclose(fnx.grad(lambda x: f(x).sum())(X), np.cos(X), rtol=1e-5)


@pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit, lambda f: fnx.jit(fnx.vmap(f))])
def test_a_barrier_of_two_is_two_identities(wrap):
    """Of other shapes and types, in both modes, also where one of them has no derivative."""
    x, y, n = np.ones((2, 3)), np.arange(2.0), np.arange(2)
    both = wrap(lambda x, y, n: fnx.lax.optimization_barrier((x * 2.0, y * 3.0, n)))
    for got, expected in zip(both(x, y, n), (x * 2, y * 3, n), strict=True):
        np.testing.assert_array_equal(got, expected)
    f = lambda x, y: both(x, y, n)[:2]
    _, tangents = fnx.jvp(f, (x, y), (x, y))
    _, pull = fnx.vjp(f, x, y)
    for found in (tangents, pull((x, y))):
        for got, expected in zip(found, (x * 2, y * 3), strict=True):
            close(got, expected)
    (only, none) = fnx.grad(lambda x, y: f(x, y)[0].sum(), (0, 1))(x, y)
    close(only, np.full((2, 3), 2.0))
    close(none, np.zeros(2))
