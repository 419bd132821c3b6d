"""Floating-point remainder (fmod), exact, in f64 arithmetic: x - y trunc(x / y).

With q = x / y rounded toward zero (one step back from the rounded quotient where that is too
large), r = x - q y is exactly representable, so one fused multiply-add yields it without error;
quotients beyond 2^53 take several rounds.
"""

from __future__ import annotations

from llvmlite import ir

from fnx_xla_lite.backends.cpu.math_lanes import Lanes, any_lane, fma, where

INFINITY = float("inf")


def remainder(x: Lanes, y: Lanes) -> Lanes:
    """Compute x rem y; NaN for infinite x or zero y."""
    builder = x.builder
    divisor = y.call("fabs")
    start = x.call("fabs")
    before = builder.block
    loop, done = (builder.append_basic_block(name) for name in ("loop", "done"))
    first = _unfinished(start, divisor)
    builder.cbranch(any_lane(first), loop, done)

    builder.position_at_end(loop)
    left = Lanes(builder, builder.phi(x.type))
    reduced = where(_unfinished(left, divisor), _one_round(left, divisor), left)
    left.value.add_incoming(start.value, before)
    left.value.add_incoming(reduced.value, loop)
    builder.cbranch(any_lane(_unfinished(reduced, divisor)), loop, done)

    builder.position_at_end(done)
    result: ir.PhiInstr = builder.phi(x.type)
    result.add_incoming(start.value, before)
    result.add_incoming(reduced.value, loop)
    defined = (start < INFINITY) & divisor.differs(0.0) & ~divisor.is_nan()
    size = where(defined, Lanes(builder, result), float("nan"))
    return size.call("copysign", x)


def _unfinished(left: Lanes, divisor: Lanes) -> Lanes:
    return (left >= divisor) & (left < INFINITY) & (divisor > 0.0)


def _one_round(left: Lanes, divisor: Lanes) -> Lanes:
    """Compute left - q divisor, for the largest q of 53 bits that keeps it from being negative."""
    quotient = left / divisor
    # Quotients near overflow (up to 2^2098) first lose multiples of divisor * 2^600 or * 2^1200.
    for _ in range(2):
        divisor = where(quotient > 2.0**1000, divisor * 2.0**600, divisor)
        quotient = left / divisor
    too_large = fma(-quotient, divisor, left) < 0.0
    quotient = where(too_large, (quotient.bits - 1).floats, quotient).call("trunc")
    return fma(-quotient, divisor, left)
