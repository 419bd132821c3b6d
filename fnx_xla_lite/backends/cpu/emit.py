"""Emit: loops.Kernel -> one LLVM function that runs a range of the kernel's tasks.

The function is ``void(ptr slots, ptr scratch, i64 begin, i64 end)``: ``slots[i]`` is the address of
``kernel.parameters[i]``, ``scratch`` is memory of the calling thread (``KernelCode.scratch_bytes``,
64-byte aligned), and tasks are the iterations of the parallel prefix, numbered with the last loop
fastest, or a matrix product's output tiles. Tasks are independent: any partition gives the same
bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from llvmlite import ir

from fnx_xla_lite.backends.cpu.cost import nanoseconds, product_nanoseconds
from fnx_xla_lite.backends.cpu.emit_facts import Facts
from fnx_xla_lite.backends.cpu.emit_loops import emit_body
from fnx_xla_lite.backends.cpu.emit_prefetch import rows_ahead
from fnx_xla_lite.backends.cpu.emit_scope import Lanes, Scope
from fnx_xla_lite.backends.cpu.emit_stream import emit_choice, fence, streamed
from fnx_xla_lite.backends.cpu.emit_types import I64, POINTER, memory_type, stack
from fnx_xla_lite.backends.cpu.expand import expand_matmul
from fnx_xla_lite.backends.cpu.gemm import emit_matmul
from fnx_xla_lite.backends.cpu.math_features import declare_features
from fnx_xla_lite.backends.cpu.target import Target
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.loops import ir as loops

TASK = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I64, I64])
_STACK_SCRATCH = (
    16 * 1024
)  # bytes of scratch rows that go to the stack; larger ones use the thread's memory


@dataclass(frozen=True, slots=True)
class KernelCode:
    """An emitted kernel: function name, tasks, scratch bytes per thread, time of a task."""

    name: str
    tasks: int
    scratch_bytes: int
    nanoseconds: float


def emit_kernel(module: ir.Module, kernel: loops.Kernel, target: Target, name: str) -> KernelCode:
    """Emit ``kernel`` into ``module`` under a name that begins with ``name``."""
    declare_features(module, ("avx512",) if target.name == "avx512" else ())
    if len(kernel.body) == 1 and isinstance(kernel.body[0], loops.Matmul):
        return _emit_product(module, replace(kernel, name=name), kernel.body[0], target)
    nest = expand_matmul(kernel)
    large = streamed(nest, target)
    if not large:
        return _emit_nest(module, nest, target, name)
    plain = _emit_nest(module, nest, target, f"{name}.plain")
    streaming = _emit_nest(module, nest, target, f"{name}.streaming", large)
    versions = [module.globals[code.name] for code in (streaming, plain)]
    for version in versions:
        version.linkage = "internal"
    emit_choice(ir.Function(module, TASK, name), nest, large, *versions)
    return replace(plain, name=name)


def _emit_nest(
    module: ir.Module,
    kernel: loops.Kernel,
    target: Target,
    name: str,
    large: frozenset[str] = frozenset(),
) -> KernelCode:
    """Loops; the results ``large`` are written past the caches, and must be aligned."""
    facts = Facts(kernel, target)
    function = ir.Function(module, TASK, name)
    prefix, body = parallel_prefix(kernel)
    scratch_bytes = _scratch_bytes(kernel)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    scope = Scope(facts, builder)
    scope.ahead = rows_ahead(facts, prefix, body)
    scope.streamed = large
    tasks = math.prod(loop.extent for loop in prefix)
    if tasks:
        _bind_buffers(scope, kernel, function, on_stack=scratch_bytes <= _STACK_SCRATCH)
        _emit_tasks(scope, prefix, body, function)
    if large:
        fence(builder)
    builder.ret_void()
    wanted = 0 if scratch_bytes <= _STACK_SCRATCH else scratch_bytes
    return KernelCode(name, tasks, wanted, nanoseconds(facts, body))


def _emit_product(
    module: ir.Module, kernel: loops.Kernel, matmul: loops.Matmul, target: Target
) -> KernelCode:
    """A kernel that is one matrix product: the tiled code, with the epilogue by our emitter."""
    facts = Facts(kernel, target)
    extents = dict([*matmul.batch, matmul.m, matmul.n])

    def epilogue(
        builder: ir.IRBuilder,
        pointers: Mapping[str, ir.Value],
        bindings: Mapping[str, ir.Value],
        vector: str,
        lanes: int,
        mask: ir.Value | None,
        acc: ir.Value,
    ) -> None:
        scope = Scope(facts, builder)
        scope.buffers.update(pointers)
        scope.extents.update(extents)
        for name, value in bindings.items():
            scope.bind(name, value)
        scope.lanes = Lanes(vector, lanes, 0, mask)
        scope.bind(matmul.acc, acc)
        emit_body(scope, matmul.epilogue)

    code = emit_matmul(module, kernel, matmul, target, epilogue)
    each = product_nanoseconds(facts, matmul) / max(code.tasks, 1)
    return KernelCode(code.function.name, code.tasks, code.scratch_bytes, each)


def parallel_prefix(
    kernel: loops.Kernel,
) -> tuple[tuple[loops.Loop, ...], tuple[loops.Stmt, ...]]:
    """The parallel loops around the kernel's body, and that body."""
    prefix, body = [], kernel.body
    while len(body) == 1 and isinstance(body[0], loops.Loop) and body[0].kind == "parallel":
        prefix.append(body[0])
        body = body[0].body
    return tuple(prefix), body


def _scratch_bytes(kernel: loops.Kernel) -> int:
    return sum(_padded(b) for b in kernel.buffers if b.role == "scratch")


def _padded(buffer: loops.Buffer) -> int:
    """Bytes of a buffer, rounded up to whole cache lines."""
    return -(-buffer.size * itemsize(buffer.dtype) // 64) * 64


def _bind_buffers(
    scope: Scope, kernel: loops.Kernel, function: ir.Function, *, on_stack: bool
) -> None:
    slots, scratch = function.args[:2]
    builder, offset = scope.builder, 0
    for position, buffer in enumerate(kernel.parameters):
        place = builder.gep(slots, [ir.Constant(I64, position)], source_etype=POINTER)
        scope.buffers[buffer.name] = builder.load(place, typ=POINTER, align=8)
    for buffer in kernel.buffers:
        if buffer.role != "scratch":
            continue
        if on_stack:
            kind = ir.ArrayType(memory_type(buffer.dtype), max(buffer.size, 1))
            memory = stack(builder, kind, align=64)
        else:
            memory = builder.gep(scratch, [ir.Constant(I64, offset)], source_etype=ir.IntType(8))
        scope.buffers[buffer.name] = memory
        offset += _padded(buffer)


def _emit_tasks(
    scope: Scope,
    prefix: tuple[loops.Loop, ...],
    body: tuple[loops.Stmt, ...],
    function: ir.Function,
) -> None:
    """The loop over task numbers; coordinates are divided out once, then counted up."""
    begin, end = function.args[2:]
    outer = scope.builder
    head, leave = function.append_basic_block("task"), function.append_basic_block("leave")
    coordinates = _coordinates(outer, prefix, begin)
    some = outer.icmp_signed("<", begin, end)
    builder = ir.IRBuilder(head)
    index = builder.phi(I64)
    phis = [builder.phi(I64) for _ in prefix]
    with scope.opened(builder):
        for loop, phi in zip(prefix, phis, strict=True):
            scope.extents[loop.var] = loop.extent
            scope.bind(loop.var, ir.Constant(I64, 0) if loop.extent == 1 else phi)
        with scope.changing(scope.facts.body_effects(body).changed):
            _emit_bounded(scope, prefix, body)
        following = builder.add(index, ir.Constant(I64, 1))
        moved = _counted_up(builder, prefix, phis)
        builder.cbranch(builder.icmp_signed("<", following, end), head, leave)
        latch = builder.block
    index.add_incoming(begin, outer.block)
    index.add_incoming(following, latch)
    for phi, first, then in zip(phis, coordinates, moved, strict=True):
        phi.add_incoming(first, outer.block)
        phi.add_incoming(then, latch)
    outer.cbranch(some, head, leave)
    outer.position_at_end(leave)


def _coordinates(
    builder: ir.IRBuilder, prefix: tuple[loops.Loop, ...], number: ir.Value
) -> list[ir.Value]:
    """The loop variables of a task number."""
    values: list[ir.Value] = []
    for loop in reversed(prefix):
        extent = ir.Constant(I64, loop.extent)
        values.append(builder.urem(number, extent))
        number = builder.udiv(number, extent)
    return values[::-1]


def _counted_up(
    builder: ir.IRBuilder, prefix: tuple[loops.Loop, ...], values: list[ir.PhiInstr]
) -> list[ir.Value]:
    """The next task's loop variables: the last plus one, with carries."""
    carry: ir.Value = ir.Constant(I64, 1)
    moved: list[ir.Value] = []
    for loop, value in zip(reversed(prefix), reversed(values), strict=True):
        raised = builder.add(value, carry)
        wraps = builder.icmp_unsigned("==", raised, ir.Constant(I64, loop.extent))
        moved.append(builder.select(wraps, ir.Constant(I64, 0), raised))
        carry = builder.zext(wraps, I64)
    return moved[::-1]


def _emit_bounded(
    scope: Scope, prefix: tuple[loops.Loop, ...], body: tuple[loops.Stmt, ...]
) -> None:
    """The body, skipped where a parallel loop's bound says so."""
    builder, inside = scope.builder, None
    for loop in prefix:
        if loop.bound is None:
            continue
        bound = scope.sum_of(loop.bound.terms, loop.bound.offset)
        below = builder.icmp_signed("<", scope.values[loop.var], bound)
        inside = below if inside is None else builder.and_(inside, below)
    if inside is None:
        emit_body(scope, body)
        return
    block, after = builder.append_basic_block("inside"), builder.append_basic_block("after")
    inner = ir.IRBuilder(block)
    with scope.opened(inner, guarded=True):
        emit_body(scope, body)
    inner.branch(after)
    builder.cbranch(inside, block, after)
    builder.position_at_end(after)
