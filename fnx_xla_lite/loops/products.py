"""Matrix products: one Matmul.

Its epilogue computes everything else of the fusion on the tile in registers.
"""

from __future__ import annotations

from fnx_xla_lite.fusion.access import row_major
from fnx_xla_lite.fusion.contractions import contraction
from fnx_xla_lite.hlo.ir import Computation, Value
from fnx_xla_lite.loops.affine import ZERO, add, variable
from fnx_xla_lite.loops.elementwise import declare
from fnx_xla_lite.loops.expressions import store
from fnx_xla_lite.loops.ir import Kernel, Load, Matmul, Read
from fnx_xla_lite.loops.nest import Nest


def build_product(body: Computation, name: str, location: str | None) -> Kernel:
    """One kernel for one ``dot_general`` and elementwise work of the product's size.

    Raises:
        NotAffineError: an index cannot be written.
    """
    nest = Nest(body)
    declare(nest)
    dot = next(i for i in body.instructions if i.op == "dot_general")
    form = contraction(dot)
    assert form is not None, "fusion gives products that merge"
    loops = [(nest.new_atom(axis.extent), axis) for axis in (*form.batch, form.m, form.n, form.k)]
    *batch, m, n, k = [(atom, axis.extent) for atom, axis in loops]
    for atom, _ in loops:
        nest.depths[atom] = 0
    lhs = _operand(nest, dot.operands[0], [(a, axis.lhs) for a, axis in loops])
    rhs = _operand(nest, dot.operands[1], [(a, axis.rhs) for a, axis in loops])
    flat = ZERO
    strides = row_major(tuple(extent for _, extent in (*batch, m, n)))
    for (atom, extent), stride in zip((*batch, m, n), strides, strict=True):
        flat = add(flat, variable(atom, stride if extent > 1 else 0))
    nest.define(dot.result, flat, Read("acc", dot.result.type.dtype))
    for number, result in enumerate(body.results):
        store(nest, f"out{number}", result, flat)
    epilogue = tuple(nest.scope.stmts)
    nest.scope.stmts.clear()
    nest.emit(Matmul(tuple(batch), m, n, k, lhs, rhs, "acc", dot.result.type.dtype, epilogue))
    return nest.finish(name, location)


def _operand(nest: Nest, value: Value, strides: list[tuple[str, int]]) -> Load:
    flat = ZERO
    for atom, stride in strides:
        flat = add(flat, variable(atom, stride if nest.extents[atom] > 1 else 0))
    buffer = nest.memory[value]
    return Load(buffer, nest.indices(buffer, value, flat), value.type.dtype)
