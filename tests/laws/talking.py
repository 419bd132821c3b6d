"""Random programs that note what they do: written as nested blocks, run by fnx, JAX, or Python.

A block is a tuple of statements on one number x. Whatever runs it hands in an ``api``: how to note,
branch, loop and differentiate.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

Block = tuple[Any, ...]
NESTED = ("jit", "checkpoint", "cond", "scan", "while", "vmap", "grad", "pure", "custom")


class Writer:
    """Draws blocks."""

    def __init__(self, seed: int, kinds: tuple[str, ...] = NESTED) -> None:
        self.random, self.kinds, self.notes = random.Random(seed), kinds, 0

    def block(self, depth: int, without: tuple[str, ...] = ()) -> Block:
        """Some statements; those in ``without`` are not among them, at any depth."""
        found: list[Any] = []
        for _ in range(self.random.randint(1, 3)):
            found.append(self.note())
            kinds = [k for k in self.kinds if k not in without]
            found.append(self.statement(depth, kinds, without) if depth and kinds else ("sin",))
        return (*found, self.note())

    def note(self) -> tuple[str, int]:
        """A note with a number of its own."""
        self.notes += 1
        return "note", self.notes

    def statement(self, depth: int, kinds: list[str], without: tuple[str, ...]) -> tuple[Any, ...]:
        """One nested statement."""
        kind = self.random.choice(kinds)
        if kind == "pure":
            return (kind,)
        if kind == "grad":  # pure and while have no reverse mode
            without = (*without, "pure", "while", "grad")
        if kind == "custom":  # straight code
            without = NESTED
        blocks = [self.block(depth - 1, without) for _ in range(2 if kind == "cond" else 1)]
        if kind == "cond":
            return kind, self.random.uniform(-0.5, 0.8), *blocks
        if kind in ("scan", "while", "vmap"):
            return kind, self.random.randint(0, 3), *blocks
        return kind, *blocks


def run(api: Any, block: Block, x: Any) -> Any:
    """Run a block."""
    for kind, *rest in block:
        if kind == "note":
            api.note(rest[0], x)
        elif kind == "sin":
            x = api.sin(x) + x / 4
        elif kind == "pure":
            x = api.pure(x)
        else:
            *numbers, last = rest if kind != "cond" else (*rest[:1], rest[1:])
            bodies = [_function(api, b) for b in (last if kind == "cond" else (last,))]
            x = getattr(api, kind)(x, *numbers, *bodies)
    return x


def _function(api: Any, block: Block) -> Callable[[Any], Any]:
    return lambda x: run(api, block, x)


class Plain:
    """Python's own meaning: everything happens where it is written, lane by lane.

    Values only need to be good enough to choose the same branches: the derivative is a difference.
    """

    def __init__(self) -> None:
        self.events: list[tuple[int, float]] = []

    def note(self, number: int, x: float) -> None:
        """Note something."""
        self.events.append((number, x))

    sin = staticmethod(math.sin)

    def pure(self, x: float) -> float:
        """A function of NumPy's."""
        return math.cos(x)

    def jit(self, x: float, f: Callable[[Any], Any]) -> float:
        """A call."""
        return f(x)

    custom = jit

    checkpoint = jit

    def cond(self, x: float, limit: float, f: Any, g: Any) -> float:
        """A branch."""
        return f(x) if x > limit else g(x)

    def scan(self, x: float, times: int, f: Any) -> float:
        """A loop."""
        for _ in range(times):
            x = f(x)
        return x

    setattr_while = scan

    def vmap(self, x: float, size: int, f: Any) -> float:
        """Lanes, each through everything before the next; the sum."""
        return sum((f(x + lane / 4) for lane in range(size)), 0.0) / 4

    def grad(self, x: float, f: Any) -> float:
        """The value is noted once, at x; and around it nothing."""
        f(x)
        kept, self.events = self.events, []
        step = 1e-5
        slope = (f(x + step) - f(x - step)) / (2 * step)
        self.events = kept
        return slope / 4


setattr(Plain, "while", Plain.scan)
del Plain.setattr_while
