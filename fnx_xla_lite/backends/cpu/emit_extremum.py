"""Partial maxima and minima of floats: four instructions a vector instead of seven in a chain.

IEEE's maximum lets a NaN win and puts 0.0 above -0.0, which costs an instruction chain at every
step. A partial result keeps three things instead, none of which waits for the others: the plain
extremum (NaNs lose), whether a NaN was seen, and the sign bits seen (all set: no 0.0 for maximum;
any set: a -0.0 for minimum). They are put together once, at the end. NaNs seen are lanes of i1
where the target has registers for masks. Elsewhere one mask of many vectors would have to be packed
at every step, so they are whole lanes, half as many as values: one comparison asks whether either
of two numbers is a NaN.
"""

from __future__ import annotations

from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit_types import F64, I1, I32, constant, vector_of
from fnx_xla_lite.backends.cpu.math_lanes import intrinsic

OPS = ("maximum", "minimum")


def is_partial(value: ir.Value) -> bool:
    """Whether a value is one of these partial results."""
    return isinstance(value.type, ir.LiteralStructType)


def start(op: str, kind: ir.VectorType, *, masks: bool) -> ir.Constant:
    """Nothing seen yet, in lanes of ``kind``; ``masks``: there are registers for them."""
    bits = _bits_of(kind)
    signs = ir.Constant(bits, [-1 if op == "maximum" else 0] * bits.count)
    worst = ir.Constant(kind, [float("-inf" if op == "maximum" else "inf")] * kind.count)
    seen = constant(vector_of(I1, kind.count) if masks else _half_of(bits), 0)
    whole = ir.LiteralStructType([kind, seen.type, bits])
    return ir.Constant(whole, [worst, seen, signs])


def extend(builder: ir.IRBuilder, op: str, partial: ir.Value, value: ir.Value) -> ir.Value:
    """``partial`` with one more vector."""
    best, seen, signs = (builder.extract_value(partial, i) for i in range(3))
    better = builder.fcmp_ordered(">" if op == "maximum" else "<", value, best)
    best = builder.select(better, value, best)
    low, high = value, value
    if seen.type.count < value.type.count:
        low, high = (_half(builder, value, first) for first in (0, seen.type.count))
    nan = builder.fcmp_unordered("uno", low, high)
    seen = builder.or_(seen, nan if nan.type == seen.type else builder.sext(nan, seen.type))
    bits = builder.bitcast(value, signs.type)
    signs = builder.and_(signs, bits) if op == "maximum" else builder.or_(signs, bits)
    for i, part in enumerate((best, seen, signs)):
        partial = builder.insert_value(partial, part, i)
    return partial


def finish(builder: ir.IRBuilder, op: str, partial: ir.Value) -> ir.Value:
    """The extremum of everything seen, a scalar."""
    best, seen, signs = (builder.extract_value(partial, i) for i in range(3))
    while best.type.count > 1:
        low, high = (_half(builder, best, first) for first in (0, best.type.count // 2))
        better = builder.fcmp_ordered(">" if op == "maximum" else "<", high, low)
        best = builder.select(better, high, low)
    number = builder.extract_element(best, ir.Constant(I32, 0))
    reduce = "vector.reduce.and" if op == "maximum" else "vector.reduce.or"
    sign = intrinsic(builder, reduce, [signs], signs.type.element)
    negative = builder.icmp_signed("<", sign, ir.Constant(sign.type, 0))
    zero = builder.select(negative, ir.Constant(number.type, -0.0), ir.Constant(number.type, 0.0))
    is_zero = builder.fcmp_ordered("==", number, ir.Constant(number.type, 0.0))
    number = builder.select(is_zero, zero, number)
    any_seen = intrinsic(builder, "vector.reduce.or", [seen], seen.type.element)
    has_nan = builder.icmp_unsigned("!=", any_seen, ir.Constant(any_seen.type, 0))
    return builder.select(has_nan, ir.Constant(number.type, float("nan")), number)


def _half(builder: ir.IRBuilder, value: ir.Value, first: int) -> ir.Value:
    count = value.type.count // 2
    order = ir.Constant(vector_of(I32, count), list(range(first, first + count)))
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), order)


def _bits_of(kind: ir.VectorType) -> ir.VectorType:
    return vector_of(ir.IntType(64 if kind.element == F64 else 32), kind.count)


def _half_of(kind: ir.VectorType) -> ir.VectorType:
    """Half as many lanes."""
    assert kind.count % 2 == 0, kind
    return vector_of(kind.element, kind.count // 2)
