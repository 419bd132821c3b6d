"""Packing: panels of an operand copied to scratch, ``panel[k][lane]``, in the compute type.

A panel is ``width`` lanes wide (the register tile's rows or columns) and is filled in groups of
lanes. Nothing outside of the operand is read; lanes past its edge hold copies of the last valid
lane, zeros or what was there before. A group may spill past its row of the panel into the next row,
panel or the scratch's pad, so the last group comes first, and panels are packed in increasing
order. Strides are arguments: one function serves every product of a module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit_types import stack
from fnx_xla_lite.backends.cpu.gemm_loops import carrying, counted, element, smaller
from fnx_xla_lite.backends.cpu.gemm_problem import Operand
from fnx_xla_lite.backends.cpu.gemm_types import (
    INT32,
    INT64,
    ITEMSIZE,
    POINTER,
    STORAGE,
    int64,
    lane_mask,
    masked_load,
    skip_optimizing,
    vector_of,
    widen,
)

QUARTER = 16  # bytes that shuffles exchange cheaply between vectors: an SSE or NEON register


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a panel: addresses of its first lane, strides (elements), valid lanes, depth."""

    builder: ir.IRBuilder
    source: ir.Value
    outer: ir.Value
    step: ir.Value
    panel: ir.Value
    width: ir.Value
    valid: ir.Value
    depth: ir.Value


@dataclass(frozen=True, slots=True)
class Packing:
    """What a packing function is specialised to: method, source and compute type, lanes."""

    method: str
    source: str
    dtype: str
    lanes: int


def packing_of(operand: Operand, dtype: str, lanes: int) -> Packing:
    """The method for an operand's strides: runs along the panel, runs along k, or neither."""
    if operand.outer == 1:
        method = "runs"
    elif operand.depth == 1 and ITEMSIZE[dtype] in (4, 8) and lanes * ITEMSIZE[dtype] >= QUARTER:
        method = "transpose"
    else:
        method = "elements"
    return Packing(method, operand.dtype, dtype, lanes)


def packer(module: ir.Module, spec: Packing) -> ir.Function:
    """``void(source, outer, step, panel, width, valid, depth)``, emitted once per module."""
    name = f"fnx_pack_{spec.method}_{spec.source}_{spec.dtype}_{spec.lanes}"
    if name in module.globals:
        return module.globals[name]
    kinds = [POINTER, INT64, INT64, POINTER, INT64, INT64, INT64]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    skip_optimizing(function)
    for position in (0, 3):
        function.args[position].add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    source, outer, step, panel, width, valid, depth = function.args
    last = builder.sub(valid, int64(1))
    top = builder.sub(last, builder.srem(last, int64(spec.lanes)))
    with counted(builder, int64(0), valid, spec.lanes, name="back") as back:
        lane = builder.sub(top, back)
        first = element(builder, source, STORAGE[spec.source], builder.mul(lane, outer))
        target = element(builder, panel, STORAGE[spec.dtype], lane)
        count = smaller(builder, builder.sub(valid, lane), int64(spec.lanes))
        group = Group(builder, first, outer, step, target, width, count, depth)
        _METHODS[spec.method](spec, group)
    builder.ret_void()
    return function


def _pack_runs(spec: Packing, group: Group) -> None:
    """The operand is contiguous across the panel: copy one masked vector per k."""
    builder = group.builder
    kind = vector_of(STORAGE[spec.source], spec.lanes)
    mask = lane_mask(builder, group.valid, spec.lanes)
    with carrying(builder, int64(0), group.depth, 1, [group.source, group.panel]) as loop:
        address, cell = loop.values
        value = masked_load(builder, address, kind, mask, ITEMSIZE[spec.source])
        value = widen(builder, value, spec.source, spec.dtype)
        builder.store(value, cell, align=ITEMSIZE[spec.dtype])
        loop.following = [
            element(builder, address, STORAGE[spec.source], group.step),
            element(builder, cell, STORAGE[spec.dtype], group.width),
        ]


def _pack_transposed(spec: Packing, group: Group) -> None:
    """The operand is contiguous along k: transpose ``lanes x lanes`` squares, in two rounds.

    With vectors seen as quarters of 16 bytes that hold ``side`` elements, quarters change places in
    the first round, ``side x side`` squares turn inside of them in the second. Loops over both
    rounds keep the code short. The square's last rows may lie past ``depth``: they spill into what
    is packed next, or into the pad.
    """
    builder = group.builder
    kind = vector_of(STORAGE[spec.dtype], spec.lanes)
    with builder.goto_entry_block():
        sorted_ = stack(builder, ir.ArrayType(kind, spec.lanes), align=64)
    side = QUARTER // ITEMSIZE[spec.dtype]
    quarters = spec.lanes // side
    with counted(builder, int64(0), group.depth, spec.lanes, name="k") as k:
        mask = lane_mask(builder, builder.sub(group.depth, k), spec.lanes)
        with counted(builder, int64(0), int64(side), name="row") as row:
            lanes = [builder.add(row, int64(q * side)) for q in range(quarters)]
            rows = [_row(spec, group, lane, k, mask) for lane in lanes]
            # Vector q has quarter q of every row; the side of them that belong together lie
            # together.
            for lane, value in zip(lanes, exchanged(builder, rows, side, spec.lanes), strict=True):
                builder.store(value, element(builder, sorted_, kind, lane), align=16)
        with counted(builder, int64(0), int64(spec.lanes), side, name="column") as column:
            _store_columns(spec, group, sorted_, k, column)


def _row(spec: Packing, group: Group, lane: ir.Value, k: ir.Value, mask: ir.Value) -> ir.Value:
    """A vector along k of one lane of the panel; lanes past the edge repeat the last one."""
    builder = group.builder
    present = smaller(builder, lane, builder.sub(group.valid, int64(1)))
    row = _cell(group, spec.source, group.source, present, group.outer)
    address = element(builder, row, STORAGE[spec.source], k)
    kind = vector_of(STORAGE[spec.source], spec.lanes)
    value = masked_load(builder, address, kind, mask, ITEMSIZE[spec.source])
    return widen(builder, value, spec.source, spec.dtype)


def _store_columns(
    spec: Packing, group: Group, sorted_: ir.Value, k: ir.Value, column: ir.Value
) -> None:
    """Round two for ``side`` steps of k from ``k + column`` on."""
    builder = group.builder
    kind = vector_of(STORAGE[spec.dtype], spec.lanes)
    side = QUARTER // ITEMSIZE[spec.dtype]
    parts = []
    for i in range(side):
        address = element(builder, sorted_, kind, builder.add(column, int64(i)))
        parts.append(builder.load(address, typ=kind, align=16))
    cell = _cell(group, spec.dtype, group.panel, builder.add(k, column), group.width)
    for value in exchanged(builder, parts, 1, side):
        builder.store(value, cell, align=ITEMSIZE[spec.dtype])
        cell = element(builder, cell, STORAGE[spec.dtype], group.width)


def exchanged(builder: ir.IRBuilder, rows: list[ir.Value], run: int, span: int) -> list[ir.Value]:
    """Transpose one, two or four vectors as matrices of runs, in every ``span`` of lanes."""

    def pick(x: ir.Value, y: ir.Value, *chosen: tuple[int, int]) -> ir.Value:
        return _picked(builder, (x, y), chosen, run, span)

    if len(rows) == 1:
        return rows
    if len(rows) == 2:
        return [pick(*rows, (0, half), (1, half)) for half in (0, 1)]
    w, x, y, z = rows
    result = []
    for low, high in ((0, 1), (2, 3)):
        if run == 1:  # what x86 calls unpack and ARM zip
            chosen = (0, low), (1, low), (0, high), (1, high)
            upper, lower = pick(w, x, *chosen), pick(y, z, *chosen)
            result.append(pick(upper, lower, (0, 0), (0, 1), (1, 0), (1, 1)))
            result.append(pick(upper, lower, (0, 2), (0, 3), (1, 2), (1, 3)))
        else:  # shuffles of quarters take two from each side
            chosen = (0, low), (0, high), (1, low), (1, high)
            upper, lower = pick(w, x, *chosen), pick(y, z, *chosen)
            result.append(pick(upper, lower, (0, 0), (0, 2), (1, 0), (1, 2)))
            result.append(pick(upper, lower, (0, 1), (0, 3), (1, 1), (1, 3)))
    return result


def _picked(
    builder: ir.IRBuilder,
    pair: tuple[ir.Value, ir.Value],
    chosen: tuple[tuple[int, int], ...],
    run: int,
    span: int,
) -> ir.Value:
    """In every span the runs ``chosen``, each named by (which of the pair, which run)."""
    lanes = pair[0].type.count
    places = [
        side * lanes + first + number * run + i
        for first in range(0, lanes, span)
        for side, number in chosen
        for i in range(run)
    ]
    return builder.shuffle_vector(*pair, ir.Constant(ir.VectorType(INT32, lanes), places))


def _pack_elements(spec: Packing, group: Group) -> None:
    """Any strides, element by element."""
    builder = group.builder
    with counted(builder, int64(0), group.depth, name="k") as k:
        row = _cell(group, spec.source, group.source, k, group.step)
        target = _cell(group, spec.dtype, group.panel, k, group.width)
        with counted(builder, int64(0), group.valid, name="lane") as lane:
            address = _cell(group, spec.source, row, lane, group.outer)
            value = builder.load(address, typ=STORAGE[spec.source])
            value = widen(builder, value, spec.source, spec.dtype)
            builder.store(value, element(builder, target, STORAGE[spec.dtype], lane))


def _cell(group: Group, dtype: str, base: ir.Value, index: ir.Value, stride: ir.Value) -> ir.Value:
    """The address of element ``index * stride`` from ``base``."""
    return element(group.builder, base, STORAGE[dtype], group.builder.mul(index, stride))


_METHODS: dict[str, Callable[[Packing, Group], None]] = {
    "runs": _pack_runs,
    "transpose": _pack_transposed,
    "elements": _pack_elements,
}
