"""Print programs: memory, steps in order, then every kernel once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fnx_xla_lite.loops.ir import Kernel
from fnx_xla_lite.loops.program import Call, Case, Copy, Launch, Program, Slot, Step, While
from fnx_xla_lite.loops.text import to_text as kernel_text


def to_text(program: Program) -> str:
    """The text of a program."""
    aliases = {result: parameter for result, parameter in program.aliases}
    lines = [f"program {program.name}, arena of {program.arena_bytes} bytes {{"]
    lines += [f"  parameter {n}: {t}" for n, t in enumerate(program.parameters)]
    lines += [f"  constant {n}: {c.dtype}{list(c.shape)}" for n, c in enumerate(program.constants)]
    for number, kind in enumerate(program.results):
        where = f" in parameter {aliases[number]}" if number in aliases else ""
        lines.append(f"  result {number}: {kind}{where}")
    lines += ["  " + line for step in program.steps for line in _step(step)]
    kernels = dict.fromkeys(kernels_of(program.steps))
    return "\n\n".join(["\n".join([*lines, "}"]), *map(kernel_text, kernels)])


def kernels_of(steps: Iterable[Step]) -> Iterator[Kernel]:
    """The kernel of every launch, nested ones included, in order."""
    for step in steps:
        if isinstance(step, Launch):
            yield step.kernel
        elif isinstance(step, While):
            yield from kernels_of((*step.condition, *step.body))
        elif isinstance(step, Case):
            for branch in step.branches:
                yield from kernels_of(branch)


def _step(step: Step) -> list[str]:
    if isinstance(step, Launch):
        buffers = zip(step.kernel.parameters, step.slots, strict=True)
        places = ", ".join(f"{b.name}={_slot(s)}" for b, s in buffers)
        return [f"launch {step.kernel.name}({places})"]
    if isinstance(step, Copy):
        return [f"copy {_slot(step.source)} to {_slot(step.target)}: {step.source.type}"]
    if isinstance(step, Call):
        inputs, outputs = (", ".join(map(_slot, slots)) for slots in (step.inputs, step.outputs))
        return [f"call python {step.number}({inputs}) to ({outputs})"]
    if isinstance(step, While):
        condition = [line for inner in step.condition for line in _step(inner)]
        body = [line for inner in step.body for line in _step(inner)]
        lines = ["while {", *_indented(condition)]
        return [*lines, f"}} sets {_slot(step.flag)}, do {{", *_indented(body), "}"]
    lines = [f"case {_slot(step.index)} {{"]
    for number, branch in enumerate(step.branches):
        inner = [line for part in branch for line in _step(part)]
        lines += [f"{number}:", *_indented(inner)]
    return [*lines, "}"]


def _indented(lines: Iterable[str]) -> list[str]:
    return ["  " + line for line in lines]


def _slot(slot: Slot) -> str:
    if slot.place == "arena":
        return f"arena+{slot.index}"
    return f"{slot.place}{slot.index}"
