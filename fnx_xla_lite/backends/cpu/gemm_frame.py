"""Frame: what the macro loops of one matrix product share, and the places they have reached."""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_blocking import Plan
from fnx_xla_lite.backends.cpu.gemm_loops import smaller
from fnx_xla_lite.backends.cpu.gemm_problem import Problem
from fnx_xla_lite.backends.cpu.gemm_types import int64
from fnx_xla_lite.loops import ir as loops


@dataclass(frozen=True, slots=True)
class Frame:
    """What the loops of one function share: builder, product, sizes, addresses, scratch."""

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
    """One output block: batch number, origin, size, addresses of its first elements."""

    batch: ir.Value
    m: ir.Value
    n: ir.Value
    height: ir.Value
    width: ir.Value
    lhs: ir.Value
    rhs: ir.Value
    target: ir.Value | None
    new_block: ir.Value | None
    new_strip: ir.Value | None


@dataclass(frozen=True, slots=True)
class Step:
    """One block of k of a task: first k, depth, where its packed panels lie, if it is the last."""

    k: ir.Value
    depth: ir.Value
    block: ir.Value | None
    strip: ir.Value | None
    last: ir.Value


@dataclass(frozen=True, slots=True)
class Region:
    """The outputs of one register tile; its first ``skip`` rows are another tile's."""

    i: ir.Value
    j: ir.Value
    rows: ir.Value
    columns: ir.Value
    skip: ir.Value


def rest(builder: ir.IRBuilder, extent: int | ir.Value, start: ir.Value, size: int) -> ir.Value:
    """``min(size, extent - start)``, folded where it is known."""
    if isinstance(extent, int):
        if extent % size == 0:
            return int64(size)
        if isinstance(start, ir.Constant):
            return int64(min(size, extent - start.constant))
        extent = int64(extent)
    elif isinstance(extent, ir.Constant):
        return rest(builder, extent.constant, start, size)
    return smaller(builder, int64(size), builder.sub(extent, start))
