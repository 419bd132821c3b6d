"""Dot microkernels: one row times columns that both run along k in memory, vectors along k.

``c[j] = sum_k a[k] * b[j][k]`` for up to ``lanes`` columns at once: matrix-vector products with a
row-major matrix, inner products, few rows times a transposed matrix. Every lane sums every ``lanes
* chains``-th product; chains, then lanes are added pairwise, in an order that the shape fixes.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.gemm_loops import carrying, element, smaller
from fnx_xla_lite.backends.cpu.gemm_micro import SIGNATURE
from fnx_xla_lite.backends.cpu.gemm_types import (
    INT32,
    ITEMSIZE,
    STORAGE,
    add,
    int64,
    lane_mask,
    masked_load,
    multiply_add,
    vector_of,
    widen,
)

ACCUMULATORS = 8  # multiply-adds in flight that keep two units of latency four busy


@dataclass(frozen=True, slots=True)
class DotKernel:
    """What a dot microkernel is specialised to; ``columns`` is at most ``lanes``."""

    columns: int
    lanes: int
    dtype: str
    lhs_dtype: str
    rhs_dtype: str
    fused: bool

    @property
    def name(self) -> str:
        """A name that says all of it."""
        kind = f"{self.dtype}_{self.lhs_dtype}_{self.rhs_dtype}"
        return f"fnx_dot_{kind}_{self.columns}x{self.lanes}"

    @property
    def chains(self) -> int:
        """Accumulators of one column."""
        return max(1, ACCUMULATORS // self.columns)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The builder, what is emitted, and where a and the columns of b begin."""

    builder: ir.IRBuilder
    spec: DotKernel
    a: ir.Value
    columns: list[ir.Value]

    def products(self, k: ir.Value, sums: list[ir.Value], mask: ir.Value | None) -> list[ir.Value]:
        """Add the products of one vector along k to every column's sum."""
        spec = self.spec
        left = self._load(self.a, spec.lhs_dtype, k, mask)
        rights = [self._load(column, spec.rhs_dtype, k, mask) for column in self.columns]
        return [
            multiply_add(self.builder, left, right, total, spec.dtype, fused=spec.fused)
            for right, total in zip(rights, sums, strict=True)
        ]

    def _load(self, row: ir.Value, dtype: str, k: ir.Value, mask: ir.Value | None) -> ir.Value:
        builder, kind = self.builder, vector_of(STORAGE[dtype], self.spec.lanes)
        address = element(builder, row, STORAGE[dtype], k)
        if mask is None:
            value = builder.load(address, typ=kind, align=ITEMSIZE[dtype])
        else:
            value = masked_load(builder, address, kind, mask, ITEMSIZE[dtype])
        return widen(builder, value, dtype, self.spec.dtype)


def dot_kernel(module: ir.Module, spec: DotKernel) -> ir.Function:
    """The function of ``spec``, of the microkernels' ``SIGNATURE``, emitted once per module.

    b's stride is the distance of its columns. It writes ``lanes`` elements of c, of which the first
    ``columns`` mean something; a's strides, c's and ``accumulate`` are not looked at.
    """
    if spec.name in module.globals:
        return module.globals[spec.name]
    function = ir.Function(module, SIGNATURE, spec.name)
    function.linkage = "internal"
    for argument in function.args[:3]:
        argument.add_attribute("noalias")
    a, b, c, _, _, stride, _, depth, columns, _ = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    # Columns that do not exist repeat the last one that does.
    last = builder.sub(columns, int64(1))
    present = [smaller(builder, int64(j), last) for j in range(spec.columns)]
    scalar = STORAGE[spec.rhs_dtype]
    starts = [element(builder, b, scalar, builder.mul(j, stride)) for j in present]
    sums = _sum_along_k(_Rows(builder, spec, a, starts), depth)
    row = _add_lanes(builder, [sums[j % spec.columns] for j in range(spec.lanes)], spec.dtype)
    builder.store(row, c, align=ITEMSIZE[spec.dtype])
    builder.ret_void()
    return function


def _sum_along_k(rows: _Rows, depth: ir.Value) -> list[ir.Value]:
    """One vector of sums per column: whole steps, then masked vectors for the rest."""
    builder, spec = rows.builder, rows.spec
    zero = ir.Constant(vector_of(STORAGE[spec.dtype], spec.lanes), None)
    step = spec.lanes * spec.chains
    whole = builder.mul(builder.udiv(depth, int64(step)), int64(step))
    chains = [zero] * (spec.columns * spec.chains)
    with carrying(builder, int64(0), whole, step, chains) as loop:
        for chain in range(spec.chains):
            part = loop.values[chain * spec.columns : (chain + 1) * spec.columns]
            position = builder.add(loop.index, int64(chain * spec.lanes))
            loop.following += rows.products(position, part, None)
    sums = loop.values[: spec.columns]
    with carrying(builder, whole, depth, spec.lanes, sums) as tail:
        mask = lane_mask(builder, builder.sub(depth, tail.index), spec.lanes)
        tail.following = rows.products(tail.index, tail.values, mask)
    values = [*tail.values, *loop.values[spec.columns :]]
    while len(values) > spec.columns:
        half = len(values) // 2
        values = [add(builder, values[i], values[i + half], spec.dtype) for i in range(half)]
    return values


def _add_lanes(builder: ir.IRBuilder, vectors: list[ir.Value], dtype: str) -> ir.Value:
    """``<sum of vectors[0], sum of vectors[1], ...>`` from as many vectors as they have lanes.

    Each round adds neighbouring lanes of two neighbouring vectors and puts the sums side by side.
    """
    lanes = len(vectors)
    kind = ir.VectorType(INT32, lanes)
    even = ir.Constant(kind, list(range(0, 2 * lanes, 2)))
    odd = ir.Constant(kind, list(range(1, 2 * lanes, 2)))
    while len(vectors) > 1:
        vectors = [
            add(
                builder,
                builder.shuffle_vector(x, y, even),
                builder.shuffle_vector(x, y, odd),
                dtype,
            )
            for x, y in zip(vectors[::2], vectors[1::2], strict=True)
        ]
    return vectors[0]
