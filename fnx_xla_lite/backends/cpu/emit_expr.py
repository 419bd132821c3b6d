"""Expressions: loops.Expr -> LLVM values, scalars where all lanes agree, else vectors."""

from __future__ import annotations

from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit_memory import emit_load, lane_numbers
from fnx_xla_lite.backends.cpu.emit_scope import Scope
from fnx_xla_lite.backends.cpu.emit_types import (
    F32,
    F64,
    I32,
    I64,
    constant,
    constant_of,
    lanes_of,
    register_type,
    rounded,
    splat,
    vector_of,
)
from fnx_xla_lite.backends.cpu.emit_walk import variables
from fnx_xla_lite.backends.cpu.math_division import divide_lanes, prepare_divisor
from fnx_xla_lite.backends.cpu.scalar import emit_scalar
from fnx_xla_lite.hlo.dtypes import is_float
from fnx_xla_lite.loops import ir as loops


def emit_expr(scope: Scope, expr: loops.Expr) -> ir.Value:
    """The value of ``expr``, emitted as far out as what it reads allows."""
    if isinstance(expr, loops.Const):
        return constant_of(expr.dtype, expr.value)
    if isinstance(expr, loops.Read):
        return scope.values[expr.name]
    reads = scope.facts.reads(expr)
    home = scope.home(reads.names, may_fault=reads.has_load)
    key = _memory_key(scope, expr, reads.names, home)
    cache = scope.levels[home].cache
    if key is not None and key in cache:
        return cache[key]
    with scope.at(home):
        value = _emit(scope, expr)
    if key is not None:
        cache[key] = value
    return value


def _memory_key(scope: Scope, expr: loops.Expr, names: frozenset[str], home: int) -> object | None:
    """Under which key a value may be used again at ``home``; None where it may change there."""
    if isinstance(expr, loops.Load):
        return expr if all(isinstance(index, loops.Affine) for index in expr.indices) else None
    moved = home < scope.current
    if moved and not any(name.startswith("@") or name in scope.accumulators for name in names):
        return ("moved", id(expr))
    return None


def _emit(scope: Scope, expr: loops.Expr) -> ir.Value:
    match expr:
        case loops.Load():
            return emit_load(scope, expr, emit_expr)
        case loops.Coord():
            return _emit_coord(scope, expr)
        case loops.Apply():
            return _emit_apply(scope, expr)
        case loops.Guard():
            return _emit_guard(scope, expr)
    raise AssertionError(expr)


def _emit_apply(scope: Scope, expr: loops.Apply) -> ir.Value:
    args = [emit_expr(scope, arg) for arg in expr.args]
    if expr.op == "divide" and expr.dtype in ("f32", "f64") and scope.facts.target.slow_divider:
        top, under = args
        if lanes_of(top.type) and not lanes_of(under.type):
            return _divide_by_one(scope, expr, top, under)
    return apply(
        scope.builder, expr.op, args, [a.dtype for a in expr.args], expr.dtype, expr.detail
    )


def _divide_by_one(scope: Scope, expr: loops.Apply, top: ir.Value, under: ir.Value) -> ir.Value:
    """Lanes by a number that they share; its reciprocal is computed where the number is fixed."""
    reads = scope.facts.reads(expr.args[1])
    home = scope.home(reads.names, may_fault=reads.has_load)
    cache, key = scope.levels[home].cache, ("divisor", under)
    if key not in cache:
        with scope.at(home):
            cache[key] = prepare_divisor(scope.builder, under)
    return divide_lanes(scope.builder, top, cache[key])


def apply(
    builder: ir.IRBuilder,
    op: str,
    args: list[ir.Value],
    dtypes: list[str],
    dtype: str,
    detail: str = "",
) -> ir.Value:
    """One scalar operation on scalars and lanes mixed, rounded to ``dtype``."""
    lanes = max(lanes_of(arg.type) for arg in args)
    args = [splat(builder, arg, lanes) for arg in args]
    value = emit_scalar(builder, op, args, dtypes, dtype, detail)
    if op in ("convert", "bitcast_convert", "select", "maximum", "minimum"):
        return value  # already a number of dtype
    return rounded(builder, value, dtype)


def _emit_coord(scope: Scope, expr: loops.Coord) -> ir.Value:
    """A coordinate as a number: the first lane's, plus the lane's share."""
    vector, builder = scope.vector, scope.builder
    step = dict(expr.index.terms).get(vector.var, 0) if vector else 0
    number = scope.sum_of(expr.index.terms, expr.index.offset)
    if vector is not None and step:
        wide = vector_of(I64, vector.count)
        if _fits_i32(scope, expr.index):
            wide = vector_of(I32, vector.count)
            number = builder.trunc(number, I32)
        lane = lane_numbers(wide.element, vector.count, step)
        number = builder.add(splat(builder, number, vector.count), lane)
    dtype = "i32" if lanes_of(number.type) and number.type.element == I32 else "i64"
    if is_float(expr.dtype):
        goal = vector_of(F64 if expr.dtype == "f64" else F32, lanes_of(number.type))
        if expr.dtype == "f64" or dtype == "i32":
            return rounded(builder, builder.sitofp(number, goal), expr.dtype)
    return apply(builder, "convert", [number], [dtype], expr.dtype)


def _fits_i32(scope: Scope, index: loops.Affine) -> bool:
    """Whether no value of ``index`` leaves i32, from the extents of the loops that are open."""
    reach = abs(index.offset)
    for name, coefficient in index.terms:
        reach += abs(coefficient) * scope.extents.get(name, 2**31)
    return reach < 2**31


def _emit_guard(scope: Scope, expr: loops.Guard) -> ir.Value:
    vector = scope.vector
    if vector is not None and vector.var in variables(expr.index):
        return _guard_by_mask(scope, expr)
    index = scope.sum_of(expr.index.terms, expr.index.offset)
    return _guard_by_branch(scope, expr, _inside(scope.builder, index, expr))


def _inside(builder: ir.IRBuilder, index: ir.Value, expr: loops.Guard) -> ir.Value:
    """Lower <= index < upper, as one unsigned comparison."""
    moved = builder.sub(index, constant(index.type, expr.lower))
    return builder.icmp_unsigned("<", moved, constant(index.type, max(expr.upper - expr.lower, 0)))


def _guard_by_mask(scope: Scope, expr: loops.Guard) -> ir.Value:
    """Lanes differ: both sides run, with the lanes of the other turned off."""
    vector = scope.vector
    assert vector is not None
    step = dict(expr.index.terms)[vector.var]
    first = scope.sum_of(expr.index.terms, expr.index.offset)
    builder = scope.builder
    width = I64
    if _fits_i32(scope, expr.index) and max(abs(expr.lower), abs(expr.upper)) < 2**30:
        width, first = I32, builder.trunc(first, I32)
    numbers = lane_numbers(width, vector.count, step)
    index = builder.add(splat(builder, first, vector.count), numbers)
    inside = _inside(builder, index, expr)
    with scope.masked(inside):
        yes = emit_expr(scope, expr.inside)
    if isinstance(expr.outside, loops.Const):
        no = emit_expr(scope, expr.outside)
    else:
        with scope.masked(scope.builder.not_(inside)):
            no = emit_expr(scope, expr.outside)
    builder = scope.builder
    yes, no = splat(builder, yes, vector.count), splat(builder, no, vector.count)
    return builder.select(inside, yes, no)


def _guard_by_branch(scope: Scope, expr: loops.Guard, condition: ir.Value) -> ir.Value:
    """All lanes agree: run one side."""
    ends: list[tuple[ir.Value, ir.IRBuilder]] = []
    starts = [scope.builder.append_basic_block("side") for _ in range(2)]
    for side, block in zip((expr.inside, expr.outside), starts, strict=True):
        with scope.opened(ir.IRBuilder(block), guarded=True):
            ends.append((emit_expr(scope, side), scope.builder))
    builder, joined = scope.builder, scope.builder.append_basic_block("joined")
    builder.cbranch(condition, *starts)
    builder.position_at_end(joined)
    lanes = max(lanes_of(value.type) for value, _ in ends)
    phi = builder.phi(register_type(expr.dtype, lanes))
    for value, side in ends:
        phi.add_incoming(splat(side, value, lanes), side.block)
        side.branch(joined)
    return phi
