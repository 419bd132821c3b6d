"""Phases: in which pass over a row a value is known, and what a later pass finds stored.

A value of phase ``p`` needs the results of the reductions of phases below ``p``. Phase 0 reads
inputs only; in softmax the maximum is reduced in phase 0, ``exp(x - max)`` and its sum belong to
phase 1, the quotient to phase 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fnx_xla_lite.fusion.cost import RELOAD, flops
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value


@dataclass(slots=True)
class Phases:
    """The plan of one fused computation.

    Attributes:
        phase: the phase of each value; parameters have phase 0.
        reduces: the reductions of each phase.
        stored: values that are written when they are computed and read back in later phases.
        count: number of phases, the last of which may reduce nothing.
    """

    phase: dict[Value, int] = field(default_factory=dict)
    reduces: list[list[Instruction]] = field(default_factory=list)
    stored: list[Value] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Number of passes over a row."""
        return len(self.reduces)


def plan_phases(body: Computation, full: list[Value]) -> Phases:
    """Assign phases; ``full`` are the results that have the unreduced shape."""
    plan = Phases(dict.fromkeys(body.parameters, 0))
    for instr in body.instructions:
        _place(instr, plan)
    last = max((plan.phase[r] for r in full), default=-1)
    while plan.count <= last:
        plan.reduces.append([])
    _find_stored(body, plan, full)
    return plan


def full_results(body: Computation) -> list[Value]:
    """The results of the unreduced size.

    Where nothing is reduced in truth, these are the ones that no reduction feeds.
    """
    reduce = next(i for i in body.instructions if i.op == "reduce")
    size, kept = reduce.operands[0].type.size, reduce.results[0].type.size
    found = [r for r in body.results if r.type.size == size]
    if size != kept:
        return found
    depends = {r for i in body.instructions if i.op == "reduce" for r in i.results}
    for instr in body.instructions:
        if not depends.isdisjoint(instr.operands):
            depends.update(instr.results)
    return [r for r in found if r not in depends]


def _place(instr: Instruction, plan: Phases) -> None:
    phase = max((plan.phase[x] for x in instr.operands), default=0)
    if instr.op == "reduce":
        while plan.count <= phase:
            plan.reduces.append([])
        plan.reduces[phase].append(instr)
        phase += 1
    for result in instr.results:
        plan.phase[result] = phase


def _find_stored(body: Computation, plan: Phases, full: Iterable[Value]) -> None:
    """Walk from what each phase needs to earlier values that are dear to compute again."""
    producers = {r: i for i in body.instructions for r in i.results}
    size = next(i for i in body.instructions if i.op == "reduce").operands[0].type.size
    costs = _tree_costs(body, set())
    order = {r: n for n, i in enumerate(body.instructions) for r in i.results}
    todo = [(r, plan.phase[r]) for r in full]
    for phase, reduces in enumerate(plan.reduces):
        todo += [(x, phase) for i in reduces for x in i.operands[: len(i.results)]]
    seen, stored = set(todo), set()
    while todo:
        value, phase = todo.pop()
        instr = producers.get(value)
        if instr is None or instr.op == "reduce":
            continue
        if plan.phase[value] < phase and costs[value] > RELOAD and value.type.size == size:
            stored.add(value)
            phase = plan.phase[value]
        for need in ((x, phase) for x in instr.operands):
            if need not in seen:
                seen.add(need)
                todo.append(need)
    candidates = sorted(stored, key=order.__getitem__)
    kept: set[Value] = set()
    for value in candidates:  # one that is cheap to make from those before it need not be kept
        if _tree_costs(body, kept)[value] > RELOAD or value in full:
            kept.add(value)
    plan.stored = [value for value in candidates if value in kept]


def _tree_costs(body: Computation, stored: set[Value]) -> dict[Value, int]:
    """Additions and loads for one element, from memory, stored values and reduced values."""
    costs: dict[Value, int] = {}
    for instr in body.instructions:
        total = flops(instr)
        if instr.op == "reduce":
            total = 0
        else:
            total += sum(
                costs[x] if x in costs and x not in stored else _load(x) for x in instr.operands
            )
        for result in instr.results:
            costs[result] = min(total, 1 << 30)
    return costs


def _load(value: Value) -> int:
    """What it costs to read a value: nothing for a scalar, which stays in a register."""
    return int(value.type.size > 1)
