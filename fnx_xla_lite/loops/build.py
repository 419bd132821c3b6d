"""Build programs: HloModule -> Program: kernels in order over planned memory.

Input: calls inlined; what is not fused is fused first. A fusion becomes kernel launches, an
    instruction that only renames memory nothing, control flow While and Case, callbacks Call.
    ``steps`` lays out symbolic steps over storages, ``lifetimes`` finds when each is needed,
    ``sharing`` merges those that can be one piece of memory, ``memory`` packs the arena; this
    module calls them in order and makes the final steps.
Invariant: every kernel is verified, no two live values overlap.
"""

from __future__ import annotations

from fnx_xla_lite.fusion.outline import fuse
from fnx_xla_lite.hlo.ir import HloModule, TensorType
from fnx_xla_lite.loops.lifetimes import measure
from fnx_xla_lite.loops.memory import pack
from fnx_xla_lite.loops.program import Call, Case, Copy, Launch, Program, Step, While
from fnx_xla_lite.loops.sharing import share_memory
from fnx_xla_lite.loops.steps import Branches, Move, Moves, Repeat, Run, SymbolicStep, trace_steps

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
    measure(layout)
    share_memory(layout)
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


def _finish(steps: list[SymbolicStep]) -> list[Step]:
    """Steps over final slots."""
    found: list[Step] = []
    for step in steps:
        if isinstance(step, Moves):
            found += _copies(step.moves)
        elif isinstance(step, Run):
            found += _copies(step.starts)
            found.append(_launch(step))
        elif isinstance(step, Repeat):
            condition, body = tuple(_finish(step.condition)), tuple(_finish(step.body))
            found.append(While(condition, step.flag.slot(FLAG), body))
        elif isinstance(step, Branches):
            branches = tuple(tuple(_finish(branch)) for branch in step.branches)
            found.append(Case(step.index.slot(INDEX), branches))
        else:
            inputs, outputs = (tuple(s.slot(t) for s, t in x) for x in (step.inputs, step.outputs))
            found.append(Call(step.number, inputs, outputs))
    return found


def _copies(moves: list[Move]) -> list[Copy]:
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
