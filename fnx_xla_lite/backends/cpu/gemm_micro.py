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


@dataclass(frozen=True, slots=True)
class MicroKernel:
    """What a microkernel is specialised to; strides are in elements, b's columns are contiguous.

    ``masked``: only ``columns`` (a run-time argument) of the tile's columns exist in b; the others
    read as zero.
    """

    rows: int
    vectors: int
    lanes: int
    dtype: str
    lhs_dtype: str
    lhs_m: int
    lhs_k: int
    rhs_dtype: str
    rhs_k: int
    masked: bool
    accumulates: bool
    fused: bool

    @property
    def name(self) -> str:
        """A name that says all of it (``m`` for minus)."""
        strides = f"{self.lhs_m}x{self.lhs_k}_{self.rhs_k}".replace("-", "m")
        kind = f"{self.dtype}_{self.lhs_dtype}_{self.rhs_dtype}"
        flags = "_edge" * self.masked + "_more" * self.accumulates
        return f"fnx_gemm_{kind}_{self.rows}x{self.vectors}x{self.lanes}_{strides}{flags}"


def microkernel(module: ir.Module, spec: MicroKernel) -> ir.Function:
    """``void(a, b, c, ldc, depth, columns, accumulate)`` of ``spec``, once per module.

    c is a tile in the compute type with rows ``ldc`` elements apart, written in full (``rows x
    vectors * lanes``); it is added to where ``accumulate`` is set and never read otherwise.
    """
    if spec.name in module.globals:
        return module.globals[spec.name]
    signature = ir.FunctionType(
        ir.VoidType(), [POINTER, POINTER, POINTER, INT64, INT64, INT64, BOOL]
    )
    function = ir.Function(module, signature, spec.name)
    function.linkage = "internal"
    for argument in function.args[:3]:
        argument.add_attribute("noalias")
    _emit_body(function, spec)
    return function


def _emit_body(function: ir.Function, spec: MicroKernel) -> None:
    a, b, c, ldc, depth, columns, accumulate = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    masks = [
        lane_mask(builder, columns, spec.lanes, vector * spec.lanes) if spec.masked else None
        for vector in range(spec.vectors)
    ]
    cells = _tile_addresses(builder, spec, c, ldc)
    _prefetch(builder, cells)
    sums = _sum_along_k(builder, spec, (a, b, depth), masks)
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


def _sum_along_k(
    builder: ir.IRBuilder,
    spec: MicroKernel,
    operands: tuple[ir.Value, ir.Value, ir.Value],
    masks: list[ir.Value | None],
) -> list[ir.Value]:
    """The loop over k; it runs no step where depth is 0."""
    a0, b0, depth = operands
    zero = ir.Constant(vector_of(STORAGE[spec.dtype], spec.lanes), None)
    start = [zero] * (spec.rows * spec.vectors)
    before = builder.block
    loop = builder.append_basic_block("k")
    done = builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed(">", depth, int64(0)), loop, done)
    builder.position_at_end(loop)
    left, a, b = builder.phi(INT64, "left"), builder.phi(POINTER, "a"), builder.phi(POINTER, "b")
    sums = [builder.phi(value.type) for value in start]
    for phi, value in zip((left, a, b, *sums), (depth, a0, b0, *start), strict=True):
        phi.add_incoming(value, before)
    updated = _one_step(builder, spec, a, b, masks, sums)
    following = (
        builder.sub(left, int64(1)),
        element(builder, a, STORAGE[spec.lhs_dtype], spec.lhs_k),
        element(builder, b, STORAGE[spec.rhs_dtype], spec.rhs_k),
        *updated,
    )
    for phi, value in zip((left, a, b, *sums), following, strict=True):
        phi.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed(">", following[0], int64(0)), loop, done)
    builder.position_at_end(done)
    return [_merge(builder, (x, before), (y, loop)) for x, y in zip(start, updated, strict=True)]


def _merge(builder: ir.IRBuilder, *incoming: tuple[ir.Value, ir.Block]) -> ir.Value:
    phi = builder.phi(incoming[0][0].type)
    for value, block in incoming:
        phi.add_incoming(value, block)
    return phi


def _one_step(
    builder: ir.IRBuilder,
    spec: MicroKernel,
    a: ir.Value,
    b: ir.Value,
    masks: list[ir.Value | None],
    sums: list[ir.Value],
) -> list[ir.Value]:
    """One k: load a row of b, then for every row of the tile broadcast one element of a."""
    scalar = STORAGE[spec.rhs_dtype]
    row = [
        widen(
            builder,
            load_vector(builder, element(builder, b, scalar, v * spec.lanes), spec, masks[v]),
            spec.rhs_dtype,
            spec.dtype,
        )
        for v in range(spec.vectors)
    ]
    updated = []
    for i in range(spec.rows):
        cell = element(builder, a, STORAGE[spec.lhs_dtype], i * spec.lhs_m)
        value = builder.load(cell, typ=STORAGE[spec.lhs_dtype])
        left = splat(builder, widen(builder, value, spec.lhs_dtype, spec.dtype), spec.lanes)
        for v in range(spec.vectors):
            sum_ = sums[i * spec.vectors + v]
            updated.append(multiply_add(builder, left, row[v], sum_, spec.dtype, fused=spec.fused))
    return updated


def load_vector(
    builder: ir.IRBuilder, address: ir.Value, spec: MicroKernel, mask: ir.Value | None
) -> ir.Value:
    """A vector of b, zero in the lanes that ``mask`` leaves out."""
    kind = vector_of(STORAGE[spec.rhs_dtype], spec.lanes)
    if mask is None:
        return builder.load(address, typ=kind, align=ITEMSIZE[spec.rhs_dtype])
    return masked_load(builder, address, kind, mask, ITEMSIZE[spec.rhs_dtype])
