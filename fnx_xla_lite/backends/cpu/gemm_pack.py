"""Packing: panels of an operand copied to scratch, ``panel[k][lane]``, in the compute type.

A panel is ``width`` lanes wide (the register tile's rows or columns). Lanes past the operand's edge are filled with zeros or repeat the
last valid lane; nothing outside of the operand is read. A store may spill up to one vector past a row; the next row, panel or the
scratch's pad takes it, so panels are packed in increasing order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_loops import counted, element, scaled, smaller
from fnx_xla_lite.backends.cpu.gemm_types import (
    INT64,
    ITEMSIZE,
    POINTER,
    STORAGE,
    int64,
    lane_mask,
    masked_load,
    vector_of,
    widen,
)


@dataclass(frozen=True, slots=True)
class PanelPacking:
    """One panel's packing: source type and strides (elements), compute type, lanes of a vector, width of the panel."""

    source: str
    dtype: str
    outer: int
    depth: int
    lanes: int
    width: int

    @property
    def name(self) -> str:
        """A name that says all of it (``m`` for minus)."""
        strides = f"{self.outer}_{self.depth}".replace("-", "m")
        return f"fnx_pack_{self.source}_{self.dtype}_{strides}_{self.lanes}_{self.width}"


def packer(module: ir.Module, spec: PanelPacking) -> ir.Function:
    """The function ``void(source, panel, valid, depth)`` that packs ``valid <= width`` lanes, emitted once per module."""
    if spec.name in module.globals:
        return module.globals[spec.name]
    signature = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, INT64, INT64])
    function = ir.Function(module, signature, spec.name)
    function.linkage = "internal"
    for argument in function.args[:2]:
        argument.add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    _method(spec)(builder, spec, *function.args)
    builder.ret_void()
    return function


def _method(spec: PanelPacking) -> Callable[..., None]:
    if spec.outer == 1:
        return _copy_runs
    return _transpose_blocks if spec.depth == 1 and spec.lanes > 1 else _copy_elements


def _copy_runs(
    builder: ir.IRBuilder,
    spec: PanelPacking,
    source: ir.Value,
    panel: ir.Value,
    valid: ir.Value,
    depth: ir.Value,
) -> None:
    """The operand is contiguous across the panel: copy one masked row per k."""
    kind = vector_of(STORAGE[spec.source], spec.lanes)
    starts = range(0, spec.width, spec.lanes)
    masks = [lane_mask(builder, valid, spec.lanes, start) for start in starts]
    with counted(builder, int64(0), depth, name="k") as k:
        row = element(builder, source, STORAGE[spec.source], scaled(builder, k, spec.depth))
        target = element(builder, panel, STORAGE[spec.dtype], scaled(builder, k, spec.width))
        for start, mask in zip(starts, masks, strict=True):
            address = element(builder, row, STORAGE[spec.source], start)
            value = masked_load(builder, address, kind, mask, ITEMSIZE[spec.source])
            value = widen(builder, value, spec.source, spec.dtype)
            cell = element(builder, target, STORAGE[spec.dtype], start)
            builder.store(value, cell, align=ITEMSIZE[spec.dtype])


def _transpose_blocks(
    builder: ir.IRBuilder,
    spec: PanelPacking,
    source: ir.Value,
    panel: ir.Value,
    valid: ir.Value,
    depth: ir.Value,
) -> None:
    """The operand is contiguous along k: transpose blocks of ``lanes x lanes`` in registers.

    A block's last rows may lie past ``depth``; they spill into what is packed next or into the pad.
    """
    function = _transposer(builder.module, spec)
    # Later groups first: what they spill past the panel's width belongs to the next row of the first group.
    for start in reversed(range(0, spec.width, spec.lanes)):
        lanes_left = builder.sub(valid, int64(start))
        builder_args = (
            element(builder, source, STORAGE[spec.source], start * spec.outer),
            element(builder, panel, STORAGE[spec.dtype], start),
            lanes_left,
            depth,
        )
        present = builder.icmp_signed(">", lanes_left, int64(0))
        with builder.if_then(present):
            builder.call(function, builder_args)


def _transposer(module: ir.Module, spec: PanelPacking) -> ir.Function:
    name = spec.name.replace("fnx_pack", "fnx_transpose")
    if name in module.globals:
        return module.globals[name]
    signature = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, INT64, INT64])
    function = ir.Function(module, signature, name)
    function.linkage = "internal"
    for argument in function.args[:2]:
        argument.add_attribute("noalias")
    source, panel, valid, depth = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    last = builder.sub(valid, int64(1))
    rows = [
        element(
            builder,
            source,
            STORAGE[spec.source],
            scaled(builder, smaller(builder, int64(lane), last), spec.outer),
        )
        for lane in range(spec.lanes)
    ]
    with counted(builder, int64(0), depth, spec.lanes, name="k") as k:
        _transpose_block(builder, spec, rows, panel, k, depth)
    builder.ret_void()
    return function


def _transpose_block(
    builder: ir.IRBuilder,
    spec: PanelPacking,
    rows: list[ir.Value],
    panel: ir.Value,
    k: ir.Value,
    depth: ir.Value,
) -> None:
    kind = vector_of(STORAGE[spec.source], spec.lanes)
    mask = lane_mask(builder, builder.sub(depth, k), spec.lanes)
    block = []
    for row in rows:
        address = element(builder, row, STORAGE[spec.source], k)
        value = masked_load(builder, address, kind, mask, ITEMSIZE[spec.source])
        block.append(widen(builder, value, spec.source, spec.dtype))
    target = element(builder, panel, STORAGE[spec.dtype], scaled(builder, k, spec.width))
    for lane, value in enumerate(transpose(builder, block)):
        cell = element(builder, target, STORAGE[spec.dtype], lane * spec.width)
        builder.store(value, cell, align=ITEMSIZE[spec.dtype])


def transpose(builder: ir.IRBuilder, block: list[ir.Value]) -> list[ir.Value]:
    """Transpose a square of vectors in log2(lanes) rounds of two-vector shuffles."""
    lanes = len(block)
    assert lanes & (lanes - 1) == 0, lanes
    half = 1
    while half < lanes:
        upper, lower = _exchange(lanes, half)
        result = list(block)
        for i in range(lanes):
            if not i & half:
                x, y = block[i], block[i + half]
                result[i] = builder.shuffle_vector(x, y, upper)
                result[i + half] = builder.shuffle_vector(x, y, lower)
        block = result
        half *= 2
    return block


def _exchange(lanes: int, half: int) -> tuple[ir.Constant, ir.Constant]:
    """Masks that swap the off-diagonal ``half x half`` squares of rows i and i + half."""
    kind = ir.VectorType(ir.IntType(32), lanes)
    upper = [j if not j & half else lanes + j - half for j in range(lanes)]
    lower = [j + half if not j & half else lanes + j for j in range(lanes)]
    return ir.Constant(kind, upper), ir.Constant(kind, lower)


def _copy_elements(
    builder: ir.IRBuilder,
    spec: PanelPacking,
    source: ir.Value,
    panel: ir.Value,
    valid: ir.Value,
    depth: ir.Value,
) -> None:
    """Any strides, element by element."""
    with counted(builder, int64(0), depth, name="k") as k:
        row = element(builder, source, STORAGE[spec.source], scaled(builder, k, spec.depth))
        target = element(builder, panel, STORAGE[spec.dtype], scaled(builder, k, spec.width))
        with counted(builder, int64(0), valid, name="lane") as lane:
            address = element(builder, row, STORAGE[spec.source], scaled(builder, lane, spec.outer))
            value = builder.load(address, typ=STORAGE[spec.source])
            value = widen(builder, value, spec.source, spec.dtype)
            builder.store(value, element(builder, target, STORAGE[spec.dtype], lane))
