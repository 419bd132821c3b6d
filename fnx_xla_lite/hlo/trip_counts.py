"""Trip counts: how often the body of a ``while`` runs, where that can be read off the program.

A loop is counted if its condition compares one state with a constant, the state starts at a
constant, and the body adds a constant to it. Fusions are looked through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, Value

_MIRRORED = {"LT": "GT", "LE": "GE", "GT": "LT", "GE": "LE", "NE": "NE", "EQ": "EQ"}


class Definitions:
    """What makes each value of a module, seen through fusions and through loops' fixed states."""

    def __init__(self, module: HloModule) -> None:
        self.makers: dict[Value, Instruction] = {}
        self.same: dict[Value, Value] = {}
        for function in module.functions:
            self._add(function.body)

    def _add(self, body: Computation) -> None:
        for instr in body.instructions:
            self.makers.update(dict.fromkeys(instr.results, instr))
            for region in instr.regions:
                self._add(region)
            if instr.op == "fusion":
                (region,) = instr.regions
                self.same.update(zip(region.parameters, instr.operands, strict=True))
                self.same.update(zip(instr.results, region.results, strict=True))
            elif instr.op == "while":
                self._add_fixed(instr)

    def _add_fixed(self, loop: Instruction) -> None:
        """States that the body hands on as they are stand for their first values."""
        condition, body = loop.regions
        for i, result in enumerate(body.results):
            if self.root(result) is body.parameters[i]:
                self.same[body.parameters[i]] = loop.operands[i]
                self.same[condition.parameters[i]] = loop.operands[i]

    def root(self, value: Value) -> Value:
        """The value that this one is under another name."""
        while value in self.same:
            value = self.same[value]
        return value

    def maker(self, value: Value) -> Instruction | None:
        """The instruction that computes a value; None for a parameter."""
        return self.makers.get(self.root(value))

    def number(self, value: Value) -> Any:
        """The number that a scalar always is; None where it is not known."""
        instr = self.maker(value)
        if instr is None or instr.op != "constant" or instr.attributes["value"].size != 1:
            return None
        return instr.attributes["value"].reshape(-1)[0].item()


def trip_count(loop: Instruction, known: Definitions) -> int | None:
    """How often the body of a ``while`` runs; None where that depends on data.

    Args:
        loop: the instruction.
        known: what makes the values of its module.
    """
    condition, body = loop.regions
    test = known.maker(condition.results[0])
    if test is None or test.op != "compare":
        return None
    for side, direction in ((0, lambda d: d), (1, _MIRRORED.__getitem__)):
        place = _place(known.root(test.operands[side]), condition)
        limit = known.number(test.operands[1 - side])
        if place is None or limit is None:
            continue
        start = known.number(loop.operands[place])
        step = _step(known, body, place)
        if start is None or step is None:
            return None
        return _count(start, limit, step, direction(test.attributes["comparison_direction"]))
    return None


def _place(value: Value, body: Computation) -> int | None:
    return body.parameters.index(value) if value in body.parameters else None


def _step(known: Definitions, body: Computation, place: int) -> Any:
    """What the body adds to one state; None where that is no constant."""
    instr = known.maker(body.results[place])
    if instr is None or instr.op not in ("add", "subtract"):
        return None
    state = body.parameters[place]
    x, y = instr.operands
    if known.root(x) is state:
        step = known.number(y)
        return -step if step is not None and instr.op == "subtract" else step
    return known.number(x) if instr.op == "add" and known.root(y) is state else None


def _count(start: Any, limit: Any, step: Any, direction: str) -> int | None:
    """The number of steps from ``start`` while ``state direction limit`` holds."""
    holds: dict[str, Callable[[Any], bool]] = {
        "LT": lambda x: x < limit, "LE": lambda x: x <= limit, "GT": lambda x: x > limit,
        "GE": lambda x: x >= limit, "NE": lambda x: x != limit, "EQ": lambda x: x == limit,
    }  # fmt: skip
    if not holds[direction](start):
        return 0
    if direction == "EQ":
        return 1 if step else None
    if not step or not np.isfinite(step) or (limit - start) * step < 0:
        return None
    steps, rest = divmod(limit - start, step)
    if direction == "NE":
        return int(steps) if not rest else None
    if direction in ("LE", "GE"):
        return int(steps) + 1
    return int(steps) + bool(rest)
