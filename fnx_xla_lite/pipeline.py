"""Pipeline: HloModule or StableHLO text -> Executable; the stages, each with its reason.

``FNX_DUMP=folder`` writes the text of every stage; ``FNX_CHECK=1`` verifies the module between any
two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fnx_xla_lite.backends.base import NativeProgram
from fnx_xla_lite.backends.cpu.backend import cpu_backend
from fnx_xla_lite.backends.cuda.launch import CudaExecutable
from fnx_xla_lite.debug import StageWriter, dump_folder, is_checking
from fnx_xla_lite.errors import BackendError, PassError, VerifyError
from fnx_xla_lite.fusion.outline import fuse
from fnx_xla_lite.hlo.callbacks import Callback, check_bound
from fnx_xla_lite.hlo.ir import HloModule
from fnx_xla_lite.hlo.text import parse, to_text
from fnx_xla_lite.hlo.verify import verify
from fnx_xla_lite.hlo.work import module_work
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.ir import Kernel
from fnx_xla_lite.loops.program import Call, Case, Copy, Launch, Program, Slot, Step, While
from fnx_xla_lite.loops.text import to_text as kernel_text
from fnx_xla_lite.passes.algebraic import algebraic
from fnx_xla_lite.passes.canonicalize import canonicalize
from fnx_xla_lite.passes.constant_fold import constant_fold
from fnx_xla_lite.passes.cse import cse
from fnx_xla_lite.passes.dce import dce
from fnx_xla_lite.passes.inline_calls import inline_calls
from fnx_xla_lite.passes.reshapes import reshapes
from fnx_xla_lite.runtime.executable import Executable


@dataclass(frozen=True, slots=True)
class Pass:
    """One step from HLO to HLO."""

    name: str
    run: Callable[[HloModule], HloModule]
    reason: str


PASSES = (
    Pass("inline_calls", inline_calls, "one function: everything after it sees across calls"),
    Pass(
        "canonicalize",
        canonicalize,
        "one spelling for each thing, so that later passes match fewer",
    ),
    Pass(
        "constant_fold", constant_fold, "what is known is computed once, and algebra sees numbers"
    ),
    Pass("algebraic", algebraic, "x + 0, x * 1, x - x: what transforms leave behind"),
    Pass(
        "reshapes", reshapes, "reshapes and transposes meet, vanish, or become strides of a product"
    ),
    Pass("cse", cse, "equal values once; after the passes that make values equal"),
    Pass("dce", dce, "what nobody reads any more"),
)
FUSE = Pass(
    "fused", fuse, "one kernel for each group: intermediate values stay in registers and cache"
)
BACKENDS = ("cpu", "cuda")


def compile(
    module: HloModule | str,
    backend: str = "cpu",
    *,
    before: Mapping[str, Callable[[], str]] | None = None,
    callbacks: Sequence[Callback] = (),
) -> Executable | CudaExecutable:
    """Compile a program for this machine's processor, or for its CUDA device.

    Args:
        module: a module, or StableHLO's MLIR text.
        backend: ``cpu``, or ``cuda``, which needs CuPy and a device.
        before: texts of the stages that came before the module, by name, for dumps and
            ``Executable.stages``.
        callbacks: the Python functions that a text calls, by number; a module has its own.

    Returns:
        An executable that is called with NumPy arrays (on ``cuda`` also with CuPy's, which it
        returns).

    Raises:
        ParseError: the text is not in the part of StableHLO that we read.
        VerifyError: the module is not well formed.
        UnsupportedOpError: an operation or element type is one that the backend does not have.
        BackendError: there is no such backend, or CuPy is missing.
    """
    if backend not in BACKENDS:
        raise BackendError(f"compile: no backend {backend!r}; we have: {' '.join(BACKENDS)}")
    source = verify(parse(module) if isinstance(module, str) else module)
    source = replace(source, callbacks=tuple(callbacks)) if callbacks else source
    check_bound(source)
    writer = StageWriter(source.name, dump_folder())
    fused = source
    if writer.is_on:
        for stage, make in (before or {}).items():
            writer.write(stage, make(), ".txt")
    for stage, result in stages(source):
        fused = result
        if writer.is_on:
            writer.write(stage, to_text(result))
    program = build_program(fused)
    if backend == "cuda":
        device_program = CudaExecutable(program)
        if writer.is_on:
            writer.write("loops", program_text(program), ".txt")
            writer.write("cuda", device_program.made.text, ".cu")
        return device_program
    native = cpu_backend().compile_program(program)
    if writer.is_on:
        _dump_backend(writer, program, native)
    return _executable(source, program, native, before or {})


def stages(source: HloModule) -> Iterator[tuple[str, HloModule]]:
    """The module at the start and after every pass, by name; ``FNX_CHECK`` verifies it."""
    yield "hlo", source
    module, checking = source, is_checking()
    for step in (*PASSES, FUSE):
        module = step.run(module)
        if checking:
            _check(step, module)
        yield step.name, module


def fused_of(source: HloModule) -> HloModule:
    """The module after the last stage."""
    *_, (_, module) = stages(source)
    return module


def _check(step: Pass, module: HloModule) -> None:
    try:
        verify(module)
    except VerifyError as error:
        raise PassError(f"the pass {step.name!r} made an invalid module: {error}") from error


def _executable(
    source: HloModule,
    program: Program,
    native: NativeProgram,
    before: Mapping[str, Callable[[], str]],
) -> Executable:
    """The executable, whose stage texts are made when somebody looks at them."""

    def text_after(name: str) -> Callable[[], str]:
        return lambda: next(to_text(module) for stage, module in stages(source) if stage == name)

    makers = {
        **before,
        "hlo": text_after("hlo"),
        "passes": text_after(PASSES[-1].name),
        "fused": text_after(FUSE.name),
        "loops": lambda: program_text(program),
        **native.texts,
    }
    return Executable(
        program, native.entry, stages=makers, cost=native.nanoseconds,
        code_bytes=native.code_bytes, keep=native.keep, work=lambda: module_work(fused_of(source)),
    )  # fmt: skip


def _dump_backend(writer: StageWriter, program: Program, native: NativeProgram) -> None:
    writer.write("loops", program_text(program), ".txt")
    suffixes = {"llvm": ".ll", "assembly": ".s"}
    for name, make in native.texts.items():
        writer.write(name, make(), suffixes.get(name, ".txt"))


def program_text(program: Program) -> str:
    """The kernels of a program, then its steps and its memory, for reading."""
    kernels: dict[Kernel, None] = {}
    lines = list(_steps_text(program.steps, kernels, "  "))
    head = [f"program {program.name}: {program.arena_bytes} bytes of arena", *lines]
    aliases = [f"  result {r} takes the memory of parameter {p}" for r, p in program.aliases]
    return "\n\n".join([*map(kernel_text, kernels), "\n".join([*head, *aliases])])


def _steps_text(steps: tuple[Step, ...], kernels: dict[Kernel, None], indent: str) -> Iterator[str]:
    for step in steps:
        match step:
            case Launch(kernel=kernel, slots=slots):
                kernels.setdefault(kernel)
                yield f"{indent}launch {kernel.name}({', '.join(map(_slot_text, slots))})"
            case Copy(source=source, target=target):
                yield f"{indent}copy {_slot_text(source)} to {_slot_text(target)}"
            case Call(number=number, inputs=inputs, outputs=outputs):
                given, filled = (", ".join(map(_slot_text, x)) for x in (inputs, outputs))
                yield f"{indent}call python {number}({given}) to ({filled})"
            case While(condition=condition, flag=flag, body=body):
                yield f"{indent}while {_slot_text(flag)} after"
                yield from _steps_text(condition, kernels, indent + "  ")
                yield f"{indent}do"
                yield from _steps_text(body, kernels, indent + "  ")
            case Case(index=index, branches=branches):
                for number, branch in enumerate(branches):
                    yield f"{indent}case {_slot_text(index)} is {number}"
                    yield from _steps_text(branch, kernels, indent + "  ")


def _slot_text(slot: Slot) -> str:
    return f"{slot.place} {slot.index}: {slot.type}"
