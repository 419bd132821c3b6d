"""Expressions: the value of any instruction of a fusion at any affine index.

Shared values are named, invariant ones hoisted.
"""

from __future__ import annotations

import numpy as np

from fnx_xla_lite.fusion.access import MOVES, Access, accesses, row_major
from fnx_xla_lite.hlo.constants import splat_of
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value
from fnx_xla_lite.loops.affine import ZERO, shift, substitute, variable
from fnx_xla_lite.loops.indexing import load_slice, load_window
from fnx_xla_lite.loops.ir import Affine, Apply, Const, Coord, Expr, Guard, Read, Store
from fnx_xla_lite.loops.nest import Nest, Term, combine

MAX_TREE = 12  # operations in one expression before it gets a name


def value_at(nest: Nest, value: Value, flat: Affine) -> Term:
    """The element of ``value`` at the flat index, in the innermost scope."""
    key = value, flat
    found = nest.lookup(key)
    if found is not None:
        return found
    term = _compute(nest, value, flat)
    if isinstance(term.expr, Const | Read) or nest.guarded:
        return term
    if nest.uses[value] > 1 or term.size >= MAX_TREE:
        return nest.name(term, key)
    return term


def store(nest: Nest, buffer: str, value: Value, flat: Affine) -> None:
    """Emit ``buffer[flat] = value[flat]``."""
    term = value_at(nest, value, flat)
    nest.emit(Store(buffer, nest.indices(buffer, value, flat), term.expr))


def _compute(nest: Nest, value: Value, flat: Affine) -> Term:
    buffer = nest.memory.get(value)
    if buffer is not None:
        return nest.load(buffer, value, flat)
    instr = nest.producers[value]
    rule = _RULES.get(instr.op)
    if rule is not None:
        return rule(nest, instr, flat)
    maps = accesses(instr)
    assert maps is not None, f"{instr.op} cannot be evaluated at an index"
    terms = [_read(nest, x, m, flat) for x, m in zip(instr.operands, maps, strict=True)]
    return terms[0] if instr.op in MOVES else apply(nest, instr, terms)


def _read(nest: Nest, operand: Value, access: Access, flat: Affine) -> Term:
    """The operand's element that the result's element at ``flat`` needs."""
    return value_at(nest, operand, flat if access.is_identity else nest.move(access, flat))


def apply(nest: Nest, instr: Instruction, terms: list[Term]) -> Term:
    """A scalar operation; operands that vary less than the result are hoisted."""
    depth = max((t.depth for t in terms), default=0)
    terms = [nest.hoist(t, depth) for t in terms]
    detail = instr.attributes.get("comparison_direction", "")
    expr = Apply(instr.op, tuple(t.expr for t in terms), instr.result.type.dtype, detail)
    return Term(expr, depth, 1 + sum(t.size for t in terms))


def _guard(nest: Nest, operand: Value, access: Access, flat: Affine, outside: Term) -> Term:
    """The operand where the access' limits hold, else ``outside``."""
    places = list(nest.run_coordinates(access.runs, flat))
    if any(limit.lower >= limit.upper for limit in access.limits):
        return outside
    conditions, depth = [], outside.depth
    for limit in access.limits:
        place = places[limit.run]
        conditions.append((substitute(place, nest.replacements), limit))
        inner = nest.new_atom(limit.upper - limit.lower, shift(place, -limit.lower))
        places[limit.run] = variable(inner, 1, limit.lower)
        depth = max(depth, nest.depths[inner])
    nest.guarded += bool(conditions)
    term = value_at(nest, operand, combine(places, access))
    nest.guarded -= bool(conditions)
    expr, size = term.expr, term.size + len(conditions) + outside.size
    for place, limit in reversed(conditions):
        expr = Guard(place, limit.lower, limit.upper, expr, outside.expr, expr.dtype)
    return Term(expr, max(depth, term.depth), size)


def _pad(nest: Nest, instr: Instruction, flat: Affine) -> Term:
    access, _ = accesses(instr)
    outside = value_at(nest, instr.operands[1], ZERO)
    return _guard(nest, instr.operands[0], access, flat, nest.hoist(outside, nest.scope.depth))


def _concatenate(nest: Nest, instr: Instruction, flat: Affine) -> Term:
    """A chain of guards; the last part needs none but is guarded for the proof of its bounds."""
    dtype = instr.result.type.dtype
    term = Term(Const(to_number(np.float32(0), dtype), dtype), 0)
    for operand, access in reversed(list(zip(instr.operands, accesses(instr), strict=True))):
        if operand.type.size:
            term = _guard(nest, operand, access, flat, term)
    return term


def _constant(nest: Nest, instr: Instruction, flat: Affine) -> Term:
    dtype, scalar = instr.result.type.dtype, splat_of(instr.attributes["value"])
    assert scalar is not None, "constants that are not splats are operands of a fusion"
    return Term(Const(to_number(scalar[()], dtype), dtype), 0)


def to_number(scalar: np.generic, dtype: str) -> float | int:
    """A NumPy scalar as the Python number that ``Const`` holds."""
    return int(scalar) if dtype.startswith(("i", "ui")) else float(scalar)


def _iota(nest: Nest, instr: Instruction, flat: Affine) -> Term:
    runs, run = iota_runs(instr)
    place = nest.run_coordinates(runs, flat)[run]
    index = substitute(place, nest.replacements)
    return Term(Coord(index, instr.result.type.dtype), nest.affine_depth(place), 1)


def iota_runs(instr: Instruction) -> tuple[tuple[int, ...], int]:
    """The result as (axes before, the iota's axis, axes after), and the place of the axis.

    Sizes of 1 before and after are left out.
    """
    shape, axis = instr.result.type.shape, instr.attributes["iota_dimension"]
    after = row_major(shape)[axis]
    before = instr.result.type.size // (after * shape[axis])
    head, tail = (before,) if before != 1 else (), (after,) if after != 1 else ()
    return (*head, shape[axis], *tail), len(head)


def _dynamic_slice(nest: Nest, instr: Instruction, flat: Affine) -> Term:
    return load_slice(nest, instr, flat, value_at)


def _gather(nest: Nest, instr: Instruction, flat: Affine) -> Term:
    return load_window(nest, instr, flat, value_at)


_RULES = {
    "concatenate": _concatenate,
    "constant": _constant,
    "dynamic_slice": _dynamic_slice,
    "gather": _gather,
    "iota": _iota,
    "pad": _pad,
}


def inline_scalars(nest: Nest, region: Computation, arguments: list[Expr]) -> list[Expr]:
    """Emit a region that combines scalars; its results, each with a name."""
    depth = nest.scope.depth
    terms = {p: Term(x, depth) for p, x in zip(region.parameters, arguments, strict=True)}
    for instr in region.instructions:
        if instr.op == "constant":
            terms[instr.result] = _constant(nest, instr, ZERO)
            continue
        operands = [terms[x] if x in terms else value_at(nest, x, ZERO) for x in instr.operands]
        move = instr.op in MOVES
        terms[instr.result] = nest.name(operands[0] if move else apply(nest, instr, operands))
    found = [terms[x] if x in terms else value_at(nest, x, ZERO) for x in region.results]
    return [t.expr if isinstance(t.expr, Const | Read) else nest.name(t).expr for t in found]
