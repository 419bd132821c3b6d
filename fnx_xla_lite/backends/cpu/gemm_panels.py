"""Whole panels: packing as straight-line code, for panels and depths that have no ragged edge.

An operand that is contiguous across its panels is copied a few steps of k at a time through all
panels, so that reads run along memory's rows; one that is contiguous along k is transposed in
registers, square by square. The last steps overlap the ones before them where the depth is no
multiple, so that nothing is masked. Ragged panels are ``gemm_pack``'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_loops import counted, element, smaller
from fnx_xla_lite.backends.cpu.gemm_pack import QUARTER, Packing, exchanged
from fnx_xla_lite.backends.cpu.gemm_types import (
    INT64,
    ITEMSIZE,
    POINTER,
    STORAGE,
    int64,
    skip_optimizing,
    vector_of,
    widen,
)

STEPS = 8  # steps of k that are copied through all panels at once: as many rows of memory are open
COPIES = 32  # most loads of such a round
SQUARES = frozenset({4, 8, 16})  # sides of squares that two rounds of shuffles transpose


@dataclass(frozen=True, slots=True)
class _Panels:
    """The builder, what is packed, and the function's arguments."""

    builder: ir.IRBuilder
    spec: Packing
    width: int
    source: ir.Value
    stride: ir.Value
    panels: ir.Value
    count: ir.Value
    depth: ir.Value

    def read(self, address: ir.Value, lanes: int) -> ir.Value:
        """A vector (or a scalar for no lanes) of the source in the compute type."""
        spec = self.spec
        kind = vector_of(STORAGE[spec.source], lanes)
        value = self.builder.load(address, typ=kind, align=ITEMSIZE[spec.source])
        return widen(self.builder, value, spec.source, spec.dtype)

    def write(self, value: ir.Value, address: ir.Value) -> None:
        """Store a vector of the compute type."""
        self.builder.store(value, address, align=ITEMSIZE[self.spec.dtype])

    def cell(self, base: ir.Value, index: ir.Value | int, source: bool = False) -> ir.Value:
        """The address of an element of the panels, or of the source."""
        kind = STORAGE[self.spec.source if source else self.spec.dtype]
        return element(self.builder, base, kind, index)


def least_depth(spec: Packing, width: int) -> int:
    """The shallowest panels that ``panel_packer`` packs; 0 where it has no code for ``spec``."""
    item = ITEMSIZE[spec.dtype]
    if spec.method == "runs":
        exact = spec.source == spec.dtype and item in (4, 8)
        return _steps(spec, width) if exact or width % spec.lanes == 0 else 0
    square = spec.method == "transpose" and spec.lanes * item // QUARTER in (1, 2, 4)
    return spec.lanes if square and spec.lanes in SQUARES else 0


def panel_packer(module: ir.Module, spec: Packing, width: int) -> ir.Function:
    """``void(source, stride, panels, count, depth)``, emitted once per module.

    ``stride`` is the distance of the source's rows in elements: along k for ``runs``, across the
    panel for ``transpose``. ``depth`` is at least ``least_depth``.
    """
    assert least_depth(spec, width), (spec, width)
    name = f"fnx_panels_{spec.method}_{spec.source}_{spec.dtype}_{width}x{spec.lanes}"
    if name in module.globals:
        return module.globals[name]
    kinds = [POINTER, INT64, POINTER, INT64, INT64]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    skip_optimizing(function)
    for position in (0, 2):
        function.args[position].add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    panels = _Panels(builder, spec, width, *function.args)
    (_copy if spec.method == "runs" else _transpose)(panels)
    builder.ret_void()
    return function


def _pieces(spec: Packing, width: int) -> list[int]:
    """A row of a panel as vectors: whole ones, then halves, quarters and so on."""
    pieces, lanes = [spec.lanes] * (width // spec.lanes), spec.lanes // 2
    rest = width % spec.lanes
    while rest:
        if rest >= lanes:
            pieces.append(lanes)
            rest -= lanes
        lanes //= 2
    return pieces


def _steps(spec: Packing, width: int) -> int:
    return max(2, min(STEPS, COPIES // len(_pieces(spec, width))))


def _copy(to: _Panels) -> None:
    """Some steps of k of every panel, then the next steps."""
    builder, width = to.builder, to.width
    steps = _steps(to.spec, width)
    size = builder.mul(to.depth, int64(width))
    with counted(builder, int64(0), to.depth, steps, name="k") as start:
        k = smaller(builder, start, builder.sub(to.depth, int64(steps)))
        row = to.cell(to.source, builder.mul(k, to.stride), source=True)
        first = to.cell(to.panels, builder.mul(k, int64(width)))
        with counted(builder, int64(0), to.count, name="panel") as panel:
            address = to.cell(row, builder.mul(panel, int64(width)), source=True)
            target = to.cell(first, builder.mul(panel, size))
            for _ in range(steps):
                _copy_row(to, address, target)
                address = to.cell(address, to.stride, source=True)
                target = to.cell(target, width)


def _copy_row(to: _Panels, address: ir.Value, target: ir.Value) -> None:
    place = 0
    for lanes in _pieces(to.spec, to.width):
        value = to.read(to.cell(address, place, source=True), lanes if lanes > 1 else 0)
        to.write(value, to.cell(target, place))
        place += lanes


def _transpose(to: _Panels) -> None:
    """Panel by panel, the last lanes first: what spills past a row is written again later.

    Lanes past the panel's width repeat its last row; the last row of all spills into the next
    panel, or into the pad.
    """
    builder, lanes, width = to.builder, to.spec.lanes, to.width
    size = builder.mul(to.depth, int64(width))
    across = builder.mul(to.stride, int64(width))
    top = (width - 1) // lanes * lanes
    with counted(builder, int64(0), to.count, name="panel") as panel:
        source = to.cell(to.source, builder.mul(panel, across), source=True)
        target = to.cell(to.panels, builder.mul(panel, size))
        with counted(builder, int64(0), int64(width), lanes, name="back") as back:
            lane = builder.sub(int64(top), back) if top else int64(0)
            rows = [builder.add(lane, int64(i)) for i in range(lanes)]
            if width % lanes:
                rows = [smaller(builder, row, int64(width - 1)) for row in rows]
            starts = [to.cell(source, builder.mul(row, to.stride), source=True) for row in rows]
            first = to.cell(target, lane)
            with counted(builder, int64(0), to.depth, lanes, name="k") as start:
                k = smaller(builder, start, builder.sub(to.depth, int64(lanes)))
                _square(to, [to.cell(at, k, source=True) for at in starts], first, k)


def _square(to: _Panels, rows: list[ir.Value], first: ir.Value, k: ir.Value) -> None:
    """Rows along k -> as many rows across the panel, from step ``k`` on.

    Quarters of 16 bytes change places between vectors, then the squares inside of them turn.
    """
    builder, lanes = to.builder, to.spec.lanes
    side = QUARTER // ITEMSIZE[to.spec.dtype]
    values = [to.read(row, lanes) for row in rows]
    for row in range(side):
        values[row::side] = exchanged(builder, values[row::side], side, lanes)
    target = to.cell(first, builder.mul(k, int64(to.width)))
    for column in range(0, lanes, side):
        for value in exchanged(builder, values[column : column + side], 1, side):
            to.write(value, target)
            target = to.cell(target, to.width)
