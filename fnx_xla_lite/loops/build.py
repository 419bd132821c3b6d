"""Build programs: HloModule -> Program: kernels in order over planned memory.

Input: calls inlined; what is not fused is fused first. Every fusion becomes kernel launches,
    instructions that only rename memory
nothing, control flow While and Case steps, callbacks Call steps. ``steps`` lays out symbolic steps
over storages with lifetimes; this module lets values take over dead memory, packs the arena and
makes the final slots.
Invariant: every kernel is verified, no two live values overlap.
"""

from __future__ import annotations

from fnx_xla_lite.fusion.outline import fuse
from fnx_xla_lite.hlo.ir import HloModule, TensorType
from fnx_xla_lite.loops.inplace import Touches
from fnx_xla_lite.loops.ir import Kernel
from fnx_xla_lite.loops.memory import Storage, is_free, pack, take_over
from fnx_xla_lite.loops.program import Call, Case, Copy, Launch, Program, Step, While
from fnx_xla_lite.loops.steps import (
    Branches,
    Layout,
    Move,
    Repeat,
    Run,
    SymbolicStep,
    trace_steps,
)

FLAG = TensorType((), "i1")
INDEX = TensorType((), "i32")


def build_program(module: HloModule) -> Program:
    """The program of a module's entry function.

    Args:
        module: calls inlined.

    Raises:
        UnsupportedOpError: an instruction has no loops.
    """
    layout = trace_steps(fuse(module))
    _Sharing(layout).steps(layout.steps)
    arena = pack(layout.storages)
    body = module.main.body
    results = [storage.root() for storage in layout.results]
    aliases = tuple((n, s.index) for n, s in enumerate(results) if s.place == "parameter")
    return Program(
        module.name,
        tuple(p.type for p in body.parameters),
        tuple(r.type for r in body.results),
        tuple(layout.constants),
        arena,
        tuple(_finish(layout.steps)),
        aliases,
        module.callbacks,
    )


class _Sharing:
    """Lets what a step writes take over memory whose content dies in that step."""

    def __init__(self, layout: Layout):
        self.layout = layout
        self.touches: dict[int, Touches] = {}

    def steps(self, steps: list[SymbolicStep]) -> None:
        """Visit steps in order."""
        for step in steps:
            if isinstance(step, Run):
                self.run(step)
            elif isinstance(step, Move):
                self.move(step)
            elif isinstance(step, Repeat):
                for move in step.entries:
                    self.move(move)
                self.steps(step.condition)
                self.steps(step.body)
            elif isinstance(step, Branches):
                for branch in step.branches:
                    self.steps(branch)

    def move(self, move: Move) -> None:
        """A copy from dying memory is no copy."""
        source, target = move.source.root(), move.target.root()
        # The target begins where the source ends, or the source began after it (in a branch).
        apart = target.first >= source.last or source.first > target.first
        if source.heir is not None:  # an outer loop's state, and an inner loop that goes on with it
            apart = source.heir.root() is target and target.heir is not None
        if apart and is_free(source, target, move.position):
            take_over(source, target)

    def run(self, run: Run) -> None:
        """Each output may take an input that dies here, or a donated parameter that is dead."""
        touches = self._touches(run.call.kernel)
        names = [b.name for b in run.call.kernel.parameters]
        inputs, outputs = names[: len(run.inputs)], names[len(run.inputs) :]
        started = {move.target: move for move in run.starts}
        taken: set[Storage] = set()
        for name, output in zip(outputs, run.outputs, strict=True):
            candidates = [started[output].source] if output in started else self._candidates(run)
            for old in candidates:
                same = [
                    n for n, s in zip(inputs, run.inputs, strict=True) if s.root() is old.root()
                ]
                if old.root() in taken or not is_free(old, output, run.position):
                    continue
                if all(touches.safe(n, name) for n in same):
                    taken.add(old.root())
                    take_over(old, output)
                    break
            taken.add(output.root())

    def _candidates(self, run: Run) -> list[Storage]:
        """Storages that an output may take, the inputs first; state of loops only by its heir."""
        roots = dict.fromkeys(s.root() for s in run.inputs)
        donated = (s for s in self.layout.parameters if s.donated and s not in roots)
        return [*roots, *donated, *self._states(run)]

    def _states(self, run: Run) -> list[Storage]:
        heirs = {o.root() for o in run.outputs}
        return [s for s in self.layout.storages if s.heir is not None and s.heir.root() in heirs]

    def _touches(self, kernel: Kernel) -> Touches:
        found = self.touches.get(id(kernel))
        if found is None:
            found = self.touches[id(kernel)] = Touches(kernel)
        return found


def _finish(steps: list[SymbolicStep]) -> list[Step]:
    """Steps over final slots."""
    found: list[Step] = []
    for step in steps:
        if isinstance(step, Move):
            found += _moves([step])
        elif isinstance(step, Run):
            found += _moves(step.starts)
            found.append(_launch(step))
        elif isinstance(step, Repeat):
            found += _moves(step.entries)
            body = [*_finish(step.body), *_moves(step.exits)]
            flag = step.flag.slot(FLAG)
            found.append(While(tuple(_finish(step.condition)), flag, tuple(body)))
        elif isinstance(step, Branches):
            branches = tuple(tuple(_finish(branch)) for branch in step.branches)
            found.append(Case(step.index.slot(INDEX), branches))
        else:
            inputs, outputs = (tuple(s.slot(t) for s, t in x) for x in (step.inputs, step.outputs))
            found.append(Call(step.number, inputs, outputs))
    return found


def _moves(moves: list[Move]) -> list[Copy]:
    """The copies that are left."""
    return [
        Copy(move.source.slot(move.type), move.target.slot(move.type))
        for move in moves
        if move.source.root() is not move.target.root() and move.type.size
    ]


def _launch(run: Run) -> Launch:
    values = (*run.call.inputs, *run.call.outputs)
    storages = (*run.inputs, *run.outputs)
    slots = tuple(s.slot(v.type) for s, v in zip(storages, values, strict=True))
    return Launch(run.call.kernel, slots)
