"""Law: what a program does, it does once each time control comes by, in order, in every form."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import lax
from fnx.core.flatten import trace_closed
from fnx.lowering.lower import lower
from fnx_xla_lite.hlo.interpret import interpret
from tests.laws.drawing import FACTOR
from tests.laws.talking import NESTED, Plain, Writer, run

SCALAR = fnx.ShapeDtypeStruct((), "float32")


class Fnx:
    """Blocks as fnx programs."""

    def __init__(self) -> None:
        self.events: list[tuple[int, float]] = []

    def note(self, number: int, x: Any) -> None:
        """Note something, by one of the ways there are."""
        add = lambda x: self.events.append((number, float(x)))
        if number % 3 == 0:
            fnx.io_callback(add, None, lax.stop_gradient(x))
        elif number % 3 == 1:
            fnx.debug.callback(add, x)
        else:
            fnx.debug.callback(lambda *, x: add(x), x=x, ordered=True)

    sin = staticmethod(fnp.sin)

    def pure(self, x: Any) -> Any:
        """A function of NumPy's."""
        return fnx.pure_callback(np.cos, SCALAR, x, vmap_method="broadcast_all")

    def jit(self, x: Any, f: Any) -> Any:
        """A call of a compiled function."""
        return fnx.jit(f)(x)

    def checkpoint(self, x: Any, f: Any) -> Any:
        """A call whose residuals are not kept."""
        return fnx.checkpoint(f)(x)

    def custom(self, x: Any, f: Any) -> Any:
        """A call with a rule that jits."""
        wrapped = fnx.custom_jvp(f)

        @wrapped.defjvp
        def rule(primals: Any, tangents: Any) -> Any:
            return fnx.jvp(f, primals, tangents)

        return wrapped(x)

    def cond(self, x: Any, limit: float, f: Any, g: Any) -> Any:
        """A branch."""
        return lax.cond(x > limit, f, g, x)

    def scan(self, x: Any, times: int, f: Any) -> Any:
        """A loop of known length."""
        return lax.scan(lambda c, _: (f(c), None), x, None, length=times)[0]

    def vmap(self, x: Any, size: int, f: Any) -> Any:
        """Lanes, and their sum."""
        return fnx.vmap(f)(x + fnp.arange(size, dtype="float32") / 4).sum() / 4

    def grad(self, x: Any, f: Any) -> Any:
        """A derivative."""
        return fnx.grad(f)(x) / 4


def _while(self: Fnx, x: Any, times: int, f: Any) -> Any:
    return lax.while_loop(lambda s: s[0] < times, lambda s: (s[0] + 1, f(s[1])), (0, x))[1]


setattr(Fnx, "while", _while)


def events_of(block: Any, how: Any) -> list[tuple[int, float]]:
    api = Fnx()
    how(lambda x: run(api, block, x))(fnp.asarray(0.5))
    return api.events


def assert_same(got: Any, wanted: Any, in_order: bool = True) -> None:
    if not in_order:
        assert Counter(n for n, _ in got) == Counter(n for n, _ in wanted)
        got, wanted = sorted(got), sorted(wanted)
    assert [n for n, _ in got] == [n for n, _ in wanted]
    np.testing.assert_allclose([x for _, x in got], [x for _, x in wanted], rtol=1e-3, atol=1e-3)


WITHOUT_LANES = tuple(kind for kind in NESTED if kind != "vmap")


@pytest.mark.parametrize("seed", range(8 * FACTOR))
def test_jit_does_what_eager_does(seed):
    block = Writer(seed).block(3)
    eager = events_of(block, lambda f: f)
    assert eager
    assert_same(events_of(block, fnx.jit), eager)


@pytest.mark.parametrize("seed", range(8 * FACTOR))
def test_everything_happens_where_it_is_written(seed):
    """Against plain Python. (A checkpoint under grad happens again: the next law.)"""
    kinds = tuple(k for k in WITHOUT_LANES if k != "checkpoint")
    block, plain = Writer(seed, kinds).block(3), Plain()
    run(plain, block, 0.5)
    for how in (lambda f: f, fnx.jit):
        assert_same(events_of(block, how), plain.events)


@pytest.mark.parametrize("seed", range(8 * FACTOR))
def test_a_batch_does_what_its_lanes_do(seed):
    """All lanes, each as if it were alone; steps of different lanes may alternate."""
    kinds = tuple(k for k in NESTED if k != "checkpoint")
    block, plain = Writer(seed, kinds).block(2), Plain()
    block = (("vmap", 3, block),)
    run(plain, block, 0.5)
    for how in (lambda f: f, fnx.jit):
        assert_same(events_of(block, how), plain.events, in_order=False)


@pytest.mark.parametrize("seed", range(4 * FACTOR))
def test_lanes_come_in_order(seed):
    """Of straight code: each note of all lanes, from the first to the last."""
    block, plain = Writer(seed, ("jit", "custom")).block(2), Plain()
    block = (("vmap", 3, block),)
    run(plain, block, 0.5)
    notes = dict.fromkeys(n for n, _ in plain.events)
    wanted = [event for n in notes for event in plain.events if event[0] == n]
    for how in (lambda f: f, fnx.jit, fnx.grad):
        assert_same(events_of(block, how), wanted)


@pytest.mark.parametrize("seed", range(8 * FACTOR))
def test_a_gradient_does_it_in_the_forward_pass(seed):
    kinds = tuple(k for k in WITHOUT_LANES if k not in ("checkpoint", "pure", "while"))
    block, plain = Writer(seed, kinds).block(2), Plain()
    run(plain, block, 0.5)
    for how in (
        fnx.grad,
        lambda f: fnx.jit(fnx.grad(f)),
        lambda f: fnx.grad(fnx.jit(f)),
        lambda f: lambda x: fnx.jvp(f, (x,), (x,)),
        lambda f: lambda x: fnx.jit(lambda x: fnx.jvp(f, (x,), (x,)))(x),
        lambda f: lambda x: fnx.vjp(f, x),
    ):
        assert_same(events_of(block, how), plain.events)


@pytest.mark.parametrize("seed", range(8 * FACTOR))
def test_checkpoints_do_it_again_when_they_run_again(seed):
    kinds = tuple(k for k in NESTED if k not in ("pure", "while"))
    block = (("note", 0), ("checkpoint", Writer(seed, kinds).block(2)))
    forward = events_of(block, lambda f: f)
    for how in (fnx.grad, lambda f: fnx.jit(fnx.grad(f))):
        events = events_of(block, how)
        assert_same(events[: len(forward)], forward)
        again = Counter(n for n, _ in events[len(forward) :])
        assert again <= Counter(n for n, _ in forward)
        assert not any(n % 3 == 0 for n in again), "io_callback happens once"


@pytest.mark.parametrize("seed", range(4 * FACTOR))
def test_the_interpreter_does_what_native_code_does(seed):
    """Of the module that is compiled, before any pass."""
    api, block, x = Fnx(), Writer(seed).block(3), fnp.asarray(0.5)
    jaxpr, consts = trace_closed(lambda x: [run(api, block, x)], [x.aval])
    interpret(lower(jaxpr), *map(np.asarray, consts), np.asarray(x))
    assert_same(api.events, events_of(block, fnx.jit))
