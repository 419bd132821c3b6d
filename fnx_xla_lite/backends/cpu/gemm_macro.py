"""Macro loops: output tasks [begin, end) of one product -> packing, microkernel calls, epilogue.

Loop order after Goto and van de Geijn (2008): tasks, blocks of k, packing, then register tiles. Packed operands are kept from one task to
the next where the next one reads the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_blocking import Plan
from fnx_xla_lite.backends.cpu.gemm_dot import DotKernel, dot_kernel
from fnx_xla_lite.backends.cpu.gemm_epilogue import batch_bindings, batch_offset
from fnx_xla_lite.backends.cpu.gemm_loops import (
    counted,
    difference,
    element,
    scaled,
    smaller,
    total,
)
from fnx_xla_lite.backends.cpu.gemm_micro import MicroKernel, microkernel
from fnx_xla_lite.backends.cpu.gemm_pack import packer, packing_of
from fnx_xla_lite.backends.cpu.gemm_problem import Operand, Problem
from fnx_xla_lite.backends.cpu.gemm_types import BOOL, INT64, STORAGE, int64
from fnx_xla_lite.loops import ir as loops


@dataclass(frozen=True, slots=True)
class Frame:
    """What the loops of one function share: builder, product, sizes, the arrays' addresses and the scratch."""

    builder: ir.IRBuilder
    matmul: loops.Matmul
    problem: Problem
    plan: Plan
    fused: bool
    buffers: ir.Value
    lhs: ir.Value
    rhs: ir.Value
    target: ir.Value | None
    scratch: ir.Value
    tile: ir.Value | None
    epilogue: ir.Function | None


@dataclass(frozen=True, slots=True)
class Task:
    """One output block: batch number, origin and size; addresses of its operands' first elements."""

    batch: ir.Value
    m: ir.Value
    n: ir.Value
    height: ir.Value
    width: ir.Value
    lhs: ir.Value
    rhs: ir.Value
    target: ir.Value | None
    new_block: ir.Value
    new_strip: ir.Value


@dataclass(frozen=True, slots=True)
class Step:
    """One block of k of a task: its first k, its depth, where its packed panels lie, whether it is the last."""

    k: ir.Value
    depth: ir.Value
    block: ir.Value | None
    strip: ir.Value | None
    last: ir.Value


@dataclass(frozen=True, slots=True)
class Region:
    """The outputs of one register tile, from the task's origin; its first ``skip`` rows are another tile's."""

    i: ir.Value
    j: ir.Value
    rows: ir.Value
    columns: ir.Value
    skip: ir.Value


def emit_tasks(frame: Frame, begin: ir.Value, end: ir.Value) -> None:
    """``for task in range(begin, end)``."""
    builder, plan = frame.builder, frame.plan
    packed_strip = _remembered(builder, "packed.strip")
    packed_block = _remembered(builder, "packed.block")
    with counted(builder, begin, end, name="task") as number:
        group, block = _divide(builder, number, plan.blocks)
        batch, strip = _divide(builder, group, plan.strips)
        same_block = total(builder, scaled(builder, batch, plan.blocks), block)
        task = _task(
            frame, (batch, strip, block),
            new_block=_changed(builder, packed_block, same_block),
            new_strip=_changed(builder, packed_strip, group),
        )  # fmt: skip
        _emit_steps(frame, task)


def _divide(builder: ir.IRBuilder, value: ir.Value, by: int) -> tuple[ir.Value, ir.Value]:
    if by == 1:
        return value, int64(0)
    return builder.udiv(value, int64(by)), builder.urem(value, int64(by))


def _remembered(builder: ir.IRBuilder, name: str) -> ir.Value:
    slot = builder.alloca(INT64, name=name)
    builder.store(int64(-1), slot)
    return slot


def _changed(builder: ir.IRBuilder, slot: ir.Value, now: ir.Value) -> ir.Value:
    """Whether ``now`` differs from what ``slot`` remembers; it remembers ``now`` from here on."""
    changed = builder.icmp_signed("!=", builder.load(slot, typ=INT64), now)
    builder.store(now, slot)
    return changed


def _task(
    frame: Frame,
    place: tuple[ir.Value, ir.Value, ir.Value],
    *,
    new_block: ir.Value,
    new_strip: ir.Value,
) -> Task:
    builder, problem, plan = frame.builder, frame.problem, frame.plan
    batch, strip, block = place
    values = batch_bindings(builder, frame.matmul, batch)
    m, n = scaled(builder, block, plan.mc), scaled(builder, strip, plan.nc)

    def address(base: ir.Value, operand: Operand, *terms: ir.Value) -> ir.Value:
        offset = batch_offset(builder, frame.matmul, values, operand.batch)
        return element(builder, base, STORAGE[operand.dtype], total(builder, offset, *terms))

    target = None
    if frame.target is not None:
        target = address(frame.target, problem.target, scaled(builder, m, problem.target.outer), n)
    return Task(
        batch, m, n,
        height=_rest(builder, problem.m, m, plan.mc),
        width=_rest(builder, problem.n, n, plan.nc),
        lhs=address(frame.lhs, problem.lhs, scaled(builder, m, problem.lhs.outer)),
        rhs=address(frame.rhs, problem.rhs, scaled(builder, n, problem.rhs.outer)),
        target=target, new_block=new_block, new_strip=new_strip,
    )  # fmt: skip


def _rest(builder: ir.IRBuilder, extent: int | ir.Value, start: ir.Value, size: int) -> ir.Value:
    """``min(size, extent - start)``, folded where it is known."""
    if isinstance(extent, int):
        if extent % size == 0:
            return int64(size)
        if isinstance(start, ir.Constant):
            return int64(min(size, extent - start.constant))
        extent = int64(extent)
    elif isinstance(extent, ir.Constant):
        return _rest(builder, extent.constant, start, size)
    return smaller(builder, int64(size), builder.sub(extent, start))


def _emit_steps(frame: Frame, task: Task) -> None:
    builder, problem, plan = frame.builder, frame.problem, frame.plan
    if plan.kc >= problem.k:
        step = _step(frame, int64(0), int64(problem.k), ir.Constant(BOOL, 1))
        _emit_packing(frame, task, step)
        _emit_tiles(frame, task, step)
        return
    with counted(builder, int64(0), int64(problem.k), plan.kc, name="k") as k:
        depth = _rest(builder, problem.k, k, plan.kc)
        last = builder.icmp_signed(">=", builder.add(k, depth), int64(problem.k))
        step = _step(frame, k, depth, last)
        _emit_packing(frame, task, step)
        _emit_tiles(frame, task, step)


def _step(frame: Frame, k: ir.Value, depth: ir.Value, last: ir.Value) -> Step:
    builder, plan = frame.builder, frame.plan
    scalar = STORAGE[plan.dtype]
    strip = None
    if plan.pack_rhs:
        strip = element(builder, frame.scratch, ir.IntType(8), plan.strip_offset)
        if plan.strip_depth > plan.kc:
            strip = element(builder, strip, scalar, scaled(builder, k, plan.nc))
    return Step(k, depth, frame.scratch if plan.pack_lhs else None, strip, last)


def _emit_packing(frame: Frame, task: Task, step: Step) -> None:
    """Pack this step's block of the left and strip of the right operand, unless they lie packed already."""
    builder, problem, plan = frame.builder, frame.problem, frame.plan
    one_block = plan.kc >= problem.k
    if step.strip is not None:
        kept = plan.strip_depth >= problem.k
        with builder.if_then(task.new_strip if kept else ir.Constant(BOOL, 1)):
            _pack_panels(frame, problem.rhs, task.rhs, step, step.strip, task.width, plan.columns)
    if step.block is not None:
        with builder.if_then(task.new_block if one_block else ir.Constant(BOOL, 1)):
            _pack_panels(frame, problem.lhs, task.lhs, step, step.block, task.height, plan.rows)


def _pack_panels(
    frame: Frame,
    operand: Operand,
    source: ir.Value,
    step: Step,
    panels: ir.Value,
    extent: ir.Value,
    width: int,
) -> None:
    builder, plan = frame.builder, frame.plan
    function = packer(builder.module, packing_of(operand, plan.dtype, plan.lanes))
    stored = STORAGE[operand.dtype]
    strides = int64(operand.outer), int64(operand.depth)
    first = element(builder, source, stored, scaled(builder, step.k, operand.depth))
    with counted(builder, int64(0), extent, width, name="panel") as lane:
        start = element(builder, first, stored, scaled(builder, lane, operand.outer))
        panel = element(builder, panels, STORAGE[plan.dtype], builder.mul(lane, step.depth))
        valid = _rest(builder, extent, lane, width)
        builder.call(function, [start, *strides, panel, int64(width), valid, step.depth])


def _emit_tiles(frame: Frame, task: Task, step: Step) -> None:
    """Register tiles: columns outside, so that a panel of the right operand stays near while the left one streams."""
    builder, problem, plan = frame.builder, frame.problem, frame.plan
    with counted(builder, int64(0), task.width, plan.columns, name="j") as j:
        columns = _rest(builder, task.width, j, plan.columns)
        b = _panel(frame, problem.rhs, task.rhs, step, step.strip, j)
        with counted(builder, int64(0), task.height, plan.rows, name="i") as i:
            rows = _rest(builder, task.height, i, plan.rows)
            # A tile that does not fit starts earlier in place, or runs into its panel's unused lanes.
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
    """One register tile: straight to its target where it is whole, else by way of a tile in memory and the epilogue."""
    builder, plan = frame.builder, frame.plan
    tile, ldc, through = _destination(frame, task, region)
    accumulate = builder.icmp_signed("!=", step.k, int64(0))
    function = _microkernel_of(frame)
    builder.call(function, [*operands, tile, ldc, step.depth, region.columns, accumulate])
    if frame.epilogue is None:
        return
    with builder.if_then(builder.and_(step.last, through)):
        m, n = builder.add(task.m, region.i), builder.add(task.n, region.j)
        skipped = scaled(builder, region.skip, plan.columns)
        first = element(builder, tile, STORAGE[plan.dtype], skipped)
        sizes = [region.rows, region.columns]
        builder.call(frame.epilogue, [frame.buffers, task.batch, m, n, *sizes, first])


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
    """The one tile on the stack, or this tile's own place in scratch where sums of several k blocks wait."""
    builder, plan = frame.builder, frame.plan
    if frame.tile is not None:
        return frame.tile
    tiles = element(builder, frame.scratch, ir.IntType(8), plan.tile_offset)
    offset = total(builder, scaled(builder, j, plan.mc), scaled(builder, i, plan.columns))
    return element(builder, tiles, STORAGE[plan.dtype], offset)


def _microkernel_of(frame: Frame) -> ir.Function:
    problem, plan, module = frame.problem, frame.plan, frame.builder.module
    lhs, rhs = problem.lhs, problem.rhs
    if plan.dot:
        columns = min(plan.lanes, 1 << (problem.n - 1).bit_length())
        strides = (lhs.dtype, rhs.dtype, rhs.outer)
        return dot_kernel(module, DotKernel(columns, plan.lanes, plan.dtype, *strides, frame.fused))
    packed_lhs, packed_rhs = (plan.dtype, 1, plan.rows), (plan.dtype, plan.columns)
    left = packed_lhs if plan.pack_lhs else (lhs.dtype, lhs.outer, lhs.depth)
    right = packed_rhs if plan.pack_rhs else (rhs.dtype, rhs.depth)
    masked = not plan.pack_rhs and problem.n % plan.columns != 0
    tile = (plan.rows, plan.vectors, plan.lanes, plan.dtype)
    return microkernel(module, MicroKernel(*tile, *left, *right, masked, frame.fused))
