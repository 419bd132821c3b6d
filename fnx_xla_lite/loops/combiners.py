"""Combiners: how a reduction accumulates.

A plain operation uses Init and Update; any other body keeps its state in scratch.
"""

from __future__ import annotations

from fnx_xla_lite.fusion.cost import simple_reducers
from fnx_xla_lite.hlo.ir import Instruction
from fnx_xla_lite.loops.affine import ZERO, variable
from fnx_xla_lite.loops.expressions import inline_scalars, value_at
from fnx_xla_lite.loops.ir import Apply, Buffer, Expr, Init, Load, Read, Store, Update
from fnx_xla_lite.loops.nest import Nest, Term

WIDE = {"f16": "f32", "bf16": "f32", "f8E4M3FN": "f32", "f8E5M2": "f32"}


def accumulator_dtype(dtype: str, op: str) -> str:
    """Sums and products of narrow floats are kept in f32 and rounded once."""
    return WIDE.get(dtype, dtype) if op in ("add", "multiply") else dtype


def start_accumulators(nest: Nest, instr: Instruction, lane: str | None) -> tuple[str, ...]:
    """Emit the start of every accumulator of a ``reduce``.

    Returns their names: of accumulators, or of scratch buffers.
    """
    count, ops, names = len(instr.results), simple_reducers(instr), []
    for number, start in enumerate(instr.operands[count:]):
        expr, dtype = value_at(nest, start, ZERO).expr, start.type.dtype
        if ops is not None:
            name, wide = f"a{nest.accumulators}", accumulator_dtype(dtype, ops[number])
            nest.emit(Init(name, convert(expr, wide), wide))
        else:
            name = f"state{nest.accumulators}"
            nest.buffers[name] = Buffer(
                name, (nest.extents[lane],) if lane else (), dtype, "scratch"
            )
            nest.mutable.add(name)
            nest.emit(Store(name, (variable(lane),) if lane else (), expr))
        nest.accumulators += 1
        names.append(name)
    return tuple(names)


def update_accumulators(
    nest: Nest, instr: Instruction, names: tuple[str, ...], terms: list[Term], lane: str | None
) -> None:
    """Emit one step of the reduction with the elements ``terms``."""
    ops = simple_reducers(instr)
    if ops is not None:
        for name, op, term in zip(names, ops, terms, strict=True):
            nest.emit(Update(name, op, convert(term.expr, accumulator_dtype(term.expr.dtype, op))))
        return
    index = (variable(lane),) if lane else ()
    states = [Load(name, index, nest.buffers[name].dtype) for name in names]
    results = inline_scalars(nest, instr.regions[0], [*states, *(t.expr for t in terms)])
    for name, expr in zip(names, results, strict=True):
        nest.emit(Store(name, index, expr))


def finish_accumulators(
    nest: Nest, instr: Instruction, names: tuple[str, ...], lane: str | None
) -> list[Expr]:
    """The results of a ``reduce`` after its loops."""
    ops, found = simple_reducers(instr), []
    for number, (name, result) in enumerate(zip(names, instr.results, strict=True)):
        dtype = result.type.dtype
        if ops is None:
            found.append(Load(name, (variable(lane),) if lane else (), dtype))
        else:
            found.append(convert(Read(name, accumulator_dtype(dtype, ops[number])), dtype))
    return found


def convert(expr: Expr, dtype: str) -> Expr:
    """``expr`` as ``dtype``."""
    return expr if expr.dtype == dtype else Apply("convert", (expr,), dtype)
