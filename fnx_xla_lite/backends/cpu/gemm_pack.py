"""Packing: panels of an operand copied to scratch, ``panel[k][lane]``, in the compute type.

A panel is ``width`` lanes wide (the register tile's rows or columns) and is filled in groups of lanes. Nothing
outside of the operand is read; lanes past its edge hold copies of the last valid lane, zeros or what was there before. A group may
spill past its row of the panel into the next row, panel or the scratch's pad, so the last group comes first, and panels are packed
in increasing order. Strides are arguments: one function serves every product of a module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

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
    """One group of a panel: addresses of its first lane, strides (elements), how many lanes are valid, depth."""

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
        """Lanes that are filled at once: a vector, or the side of the squares that the transposing method turns."""
        return QUARTER // ITEMSIZE[self.dtype] if self.method == "transpose" else self.lanes


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
    skip_optimizing(function)
    for position in (0, 3):
        function.args[position].add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    source, outer, step, panel, width, valid, depth = function.args
    last = builder.sub(valid, int64(1))
    top = builder.sub(last, builder.srem(last, int64(spec.group)))
    with counted(builder, int64(0), valid, spec.group, name="back") as back:
        lane = builder.sub(top, back)
        first = element(builder, source, STORAGE[spec.source], builder.mul(lane, outer))
        target = element(builder, panel, STORAGE[spec.dtype], lane)
        count = smaller(builder, builder.sub(valid, lane), int64(spec.group))
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
    """The operand is contiguous along k: transpose squares of 16-byte vectors.

    The last square may write rows past ``depth``: they spill into what is packed next, or into the pad.
    """
    builder = group.builder
    last = builder.sub(group.valid, int64(1))
    rows = [
        _cell(group, spec.source, group.source, smaller(builder, int64(i), last), group.outer)
        for i in range(spec.group)
    ]
    whole = builder.and_(group.depth, int64(-spec.group))
    start = [*rows, group.panel]
    with carrying(builder, int64(0), whole, spec.group, start) as loop:
        loop.following = _turn_square(spec, group, loop.values, None)
    with carrying(builder, whole, group.depth, spec.group, loop.values) as rest:
        mask = lane_mask(builder, builder.sub(group.depth, rest.index), spec.group)
        rest.following = _turn_square(spec, group, rest.values, mask)


def _turn_square(
    spec: Packing, group: Group, places: list[ir.Value], mask: ir.Value | None
) -> list[ir.Value]:
    """``group`` lanes by as many steps of k: the rows and the panel's place before -> after."""
    builder = group.builder
    *rows, cell = places
    kind = vector_of(STORAGE[spec.source], spec.group)
    square = []
    for row in rows:
        if mask is None:
            value = builder.load(row, typ=kind, align=ITEMSIZE[spec.source])
        else:
            value = masked_load(builder, row, kind, mask, ITEMSIZE[spec.source])
        square.append(widen(builder, value, spec.source, spec.dtype))
    for value in _transposed(builder, square):
        builder.store(value, cell, align=ITEMSIZE[spec.dtype])
        cell = element(builder, cell, STORAGE[spec.dtype], group.width)
    return [*(element(builder, row, STORAGE[spec.source], spec.group) for row in rows), cell]


def _transposed(builder: ir.IRBuilder, square: list[ir.Value]) -> list[ir.Value]:
    """Transpose two vectors of two or four of four: interleave elements, then pairs (x86's unpack, ARM's zip)."""

    def shuffled(x: ir.Value, y: ir.Value, *places: int) -> ir.Value:
        return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(INT32, len(places)), places))

    if len(square) == 2:
        x, y = square
        return [shuffled(x, y, 0, 2), shuffled(x, y, 1, 3)]
    w, x, y, z = square
    low, high = (0, 4, 1, 5), (2, 6, 3, 7)
    result = []
    for half in (low, high):
        upper, lower = shuffled(w, x, *half), shuffled(y, z, *half)
        result += [shuffled(upper, lower, 0, 1, 4, 5), shuffled(upper, lower, 2, 3, 6, 7)]
    return result


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
