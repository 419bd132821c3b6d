"""custom_vmap and sequential_vmap: rules are used where they should be, and differentiate."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx.errors import FnxTypeError

X = np.array([[0.5, -1.0], [2.0, 0.25], [1.5, 3.0]])
Y = np.array([2.0, 0.5])
close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def product():
    """A product, with a rule that notes how it was called."""
    calls = []

    @fnx.custom_vmap
    def f(x, y):
        return {"product": fnp.sin(x) * y, "y": y}

    @f.def_vmap
    def rule(axis_size, in_batched, x, y):
        calls.append((axis_size, in_batched))
        return {"product": fnp.sin(x) * y, "y": y}, {"product": True, "y": in_batched[1]}

    return f, calls


def plain(x, y):
    return fnp.sin(x) * y


def test_the_rule_gets_what_is_mapped():
    f, calls = product()
    close(f(X, Y)["product"], np.sin(X) * Y)
    assert calls == []
    out = fnx.vmap(f, (0, None))(X, Y)
    close(out["product"], np.sin(X) * Y)
    close(out["y"], np.stack([Y] * 3))
    close(fnx.vmap(f, 1)(X, X)["product"], np.sin(X.T) * X.T)
    assert calls == [(3, (True, False)), (2, (True, True))]


@pytest.mark.parametrize("wrap", [fnx.jit, fnx.checkpoint, lambda f: fnx.jit(fnx.jit(f))])
def test_inside_and_outside_of_jit(wrap):
    f, calls = product()
    close(fnx.vmap(wrap(f), (0, None))(X, Y)["product"], np.sin(X) * Y)
    close(wrap(fnx.vmap(f, (0, None)))(X, Y)["product"], np.sin(X) * Y)
    assert len(calls) >= 2


def test_an_outer_vmap_maps_the_rule():
    f, calls = product()
    batch = np.stack([X, 2 * X])
    both = fnx.vmap(fnx.vmap(f, (0, None)), (0, None))(batch, Y)
    close(both["product"], np.sin(batch) * Y)
    assert calls == [(3, (True, False))]


def test_forward_mode_takes_the_rule_along():
    f, calls = product()
    tangent = lambda x, t: fnx.jvp(lambda x: f(x, Y)["product"], (x,), (t,))[1]
    close(fnx.vmap(tangent)(X, X), np.cos(X) * X * Y)
    assert [size for size, _ in calls] == [3]
    outside = fnx.jvp(fnx.vmap(lambda x: f(x, Y)["product"]), (X,), (X,))[1]
    close(outside, np.cos(X) * X * Y)
    unmapped = lambda t: fnx.jvp(lambda x: f(x, Y)["product"], (X[0],), (t,))[1]
    close(fnx.vmap(unmapped)(X), np.cos(X[0]) * X * Y)
    along_y = lambda x: fnx.jvp(lambda y: f(x, y)["product"], (Y,), (Y,))[1]
    close(fnx.vmap(along_y)(X), np.sin(X) * Y)


@pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit, fnx.checkpoint])
def test_gradients(wrap):
    f, _ = product()
    g = wrap(f)
    loss = lambda x, y: g(x, y)["product"].sum()
    close(fnx.grad(loss)(X[0], Y), np.cos(X[0]) * Y)
    close(fnx.vmap(fnx.grad(loss), (0, None))(X, Y), np.cos(X) * Y)
    total = lambda x: fnx.vmap(loss, (0, None))(x, Y).sum()
    close(fnx.grad(total)(X), np.cos(X) * Y)
    close(fnx.jit(fnx.grad(total))(X), np.cos(X) * Y)
    close(fnx.hessian(lambda x: loss(x, Y))(X[0]), np.diag(-np.sin(X[0]) * Y))
    close(fnx.jacrev(lambda y: g(X[0], y)["product"])(Y), np.diag(np.sin(X[0])))


def test_sequential_vmap_is_a_loop():
    seen = []

    @fnx.sequential_vmap
    def f(x, y):
        seen.append(x.shape)
        return x * y, y

    a, b = fnx.vmap(f, (0, None))(X, Y)
    close(a, X * Y)
    close(b, np.stack([Y] * 3))
    assert all(shape == (2,) for shape in seen)
    close(fnx.jit(fnx.vmap(f))(X, X)[0], X * X)
    close(fnx.grad(lambda x: fnx.vmap(f, (0, None))(x, Y)[0].sum())(X), np.stack([Y] * 3))
    nested = fnx.vmap(fnx.vmap(f, (0, None)), (0, None))(np.stack([X, 2 * X]), Y)[0]
    close(nested, np.stack([X, 2 * X]) * Y)


def test_under_a_named_axis_where_nothing_is_mapped():
    f, calls = product()
    out = fnx.vmap(lambda _: f(X, Y)["product"], axis_name="i")(np.arange(2))
    close(out, np.stack([np.sin(X) * Y] * 2))
    assert calls == []


def test_messages():
    f = fnx.custom_vmap(lambda x: x)
    with pytest.raises(FnxTypeError, match="has no rule yet"):
        f(X)
    f.def_vmap(lambda size, mapped, x: x)
    with pytest.raises(FnxTypeError, match=r"must return a pair \(out, out_batched\)"):
        fnx.vmap(f)(X)
    f.def_vmap(lambda size, mapped, x: (x[:1], True))
    with pytest.raises(FnxTypeError, match=r"leading axis of 3, got f64\[1,2\]"):
        fnx.vmap(f)(X)
    f.def_vmap(lambda size, mapped, x: (("a", x), True))
    with pytest.raises(FnxTypeError, match="expected arrays"):
        fnx.vmap(f)(X)

    def closes(x):
        g = fnx.custom_vmap(lambda y: x * y)
        g.def_vmap(lambda size, mapped, y: (y, True))
        return fnx.jit(g)(x)

    with pytest.raises(FnxTypeError, match="closes over a value that is mapped"):
        fnx.vmap(closes)(X)
