"""Packing: panels of an operand copied to scratch, ``panel[k][lane]``, in the compute type.

A panel is ``width`` lanes wide (the register tile's rows or columns). Nothing outside of the operand is read; lanes past its edge
hold copies of the last valid lane, zeros or what was there before. A store may spill past a row of the panel; the next row, the
next panel or the scratch's pad takes it, so rows and panels are packed in increasing order. Strides are arguments: one function
serves every product of a module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_loops import counted, element, smaller, total
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
    vector_of,
    widen,
)

QUARTER = 16  # bytes that shuffles exchange cheaply between vectors: an SSE or NEON register


@dataclass(frozen=True, slots=True)
class Panel:
    """The arguments of a packing function: addresses, strides (elements), width, valid lanes, depth."""

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
    """What a packing function is specialised to: its method, source type, compute type and lanes."""

    method: str
    source: str
    dtype: str
    lanes: int

    @property
    def group(self) -> int:
        """Lanes of the panel that the transposing method fills at once."""
        return max(1, QUARTER // ITEMSIZE[self.dtype])


def packing_of(operand: Operand, dtype: str, lanes: int) -> Packing:
    """The method that suits an operand's strides: runs along the panel, runs along k, or neither."""
    if operand.outer == 1:
        method = "runs"
    elif operand.depth == 1 and ITEMSIZE[dtype] in (4, 8) and lanes * ITEMSIZE[dtype] >= QUARTER:
        method = "transpose"
    else:
        method = "elements"
    return Packing(method, operand.dtype, dtype, lanes)


def packer(module: ir.Module, spec: Packing) -> ir.Function:
    """``void(source, outer stride, k stride, panel, width, valid, depth)``, emitted once per module."""
    name = f"fnx_pack_{spec.method}_{spec.source}_{spec.dtype}_{spec.lanes}"
    if name in module.globals:
        return module.globals[name]
    kinds = [POINTER, INT64, INT64, POINTER, INT64, INT64, INT64]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    for position in (0, 3):
        function.args[position].add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    _METHODS[spec.method](spec, Panel(builder, *function.args))
    builder.ret_void()
    return function


def _pack_runs(spec: Packing, panel: Panel) -> None:
    """The operand is contiguous across the panel: copy one masked row per k."""
    builder = panel.builder
    kind = vector_of(STORAGE[spec.source], spec.lanes)
    with counted(builder, int64(0), panel.depth, name="k") as k:
        row = _cell(panel, spec.source, panel.source, (k, panel.step))
        target = _cell(panel, spec.dtype, panel.panel, (k, panel.width))
        with counted(builder, int64(0), panel.valid, spec.lanes, name="lane") as lane:
            mask = lane_mask(builder, builder.sub(panel.valid, lane), spec.lanes)
            address = element(builder, row, STORAGE[spec.source], lane)
            value = masked_load(builder, address, kind, mask, ITEMSIZE[spec.source])
            value = widen(builder, value, spec.source, spec.dtype)
            cell = element(builder, target, STORAGE[spec.dtype], lane)
            builder.store(value, cell, align=ITEMSIZE[spec.dtype])


def _pack_transposed(spec: Packing, panel: Panel) -> None:
    """The operand is contiguous along k: transpose ``group`` lanes by ``lanes`` of k at a time.

    Rows of the panel past ``depth`` may be written: they spill into what is packed next, or into the pad.
    """
    builder = panel.builder
    last = builder.sub(panel.valid, int64(1))
    top = builder.and_(last, int64(-spec.group))
    with counted(builder, int64(0), panel.depth, spec.lanes, name="k") as k:
        mask = lane_mask(builder, builder.sub(panel.depth, k), spec.lanes)
        with counted(builder, int64(0), panel.valid, spec.group, name="back") as back:
            # Later lanes first: what they spill past the panel's width is the next row's first lanes.
            lane = builder.sub(top, back)
            rows = []
            for i in range(spec.group):
                present = smaller(builder, builder.add(lane, int64(i)), last)
                row = _cell(panel, spec.source, panel.source, (present, panel.outer))
                address = element(builder, row, STORAGE[spec.source], k)
                kind = vector_of(STORAGE[spec.source], spec.lanes)
                value = masked_load(builder, address, kind, mask, ITEMSIZE[spec.source])
                rows.append(widen(builder, value, spec.source, spec.dtype))
            _store_transposed(spec, panel, rows, k, lane)


def _store_transposed(
    spec: Packing, panel: Panel, rows: list[ir.Value], k: ir.Value, lane: ir.Value
) -> None:
    """Transpose every 16-byte column of ``rows`` and store it: the k-th element of all rows side by side."""
    builder = panel.builder
    columns = _transpose_quarters(builder, rows)
    kind = ir.VectorType(INT32, spec.group)
    for j in range(spec.lanes):
        first = j // spec.group * spec.group
        places = ir.Constant(kind, list(range(first, first + spec.group)))
        column = columns[j % spec.group]
        value = builder.shuffle_vector(column, ir.Constant(column.type, ir.Undefined), places)
        target = _cell(panel, spec.dtype, panel.panel, (builder.add(k, int64(j)), panel.width))
        builder.store(
            value, element(builder, target, STORAGE[spec.dtype], lane), align=ITEMSIZE[spec.dtype]
        )


def _transpose_quarters(builder: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """Transpose the squares that 16-byte quarters of two or four vectors form, by interleaving."""
    if len(rows) == 1:
        return rows
    lanes, group = rows[0].type.count, len(rows)
    if group == 2:
        return [_interleave(builder, *rows, lanes, group, 1, half) for half in (0, 1)]
    assert group == 4, group
    upper = [_interleave(builder, rows[0], rows[1], lanes, group, 1, half) for half in (0, 1)]
    lower = [_interleave(builder, rows[2], rows[3], lanes, group, 1, half) for half in (0, 1)]
    return [
        _interleave(builder, upper[j // 2], lower[j // 2], lanes, group, 2, j % 2) for j in range(4)
    ]


def _interleave(
    builder: ir.IRBuilder, x: ir.Value, y: ir.Value, lanes: int, group: int, run: int, half: int
) -> ir.Value:
    """Runs of ``run`` elements from one half of every quarter of x and y in turn (x86's unpack)."""
    places = []
    for first in range(0, lanes, group):
        start = first + half * group // 2
        for offset in range(0, group // 2, run):
            places += [start + offset + i for i in range(run)]
            places += [lanes + start + offset + i for i in range(run)]
    return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(INT32, lanes), places))


def _pack_elements(spec: Packing, panel: Panel) -> None:
    """Any strides, element by element."""
    builder = panel.builder
    with counted(builder, int64(0), panel.depth, name="k") as k:
        row = _cell(panel, spec.source, panel.source, (k, panel.step))
        target = _cell(panel, spec.dtype, panel.panel, (k, panel.width))
        with counted(builder, int64(0), panel.valid, name="lane") as lane:
            address = _cell(panel, spec.source, row, (lane, panel.outer))
            value = builder.load(address, typ=STORAGE[spec.source])
            value = widen(builder, value, spec.source, spec.dtype)
            builder.store(value, element(builder, target, STORAGE[spec.dtype], lane))


def _cell(panel: Panel, dtype: str, base: ir.Value, *terms: tuple[ir.Value, ir.Value]) -> ir.Value:
    """The address of element ``sum(index * stride)`` from ``base``."""
    builder = panel.builder
    offset = total(builder, *(builder.mul(index, stride) for index, stride in terms))
    return element(builder, base, STORAGE[dtype], offset)


_METHODS: dict[str, Callable[[Packing, Panel], None]] = {
    "runs": _pack_runs,
    "transpose": _pack_transposed,
    "elements": _pack_elements,
}
