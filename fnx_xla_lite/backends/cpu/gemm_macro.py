"""Macro loops: output tasks [begin, end) of one product -> blocks of k, packing, register tiles.

Loop order after Goto and van de Geijn (2008). Packed operands are kept from one task to the next
where the next one reads the same, also from one call to the next of the same thread and job: the
head of scratch says what is packed, and is set to "nothing" as a job begins (``gemm``).
"""

from __future__ import annotations

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_epilogue import batch_bindings, batch_offset
from fnx_xla_lite.backends.cpu.gemm_frame import Frame, Step, Task, rest
from fnx_xla_lite.backends.cpu.gemm_loops import counted, element, quotient, scaled, total
from fnx_xla_lite.backends.cpu.gemm_pack import packer, packing_of
from fnx_xla_lite.backends.cpu.gemm_panels import least_depth, panel_packer
from fnx_xla_lite.backends.cpu.gemm_problem import Operand
from fnx_xla_lite.backends.cpu.gemm_tile import emit_tiles
from fnx_xla_lite.backends.cpu.gemm_types import BOOL, INT64, STORAGE, int64

BLOCK_MEMO, STRIP_MEMO = 0, 1  # words of scratch's head


def emit_tasks(frame: Frame, begin: ir.Value, end: ir.Value) -> None:
    """``for task in range(begin, end)``."""
    builder, plan = frame.builder, frame.plan
    with counted(builder, begin, end, name="task") as number:
        group, block = _divide(builder, number, plan.blocks)
        batch, strip = _divide(builder, group, plan.strips)
        same_block = total(builder, scaled(builder, batch, plan.blocks), block)
        task = _task(
            frame, (batch, strip, block),
            new_block=_changed(frame, BLOCK_MEMO, same_block) if plan.pack_lhs else None,
            new_strip=_changed(frame, STRIP_MEMO, group) if plan.pack_rhs else None,
        )  # fmt: skip
        _emit_steps(frame, task)


def _divide(builder: ir.IRBuilder, value: ir.Value, by: int) -> tuple[ir.Value, ir.Value]:
    if by == 1:
        return value, int64(0)
    return builder.udiv(value, int64(by)), builder.urem(value, int64(by))


def _changed(frame: Frame, memo: int, now: ir.Value) -> ir.Value:
    """Whether ``now`` differs from what a word of scratch's head holds; it holds ``now`` then."""
    builder = frame.builder
    slot = element(builder, frame.scratch, INT64, memo)
    changed = builder.icmp_signed("!=", builder.load(slot, typ=INT64), now)
    builder.store(now, slot)
    return changed


def _task(
    frame: Frame,
    place: tuple[ir.Value, ir.Value, ir.Value],
    *,
    new_block: ir.Value | None,
    new_strip: ir.Value | None,
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
        height=rest(builder, problem.m, m, plan.mc),
        width=rest(builder, problem.n, n, plan.nc),
        lhs=address(frame.lhs, problem.lhs, scaled(builder, m, problem.lhs.outer)),
        rhs=address(frame.rhs, problem.rhs, scaled(builder, n, problem.rhs.outer)),
        target=target, new_block=new_block, new_strip=new_strip,
    )  # fmt: skip


def _emit_steps(frame: Frame, task: Task) -> None:
    builder, problem, plan = frame.builder, frame.problem, frame.plan
    if plan.kc >= problem.k:
        step = _step(frame, int64(0), int64(problem.k), ir.Constant(BOOL, 1))
        _emit_packing(frame, task, step)
        emit_tiles(frame, task, step)
        return
    with counted(builder, int64(0), int64(problem.k), plan.kc, name="k") as k:
        depth = rest(builder, problem.k, k, plan.kc)
        last = builder.icmp_signed(">=", builder.add(k, depth), int64(problem.k))
        step = _step(frame, k, depth, last)
        _emit_packing(frame, task, step)
        emit_tiles(frame, task, step)


def _step(frame: Frame, k: ir.Value, depth: ir.Value, last: ir.Value) -> Step:
    builder, plan = frame.builder, frame.plan
    scalar = STORAGE[plan.dtype]
    strip = None
    if plan.pack_rhs:
        strip = element(builder, frame.scratch, ir.IntType(8), plan.strip_offset)
        if plan.strip_depth > plan.kc:
            strip = element(builder, strip, scalar, scaled(builder, k, plan.nc))
    block = None
    if plan.pack_lhs:
        block = element(builder, frame.scratch, ir.IntType(8), plan.block_offset)
    return Step(k, depth, block, strip, last)


def _emit_packing(frame: Frame, task: Task, step: Step) -> None:
    """Pack this step's block of the left and strip of the right operand, if not done yet."""
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
    """Whole panels as straight-line code where there is some, the ragged ones lane by lane."""
    builder, plan = frame.builder, frame.plan
    spec = packing_of(operand, plan.dtype, plan.lanes)
    stored = STORAGE[operand.dtype]
    first = element(builder, source, stored, scaled(builder, step.k, operand.depth))
    begin: ir.Value = int64(0)
    total_extent = frame.problem.n if operand is frame.problem.rhs else frame.problem.m
    if 0 < least_depth(spec, width) <= _shallowest(frame):
        stride = int64(operand.depth if spec.method == "runs" else operand.outer)
        count = quotient(builder, extent, width)
        whole = panel_packer(builder.module, spec, width)
        builder.call(whole, [first, stride, panels, count, step.depth])
        if total_extent % width == 0:
            return
        begin = scaled(builder, count, width)
    function = packer(builder.module, spec)
    strides = int64(operand.outer), int64(operand.depth)
    with counted(builder, begin, extent, width, name="panel") as lane:
        start = element(builder, first, stored, scaled(builder, lane, operand.outer))
        panel = element(builder, panels, STORAGE[plan.dtype], builder.mul(lane, step.depth))
        valid = rest(builder, extent, lane, width)
        builder.call(function, [start, *strides, panel, int64(width), valid, step.depth])


def _shallowest(frame: Frame) -> int:
    """Steps of the shortest block of k."""
    k, kc = frame.problem.k, frame.plan.kc
    return k if kc >= k else min(kc, k % kc or kc)
