"""Steps: lay out a module as symbolic steps over storages.

Instructions that only rename memory make no step. A loop's state has storages of its own, which are
written before the loop and at the end of every round; so have the results of a ``case``, which are
written at the end of every branch. ``loops.sharing`` spares what it can of these copies.
Invariant: positions rise from step to step; every list of a branch, and every body of a loop, ends
    with ``Moves``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, TensorType, Value
from fnx_xla_lite.loops.kernels import Call, KernelBuilder, single
from fnx_xla_lite.loops.memory import Storage

ALIASES = frozenset({"reshape", "optimization_barrier", "bitcast_convert"})
SMALL_CONSTANT = 4096  # bytes up to which a splat is kept as a constant instead of being filled in


@dataclass(slots=True)
class Move:
    """Copy ``source`` to ``target``, unless they come to lie in one place."""

    source: Storage
    target: Storage
    type: TensorType


@dataclass(slots=True)
class Moves:
    """Copies at once: all sources are read before any target is written."""

    moves: list[Move]
    position: int


@dataclass(slots=True)
class Run:
    """Run a kernel; ``starts`` first fill results of which it writes a part."""

    call: Call
    inputs: list[Storage]
    outputs: list[Storage]
    starts: list[Move]
    position: int


@dataclass(slots=True)
class Repeat:
    """A loop: ``flag`` is read at ``tested``, the body ends by moving the state on."""

    condition: list[SymbolicStep]
    flag: Storage
    tested: int
    body: list[SymbolicStep]


@dataclass(slots=True)
class Branches:
    """One of several step lists, chosen by an i32; each ends by moving the results out."""

    index: Storage
    branches: list[list[SymbolicStep]]
    position: int


@dataclass(slots=True)
class Talk:
    """Run a callback."""

    number: int
    inputs: list[tuple[Storage, TensorType]]
    outputs: list[tuple[Storage, TensorType]]
    position: int


SymbolicStep = Moves | Run | Repeat | Branches | Talk


@dataclass(slots=True)
class Layout:
    """All steps of a program and the memory that they use; results are there at ``end``."""

    steps: list[SymbolicStep] = field(default_factory=list)
    storages: list[Storage] = field(default_factory=list)
    parameters: list[Storage] = field(default_factory=list)
    results: list[Storage] = field(default_factory=list)
    constants: list[np.ndarray] = field(default_factory=list)
    end: int = 0


def trace_steps(module: HloModule) -> Layout:
    """Lay out the entry function of ``module``."""
    return _Tracer().main(module)


class _Tracer:
    """Walks computations in order and numbers the steps."""

    def __init__(self) -> None:
        self.layout = Layout()
        self.kernels = KernelBuilder()
        self.homes: dict[Value, Storage] = {}
        self.position = 0

    def main(self, module: HloModule) -> Layout:
        """The entry function."""
        body = module.main.body
        for number, parameter in enumerate(body.parameters):
            storage = self.new(parameter.type, "parameter", number)
            storage.donated = number in module.main.donated
            self.homes[parameter] = storage
            self.layout.parameters.append(storage)
        self.body(body, self.layout.steps)
        moves: list[Move] = []
        for number, result in enumerate(body.results):
            self.layout.results.append(self.main_result(number, result, moves))
        self.layout.steps.append(self.moves(moves))
        self.layout.end = self.position
        return self.layout

    def main_result(self, number: int, value: Value, moves: list[Move]) -> Storage:
        """Let a value be the result ``number``, or copy it there."""
        home = self.homes[value]
        if home.place == "arena":
            home.place, home.index, home.type = "result", number, value.type
            return home
        target = self.new(value.type, "result", number)
        moves.append(Move(home, target, value.type))
        return target

    def new(self, kind: TensorType, place: str = "arena", index: int = -1) -> Storage:
        """A storage for values of a type."""
        storage = Storage(kind.size * itemsize(kind.dtype), kind, place, index)
        self.layout.storages.append(storage)
        return storage

    def body(self, body: Computation, steps: list[SymbolicStep]) -> None:
        """Lay out instructions in order."""
        for instr in body.instructions:
            self.position += 1
            rule = _RULES.get(instr.op, _Tracer.kernel)
            rule(self, instr, steps)

    def moves(self, moves: list[Move]) -> Moves:
        """Copies at a position of their own."""
        self.position += 1
        return Moves([m for m in moves if m.source is not m.target and m.type.size], self.position)

    def alias(self, instr: Instruction, _: list[SymbolicStep]) -> None:
        """The results are the operands under other types."""
        for operand, result in zip(instr.operands, instr.results, strict=True):
            self.homes[result] = self.homes[operand]

    def constant(self, instr: Instruction, steps: list[SymbolicStep]) -> None:
        """Small or varied constants are part of the program; large splats are filled in."""
        value, result = instr.attributes["value"], instr.result
        if value.ndim and not any(value.strides) and value.nbytes > SMALL_CONSTANT:
            return self.kernel(instr, steps)
        self.homes[result] = self.new(result.type, "constant", len(self.layout.constants))
        self.layout.constants.append(np.ascontiguousarray(value))
        return None

    def kernel(self, instr: Instruction, steps: list[SymbolicStep]) -> None:
        """One or several kernels compute the results."""
        body = instr.regions[0] if instr.op == "fusion" else single(instr)
        if instr.op == "fusion":
            for parameter, operand in zip(body.parameters, instr.operands, strict=True):
                self.homes[parameter] = self.homes[operand]
        for call in self.kernels.build(body, instr.location):
            steps.append(self.run(call))
            self.position += 1
        for mine, result in zip(body.results, instr.results, strict=True):
            if mine not in self.homes:
                self.homes[mine] = self.new(mine.type)
            self.homes[result] = self.homes[mine]

    def run(self, call: Call) -> Run:
        """One kernel."""
        inputs = [self.homes[value] for value in call.inputs]
        sources = [(target, self.homes[source]) for target, source in call.in_place]
        for value in call.outputs:
            self.homes[value] = self.new(value.type)
        outputs = [self.homes[value] for value in call.outputs]
        starts = [Move(source, self.homes[target], target.type) for target, source in sources]
        return Run(call, inputs, outputs, starts, self.position)

    def talk(self, instr: Instruction, steps: list[SymbolicStep]) -> None:
        """A callback."""
        inputs = [(self.homes[value], value.type) for value in instr.operands]
        for value in instr.results:
            self.homes[value] = self.new(value.type)
        outputs = [(self.homes[value], value.type) for value in instr.results]
        steps.append(Talk(instr.attributes["handle"], inputs, outputs, self.position))

    def repeat(self, instr: Instruction, steps: list[SymbolicStep]) -> None:
        """A ``while``."""
        condition, body = instr.regions
        sources = [self.homes[operand] for operand in instr.operands]
        states = [self.new(operand.type) for operand in instr.operands]
        for values in (instr.results, condition.parameters, body.parameters):
            self.homes.update(zip(values, states, strict=True))
        steps.append(self.moves(_pairs(sources, states)))
        tested: list[SymbolicStep] = []
        self.body(condition, tested)
        self.position += 1
        flag, position = self.homes[condition.results[0]], self.position
        repeated: list[SymbolicStep] = []
        self.body(body, repeated)
        repeated.append(self.moves(_pairs([self.homes[v] for v in body.results], states)))
        steps.append(Repeat(tested, flag, position, repeated))

    def branches(self, instr: Instruction, steps: list[SymbolicStep]) -> None:
        """A ``case``."""
        index, position = self.homes[instr.operands[0]], self.position
        results = [self.new(result.type) for result in instr.results]
        found: list[list[SymbolicStep]] = []
        for region in instr.regions:
            branch: list[SymbolicStep] = []
            self.body(region, branch)
            branch.append(self.moves(_pairs([self.homes[v] for v in region.results], results)))
            found.append(branch)
        self.homes.update(zip(instr.results, results, strict=True))
        steps.append(Branches(index, found, position))


def _pairs(sources: list[Storage], targets: list[Storage]) -> list[Move]:
    return [Move(s, t, t.type) for s, t in zip(sources, targets, strict=True)]


_RULES = dict.fromkeys(ALIASES, _Tracer.alias) | {
    "constant": _Tracer.constant,
    "while": _Tracer.repeat,
    "case": _Tracer.branches,
    "custom_call": _Tracer.talk,
}
