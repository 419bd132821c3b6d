"""Steps: lay out a module as symbolic steps over storages, with the lifetime of each storage.

Instructions that only rename memory make no step. A loop's state has storages of its own: they are
written before the loop and at the end of every iteration. What a loop reads from outside lives
until the loop ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, TensorType, Value
from fnx_xla_lite.loops.kernels import Call, KernelBuilder, single
from fnx_xla_lite.loops.memory import FOREVER, Storage

ALIASES = frozenset({"reshape", "optimization_barrier", "bitcast_convert"})
SMALL_CONSTANT = 4096  # bytes up to which a splat is kept as a constant instead of being filled in


@dataclass(slots=True)
class Move:
    """Copy ``source`` to ``target``, unless they come to lie in one place."""

    source: Storage
    target: Storage
    type: TensorType
    position: int


@dataclass(slots=True)
class Run:
    """Run a kernel; ``starts`` moves operands to results that are updated in place."""

    call: Call
    inputs: list[Storage]
    outputs: list[Storage]
    starts: list[Move]
    position: int


@dataclass(slots=True)
class Repeat:
    """A loop: ``entries`` fill the state, ``exits`` carry it to the next iteration."""

    entries: list[Move]
    condition: list[SymbolicStep]
    flag: Storage
    body: list[SymbolicStep]
    exits: list[Move]
    position: int


@dataclass(slots=True)
class Branches:
    """One of several step lists, chosen by an i32."""

    index: Storage
    branches: list[list[SymbolicStep]]


@dataclass(slots=True)
class Talk:
    """Run a callback."""

    number: int
    inputs: list[tuple[Storage, TensorType]]
    outputs: list[tuple[Storage, TensorType]]


SymbolicStep = Move | Run | Repeat | Branches | Talk


@dataclass(slots=True)
class Layout:
    """All steps of a program and the memory that they use."""

    steps: list[SymbolicStep] = field(default_factory=list)
    storages: list[Storage] = field(default_factory=list)
    parameters: list[Storage] = field(default_factory=list)
    results: list[Storage] = field(default_factory=list)
    constants: list[np.ndarray] = field(default_factory=list)


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
        self.regions: list[set[Storage]] = []
        self.looping: set[Storage] = set()  # states whose loop's body is being laid out

    def main(self, module: HloModule) -> Layout:
        """The entry function."""
        body = module.main.body
        for number, parameter in enumerate(body.parameters):
            storage = self.new(parameter.type, "parameter", number)
            storage.donated = number in module.main.donated
            self.homes[parameter] = storage
            self.layout.parameters.append(storage)
        self.body(body, self.layout.steps)
        self.position += 1
        for number, result in enumerate(body.results):
            self.layout.results.append(self.main_result(number, result))
        return self.layout

    def main_result(self, number: int, value: Value) -> Storage:
        """Let a value be the result ``number``, or copy it there."""
        home = self.read(value).root()
        if home.place == "arena":
            home.place, home.index, home.type = "result", number, value.type
            home.last = FOREVER
            return home
        target = self.new(value.type, "result", number)
        target.last = FOREVER
        self.layout.steps.append(Move(home, target, value.type, self.position))
        return target

    def new(self, kind: TensorType, place: str = "arena", index: int = -1) -> Storage:
        """A storage that is first written now."""
        first = -1 if place in ("parameter", "constant") else self.position
        size = kind.size * itemsize(kind.dtype)
        storage = Storage(size, kind, place, index, first, first)
        self.layout.storages.append(storage)
        return storage

    def read(self, value: Value) -> Storage:
        """The storage of a value whose content is needed now."""
        storage = self.homes[value].root()
        storage.last = max(storage.last, self.position)
        if storage in self.looping:
            storage.body_last = max(storage.body_last, self.position)
        for region in self.regions:
            region.add(storage)
        return storage

    def body(self, body: Computation, steps: list[SymbolicStep]) -> None:
        """Lay out instructions in order."""
        for instr in body.instructions:
            self.position += 1
            rule = _RULES.get(instr.op, _Tracer.kernel)
            rule(self, instr, steps)

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
        inputs = [self.read(value) for value in call.inputs]
        starts = [(target, self.read(source)) for target, source in call.in_place]
        for value in call.outputs:
            self.homes[value] = self.new(value.type)
        moves = [Move(s, self.homes[t], t.type, self.position) for t, s in starts]
        return Run(call, inputs, [self.homes[v] for v in call.outputs], moves, self.position)

    def talk(self, instr: Instruction, steps: list[SymbolicStep]) -> None:
        """A callback."""
        inputs = [(self.read(value), value.type) for value in instr.operands]
        for value in instr.results:
            self.homes[value] = self.new(value.type)
        outputs = [(self.homes[value], value.type) for value in instr.results]
        steps.append(Talk(instr.attributes["handle"], inputs, outputs))

    def repeat(self, instr: Instruction, steps: list[SymbolicStep]) -> None:
        """A ``while``."""
        condition, body = instr.regions
        entry = self.position
        entries = []
        for operand, *names in zip(
            instr.operands, instr.results, condition.parameters, body.parameters, strict=True
        ):
            source = self.read(operand)
            state = self.new(operand.type)
            for name in names:
                self.homes[name] = state
            entries.append(Move(source, state, operand.type, entry))
        states = [move.target for move in entries]
        self.regions.append(set())
        tested: list[SymbolicStep] = []
        self.body(condition, tested)
        flag = self.read(condition.results[0])
        for state in states:
            state.heir, state.body_last = state, -1
        self.looping.update(states)
        repeated: list[SymbolicStep] = []
        self.body(body, repeated)
        self.position += 1
        exits = self.exits(body, states)
        self.looping.difference_update(states)
        for storage in self.regions.pop():
            if storage.first < entry:
                storage.last = max(storage.last, self.position)
        for state in states:
            state.last = max(state.last, self.position)
        steps.append(Repeat(entries, tested, flag, repeated, exits, entry))

    def exits(self, body: Computation, states: list[Storage]) -> list[Move]:
        """Carry the state over: through temporary storage where one state becomes another."""
        moves, late = [], []
        for result, state in zip(body.results, states, strict=True):
            source = self.read(result)
            if source in states and source is not state:
                spare = self.new(result.type)
                moves.append(Move(source, spare, result.type, self.position))
                source = spare
            elif self.may_inherit(source) and source.first > state.first:
                state.heir = source
            late.append(Move(source, state, result.type, self.position))
        return moves + late

    def may_inherit(self, source: Storage) -> bool:
        """Whether a storage may be the next state: no one's else, or that of a loop inside."""
        return source.place == "arena" and (source.heir is None or source not in self.looping)

    def branches(self, instr: Instruction, steps: list[SymbolicStep]) -> None:
        """A ``case``."""
        index = self.read(instr.operands[0])
        results = [self.new(result.type) for result in instr.results]
        found: list[list[SymbolicStep]] = []
        for region in instr.regions:
            branch: list[SymbolicStep] = []
            self.body(region, branch)
            self.position += 1
            for value, target in zip(region.results, results, strict=True):
                branch.append(Move(self.read(value), target, value.type, self.position))
                target.last = self.position
            found.append(branch)
        for result, storage in zip(instr.results, results, strict=True):
            self.homes[result] = storage
        steps.append(Branches(index, found))


_RULES = dict.fromkeys(ALIASES, _Tracer.alias) | {
    "constant": _Tracer.constant,
    "while": _Tracer.repeat,
    "case": _Tracer.branches,
    "custom_call": _Tracer.talk,
}
