"""A vmapped cond or switch runs the branches that some example takes, and no others."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as jnp
from fnx import lax
from fnx.control.branches import cond as cond_module
from fnx_xla_lite.loops.program import Case, Launch, While

EVERY = pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit], ids=["eager", "jit"])


def ends_above(limit):
    """A loop that ends where x > 0 only."""
    return lambda x: lax.while_loop(lambda y: y < limit, lambda y: y * 2, x)


def choose(x):
    return lax.cond(x > 0, ends_above(10.0), lambda x: jnp.sqrt(-x), x)


@EVERY
def test_each_example_gets_the_result_of_its_branch(wrap):
    """The loop would never end for the other examples, and their square root is NaN."""
    xs = np.array([1.0, -4.0, 3.0, -1.0, 0.0])
    expected = [16.0, 2.0, 12.0, 1.0, 0.0]
    assert wrap(fnx.vmap(choose))(xs).tolist() == expected
    assert wrap(fnx.vmap(choose))(xs[:1]).tolist() == expected[:1]
    assert wrap(fnx.vmap(choose))(xs[:0]).shape == (0,)
    twice = wrap(fnx.vmap(fnx.vmap(choose)))(xs[:4].reshape(2, 2))
    assert twice.tolist() == [[16.0, 2.0], [12.0, 1.0]]


@EVERY
def test_gradients_are_those_of_the_branches_taken(wrap):
    def f(x):
        return lax.cond(x > 0, lambda x: jnp.log(x) + jnp.sqrt(x), lambda x: 1 / (x - 1), x)

    xs = np.array([0.0, 4.0, -1.0, 1.0])
    slopes = np.array([-1.0, 0.5, -0.25, 1.5])
    np.testing.assert_allclose(wrap(fnx.vmap(fnx.grad(f)))(xs), slopes)
    np.testing.assert_allclose(wrap(fnx.grad(lambda xs: fnx.vmap(f)(xs).sum()))(xs), slopes)
    _, tangents = wrap(lambda xs: fnx.jvp(fnx.vmap(f), (xs,), (np.ones(4),)))(xs)
    np.testing.assert_allclose(tangents, slopes)


@pytest.mark.parametrize(
    ("index", "ran"),
    [([0, 0, 0], {0}), ([2, 0, 2], {0, 2}), ([1, 0, 2], {0, 1, 2}), ([9, 9, -5], {0, 2})],
)
def test_branches_that_no_example_takes_do_not_run(monkeypatch, index, ran):
    """Counted where branches are evaluated; each of them adds a number of its own."""
    found = set()

    def evaluate(jaxpr, *args):
        text = str(jaxpr)
        found.update(number for number in range(3) if f"{100.0 + number}:f32" in text)
        return original(jaxpr, *args)

    original = cond_module.evaluate
    branches = [lambda x, n=n: x + np.float32(100.0 + n) for n in range(3)]
    batched = fnx.vmap(lambda i, x: lax.switch(i, branches, x))
    xs = np.arange(3, dtype=np.float32)
    jaxpr = fnx.make_jaxpr(batched)(np.array(index), xs)
    monkeypatch.setattr(cond_module, "evaluate", evaluate)
    (result,) = fnx.core.evaluate.evaluate(jaxpr, np.array(index), xs)
    assert found == ran
    np.testing.assert_array_equal(result, xs + 100 + np.clip(index, 0, 2))


def test_compiled_branches_stand_behind_a_choice_of_their_own():
    """The loop of the expensive branch is inside of a case of the program."""
    program = fnx.jit(fnx.vmap(choose)).compiled(np.ones(4)).executable.program
    outside = [step for step in program.steps if isinstance(step, While)]
    cases = [step for step in program.steps if isinstance(step, Case)]
    inside = [step for case in cases for branch in case.branches for step in branch]
    assert not outside
    assert len(cases) == 2
    assert sum(isinstance(step, While) for step in inside) == 1
    assert any(not branch or not _launches(branch) for case in cases for branch in case.branches)


def _launches(steps):
    return [step for step in steps if isinstance(step, Launch)]


def test_an_unmapped_choice_stays_one():
    f = lambda p, x: lax.cond(p, jnp.sin, jnp.cos, x)
    jaxpr = fnx.make_jaxpr(fnx.vmap(f, (None, 0)))(True, np.ones(3))
    assert str(jaxpr).count("cond[") == 1
