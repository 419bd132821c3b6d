"""Tiles: one block of a task, register tile by register tile -> microkernel calls and epilogues."""

from __future__ import annotations

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_dot import DotKernel, dot_kernel
from fnx_xla_lite.backends.cpu.gemm_frame import Frame, Region, Step, Task, rest
from fnx_xla_lite.backends.cpu.gemm_loops import counted, difference, element, scaled, total
from fnx_xla_lite.backends.cpu.gemm_micro import MicroKernel, microkernel
from fnx_xla_lite.backends.cpu.gemm_problem import Operand
from fnx_xla_lite.backends.cpu.gemm_types import BOOL, STORAGE, int64


def emit_tiles(frame: Frame, task: Task, step: Step) -> None:
    """Register tiles, columns outside: a panel of the right operand stays, the left streams."""
    builder, problem, plan = frame.builder, frame.problem, frame.plan
    with counted(builder, int64(0), task.width, plan.columns, name="j") as j:
        columns = rest(builder, task.width, j, plan.columns)
        b = _panel(frame, problem.rhs, task.rhs, step, step.strip, j)
        with counted(builder, int64(0), task.height, plan.rows, name="i") as i:
            rows = rest(builder, task.height, i, plan.rows)
            # A tile that does not fit starts earlier in place, or runs into its panel's unused
            # lanes.
            skip = int64(0)
            if step.block is None:
                skip = difference(builder, int64(plan.rows), rows)
            start = difference(builder, i, skip)
            a = _panel(frame, problem.lhs, task.lhs, step, step.block, start)
            _emit_tile(frame, task, step, (a, b), Region(i, j, rows, columns, skip))


def _panel(
    frame: Frame,
    operand: Operand,
    source: ir.Value,
    step: Step,
    packed: ir.Value | None,
    start: ir.Value,
) -> ir.Value:
    """The address of an operand's panel: packed, or in place."""
    builder = frame.builder
    if packed is not None:
        return element(builder, packed, STORAGE[frame.plan.dtype], builder.mul(start, step.depth))
    offset = total(
        builder, scaled(builder, start, operand.outer), scaled(builder, step.k, operand.depth)
    )
    return element(builder, source, STORAGE[operand.dtype], offset)


def _emit_tile(
    frame: Frame, task: Task, step: Step, operands: tuple[ir.Value, ir.Value], region: Region
) -> None:
    """One register tile: straight to its target, or through a tile in memory and the epilogue."""
    builder, plan = frame.builder, frame.plan
    tile, ldc, through = _destination(frame, task, region)
    accumulate = builder.icmp_signed("!=", step.k, int64(0))
    function, strides = _microkernel_of(frame)
    sizes = [*map(int64, strides), ldc, step.depth, region.columns]
    builder.call(function, [*operands, tile, *sizes, accumulate])
    if frame.epilogue is None:
        return
    with builder.if_then(builder.and_(step.last, through)):
        m, n = builder.add(task.m, region.i), builder.add(task.n, region.j)
        skipped = scaled(builder, region.skip, plan.columns)
        first = element(builder, tile, STORAGE[plan.dtype], skipped)
        valid = [region.rows, region.columns]
        builder.call(frame.epilogue, [frame.buffers, task.batch, m, n, *valid, first])


def _destination(frame: Frame, task: Task, region: Region) -> tuple[ir.Value, ir.Value, ir.Value]:
    """(address, row stride, whether the epilogue must run) for a tile's sums."""
    builder, problem, plan = frame.builder, frame.problem, frame.plan
    if task.target is None:
        in_memory = _tile_in_memory(frame, region.i, region.j)
        return in_memory, int64(plan.columns), ir.Constant(BOOL, 1)
    offset = total(builder, scaled(builder, region.i, problem.target.outer), region.j)
    direct = element(builder, task.target, STORAGE[plan.dtype], offset)
    direct_ldc = int64(problem.target.outer)
    if frame.epilogue is None:
        return direct, direct_ldc, ir.Constant(BOOL, 0)
    through = builder.or_(
        builder.icmp_signed("<", region.rows, int64(plan.rows)),
        builder.icmp_signed("<", region.columns, int64(plan.columns)),
    )
    tile = builder.select(through, _tile_in_memory(frame, region.i, region.j), direct)
    return tile, builder.select(through, int64(plan.columns), direct_ldc), through


def _tile_in_memory(frame: Frame, i: ir.Value, j: ir.Value) -> ir.Value:
    """The one tile on the stack, or this tile's place in scratch where its sums wait."""
    builder, plan = frame.builder, frame.plan
    if frame.tile is not None:
        return frame.tile
    tiles = element(builder, frame.scratch, ir.IntType(8), plan.tile_offset)
    offset = total(builder, scaled(builder, j, plan.mc), scaled(builder, i, plan.columns))
    return element(builder, tiles, STORAGE[plan.dtype], offset)


def _microkernel_of(frame: Frame) -> tuple[ir.Function, tuple[int, int, int]]:
    """The microkernel, and the strides of a (along m and k) and b that it is called with."""
    problem, plan, module = frame.problem, frame.plan, frame.builder.module
    lhs, rhs = problem.lhs, problem.rhs
    if plan.dot:
        columns = min(plan.lanes, 1 << (problem.n - 1).bit_length())
        dot = DotKernel(columns, plan.lanes, plan.dtype, lhs.dtype, rhs.dtype, frame.fused)
        return dot_kernel(module, dot), (0, lhs.depth, rhs.outer)
    a_m, a_k = (1, plan.rows) if plan.pack_lhs else (lhs.outer, lhs.depth)
    spec = MicroKernel(
        plan.rows,
        plan.vectors,
        plan.lanes,
        plan.dtype,
        lhs_dtype=plan.dtype if plan.pack_lhs else lhs.dtype,
        rhs_dtype=plan.dtype if plan.pack_rhs else rhs.dtype,
        along_m=a_m == 1,
        masked=not plan.pack_rhs and problem.n % plan.columns != 0,
        accumulates=plan.kc < problem.k,
        fused=frame.fused,
    )
    return microkernel(module, spec), (a_m, a_k, plan.columns if plan.pack_rhs else rhs.depth)
