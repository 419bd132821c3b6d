"""Hypothesis strategy of modules: nests of loops and branches over arrays of one type.

Equal types, so that any two values could share memory; branches pass arrays through, swap them,
change them in part, elementwise or out of order, and read values of all enclosing computations.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.ir import TensorType
from tests.xla_lite.loops.cases import total

SIZE = 4
ARRAY = TensorType((SIZE,), "i32")


def turned(x):
    """A callback: what it writes first it reads last."""
    return (x[::-1] + 1,)


def at(b, x, piece, place):
    """``x`` with a piece at a known place."""
    return b.dynamic_update_slice(x, piece, (b.constant(np.int32(place)),))


SIMPLE = {
    "same": lambda b, x, y: (x,),
    "negate": lambda b, x, y: (b.negate(x),),
    "multiply": lambda b, x, y: (b.multiply(x, y),),
    "two results": lambda b, x, y: (b.add(x, y), b.subtract(x, y)),
    "reverse": lambda b, x, y: (b.reverse(x, (0,)),),
    "roll": lambda b, x, y: (
        b.concatenate([b.slice(x, (1,), (SIZE,)), b.slice(y, (0,), (1,))], 0),
    ),
    "mean": lambda b, x, y: (b.add(b.broadcast_in_dim(total(b, x, (0,)), (SIZE,), ()), y),),
    "set all": lambda b, x, y: (at(b, x, y, 0),),
    "set from itself": lambda b, x, y: (at(b, x, b.slice(b.reverse(x, (0,)), (0,), (2,)), 1),),
    "python": lambda b, x, y: b.custom_call(
        turned, (x,), (np.empty(SIZE, np.int32),), has_side_effect=False
    ),
}
KINDS = (*SIMPLE, *("set",) * 2, *("case", "loop") * 4)


class Nest:
    """A module while it is drawn. ``known`` are arrays that may be read here."""

    def __init__(self, draw):
        self.draw = draw
        self.b = Builder("nest")
        self.budget = draw(st.integers(4, 24))

    @contextmanager
    def inside(self, b):
        """What is made goes to the builder of a region."""
        outer, self.b = self.b, b
        yield
        self.b = outer

    def pick(self, known):
        """A known array; the last ones rather than the first."""
        return known[-1 - min(self.draw(st.integers(0, 5)), len(known) - 1)]

    def steps(self, known):
        """Some steps; all arrays that are known then."""
        known = list(known)
        for _ in range(self.draw(st.integers(1, 4))):
            if self.budget > 0:
                self.budget -= 1
                known += self.step(self.draw(st.sampled_from(KINDS)), known)
        return known

    def number(self, known):
        """A scalar in 0..3 that depends on an array."""
        b = self.b
        scalar = total(b, self.pick(known), (0,))
        return b.and_(scalar, b.constant(np.int32(self.draw(st.integers(0, 3)))))

    def step(self, kind, known):
        """The results of one step of a kind."""
        x, y = self.pick(known), self.pick(known)
        if kind in SIMPLE:
            return SIMPLE[kind](self.b, x, y)
        if kind == "set":
            piece = self.b.slice(y, (1,), (3,))
            return (self.b.dynamic_update_slice(x, piece, (self.number(known),)),)
        return self.case(known) if kind == "case" else self.loop(known)

    def results(self, known, count):
        return [self.pick(known) for _ in range(count)]

    def case(self, known):
        """Branches over arrays of outside: often passed through, often swapped."""
        count, passed = self.draw(st.integers(1, 3)), self.results(known, 3)

        def branch(b):
            kind = self.draw(st.sampled_from(("pass", "swap", "steps", "steps", "any")))
            if kind == "pass":
                return passed[:count]
            if kind == "swap":
                return self.draw(st.permutations(passed))[:count]
            with self.inside(b):
                made = self.steps([*known, *passed] if kind == "steps" else known)
                return self.results(made, count)

        return self.b.case(self.number(known), [branch] * self.draw(st.integers(1, 3)))

    def loop(self, known):
        """A counter and some arrays; the condition may read one of them."""
        b = self.b
        inits = self.results(known, self.draw(st.integers(1, 3)))
        rounds, one = b.constant(np.int32(self.draw(st.integers(0, 3)))), b.constant(np.int32(1))
        looks = self.draw(st.booleans())

        def condition(b, i, *state):
            going = b.compare(i, rounds, "LT")
            small = b.compare(total(b, state[-1], (0,)), b.constant(np.int32(900)), "LT")
            return b.and_(going, small) if looks else going

        def body(b, i, *state):
            with self.inside(b):
                return b.add(i, one), *self.results(self.steps([*known, *state]), len(state))

        return self.b.while_((b.constant(np.int32(0)), *inits), condition, body)[1:]


@st.composite
def nests(draw):
    """A module with some parameters donated, and arrays for its parameters."""
    nest = Nest(draw)
    known = [nest.b.parameter(ARRAY.shape, ARRAY.dtype) for _ in range(draw(st.integers(1, 3)))]
    arrays = [np.arange(SIZE, dtype=np.int32) * (n + 1) - n for n in range(len(known))]
    first = known
    while nest.budget > 0:
        nest.budget -= 1
        known = nest.steps(known)
    module = nest.b.build(*nest.results(known, draw(st.integers(1, 3))))
    donated = frozenset(n for n in range(len(first)) if draw(st.booleans()))
    return replace(module, functions=(replace(module.main, donated=donated),)), arrays
