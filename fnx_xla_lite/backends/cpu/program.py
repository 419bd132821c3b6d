"""Program: loops.Program -> one LLVM module whose entry runs every step.

The entry is ``i32 fnx_run(ptr parameters, ptr results, ptr arena)``; it returns 0, or 1 as soon as
a callback has failed. Equal kernels are emitted once. Constants and callbacks are reached through
the tables ``fnx_constants`` and ``fnx_callbacks``, which the loader fills with addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit import TASK, KernelCode, emit_kernel
from fnx_xla_lite.backends.cpu.emit_types import I1, I8, I32, I64, POINTER, stack
from fnx_xla_lite.backends.cpu.target import Target
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.loops import ir as loops
from fnx_xla_lite.loops import program as programs

ENTRY, CONSTANTS, PARALLEL_FOR, SCRATCH = (
    "fnx_run",
    "fnx_constants",
    "fnx_parallel_for",
    "fnx_scratch",
)
CALLBACKS, CALL_BACK = "fnx_callbacks", "fnx_call_back"
_WORTH_A_THREAD = 20_000.0  # estimated nanoseconds; waking a thread takes some microseconds
_PIECES = 16  # of a thread's tasks: the last one of a slow thread is what the others wait for
_LEAST_KERNELS = (
    3  # in one module: LLVM's fixed cost per module is that of compiling a small kernel
)
_MOST_MODULES = 8
_MXCSR = 0x1F80  # round to nearest, subnormals kept, exceptions masked


@dataclass(slots=True)
class _Entry:
    """Emission of the entry function."""

    module: ir.Module
    builder: ir.IRBuilder
    function: ir.Function
    constants: ir.GlobalVariable
    codes: dict[loops.Kernel, KernelCode]
    slots: ir.Value
    callbacks: ir.GlobalVariable
    signatures: dict[programs.Signature, int]  # places in that table
    before: ir.Value | None = None  # where the caller's floating-point control word is kept
    ours: ir.Value | None = None
    prepared: dict[int, ir.Value] = field(default_factory=dict)  # addresses, by a launch's id


def emit_modules(program: programs.Program, target: Target) -> Iterator[ir.Module]:
    """Emit ``program`` as modules that can be compiled side by side; the last has the entry."""
    kernels = list(dict.fromkeys(anonymous(launch.kernel) for launch in launches(program.steps)))
    codes: dict[loops.Kernel, KernelCode] = {}
    share = max(-(-len(kernels) // _MOST_MODULES), _LEAST_KERNELS)
    for start in range(0, len(kernels), share):
        module = _new_module(f"{program.name}.{start}", target)
        for number, kernel in enumerate(kernels[start : start + share], start):
            codes[kernel] = emit_kernel(module, kernel, target, f"kernel_{number}")
        if start + share < len(kernels):
            yield module
            continue
        _emit_entry(module, program, codes, target)
        yield module
    if not kernels:
        module = _new_module(program.name, target)
        _emit_entry(module, program, codes, target)
        yield module


def _new_module(name: str, target: Target) -> ir.Module:
    module = ir.Module(name)
    module.triple = target.triple
    return module


def _emit_entry(
    module: ir.Module,
    program: programs.Program,
    codes: dict[loops.Kernel, KernelCode],
    target: Target,
) -> None:
    constants = _table(module, CONSTANTS, len(program.constants))
    signatures = {found: n for n, found in enumerate(programs.signatures(program.steps))}
    callbacks = _table(module, CALLBACKS, len(signatures))
    function = ir.Function(module, ir.FunctionType(I32, [POINTER] * 3), ENTRY)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    widths = [len(launch.slots) for launch in launches(program.steps)]
    widths += [len(step.inputs) + len(step.outputs) for step in programs.calls(program.steps)]
    slots = stack(builder, ir.ArrayType(POINTER, max([1, *widths])))
    entry = _Entry(module, builder, function, constants, codes, slots, callbacks, signatures)
    if target.triple.startswith("x86_64"):
        _set_rounding(entry)
    _emit_steps(entry, program.steps)
    _return(entry, 0)


def _table(module: ir.Module, name: str, count: int) -> ir.GlobalVariable:
    """A table of addresses that the loader fills."""
    table = ir.GlobalVariable(module, ir.ArrayType(POINTER, max(count, 1)), name)
    table.initializer = ir.Constant(table.value_type, None)
    table.type = POINTER
    return table


def _return(entry: _Entry, status: int) -> None:
    """Leave the entry."""
    if entry.before is not None:
        _load_rounding(entry, entry.before)
    entry.builder.ret(ir.Constant(I32, status))


def launches(steps: tuple[programs.Step, ...]) -> Iterator[programs.Launch]:
    """Every launch in ``steps``, those of loops and branches included."""
    for step in steps:
        match step:
            case programs.Launch():
                yield step
            case programs.While(condition=condition, body=body):
                yield from launches(condition)
                yield from launches(body)
            case programs.Case(branches=branches):
                for branch in branches:
                    yield from launches(branch)


def program_text(program: programs.Program) -> str:
    """A text that two programs share if their code is the same; constants are left out."""
    numbers: dict[loops.Kernel, int] = {}

    def steps_text(steps: tuple[programs.Step, ...]) -> str:
        return "\n".join(map(step_text, steps))

    def step_text(step: programs.Step) -> str:
        match step:
            case programs.Launch(kernel=kernel, slots=slots):
                number = numbers.setdefault(anonymous(kernel), len(numbers))
                return f"launch {number} {slots}"
            case programs.While(condition=condition, flag=flag, body=body):
                return f"while {{{steps_text(condition)}}} {flag} {{{steps_text(body)}}}"
            case programs.Case(index=index, branches=branches):
                return f"case {index} " + " ".join(f"{{{steps_text(b)}}}" for b in branches)
            case _:
                return repr(step)

    body = steps_text(program.steps)
    return "\n".join([f"constants {len(program.constants)}", body, *map(repr, numbers)])


def anonymous(kernel: loops.Kernel) -> loops.Kernel:
    """The kernel without what does not change its code."""
    return replace(kernel, name="kernel", location=None)


def _set_rounding(entry: _Entry) -> None:
    """Default floating-point control, whatever other libraries have set."""
    entry.before, entry.ours = stack(entry.builder, I32), stack(entry.builder, I32)
    entry.builder.store(ir.Constant(I32, _MXCSR), entry.ours)
    _call(entry, "llvm.x86.sse.stmxcsr", ir.VoidType(), [entry.before])
    _load_rounding(entry, entry.ours)


def _load_rounding(entry: _Entry, word: ir.Value) -> None:
    _call(entry, "llvm.x86.sse.ldmxcsr", ir.VoidType(), [word])


def _call(entry: _Entry, name: str, result: ir.Type, arguments: list[ir.Value]) -> ir.Value:
    function = entry.module.globals.get(name)
    if function is None:
        signature = ir.FunctionType(result, [argument.type for argument in arguments])
        function = ir.Function(entry.module, signature, name)
    return entry.builder.call(function, arguments)


def _emit_steps(entry: _Entry, steps: tuple[programs.Step, ...]) -> None:
    for step in steps:
        match step:
            case programs.Launch():
                _emit_launch(entry, step)
            case programs.Copy():
                _emit_copy(entry, step)
            case programs.While():
                _emit_while(entry, step)
            case programs.Case():
                _emit_case(entry, step)
            case programs.Call():
                _emit_call(entry, step)


def _address(entry: _Entry, slot: programs.Slot) -> ir.Value:
    builder = entry.builder
    parameters, results, arena = entry.function.args
    if slot.place == "arena":
        return builder.gep(arena, [ir.Constant(I64, slot.index)], source_etype=I8)
    table = {"parameter": parameters, "result": results, "constant": entry.constants}[slot.place]
    place = builder.gep(table, [ir.Constant(I64, slot.index)], source_etype=POINTER)
    return builder.load(place, typ=POINTER, align=8)


def _emit_launch(entry: _Entry, launch: programs.Launch) -> None:
    code, builder = entry.codes[anonymous(launch.kernel)], entry.builder
    if not code.tasks:
        return
    slots = entry.prepared.get(id(launch))
    if slots is None:
        slots = entry.slots
        _store_addresses(entry, launch.slots, slots)
    task, tasks = _task(entry, code.name), ir.Constant(I64, code.tasks)
    grain = max(int(_WORTH_A_THREAD / max(code.nanoseconds, 0.01)), 1)
    if code.tasks // grain < 2:
        scratch: ir.Value = ir.Constant(POINTER, None)
        if code.scratch_bytes:
            scratch = _call(entry, SCRATCH, POINTER, [ir.Constant(I64, code.scratch_bytes)])
        builder.call(task, [slots, scratch, ir.Constant(I64, 0), tasks])
        return
    numbers = [ir.Constant(I64, n) for n in (grain, _PIECES, code.scratch_bytes)]
    _call(entry, PARALLEL_FOR, ir.VoidType(), [task, slots, tasks, *numbers])


def _store_addresses(entry: _Entry, slots: tuple[programs.Slot, ...], table: ir.Value) -> None:
    builder = entry.builder
    for position, slot in enumerate(slots):
        place = builder.gep(table, [ir.Constant(I64, position)], source_etype=POINTER)
        builder.store(_address(entry, slot), place, align=8)


def _emit_call(entry: _Entry, call: programs.Call) -> None:
    """Call Python, under the caller's floating-point control word; leave at once if it fails."""
    builder = entry.builder
    _store_addresses(entry, (*call.inputs, *call.outputs), entry.slots)
    number = ir.Constant(I64, entry.signatures[programs.signature(call)])
    place = builder.gep(entry.callbacks, [number], source_etype=POINTER)
    callback = builder.load(place, typ=POINTER, align=8)
    if entry.before is not None:
        _load_rounding(entry, entry.before)
    failed = _call(entry, CALL_BACK, I32, [callback, entry.slots])
    leave, go_on = builder.append_basic_block("failed"), builder.append_basic_block("called")
    builder.cbranch(builder.icmp_unsigned("!=", failed, ir.Constant(I32, 0)), leave, go_on)
    builder.position_at_end(leave)
    builder.ret(ir.Constant(I32, 1))
    builder.position_at_end(go_on)
    if entry.ours is not None:
        _load_rounding(entry, entry.ours)


def _task(entry: _Entry, name: str) -> ir.Function:
    """A kernel's function, which may stand in another module."""
    found = entry.module.globals.get(name)
    return found if found is not None else ir.Function(entry.module, TASK, name)


def _emit_copy(entry: _Entry, copy: programs.Copy) -> None:
    kind = copy.source.type
    size = ir.Constant(I64, kind.size * itemsize(kind.dtype))
    # The two may be the same memory (a donated parameter), so not memcpy.
    arguments = [
        _address(entry, copy.target),
        _address(entry, copy.source),
        size,
        ir.Constant(I1, 0),
    ]
    _call(entry, "llvm.memmove.p0.p0.i64", ir.VoidType(), arguments)


def _prepare(entry: _Entry, step: programs.While) -> None:
    """Before a loop, write down the addresses that its launches are given in every round."""
    builder = entry.builder
    for launch in launches((step,)):
        if id(launch) in entry.prepared:
            continue
        with builder.goto_entry_block():
            table = stack(builder, ir.ArrayType(POINTER, max(len(launch.slots), 1)))
        entry.prepared[id(launch)] = table
        _store_addresses(entry, launch.slots, table)


def _emit_while(entry: _Entry, step: programs.While) -> None:
    builder = entry.builder
    _prepare(entry, step)
    test, body, after = (
        builder.append_basic_block(name) for name in ("while.test", "while.body", "while.after")
    )
    builder.branch(test)
    builder.position_at_end(test)
    _emit_steps(entry, step.condition)
    flag = builder.load(_address(entry, step.flag), typ=I8, align=1)
    builder.cbranch(builder.icmp_unsigned("!=", flag, ir.Constant(I8, 0)), body, after)
    builder.position_at_end(body)
    _emit_steps(entry, step.body)
    builder.branch(test)
    builder.position_at_end(after)


def _emit_case(entry: _Entry, step: programs.Case) -> None:
    builder = entry.builder
    blocks = [builder.append_basic_block(f"case.{i}") for i in range(len(step.branches))]
    after = builder.append_basic_block("case.after")
    index = builder.load(_address(entry, step.index), typ=I32, align=4)
    switch = builder.switch(index, blocks[-1])  # out of range: the last branch
    for number, block in enumerate(blocks[:-1]):
        switch.add_case(ir.Constant(I32, number), block)
    for block, branch in zip(blocks, step.branches, strict=True):
        builder.position_at_end(block)
        _emit_steps(entry, branch)
        builder.branch(after)
    builder.position_at_end(after)
