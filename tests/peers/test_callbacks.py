"""What callbacks see, beside JAX: the same values, as often, in the same order."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

import fnx
from tests.laws.drawing import FACTOR
from tests.laws.talking import Writer, run
from tests.laws.test_effects import Fnx, assert_same

pytestmark = pytest.mark.peers

if importlib.util.find_spec("jax"):
    import jax
    import jax.experimental
    import jax.numpy as jnp

KINDS = ("jit", "cond", "scan", "while")


class Jax(Fnx):
    """Blocks as JAX programs, with ordered callbacks."""

    def note(self, number: int, x: Any) -> None:
        """Note something."""
        add = lambda x: self.events.append((number, float(x)))
        jax.debug.callback(add, x, ordered=self.ordered)

    ordered = True

    def sin(self, x: Any) -> Any:
        """The sine."""
        return jnp.sin(x)

    def pure(self, x: Any) -> Any:
        """A function of NumPy's."""
        spec = jax.ShapeDtypeStruct((), "float32")
        return jax.pure_callback(np.cos, spec, x, vmap_method="broadcast_all")

    def jit(self, x: Any, f: Any) -> Any:
        """A call of a compiled function."""
        return jax.jit(f)(x)

    def checkpoint(self, x: Any, f: Any) -> Any:
        """A call whose residuals are not kept."""
        return jax.checkpoint(f)(x)

    def cond(self, x: Any, limit: float, f: Any, g: Any) -> Any:
        """A branch."""
        return jax.lax.cond(x > limit, f, g, x)

    def scan(self, x: Any, times: int, f: Any) -> Any:
        """A loop of known length."""
        return jax.lax.scan(lambda c, _: (f(c), None), x, None, length=times)[0]


def _while(self: Jax, x: Any, times: int, f: Any) -> Any:
    step = lambda s: (s[0] + 1, f(s[1]))
    return jax.lax.while_loop(lambda s: s[0] < times, step, (0, x))[1]


setattr(Jax, "while", _while)


def both(block: Any, transform: Any, x: Any, ordered: bool = True) -> tuple[Any, Any]:
    """Events of fnx, then those of JAX."""
    mine, theirs = Fnx(), Jax()
    theirs.ordered = ordered
    transform(fnx, lambda x: run(mine, block, x))(x)
    transform(jax, lambda x: run(theirs, block, x))(x)
    jax.effects_barrier()
    assert mine.events
    return mine.events, theirs.events


TRANSFORMS = {
    "plain": lambda lib, f: f,
    "jit": lambda lib, f: lib.jit(f),
    "jvp": lambda lib, f: lambda x: lib.jit(lambda x: lib.jvp(f, (x,), (x,)))(x),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("seed", range(6 * FACTOR))
def test_the_same_events_in_the_same_order(seed, name):
    block = Writer(seed, (*KINDS, "pure") if name != "jvp" else KINDS).block(3)
    assert_same(*both(block, TRANSFORMS[name], np.float32(0.5)))


@pytest.mark.parametrize("seed", range(6 * FACTOR))
def test_the_same_events_in_gradients(seed):
    """Of straight code and loops; JAX allows no ordered effects in a differentiated cond."""
    block = Writer(seed, ("jit", "scan")).block(2)
    for grad in (lambda lib, f: lib.grad(f), lambda lib, f: lib.jit(lib.grad(f))):
        mine, theirs = both(block, grad, np.float32(0.5), ordered=False)
        assert_same(mine, theirs, in_order=False)


@pytest.mark.parametrize("seed", range(6 * FACTOR))
def test_the_same_events_in_batches(seed):
    """JAX's vmap takes no ordered callbacks: events are compared without their order."""
    block = Writer(seed, ("jit", "scan", "pure")).block(2)
    batch = np.arange(3, dtype=np.float32)
    for vmap in (lambda lib, f: lib.vmap(f), lambda lib, f: lib.jit(lib.vmap(f))):
        assert_same(*both(block, vmap, batch, ordered=False), in_order=False)


def test_recomputing_a_checkpoint_shows_it_twice():
    block = (("checkpoint", (("note", 1), ("sin",), ("note", 2), ("sin",))),)
    mine, theirs = both(block, lambda lib, f: lib.jit(lib.grad(f)), np.float32(0.5), ordered=False)
    assert [n for n, _ in mine] == [1, 2, 1, 2]
    assert len(theirs) >= 3  # XLA may see that a note is not needed again


@pytest.mark.parametrize("ordered", [False, True])
def test_io_callbacks(ordered):
    seen: dict[str, list[float]] = {}
    for name, lib, call in (
        ("fnx", fnx, fnx.io_callback),
        ("jax", jax, jax.experimental.io_callback),
    ):
        log = seen[name] = []

        def note(x, log=log):
            log.append(float(x))
            return np.float32(len(log))

        spec = lib.ShapeDtypeStruct((), "float32")

        def step(c, x, call=call, spec=spec, note=note):
            return c + call(note, spec, c * x, ordered=ordered), None

        f = lib.jit(lambda c, xs, lib=lib, step=step: lib.lax.scan(step, c, xs)[0])
        log.append(float(f(np.float32(1), np.arange(4, dtype="f4"))))
    assert seen["fnx"] == seen["jax"]
