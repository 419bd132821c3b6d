"""Argument reduction for trigonometry: x = q pi/2 + r + tail, |r| <= pi/4, for every f64.

Up to 2^30: Cody and Waite (1980) with pi/2 in three parts; the product with the first part cancels
exactly under a fused multiply-add. Beyond: Payne and Hanek (1983), per lane in integer arithmetic,
behind a branch that is taken only when some lane needs it: of 2/pi, the 192 bits that matter for
the argument's exponent are multiplied by its significand; what lies above is a multiple of four
quadrants.
"""

from __future__ import annotations

from itertools import pairwise

from llvmlite import ir

from fnx_xla_lite.backends.cpu.math_lanes import (
    DOUBLE,
    ROUNDER,
    Lanes,
    any_lane,
    fma,
    type_suffix,
    where,
)

TWO_OVER_PI = 0.6366197723675814
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
LARGE = 2.0**30
I64 = ir.IntType(64)
# 64 zero bits, then the bits of 2/pi after the binary point.
TWO_OVER_PI_WORDS = (
    0x0000000000000000,
    0xA2F9836E4E441529,
    0xFC2757D1F534DDC0,
    0xDB6295993C439041,
    0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0,
    0x06492EEA09D1921C,
    0xFE1DEB1CB129A73E,
    0xE88235F52EBB4484,
    0xE99C7026B45F7E41,
    0x3991D639835339F4,
    0x9C845F8BBDF9283B,
    0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F,
    0x6D367ECF27CB09B7,
    0x4F463F669E5FEA2D,
    0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA,
    0x6BFB5FB11F8D5D08,
    0x56033046FC7B6BAB,
    0xF0CFBC209AF4361D,
)

Reduction = tuple[Lanes, Lanes, Lanes]


def reduce_by_half_pi(x: Lanes) -> Reduction:
    """(r, tail, q): q in the low bits of integer lanes. Infinities and NaN give anything."""
    moderate = _cody_waite(x)
    large = x.call("fabs") >= LARGE
    builder, before = x.builder, x.builder.block
    with builder.if_then(any_lane(large), likely=False):
        packed = builder.call(_vector_function(builder.module, x.type), [x.value])
        slow = [Lanes(builder, builder.extract_value(packed, i)) for i in range(3)]
        mixed = [where(large, far, near) for far, near in zip(slow, moderate, strict=True)]
        inside = builder.block
    results = []
    for near, far in zip(moderate, mixed, strict=True):
        phi = builder.phi(near.type)
        phi.add_incoming(near.value, before)
        phi.add_incoming(far.value, inside)
        results.append(Lanes(builder, phi))
    return results[0], results[1], results[2]


def two_sum(a: Lanes, b: Lanes) -> tuple[Lanes, Lanes]:
    """Compute a + b and its rounding error (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _cody_waite(x: Lanes) -> Reduction:
    first, second, third = HALF_PI
    shifted = fma(x, TWO_OVER_PI, ROUNDER["f64"])
    q = shifted - ROUNDER["f64"]
    exact = fma(-q, first, x)
    product = q * second
    lost_product = fma(q, second, -product)
    r, lost = two_sum(exact, -product)
    tail = fma(-q, third, lost - lost_product)
    high = r + tail
    return high, (r - high) + tail, shifted.bits


def _vector_function(module: ir.Module, kind: ir.Type) -> ir.Function:
    """``{r, tail, q} fnx_reduce_large(x)`` for this width; a vector's lanes run one by one."""
    name = f"fnx_reduce_large_{type_suffix(kind)}"
    function = module.globals.get(name)
    if function is not None:
        return function
    integers = ir.VectorType(I64, kind.count) if isinstance(kind, ir.VectorType) else I64
    result = ir.LiteralStructType([kind, kind, integers])
    function = ir.Function(module, ir.FunctionType(result, [kind]), name)
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    if isinstance(kind, ir.VectorType):
        _loop_over_lanes(builder, function, _vector_function(module, DOUBLE))
    else:
        parts = _payne_hanek(Lanes(builder, function.args[0]))
        builder.ret(_pack(builder, result, [part.value for part in parts]))
    return function


def _pack(builder: ir.IRBuilder, kind: ir.Type, values: list[ir.Value]) -> ir.Value:
    packed: ir.Value = ir.Constant(kind, ir.Undefined)
    for i, value in enumerate(values):
        packed = builder.insert_value(packed, value, i)
    return packed


def _loop_over_lanes(builder: ir.IRBuilder, function: ir.Function, scalar: ir.Function) -> None:
    entry = builder.block
    loop, done = (function.append_basic_block(name) for name in ("loop", "done"))
    builder.branch(loop)
    builder.position_at_end(loop)
    x, result = function.args[0], function.function_type.return_type
    lane = builder.phi(I64)
    lane.add_incoming(I64(0), entry)
    kept = builder.phi(result)
    kept.add_incoming(ir.Constant(result, None), entry)
    parts = builder.call(scalar, [builder.extract_element(x, lane)])
    columns = [
        builder.insert_element(
            builder.extract_value(kept, i), builder.extract_value(parts, i), lane
        )
        for i in range(3)
    ]
    filled = _pack(builder, result, columns)
    following = builder.add(lane, I64(1))
    lane.add_incoming(following, loop)
    kept.add_incoming(filled, loop)
    builder.cbranch(builder.icmp_unsigned("<", following, I64(x.type.count)), loop, done)
    builder.position_at_end(done)
    builder.ret(filled)


def _table(module: ir.Module) -> ir.GlobalVariable:
    name = "fnx_two_over_pi"
    table = module.globals.get(name)
    if table is None:
        kind = ir.ArrayType(I64, len(TWO_OVER_PI_WORDS))
        table = ir.GlobalVariable(module, kind, name)
        table.linkage, table.global_constant = "internal", True
        table.initializer = ir.Constant(kind, [I64(word) for word in TWO_OVER_PI_WORDS])
    return table


def _window(builder: ir.IRBuilder, position: Lanes) -> list[Lanes]:
    """Three words of 2/pi's bits from a bit position on, highest first; never past the table."""
    last = len(TWO_OVER_PI_WORDS) - 4
    word = position.shift_logical(6).call("umin", last)
    shift = position & 63
    table = _table(builder.module)
    words = []
    for i in range(4):
        place = builder.gep(table, [I64(0), (word + i).value], inbounds=True)
        words.append(Lanes(builder, builder.load(place, typ=I64)))
    return [high.call("fshl", low, shift) for high, low in pairwise(words)]


def _payne_hanek(x: Lanes) -> Reduction:
    """One large finite double."""
    bits = x.call("fabs").bits
    significand = (bits & ((1 << 52) - 1)) | (1 << 52)
    # x = significand 2^e: bits of 2/pi above 2^-(e - 2) give multiples of 4. 64 zeros come first.
    exponent = bits.shift_logical(52) - (1023 + 52)
    high, middle, low = _window(x.builder, exponent + (64 - 2))
    wide = significand.zero_extend(128)
    below = wide * low.zero_extend(128)
    sums = below.shift_logical(64) + wide * middle.zero_extend(128)
    top = sums.shift_logical(64).truncate(64) + significand * high
    # top : sums : below, with the quadrant in the first two bits, then the fraction of a quadrant
    fraction = ((top.zero_extend(128) << 64) | sums.truncate(64).zero_extend(128)) << 2
    fraction = fraction | below.truncate(64).shift_logical(62).zero_extend(128)
    negative = fraction < 0  # half a quadrant or more: count from the next one
    quadrant = top.shift_logical(62) + negative.zero_extend(64)
    r, tail = _fraction_to_angle(where(negative, -fraction, fraction))
    minus = negative ^ (x < 0.0)
    return (
        where(minus, -r, r),
        where(minus, -tail, tail),
        where(x < 0.0, -quadrant, quadrant),
    )


def _fraction_to_angle(fraction: Lanes) -> tuple[Lanes, Lanes]:
    """Compute fraction / 2^128 quadrants as radians in two doubles."""
    builder = fraction.builder
    zeros = _leading_zeros(fraction).call("umin", 127)
    normal = fraction << zeros
    scale = ((1023 - zeros.truncate(64)) << 52).floats

    def as_double(part: Lanes) -> Lanes:
        return Lanes(builder, builder.sitofp(part.truncate(64).value, DOUBLE))

    high = as_double(normal.shift_logical(75)) * 2.0**-53 * scale
    low = as_double(normal.shift_logical(22) & ((1 << 53) - 1)) * 2.0**-106 * scale
    first, second, _ = HALF_PI
    r = high * first
    tail = fma(high, first, -r) + fma(high, second, low * first)
    total = r + tail
    return total, (r - total) + tail


def _leading_zeros(x: Lanes) -> Lanes:
    """Leading zeros of a 128-bit scalar, from its halves."""
    high, low = x.shift_logical(64).truncate(64), x.truncate(64)
    counted = [_count(part) for part in (high, low)]
    return where(high.equals(0), counted[1] + 64, counted[0]).zero_extend(128)


def _count(x: Lanes) -> Lanes:
    zero_is_defined = ir.Constant(ir.IntType(1), 0)
    module = x.builder.module
    name = "llvm.ctlz.i64"
    function = module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(I64, [I64, ir.IntType(1)])
        function = ir.Function(module, kind, name)
    return Lanes(x.builder, x.builder.call(function, [x.value, zero_is_defined]))
