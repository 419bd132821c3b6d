"""Logic: identities of bits, comparisons, choices and conversions."""

from __future__ import annotations

import numpy as np

from fnx_xla_lite.hlo.dtypes import bit_width, is_float, is_int
from fnx_xla_lite.hlo.ir import Instruction, Value
from fnx_xla_lite.hlo.opset import OPS
from fnx_xla_lite.passes.base import Context, Rule
from fnx_xla_lite.passes.identities.splats import splat, zeros

_OPPOSITE = {"EQ": "NE", "NE": "EQ"}
_OPPOSITE_ORDER = _OPPOSITE | {"LT": "GE", "GE": "LT", "GT": "LE", "LE": "GT"}


def _bitwise(op: str) -> Rule:
    """``x & ~0 = x | 0 = x ^ 0 = x & x = x | x = x``, ``x & 0 = x ^ x = 0``, ``x | ~0 = ~0``."""
    identity = OPS[op].identity
    assert identity is not None

    def rule(context: Context, instr: Instruction) -> Value | None:
        x, y = instr.operands
        if x is y:
            return zeros(context, instr) if op == "xor" else x
        scalar = context.splat(y)
        if scalar is None:
            return None
        neutral = np.asarray(identity(x.type.dtype))
        if scalar == neutral:
            return x
        if op != "xor" and scalar == np.invert(neutral):
            return y
        return None

    return rule


def _shift(context: Context, instr: Instruction) -> Value | None:
    """Shifting by 0."""
    x, y = instr.operands
    amount = splat(context, y)
    return x if amount is not None and amount == 0 else None


def _not(context: Context, instr: Instruction) -> Value | None:
    inner = context.producer(instr.operands[0])
    if inner is None:
        return None
    if inner.op == "not":  # not not x = x
        return inner.operands[0]
    if inner.op != "compare":
        return None
    x, y = inner.operands
    # not (x == y) = (x != y) always; the others only without NaN
    table = _OPPOSITE if is_float(x.type.dtype) else _OPPOSITE_ORDER
    direction = table.get(inner.attributes["comparison_direction"])
    return None if direction is None else context.builder.compare(x, y, direction)


def _compare(context: Context, instr: Instruction) -> Value | None:
    """``x op x`` is known without NaN."""
    x, y = instr.operands
    if x is not y or is_float(x.type.dtype):
        return None
    value = instr.attributes["comparison_direction"] in ("EQ", "LE", "GE")
    return context.builder.full(value, x.type.shape, "i1")


def _select(context: Context, instr: Instruction) -> Value | None:
    predicate, x, y = instr.operands
    if x is y:  # p ? x : x = x
        return x
    known = splat(context, predicate)
    if known is not None:
        return x if known else y
    inverted = context.producer(predicate, "not")
    if inverted is not None:  # not p ? x : y = p ? y : x
        return context.builder.select(inverted.operands[0], y, x)
    if x.type.dtype != "i1":
        return None
    left, right = splat(context, x), splat(context, y)
    if left is True and right is False:  # p ? true : false = p
        return predicate if predicate.type == x.type else None
    return None


def _convert(context: Context, instr: Instruction) -> Value | None:
    """``convert(convert(x))`` skips the middle type if that holds every value of x's type."""
    inner = context.producer(instr.operands[0], "convert")
    if inner is None:
        return None
    (x,) = inner.operands
    if not _holds(inner.result.type.dtype, x.type.dtype):
        return None
    return x if x.type == instr.result.type else context.builder.convert(x, instr.result.type.dtype)


def _holds(wide: str, narrow: str) -> bool:
    """Whether every value of ``narrow`` is one of ``wide``, and casts onwards agree."""
    if narrow == "i1":
        return wide != "i1"
    if is_float(wide) and is_float(narrow):
        significand = {"f64": 53, "f32": 24, "f16": 11, "bf16": 8, "f8E4M3FN": 4, "f8E5M2": 3}
        exponent = {"f64": 11, "f32": 8, "bf16": 8, "f16": 5, "f8E5M2": 5, "f8E4M3FN": 4}
        return significand[wide] >= significand[narrow] and exponent[wide] >= exponent[narrow]
    if is_int(wide) and is_int(narrow):
        same_sign = wide.startswith("ui") == narrow.startswith("ui")
        gains = bit_width(wide) > bit_width(narrow)
        return (gains and (same_sign or not wide.startswith("ui"))) or wide == narrow
    return False


LOGIC: dict[str, Rule] = {
    "and": _bitwise("and"),
    "compare": _compare,
    "convert": _convert,
    "not": _not,
    "or": _bitwise("or"),
    "select": _select,
    "shift_left": _shift,
    "shift_right_arithmetic": _shift,
    "shift_right_logical": _shift,
    "xor": _bitwise("xor"),
}
