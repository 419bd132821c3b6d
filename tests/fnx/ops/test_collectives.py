"""Collectives: what they are on the whole batch, in every place where a function can stand."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import lax
from fnx.errors import AxisError, FnxTypeError, FnxValueError, UnboundAxisError
from tests.collectives import CASES, NAMES, RING, N
from tests.meta.reached import all_slots, recorded

RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, N, 2))
close = functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12)


def by_custom_jvp(f):
    wrapped = fnx.custom_jvp(f)
    wrapped.defjvp(lambda xs, ts: fnx.jvp(f, xs, ts))
    return wrapped


def by_custom_vjp(f):
    wrapped = fnx.custom_vjp(f)
    wrapped.defvjp(lambda x: (f(x), x), lambda x, ct: fnx.vjp(f, x)[1](ct))
    return wrapped


def in_scan(f):
    """The function of the first row of two, in the second step of a loop."""
    return lambda x: lax.scan(lambda c, row: (c, f(row)), 0.0, fnp.stack([x + 1, x]))[1][1]


def in_cond(f):
    return lambda x: lax.cond(lax.psum(x.sum(), "i") < 1e9, f, lambda y: 0 * f(y), x)


def in_cond_of_elements(f):
    return lambda x: lax.cond(x.sum() < 1e9, f, lambda y: 0 * f(y), x)


def by_last_axis(f):
    """The second of two columns."""
    return lambda x: fnx.vmap(f, -1, -1)(fnp.stack([x, x], axis=-1))[..., 1]


AROUND = {
    "plain": lambda f: f,
    "jit": fnx.jit,
    "checkpoint": fnx.checkpoint,
    "jit of checkpoint": lambda f: fnx.jit(fnx.checkpoint(f)),
    "custom_jvp": by_custom_jvp,
    "custom_vjp": by_custom_vjp,
    "jit of custom_vjp": lambda f: fnx.jit(by_custom_vjp(f)),
    "scan": in_scan,
    "cond": in_cond,
    "cond of elements": in_cond_of_elements,
    "an inner vmap": lambda f: lambda x: fnx.vmap(f, axis_name="j")(x[None])[0],
    "an inner vmap, last axis": by_last_axis,
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", NAMES)
def test_value(name, around):
    f, whole = CASES[name]
    mapped = fnx.vmap(AROUND[around](f), axis_name="i")
    close(mapped(X), whole(X))
    close(fnx.jit(mapped)(X), whole(X))


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", NAMES)
def test_derivatives_commute_with_mapping(name, around):
    f = AROUND[around](CASES[name][0])
    mapped = fnx.vmap(f, axis_name="i")
    y = np.asarray(mapped(X))
    ct = RNG.normal(size=y.shape)
    (expected,) = fnx.vjp(fnx.vmap(CASES[name][0], axis_name="i"), X)[1](ct)
    close(fnx.vjp(mapped, X)[1](ct)[0], expected)
    inside = lambda x, c: fnx.vjp(f, x)[1](c)[0]
    close(fnx.vmap(inside, axis_name="i")(X, ct), expected)
    close(fnx.jit(fnx.vmap(inside, axis_name="i"))(X, ct), expected)
    t = RNG.normal(size=X.shape)
    along = fnx.jvp(mapped, (X,), (t,))[1]
    close(fnx.vmap(lambda x, t: fnx.jvp(f, (x,), (t,))[1], axis_name="i")(X, t), along)
    close(np.sum(np.asarray(along) * ct), np.sum(np.asarray(expected) * t))


@pytest.mark.parametrize("around", [a for a in AROUND if "elements" not in a])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_mapped_is_the_same_in_every_element(name, around):
    f = AROUND[around](CASES[name][0])
    mapped = fnx.vmap(lambda _: f(fnp.asarray(X[0])), axis_name="i")
    close(mapped(np.arange(N)), fnx.vmap(CASES[name][0], axis_name="i")(np.stack([X[0]] * N)))


def test_another_vmap_around_and_inside():
    for name, (f, whole) in CASES.items():
        rows = np.stack([X, 2 * X])
        expected = np.stack([whole(X), whole(2 * X)])
        close(fnx.vmap(fnx.vmap(f, axis_name="i"))(rows), expected, err_msg=name)
        close(fnx.vmap(fnx.vmap(f, axis_name="i"), axis_name="j")(rows), expected)
        columns = np.moveaxis(rows, 0, 1)  # the named axis is the outer one now
        inner = fnx.vmap(fnx.vmap(f, axis_name="j"), axis_name="i")
        close(np.moveaxis(np.asarray(inner(columns)), 1, 0), expected, err_msg=name)


def test_tuples_of_names():
    grid = RNG.normal(size=(2, N, 4))

    def mapped(f):
        return fnx.vmap(fnx.vmap(f, axis_name="j"), axis_name="i")(grid)

    close(mapped(lambda x: lax.psum(x, ("i", "j")))[1, 2], grid.sum((0, 1)))
    close(mapped(lambda x: lax.pmax(x, ("i", "j")))[0, 1], grid.max((0, 1)))
    close(mapped(lambda x: lax.pmean(x, ("j", "i")))[0, 1], grid.mean((0, 1)))
    np.testing.assert_array_equal(
        mapped(lambda x: lax.axis_index(("i", "j"))), np.arange(2 * N).reshape(2, N)
    )
    close(mapped(lambda x: lax.all_gather(x, ("i", "j")))[1, 1], grid.reshape(2 * N, 4))
    tiled = mapped(lambda x: lax.all_gather(x, ("j", "i"), tiled=True))[0, 0]
    close(tiled, grid.swapaxes(0, 1).reshape(-1))
    assert mapped(lambda x: lax.psum(1, ("i", "j"))).tolist() == [[2 * N] * N] * 2


def test_trees_integers_and_numbers():
    tree = {"a": np.arange(3), "b": (np.ones((3, 2)),)}
    found = fnx.vmap(lambda t: lax.psum(t, "i"), axis_name="i")(tree)
    assert found["a"].tolist() == [3, 3, 3]
    assert found["b"][0].tolist() == [[3, 3]] * 3
    assert fnx.vmap(lambda x: lax.psum(2.5, "i"), axis_name="i")(X).tolist() == [7.5] * N
    means = fnx.vmap(lambda x: lax.pmean(x, "i"), axis_name="i")(np.array([1, 2]))
    assert (means.tolist(), str(means.dtype)) == ([1.5, 1.5], "float32")
    chosen = fnx.vmap(lambda x: lax.pbroadcast(x, "i", 2), axis_name="i")(np.array([0, 0, 1]) > 0)
    assert chosen.tolist() == [True] * 3


def test_axis_size_gives_the_size_where_nothing_is_mapped():
    f = lambda x: lax.psum(x, "i") + lax.axis_index("i")
    found = fnx.vmap(f, in_axes=None, axis_name="i", axis_size=4)(np.float64(2))
    assert found.tolist() == [8, 9, 10, 11]
    same = fnx.vmap(lambda x: lax.psum(x, "i"), None, None, axis_name="i", axis_size=4)
    assert float(same(2.0)) == 8


def test_an_inner_axis_of_the_same_name_is_the_one_that_is_meant():
    f = lambda x: fnx.vmap(lambda y: lax.psum(y, "i"), axis_name="i")(x)
    close(fnx.vmap(f, axis_name="i")(X), np.stack([X.sum(1)] * N, 1))


def test_jit_traces_again_for_other_axes():
    f = fnx.jit(lambda x: x * lax.axis_size("i"))
    assert fnx.vmap(f, axis_name="i")(np.ones(2)).tolist() == [2, 2]
    assert fnx.vmap(f, axis_name="i")(np.ones(5)).tolist() == [5] * 5
    g = fnx.jit(lambda x: lax.psum(x, "i"))
    both = fnx.vmap(fnx.vmap(g, axis_name="i"), axis_name="j")(np.ones((2, 3)))
    assert both.tolist() == [[3] * 3] * 2
    both = fnx.vmap(fnx.vmap(g, axis_name="j"), axis_name="i")(np.ones((2, 3)))
    assert both.tolist() == [[2] * 3] * 2


def test_jaxprs_with_an_axis_environment():
    f = lambda x: lax.psum(x, "i") * lax.axis_size("j")
    jaxpr = fnx.make_jaxpr(f, axis_env=[("i", 4), ("j", 7)])(1.0)
    assert "psum[axis_name='i'] a" in str(jaxpr)
    assert "7.0" in str(jaxpr)


def test_unknown_axes_are_named_with_the_line_and_the_axes_in_scope():
    f = fnx.vmap(fnx.vmap(lambda x: lax.psum(x, "k"), axis_name="j"), axis_name="i")
    with pytest.raises(UnboundAxisError) as info:
        f(np.ones((2, 3)))
    message = str(info.value)
    assert "psum: no axis called 'k' is being mapped here" in message
    assert "named axes in scope: 'j' (size 3), 'i' (size 2)" in message
    assert "test_collectives.py" in message
    assert "fnx.vmap(f, axis_name='k')" in message
    with pytest.raises(NameError, match="in scope: none"):
        fnx.jit(lambda x: lax.axis_index("i"))(1.0)


def test_what_was_traced_with_an_axis_does_not_run_without():
    jaxpr = fnx.make_jaxpr(lambda x: lax.psum(x, "i"), axis_env=[("i", 4)])(1.0)
    with pytest.raises(UnboundAxisError, match="no axis called 'i'"):
        fnx.core.evaluate.evaluate(jaxpr, 1.0)
    with pytest.raises(UnboundAxisError, match="no axis called 'i'"):
        fnx.lowering.lower.lower(jaxpr)


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: lax.ppermute(x, "i", [(0, 1), (1, 1)]), FnxValueError, "must be distinct"),
        (lambda x: lax.ppermute(x, "i", [(0, 3)]), FnxValueError, "from 0 to 2"),
        (lambda x: lax.pshuffle(x, "i", [0, 0, 1]), FnxValueError, "no permutation of 3"),
        (lambda x: lax.psum(x > 0, "i"), FnxTypeError, "takes numbers, got bool"),
        (lambda x: lax.all_to_all(x, "i", 1, 0), FnxTypeError, "must have size 3 along split_axis"),
        (lambda x: lax.psum_scatter(x, "i", scatter_dimension=1), FnxTypeError, "must have size 3"),
        (
            lambda x: lax.psum_scatter(x, "i", scatter_dimension=1, tiled=True),
            FnxValueError, "no multiple of 3",
        ),
        (lambda x: lax.all_gather(x, "i", axis=5), FnxValueError, "axis 5 is out of range"),
        (lambda x: lax.ppermute(x, ("i", "i"), RING), FnxValueError, "named twice"),
    ],
)  # fmt: skip
def test_messages(f, error, message):
    with pytest.raises(error, match=message):
        fnx.vmap(f, axis_name="i")(X)


def test_results_that_differ_have_no_axis_none():
    with pytest.raises(AxisError, match="out_axes is None"):
        fnx.vmap(lambda x: lax.axis_index("i"), out_axes=None, axis_name="i")(X)
    total = fnx.vmap(lambda x: lax.psum(x, "i"), out_axes=None, axis_name="i")(X)
    close(total, X.sum(0))


def test_every_rule_of_every_collective_is_reached():
    rows = np.stack([X, X])

    def run(f):
        pull = lambda x: fnx.vjp(f, x)[1](f(x))[0]
        fnx.vmap(fnx.vmap(pull, axis_name="i"))(rows)
        fnx.vmap(fnx.vmap(pull), axis_name="i")(np.moveaxis(rows, 0, 1))
        fnx.vmap(lambda x: fnx.jvp(fnx.jit(f), (x,), (x,)), axis_name="i")(X)

    with recorded(collectives=True) as found:
        for f, _ in CASES.values():
            run(f)
    missing = {
        (name, slot)
        for name, slot in all_slots(collectives=True) - found
        if slot not in ("numpy", "lower")  # they raise
    }
    assert missing <= {("axis_index", "batch")}, "which has no operand that could be mapped"
    assert len(found) > 25


@pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit], ids=["plain", "jit"])
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: lax.psum("i", x), r"psum: .* got f64\[2\]\.(.|\n)*Write fnx\.lax\.psum\(x, 'i'"),
        (lambda x: lax.pmean("i", {"a": x}), r"pmean: .* got dict "),
        (lambda x: lax.pmax("i", [x, x]), r"pmax: .* got f64\["),
        (lambda x: lax.ppermute("i", x, [(0, 1)]), r"ppermute: .* got f64\["),
        (lambda x: lax.psum("i", 2.5), r"psum: .* got float 2\.5"),
        (lambda x: lax.axis_index(x), r"axis_index: (.|\n)*Write fnx\.lax\.axis_index\('i'\)\."),
    ],
)
def test_a_value_in_place_of_a_name(wrap, call, message):
    with pytest.raises(FnxTypeError, match="expected the name of a mapped axis") as info:
        wrap(fnx.vmap(call, axis_name="i"))(X[:, 0])
    assert re.search(message, str(info.value))
