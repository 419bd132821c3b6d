"""Arithmetic: identities of numbers that hold for every value, NaN and zeros included.

Floating-point sums and products are never reassociated or distributed. ``x * 0`` is not 0, ``x -
x`` is not 0, ``x + 0.0`` is not ``x`` (for ``x = -0.0``) for floats; ``x + -0.0``, ``x - 0.0`` and
``x * 1`` are ``x``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fnx_xla_lite.hlo.dtypes import highest, is_float, is_int, lowest
from fnx_xla_lite.hlo.ir import Instruction, Value
from fnx_xla_lite.hlo.regions import monoid_of
from fnx_xla_lite.passes.base import Context, Rule
from fnx_xla_lite.passes.identities.splats import is_zero, splat, zeros


def _add(context: Context, instr: Instruction) -> Value | None:
    x, y = instr.operands
    number = splat(context, y)
    if is_float(x.type.dtype):
        if is_zero(number, -1.0):  # x + -0.0 = x
            return x
        if is_zero(number, 1.0) and is_never_negative_zero(context, x):
            return x
        for a, b in ((x, y), (y, x)):
            negated = context.producer(b, "negate")
            if negated is not None:  # x + (-y) = x - y
                return context.builder.subtract(a, negated.operands[0])
        return None
    return x if number == 0 and number is not None and not isinstance(number, bool) else None


def is_never_negative_zero(context: Context, value: Value, depth: int = 4) -> bool:
    """Whether no element of a float value can be -0.0, as far as a look at its producers tells."""
    instr = context.producer(value)
    if instr is None or depth == 0:
        return False
    if instr.op in ("abs", "exponential", "logistic"):
        return True
    if instr.op == "multiply":  # squares
        return instr.operands[0] is instr.operands[1]
    if instr.op == "convert":
        return not is_float(instr.operands[0].type.dtype)
    if instr.op == "add":  # -0.0 only as the sum of two -0.0
        return any(is_never_negative_zero(context, x, depth - 1) for x in instr.operands)
    if instr.op == "reduce":  # a sum that starts from 0.0
        return monoid_of(instr.regions[0]) == "add" and is_zero(
            splat(context, instr.operands[1]), 1.0
        )
    if instr.op == "constant":
        number = splat(context, value)
        return number is not None and not is_zero(number, -1.0)
    moves = ("reshape", "broadcast_in_dim", "transpose", "slice", "reverse")
    return instr.op in moves and is_never_negative_zero(context, instr.operands[0], depth - 1)


def _subtract(context: Context, instr: Instruction) -> Value | None:
    x, y = instr.operands
    left, right = splat(context, x), splat(context, y)
    if not is_float(x.type.dtype):
        if x is y:  # x - x = 0 for integers
            return zeros(context, instr)
        if left == 0 and left is not None:  # 0 - y = -y
            return context.builder.negate(y)
        return x if right == 0 and right is not None else None
    if is_zero(right, 1.0):  # x - 0.0 = x
        return x
    if is_zero(left, -1.0):  # -0.0 - y = -y
        return context.builder.negate(y)
    negated = context.producer(y, "negate")
    if negated is not None:  # x - (-y) = x + y
        return context.builder.add(x, negated.operands[0])
    return None


def _multiply(context: Context, instr: Instruction) -> Value | None:
    x, y = instr.operands
    number = splat(context, y)
    if number is not None and number == 1:  # x * 1 = x (for i1: x and true)
        return x
    if x.type.dtype == "i1":
        return y if number == 0 and number is not None else None
    if is_int(x.type.dtype):  # x * 0 = 0 for integers
        return y if number == 0 and number is not None else None
    if number == -1.0:  # x * -1 = -x
        return context.builder.negate(x)
    return _product_of_negated(context, x, y, number)


def _product_of_negated(
    context: Context, x: Value, y: Value, number: float | int | None
) -> Value | None:
    left, right = context.producer(x, "negate"), context.producer(y, "negate")
    if left is not None and right is not None:  # (-x) * (-y) = x * y
        return context.builder.multiply(left.operands[0], right.operands[0])
    if left is not None and number is not None:  # (-x) * c = x * (-c)
        negative = context.builder.full(-number, y.type.shape, y.type.dtype)
        return context.builder.multiply(left.operands[0], negative)
    return None


def _divide(context: Context, instr: Instruction) -> Value | None:
    x, y = instr.operands
    number = splat(context, y)
    if number is not None and number == 1:  # x / 1 = x
        return x
    if number is None or not is_float(x.type.dtype):
        return None
    if number == -1.0:  # x / -1 = -x
        return context.builder.negate(x)
    inverse = _exact_inverse(number, x.type.dtype)
    if inverse is None:
        return None
    factor = context.builder.full(inverse, y.type.shape, y.type.dtype)
    return context.builder.multiply(x, factor)  # x / 2^k = x * 2^-k, both exact


def _exact_inverse(number: float, dtype: str) -> float | None:
    """``1 / number`` if that is a power of two that is a normal number of ``dtype``."""
    lowest_exponent = {"f64": -1022, "f32": -126, "bf16": -126, "f16": -14}.get(dtype)
    mantissa, exponent = math.frexp(number)  # number = mantissa * 2**exponent
    if lowest_exponent is None or abs(mantissa) != 0.5:
        return None
    inverse_exponent = 1 - exponent
    is_normal = lowest_exponent <= inverse_exponent <= 1 - lowest_exponent
    return math.copysign(2.0**inverse_exponent, number) if is_normal else None


def _negate(context: Context, instr: Instruction) -> Value | None:
    inner = context.producer(instr.operands[0])
    if inner is None:
        return None
    if inner.op == "negate":  # -(-x) = x
        return inner.operands[0]
    if inner.op == "subtract" and not is_float(
        instr.result.type.dtype
    ):  # -(x - y) = y - x for integers
        return context.builder.subtract(inner.operands[1], inner.operands[0])
    return None


def _abs(context: Context, instr: Instruction) -> Value | None:
    inner = context.producer(instr.operands[0])
    if inner is not None and inner.op == "abs":  # ||x|| = |x|
        return inner.result
    if inner is not None and inner.op == "negate":  # |-x| = |x|
        return context.builder.abs(inner.operands[0])
    return None


def _extremum(absorbing_end: Callable[[str], np.generic]) -> Rule:
    """``max(x, lowest) = x``, ``max(x, x) = x``; the same with min and highest."""

    def rule(context: Context, instr: Instruction) -> Value | None:
        x, y = instr.operands
        if x is y:
            return x
        scalar = context.splat(y)
        if scalar is None or x.type.dtype == "f8E4M3FN":
            return None
        return x if scalar.tobytes() == np.asarray(absorbing_end(x.type.dtype)).tobytes() else None

    return rule


def _power(context: Context, instr: Instruction) -> Value | None:
    """Exponents 1 and 2 (both exact), and 0: ``x ** 0 = 1`` even for NaN."""
    x, y = instr.operands
    exponent = splat(context, y)
    if exponent is None:
        return None
    if exponent == 1:
        return x
    if exponent == 2:
        return context.builder.multiply(x, x)
    if exponent == 0:
        return context.builder.full(1, x.type.shape, x.type.dtype)
    return None


ARITHMETIC: dict[str, Rule] = {
    "abs": _abs,
    "add": _add,
    "divide": _divide,
    "maximum": _extremum(lowest),
    "minimum": _extremum(highest),
    "multiply": _multiply,
    "negate": _negate,
    "power": _power,
    "subtract": _subtract,
}
