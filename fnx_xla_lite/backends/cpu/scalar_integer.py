"""Scalar operations of integers and booleans, each defined for every operand.

The functions take lanes and the element type's StableHLO name (``i8`` ... ``i64``, ``ui8`` ...
``ui64``, ``i1``).
"""

from __future__ import annotations

from llvmlite import ir

from fnx_xla_lite.backends.cpu.math_lanes import (
    DOUBLE,
    Lanes,
    any_lane,
    element,
    intrinsic,
    type_suffix,
    where,
    with_element,
)


def is_unsigned(dtype: str) -> bool:
    """Whether the lanes count from zero; booleans do."""
    return dtype.startswith("ui") or dtype == "i1"


def _width(x: Lanes) -> int:
    return element(x.type).width


def add(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """Compute x + y, wrapping; booleans: or."""
    return x | y if dtype == "i1" else x + y


def subtract(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """Compute x - y, wrapping; booleans: xor."""
    return x ^ y if dtype == "i1" else x - y


def multiply(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """Compute x * y, wrapping; booleans: and."""
    return x & y if dtype == "i1" else x * y


def maximum(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """The larger; booleans: or."""
    if dtype == "i1":
        return x | y
    return x.call("umax" if is_unsigned(dtype) else "smax", y)


def minimum(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """The smaller; booleans: and."""
    if dtype == "i1":
        return x & y
    return x.call("umin" if is_unsigned(dtype) else "smin", y)


def negate(x: Lanes, dtype: str) -> Lanes:
    """0 - x, wrapping."""
    return -x


def absolute(x: Lanes, dtype: str) -> Lanes:
    """|x|; the most negative number answers itself."""
    return x if is_unsigned(dtype) else x.call("smax", -x)


def sign(x: Lanes, dtype: str) -> Lanes:
    """-1, 0 or 1."""
    if is_unsigned(dtype):
        return where(x.equals(0), x, 1)
    return where(x > 0, x.like(1), x >> (_width(x) - 1))


def popcount(x: Lanes, dtype: str) -> Lanes:
    """Number of set bits."""
    return x.call("ctpop")


def count_leading_zeros(x: Lanes, dtype: str) -> Lanes:
    """Number of zero bits above the highest set bit; the width for 0."""
    flag = ir.Constant(ir.IntType(1), 0)  # a zero operand is defined
    return Lanes(x.builder, intrinsic(x.builder, "ctlz", [x.value, flag], x.type, [x.type]))


def _amount_inside(y: Lanes) -> Lanes:
    return Lanes(y.builder, y.builder.icmp_unsigned("<", y.value, y.like(_width(y)).value))


def shift_left(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """Compute x << y; 0 for y outside [0, width)."""
    inside = _amount_inside(y)
    return where(inside, x << where(inside, y, 0), 0)


def shift_right_logical(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """Compute x >> y filling with zeros; 0 for y outside [0, width)."""
    inside = _amount_inside(y)
    return where(inside, x.shift_logical(where(inside, y, 0)), 0)


def shift_right_arithmetic(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """Compute x >> y filling with the sign; all sign for y outside [0, width)."""
    return x >> where(_amount_inside(y), y, _width(x) - 1)


def _extended(x: Lanes, dtype: str) -> ir.Value:
    method = x.builder.uitofp if is_unsigned(dtype) else x.builder.sitofp
    return method(x.value, with_element(x.type, DOUBLE))


def _quotient(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """Compute x / y toward zero for y != 0 and no overflow.

    Machines have no vector division of integers: up to 32 bits the correctly rounded f64 quotient
    truncates to the right integer, because distinct quotients of such numbers differ by far more
    than a rounding error.
    """
    builder = x.builder
    if isinstance(x.type, ir.VectorType) and _width(x) <= 32:
        exact = builder.fdiv(_extended(x, dtype), _extended(y, dtype))
        back = builder.fptoui if is_unsigned(dtype) else builder.fptosi
        return Lanes(builder, back(exact, x.type))
    method = builder.udiv if is_unsigned(dtype) else builder.sdiv
    return Lanes(builder, method(x.value, y.value))


def _safe_divisor(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """y, but 1 where machines define no quotient (y = 0, and the lowest number over -1)."""
    unsafe = y.equals(0)
    if not is_unsigned(dtype):
        unsafe = unsafe | (x.equals(-(1 << (_width(x) - 1))) & y.equals(-1))
    return where(unsafe, y.like(1), y)


def divide(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """Compute x / y toward zero; all ones for y = 0; the lowest number over -1 answers itself."""
    return where(y.equals(0), x.like(-1), _quotient(x, _safe_divisor(x, y, dtype), dtype))


def remainder(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """Compute x - y (x / y), with the sign of x; x itself for y = 0."""
    divisor = _safe_divisor(x, y, dtype)
    left = x - _quotient(x, divisor, dtype) * divisor
    return where(y.equals(0), x, left)


def power(x: Lanes, y: Lanes, dtype: str) -> Lanes:
    """Compute x ** y, wrapping; a negative exponent truncates: 1 for 1, 1 or -1 for -1, else 0."""
    raised = _call_power(x, y)
    if is_unsigned(dtype):
        return raised
    odd = (y & 1).equals(1)
    of_minus_one = where(x.equals(-1), where(odd, x, 1), 0)
    return where(y < 0, where(x.equals(1), x, of_minus_one), raised)


def _call_power(x: Lanes, y: Lanes) -> Lanes:
    """Compute x ** y with y read as unsigned, in a function of its own (it has a loop)."""
    module = x.builder.module
    name = f"fnx_integer_power_{type_suffix(x.type)}"
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(x.type, [x.type, x.type]), name)
        function.linkage = "internal"
        _define_power(function)
    return Lanes(x.builder, x.builder.call(function, [x.value, y.value]))


def _define_power(function: ir.Function) -> None:
    """Square and multiply until no lane has exponent bits left."""
    entry, loop, done = (function.append_basic_block(name) for name in ("entry", "loop", "done"))
    ir.IRBuilder(entry).branch(loop)
    builder = ir.IRBuilder(loop)
    base, exponent, result = (Lanes(builder, builder.phi(function.args[0].type)) for _ in range(3))
    next_result = where((exponent & 1).equals(1), result * base, result)
    next_base, next_exponent = base * base, exponent.shift_logical(1)
    builder.cbranch(any_lane(next_exponent.differs(0)), loop, done)
    starts = (function.args[0], function.args[1], result.like(1).value)
    steps = (next_base, next_exponent, next_result)
    for phi, start, step in zip((base, exponent, result), starts, steps, strict=True):
        phi.value.add_incoming(start, entry)
        phi.value.add_incoming(step.value, loop)
    ir.IRBuilder(done).ret(next_result.value)
