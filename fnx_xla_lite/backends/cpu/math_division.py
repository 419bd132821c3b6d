"""Division of lanes by one number: the division instruction's bits, three times as fast.

A vector division keeps the divider busy for about 16 cycles. Where all lanes share the divisor b,
its reciprocal y = RN(1/b) is computed once, and q <- q + (a - b q) y by fused multiply-adds gives
a / b: after the first such step q is within one ulp, and then the second is correctly rounded
(Markstein 1990, theorem 1), as long as nothing overflows or becomes subnormal. Vectors with a lane
outside of a moderate range (zeros too) take the instruction.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from fnx_xla_lite.backends.cpu.math_lanes import BIAS, MANTISSA, Lanes, any_lane, fma

# With |a| and b within 2^-reach ... 2^reach, quotient and residual are normal.
_REACH = {"f32": 60, "f64": 400}


@dataclass(frozen=True, slots=True)
class Divisor:
    """A divisor, its reciprocal, and whether it is positive and of moderate size (an i1)."""

    value: ir.Value
    reciprocal: ir.Value
    moderate: ir.Value


def prepare_divisor(builder: ir.IRBuilder, value: ir.Value) -> Divisor:
    """What the division of many lanes by ``value`` needs; emitted where ``value`` is fixed."""
    b = Lanes(builder, value)
    return Divisor(value, (1.0 / b).value, _in_range(b).value)


def divide_lanes(builder: ir.IRBuilder, lanes: ir.Value, divisor: Divisor) -> ir.Value:
    """``lanes / divisor``; leaves the builder at the end of a new block."""
    a = Lanes(builder, lanes)
    count = lanes.type.count
    easy = _in_range(a.call("fabs"))
    all_easy = builder.and_(builder.not_(any_lane(~easy)), divisor.moderate)
    fast, slow, joined = (builder.append_basic_block(name) for name in ("fast", "slow", "divided"))
    builder.cbranch(all_easy, fast, slow)

    builder.position_at_end(slow)
    exact = builder.fdiv(lanes, _spread(builder, divisor.value, count))
    builder.branch(joined)

    builder.position_at_end(fast)
    b = Lanes(builder, _spread(builder, divisor.value, count))
    y = Lanes(builder, _spread(builder, divisor.reciprocal, count))
    q = a * y
    for _ in range(2):
        q = fma(fma(-b, q, a), y, q)
    builder.branch(joined)

    builder.position_at_end(joined)
    result = builder.phi(lanes.type)
    result.add_incoming(q.value, fast)
    result.add_incoming(exact, slow)
    return result


def _in_range(x: Lanes) -> Lanes:
    """Whether 2^-reach <= x < 2^reach, by its bits: false for negatives, zeros, NaN, infinities."""
    bias, mantissa, reach = BIAS[x.dtype], MANTISSA[x.dtype], _REACH[x.dtype]
    low, span = (bias - reach) << mantissa, (2 * reach) << mantissa
    moved = x.bits - low
    below = x.builder.icmp_unsigned("<", moved.value, moved.like(span).value)
    return Lanes(x.builder, below)


def _spread(builder: ir.IRBuilder, value: ir.Value, count: int) -> ir.Value:
    """``value`` in every lane."""
    kind = ir.VectorType(value.type, count)
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), None)
    return builder.shuffle_vector(first, undefined, zeros)
