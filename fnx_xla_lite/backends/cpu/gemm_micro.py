"""Microkernels: a tile of ``rows x vectors`` accumulators that stays in registers along k.

``c[i, j] (+)= sum_k a[i, k] * b[k, j]`` for one register tile. Each step of k loads ``vectors``
vectors of b and broadcasts ``rows`` elements of a (Goto and van de Geijn 2008). Every element is
one chain of multiply-adds in increasing k, whatever the tile it falls in, so neither the tiling nor
the threads change a bit. Functions are named by all that they are specialised to and shared in a
module.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_loops import element
from fnx_xla_lite.backends.cpu.gemm_types import (
    BOOL,
    BYTE,
    INT64,
    ITEMSIZE,
    POINTER,
    STORAGE,
    add,
    int64,
    lane_mask,
    masked_load,
    multiply_add,
    prefetch,
    splat,
    vector_of,
    widen,
)

ROWS_PER_POINTER = 5  # rows reached from one address register by as many offsets
AHEAD = 16  # steps of k by which a tall tile asks for its operands' lines before it reads them
TALL_ROWS = 6
# (a, b, c, a's m stride, a's k stride, b's stride, c's row stride, depth, columns, accumulate)
SIGNATURE = ir.FunctionType(ir.VoidType(), [POINTER] * 3 + [INT64] * 6 + [BOOL])


@dataclass(frozen=True, slots=True)
class MicroKernel:
    """What a microkernel is specialised to; strides are arguments, so that products share it.

    ``along_m``: a is contiguous along m (a panel, or transposed in memory), else its rows are a
    stride apart. ``masked``: only ``columns`` (an argument) of the tile's columns exist in b; the
    others read as zero. ``accumulates``: the tile may be added to what c holds.
    """

    rows: int
    vectors: int
    lanes: int
    dtype: str
    lhs_dtype: str
    rhs_dtype: str
    along_m: bool
    masked: bool
    accumulates: bool
    fused: bool

    @property
    def name(self) -> str:
        """A name that says all of it."""
        kind = f"{self.dtype}_{self.lhs_dtype}_{self.rhs_dtype}"
        flags = "_m" * self.along_m + "_edge" * self.masked + "_more" * self.accumulates
        return f"fnx_gemm_{kind}_{self.rows}x{self.vectors}x{self.lanes}{flags}"


@dataclass(frozen=True, slots=True)
class _Operands:
    """The operands' addresses and strides, as the loop over k reads them."""

    a: ir.Value
    b: ir.Value
    a_m: ir.Value
    a_k: ir.Value
    b_k: ir.Value
    depth: ir.Value
    masks: list[ir.Value | None]


def microkernel(module: ir.Module, spec: MicroKernel) -> ir.Function:
    """The function of ``spec``, of type ``SIGNATURE``, emitted once per module.

    c is a tile in the compute type with rows ``ldc`` elements apart, written in full (``rows x
    vectors * lanes``); it is added to where ``accumulate`` is set and never read otherwise.
    """
    if spec.name in module.globals:
        return module.globals[spec.name]
    function = ir.Function(module, SIGNATURE, spec.name)
    function.linkage = "internal"
    for argument in function.args[:3]:
        argument.add_attribute("noalias")
    _emit_body(function, spec)
    return function


def _emit_body(function: ir.Function, spec: MicroKernel) -> None:
    a, b, c, a_m, a_k, b_k, ldc, depth, columns, accumulate = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    masks = [
        lane_mask(builder, columns, spec.lanes, vector * spec.lanes) if spec.masked else None
        for vector in range(spec.vectors)
    ]
    cells = _tile_addresses(builder, spec, c, ldc)
    _prefetch(builder, cells)
    sums = _sum_along_k(builder, spec, _Operands(a, b, a_m, a_k, b_k, depth, masks))
    if not spec.accumulates:
        _store(builder, spec, cells, sums)
    else:
        with builder.if_else(accumulate) as (then, otherwise):
            with then:
                kinds = [value.type for value in sums]
                before = [_load(builder, spec, c, t) for c, t in zip(cells, kinds, strict=True)]
                both = zip(before, sums, strict=True)
                _store(builder, spec, cells, [add(builder, x, y, spec.dtype) for x, y in both])
            with otherwise:
                _store(builder, spec, cells, sums)
    builder.ret_void()


def _load(builder: ir.IRBuilder, spec: MicroKernel, cell: ir.Value, kind: ir.Type) -> ir.Value:
    return builder.load(cell, typ=kind, align=ITEMSIZE[spec.dtype])


def _store(
    builder: ir.IRBuilder, spec: MicroKernel, cells: list[ir.Value], values: list[ir.Value]
) -> None:
    for cell, value in zip(cells, values, strict=True):
        builder.store(value, cell, align=ITEMSIZE[spec.dtype])


def _prefetch(builder: ir.IRBuilder, cells: list[ir.Value]) -> None:
    """Ask for the tile's lines for writing: they arrive while the products are summed."""
    flags = [ir.Constant(ir.IntType(32), flag) for flag in (1, 3, 1)]  # write, keep, data
    for cell in cells:
        prefetch(builder, cell, flags)


def _tile_addresses(
    builder: ir.IRBuilder, spec: MicroKernel, c: ir.Value, ldc: ir.Value
) -> list[ir.Value]:
    """The address of every accumulator's place in c, row by row."""
    scalar = STORAGE[spec.dtype]
    cells = []
    row = c
    for index in range(spec.rows):
        row = element(builder, row, scalar, ldc) if index else c
        cells += [element(builder, row, scalar, v * spec.lanes) for v in range(spec.vectors)]
    return cells


def _sum_along_k(builder: ir.IRBuilder, spec: MicroKernel, operands: _Operands) -> list[ir.Value]:
    """The loop over k; it runs no step where depth is 0."""
    zero = ir.Constant(vector_of(STORAGE[spec.dtype], spec.lanes), None)
    sums0 = [zero] * (spec.rows * spec.vectors)
    pointers, offsets = _row_addresses(builder, spec, operands)
    start = [operands.depth, operands.b, *pointers, *sums0]
    far = [builder.mul(stride, int64(AHEAD)) for stride in (operands.a_k, operands.b_k)]
    before = builder.block
    loop = builder.append_basic_block("k")
    done = builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed(">", operands.depth, int64(0)), loop, done)
    builder.position_at_end(loop)
    phis = [builder.phi(value.type) for value in start]
    left, b, *others = phis
    heads, sums = others[: len(pointers)], others[len(pointers) :]
    rows = [element(builder, heads[head], BYTE, offset) for head, offset in offsets]
    if spec.rows >= TALL_ROWS:
        _prefetch_ahead(builder, spec, (heads[0], b), far)
    updated = _one_step(builder, spec, rows, b, operands.masks, sums)
    following = [
        builder.sub(left, int64(1)),
        element(builder, b, STORAGE[spec.rhs_dtype], operands.b_k),
        *(element(builder, head, STORAGE[spec.lhs_dtype], operands.a_k) for head in heads),
        *updated,
    ]
    for phi, first, value in zip(phis, start, following, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed(">", following[0], int64(0)), loop, done)
    builder.position_at_end(done)
    return [_merge(builder, (x, before), (y, loop)) for x, y in zip(sums0, updated, strict=True)]


def _prefetch_ahead(
    builder: ir.IRBuilder,
    spec: MicroKernel,
    now: tuple[ir.Value, ir.Value],
    far: list[ir.Value],
) -> None:
    """Ask for the lines of b (and of a, where a step is one) that are read ``far`` elements on."""
    flags = [ir.Constant(ir.IntType(32), flag) for flag in (0, 3, 1)]  # read, keep, data
    if spec.along_m:
        prefetch(builder, element(builder, now[0], STORAGE[spec.lhs_dtype], far[0]), flags)
    scalar = STORAGE[spec.rhs_dtype]
    later = element(builder, now[1], scalar, far[1])
    for v in range(spec.vectors):
        prefetch(builder, element(builder, later, scalar, v * spec.lanes), flags)


def _row_addresses(
    builder: ir.IRBuilder, spec: MicroKernel, operands: _Operands
) -> tuple[list[ir.Value], list[tuple[int, ir.Value]]]:
    """Addresses that move along k, and for every row which of them it starts from, plus what bytes.

    Thirteen rows from one register each would not fit; three registers and four offsets do.
    """
    item = ITEMSIZE[spec.lhs_dtype]
    if spec.along_m:
        return [operands.a], [(0, int64(i * item)) for i in range(spec.rows)]
    stride = builder.mul(operands.a_m, int64(item))
    reached = min(ROWS_PER_POINTER, spec.rows)
    offsets = [int64(0), *(builder.mul(stride, int64(i)) for i in range(1, reached))]
    far = builder.mul(stride, int64(ROWS_PER_POINTER))
    pointers = [operands.a]
    while len(pointers) * ROWS_PER_POINTER < spec.rows:
        pointers.append(element(builder, pointers[-1], BYTE, far))
    places = [divmod(i, ROWS_PER_POINTER) for i in range(spec.rows)]
    return pointers, [(pointer, offsets[offset]) for pointer, offset in places]


def _merge(builder: ir.IRBuilder, *incoming: tuple[ir.Value, ir.Block]) -> ir.Value:
    phi = builder.phi(incoming[0][0].type)
    for value, block in incoming:
        phi.add_incoming(value, block)
    return phi


def _one_step(
    builder: ir.IRBuilder,
    spec: MicroKernel,
    rows: list[ir.Value],
    b: ir.Value,
    masks: list[ir.Value | None],
    sums: list[ir.Value],
) -> list[ir.Value]:
    """One k: load a row of b, then for every row of the tile broadcast one element of a."""
    scalar = STORAGE[spec.rhs_dtype]
    right = []
    for v in range(spec.vectors):
        place = element(builder, b, scalar, v * spec.lanes)
        value = load_vector(builder, place, spec, masks[v])
        right.append(widen(builder, value, spec.rhs_dtype, spec.dtype))
    updated = []
    for i, row in enumerate(rows):
        value = builder.load(row, typ=STORAGE[spec.lhs_dtype])
        left = splat(builder, widen(builder, value, spec.lhs_dtype, spec.dtype), spec.lanes)
        for v in range(spec.vectors):
            before = sums[i * spec.vectors + v]
            updated.append(
                multiply_add(builder, left, right[v], before, spec.dtype, fused=spec.fused)
            )
    return updated


def load_vector(
    builder: ir.IRBuilder, address: ir.Value, spec: MicroKernel, mask: ir.Value | None
) -> ir.Value:
    """A vector of b, zero in the lanes that ``mask`` leaves out."""
    kind = vector_of(STORAGE[spec.rhs_dtype], spec.lanes)
    if mask is None:
        return builder.load(address, typ=kind, align=ITEMSIZE[spec.rhs_dtype])
    return masked_load(builder, address, kind, mask, ITEMSIZE[spec.rhs_dtype])
