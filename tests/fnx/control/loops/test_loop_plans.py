"""Compiled loops: native, in place, and with as much memory as their residuals need."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as jnp
from fnx import lax
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.loops.program import Case, Copy, Launch, While

HIDDEN, STEPS = 32, 1000
ROW = 4 * HIDDEN
W, U = (np.ones((HIDDEN, HIDDEN), np.float32) / HIDDEN for _ in range(2))
H, XS = np.zeros(HIDDEN, np.float32), np.ones((STEPS, HIDDEN), np.float32)


def rnn(w, u, h, xs):
    def cell(h, x):
        h = jnp.tanh(w @ h + u @ x)
        return h, h

    return lax.scan(cell, h, xs)


def program_of(f, *args):
    return fnx.jit(f).compiled(*args).executable.program


def loops_of(steps):
    """Every loop of a program, inner ones included."""
    for step in steps:
        if isinstance(step, While):
            yield step
            yield from loops_of(step.body)
        elif isinstance(step, Case):
            for branch in step.branches:
                yield from loops_of(branch)


def size_of(slot):
    return slot.type.size * itemsize(slot.type.dtype)


def copies_in(loop):
    """Bytes of the copies of one round."""
    return [size_of(step.source) for step in loop.body if isinstance(step, Copy)]


def written_in(loop):
    """Bytes that the kernels of one round may write, at most: sizes of buffers they fill."""
    return [
        size_of(slot)
        for step in loop.body
        if isinstance(step, Launch)
        for slot, buffer in zip(step.slots, step.kernel.parameters, strict=True)
        if buffer.role == "output" and step.kernel.name.startswith("constant")
    ]


LOSSES = {
    "scan": (lambda *a: rnn(*a), 1),
    "gradient of a scan": (fnx.grad(lambda *a: rnn(*a)[1].sum(), (0, 1, 2, 3)), 2),
    "reversed": (lambda *a: lax.scan(lambda h, x: (h + x, h * x), a[2], a[3], reverse=True), 1),
    "batched": (
        lambda w, u, h, xs: fnx.vmap(rnn, (None, None, 0, 1))(
            w, u, jnp.stack([h, h]), jnp.stack([xs, xs], axis=1)
        ),
        1,
    ),
    "tangents": (lambda *a: fnx.jvp(rnn, a, a), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_a_scan_is_a_loop_that_copies_rows_only(name):
    """Rows of xs are read and rows of ys written in place: no step moves a whole stack."""
    f, count = LOSSES[name]
    loops = list(loops_of(program_of(f, W, U, H, XS).steps))
    assert len(loops) == count
    for loop in loops:
        assert sum(copies_in(loop)) <= 4 * ROW, loop
        assert not written_in(loop), loop


def test_elements_are_updated_in_place():
    f = lambda x: lax.fori_loop(1, STEPS, lambda i, x: x.at[i].set(x[i - 1] * 0.5 + x[i]), x)
    (loop,) = loops_of(program_of(f, np.ones(STEPS, np.float32)).steps)
    assert sum(copies_in(loop)) <= 8, loop
    x = np.arange(STEPS, dtype=np.float32)
    expected = x.copy()
    for i in range(1, STEPS):
        expected[i] = expected[i - 1] * np.float32(0.5) + expected[i]
    np.testing.assert_allclose(fnx.jit(f)(x), expected, rtol=1e-6)


def test_a_row_is_updated_in_place_in_nested_loops():
    def f(x):
        inner = lambda i: lambda j, x: x.at[i, j].add(x[i, j - 1])
        return lax.fori_loop(0, 20, lambda i, x: lax.fori_loop(1, 30, inner(i), x), x)

    x = np.ones((20, 30), np.float32)
    loops = list(loops_of(program_of(f, x).steps))
    assert len(loops) == 2
    for loop in loops:
        assert sum(copies_in(loop)) <= 64, loop
    np.testing.assert_array_equal(fnx.jit(f)(x), np.cumsum(x, axis=1))


def test_the_gradient_of_a_scan_keeps_a_row_of_residuals_for_each_step():
    """O(T), not O(T^2): at most four rows a step (h, 1 - h^2, the cotangents), and the weights."""
    loss = lambda *a: rnn(*a)[1].sum()
    small, large = (
        program_of(fnx.grad(loss, (0, 1)), W, U, H, XS[:n]).arena_bytes for n in (250, 1000)
    )
    assert large <= 4.2 * small
    assert large <= 5 * STEPS * ROW


def test_what_is_the_same_in_every_step_is_not_stacked():
    """The weights, the rows of xs and what is computed from the weights alone."""

    def f(w, h, xs):
        def cell(h, x):
            v = jnp.exp(w)  # the same in every step
            return h * v * x, None

        return lax.scan(cell, h, xs)[0].sum()

    w = np.zeros((HIDDEN,), np.float32)
    jaxpr = fnx.make_jaxpr(fnx.grad(f, (0, 1, 2)))(w, H, XS)
    forward = next(eqn for eqn in jaxpr.eqns if eqn.primitive.name == "scan")
    stacks = [v.aval.shape for v in forward.outputs if v.aval.shape[:1] == (STEPS,)]
    assert stacks == [(STEPS, HIDDEN)] * 2  # h, and h * v
    assert [e.primitive.name for e in forward.params["body"].eqns].count("exp") == 0


def test_costly_work_that_is_the_same_in_every_step_runs_before_the_loop():
    def f(w, u, h):
        return lax.fori_loop(0, 5, lambda i, h: jnp.tanh((w @ u) @ h) + w.sum(), h)

    program = program_of(f, W, U, H)
    (loop,) = loops_of(program.steps)
    products = [
        slot
        for step in loop.body
        if isinstance(step, Launch)
        for slot in step.slots
        if slot.place == "parameter" and slot.index < 2
    ]
    assert not products
    h = H + 0.5
    expected = h
    for _ in range(5):
        expected = np.tanh((W @ U) @ expected) + W.sum()
    np.testing.assert_allclose(fnx.jit(f)(W, U, h), expected, rtol=1e-5)


@pytest.mark.parametrize("length", [63, 64, 65, 71, 100])
def test_several_steps_of_a_loop_over_numbers_are_one_kernel(length):
    def f(x, n):
        step = lambda i, s: (s[0] * 0.5 + s[1] * i, s[0] * s[0] - s[1])
        return lax.fori_loop(0, n, step, (x, x * 0.1))

    compiled = fnx.jit(f, static_argnums=1)
    found = compiled(np.float64(0.3), length)
    expected = (0.3, 0.3 * 0.1)
    for i in range(length):
        expected = expected[0] * 0.5 + expected[1] * i, expected[0] * expected[0] - expected[1]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    (loop,) = loops_of(program_of(lambda x: f(x, length), np.float64(0.3)).steps)
    assert len(loop.body) == 1


def test_results_that_nobody_reads_are_not_computed():
    f = lambda x: lax.scan(lambda c, _: ((c[0] + 1, jnp.sin(c[1])), c[1]), (x, x), None, 5)[0][0]
    text = str(fnx.transforms.dce.dce_jaxpr(fnx.make_jaxpr(f)(1.0)))
    assert "sin" not in text
    assert "num_carry=1" in text
    f = lambda x: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, jnp.sin(c[1])), (0.0, x))
    text = str(fnx.transforms.dce.dce_jaxpr(fnx.make_jaxpr(lambda x: f(x)[0])(1.0)))
    assert "sin" not in text


def test_the_backward_loop_of_a_bounded_while_runs_as_often_as_the_forward_one():
    """It is counted by a value, and does not run to the bound."""
    f = lambda x: lax.while_loop(lambda x: x < 100, lambda x: x * x, x, max_steps=10**6)
    g = fnx.jit(fnx.grad(f))
    jaxpr = fnx.make_jaxpr(fnx.grad(f))(3.0)
    backward = [eqn for eqn in jaxpr.eqns if eqn.primitive.name == "scan"]
    assert [eqn.params["counted"] for eqn in backward] == [True]
    np.testing.assert_allclose(g(3.0), 8 * 3.0**7)
    assert g.compiled(3.0).executable.program.arena_bytes < 2 * 4 * 10**6


def _inner(x, y):
    """A loop that writes elements of ``x``, and reads ``y``."""
    return lax.fori_loop(0, 4, lambda j, v: v.at[j].set(v[j - 1] * 0.5 + y[3 - j]), x)


OUTER = {
    "read after the inner loop": lambda a, b: (_inner(a, b) + a, b),
    "read in the inner loop": lambda a, b: (_inner(a, a), b),
    "exchanged": lambda a, b: (_inner(b, a), _inner(a, b)),
    "one after the other": lambda a, b: (_inner(_inner(a, b), b), b * 0.5),
    "one for two": lambda a, b: (_inner(a, b),) * 2,
    "both ways": lambda a, b: (_inner(a, b), _inner(b, a)),
    "later than its update": lambda a, b: (lambda c: (c, _inner(b, c) + a))(_inner(a, b)),
    "in a branch": lambda a, b: lax.cond(a[0] > b[0], lambda: (_inner(a, b), b), lambda: (b, a)),
}


@pytest.mark.parametrize("name", OUTER)
def test_states_of_nested_loops_share_memory_only_where_they_may(name):
    a, b = np.arange(4.0), np.array([0.3, -1.0, 2.0, 0.7])
    step = OUTER[name]
    f = lambda a, b: lax.fori_loop(0, 5, lambda i, s: step(*s), (a, b))
    expected = (jnp.asarray(a), jnp.asarray(b))
    for _ in range(5):
        expected = step(*expected)
    for found, x in zip(fnx.jit(f)(a, b), expected, strict=True):
        np.testing.assert_allclose(found, x, rtol=1e-12)
