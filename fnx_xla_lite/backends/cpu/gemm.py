"""Matrix products: loops.Matmul -> an LLVM function that runs output tasks [begin, end).

The path of data: ``gemm_problem`` (strides), ``gemm_blocking`` (sizes), ``gemm_pack`` (panels),
``gemm_micro`` and ``gemm_dot`` (register tiles), ``gemm_macro`` and ``gemm_tile`` (loops),
``gemm_epilogue`` (what is stored). The emitted function is ``void(ptr buffers, ptr scratch, i64
begin, i64 end)``: ``buffers[i]`` is the address of ``kernel.parameters[i]``; ``scratch`` is private
to the calling thread, 64-byte aligned, of ``MatmulCode.scratch_bytes`` bytes; its first 16 bytes
are all ones as a job begins (nothing is packed), the rest needs no contents. Tasks write disjoint
outputs, so any partition of ``range(tasks)`` over threads and calls gives the same bytes; a thread
had best take neighbours, as packed operands are kept from one task to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_blocking import Plan, plan
from fnx_xla_lite.backends.cpu.gemm_epilogue import (
    EmitEpilogue,
    epilogue_function,
    load_pointers,
)
from fnx_xla_lite.backends.cpu.gemm_frame import Frame
from fnx_xla_lite.backends.cpu.gemm_loops import element
from fnx_xla_lite.backends.cpu.gemm_macro import emit_tasks
from fnx_xla_lite.backends.cpu.gemm_problem import Operand, Problem, problem_of
from fnx_xla_lite.backends.cpu.gemm_types import INT64, POINTER, STORAGE, skip_optimizing, vector_of
from fnx_xla_lite.backends.cpu.target import Target
from fnx_xla_lite.loops import ir as loops


@dataclass(frozen=True, slots=True)
class MatmulCode:
    """An emitted product: function, tasks, scratch bytes per thread, multiply-adds of all tasks."""

    function: ir.Function
    tasks: int
    scratch_bytes: int
    multiply_adds: int
    plan: Plan


def emit_matmul(
    module: ir.Module,
    kernel: loops.Kernel,
    matmul: loops.Matmul,
    target: Target,
    emit_epilogue: EmitEpilogue,
) -> MatmulCode:
    """Emit ``matmul``, the only statement of ``kernel``, into ``module``.

    Args:
        module: receives ``<kernel.name>.matmul`` and the functions that products share.
        kernel: gives the buffers' shapes and order.
        matmul: the product; its loads are affine.
        target: the processor; its vectors, registers and fused multiply-add count.
        emit_epilogue: emits the epilogue's statements (see ``gemm_epilogue``).
    """
    problem = problem_of(kernel, matmul)
    sizes = plan(problem, target)
    signature = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, INT64, INT64])
    function = ir.Function(module, signature, f"{kernel.name}.matmul")
    epilogue = None
    if problem.target is None or problem.n % sizes.columns or problem.m % sizes.rows:
        epilogue = epilogue_function(module, kernel, matmul, problem, sizes, emit_epilogue)
    if sizes.tasks:
        _emit_function(function, kernel, matmul, problem, sizes, target, epilogue)
    else:
        ir.IRBuilder(function.append_basic_block("entry")).ret_void()
    batch = sizes.tasks // (sizes.blocks * sizes.strips) if sizes.tasks else 0
    work = batch * problem.m * problem.n * problem.k
    return MatmulCode(function, sizes.tasks, sizes.scratch_bytes, work, sizes)


def _emit_function(
    function: ir.Function,
    kernel: loops.Kernel,
    matmul: loops.Matmul,
    problem: Problem,
    sizes: Plan,
    target: Target,
    epilogue: ir.Function | None,
) -> None:
    skip_optimizing(function)
    buffers, scratch, begin, end = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    pointers = list(load_pointers(builder, kernel, buffers).values())

    def base(operand: Operand) -> ir.Value:
        return element(builder, pointers[operand.buffer], STORAGE[operand.dtype], operand.offset)

    tile = None
    if sizes.kc >= problem.k and epilogue is not None:
        rows = ir.ArrayType(
            vector_of(STORAGE[sizes.dtype], sizes.lanes), sizes.rows * sizes.vectors
        )
        tile = builder.alloca(rows, name="tile")
        tile.align = 64
    frame = Frame(
        builder, matmul, problem, sizes, target.fma, buffers,
        lhs=base(problem.lhs), rhs=base(problem.rhs),
        target=base(problem.target) if problem.target is not None else None,
        scratch=scratch, tile=tile, epilogue=epilogue,
    )  # fmt: skip
    emit_tasks(frame, begin, end)
    builder.ret_void()
