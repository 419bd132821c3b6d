"""Algebraic simplification: identities that hold for every value, NaN and zeros included.

Floating-point sums and products are never reassociated or distributed. ``x * 0`` is not 0, ``x -
x`` is not 0, ``x + 0.0`` is not ``x`` (for ``x = -0.0``) for floats; ``x + -0.0``, ``x - 0.0`` and
``x * 1`` are ``x``. Each rule carries its equation.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fnx_xla_lite.hlo.dtypes import bit_width, highest, is_float, is_int, lowest
from fnx_xla_lite.hlo.ir import HloModule, Instruction, TensorType, Value
from fnx_xla_lite.hlo.opset import OPS, SCALAR_OPS
from fnx_xla_lite.hlo.regions import monoid_of
from fnx_xla_lite.passes.base import Context, Rule, rewrite

_OPPOSITE = {"EQ": "NE", "NE": "EQ"}
_OPPOSITE_ORDER = _OPPOSITE | {"LT": "GE", "GE": "LT", "GT": "LE", "LE": "GT"}


def algebraic(module: HloModule) -> HloModule:
    """Apply exact identities, and move elementwise work in front of broadcasts of scalars."""
    return rewrite(module, _RULES)


def _splat(context: Context, value: Value) -> float | int | None:
    """The number that fills a value, if it is a constant splat."""
    scalar = context.splat(value)
    return (
        None
        if scalar is None
        else scalar[()].item()
        if scalar.dtype.kind in "iub"
        else float(scalar)
    )


def _is_zero(number: float | int | None, sign: float) -> bool:
    """Whether ``number`` is the float zero of this sign."""
    return number == 0.0 and math.copysign(1.0, number) == sign


def _zeros(context: Context, instr: Instruction) -> Value:
    type_ = instr.result.type
    return context.builder.full(0, type_.shape, type_.dtype)


def _add(context: Context, instr: Instruction) -> Value | None:
    x, y = instr.operands
    number = _splat(context, y)
    if is_float(x.type.dtype):
        if _is_zero(number, -1.0):  # x + -0.0 = x
            return x
        if _is_zero(number, 1.0) and is_never_negative_zero(context, x):
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
        return monoid_of(instr.regions[0]) == "add" and _is_zero(
            _splat(context, instr.operands[1]), 1.0
        )
    if instr.op == "constant":
        number = _splat(context, value)
        return number is not None and not _is_zero(number, -1.0)
    moves = ("reshape", "broadcast_in_dim", "transpose", "slice", "reverse")
    return instr.op in moves and is_never_negative_zero(context, instr.operands[0], depth - 1)


def _subtract(context: Context, instr: Instruction) -> Value | None:
    x, y = instr.operands
    left, right = _splat(context, x), _splat(context, y)
    if not is_float(x.type.dtype):
        if x is y:  # x - x = 0 for integers
            return _zeros(context, instr)
        if left == 0 and left is not None:  # 0 - y = -y
            return context.builder.negate(y)
        return x if right == 0 and right is not None else None
    if _is_zero(right, 1.0):  # x - 0.0 = x
        return x
    if _is_zero(left, -1.0):  # -0.0 - y = -y
        return context.builder.negate(y)
    negated = context.producer(y, "negate")
    if negated is not None:  # x - (-y) = x + y
        return context.builder.add(x, negated.operands[0])
    return None


def _multiply(context: Context, instr: Instruction) -> Value | None:
    x, y = instr.operands
    number = _splat(context, y)
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
    number = _splat(context, y)
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


def _bitwise(op: str) -> Rule:
    """``x & ~0 = x | 0 = x ^ 0 = x & x = x | x = x``, ``x & 0 = x ^ x = 0``, ``x | ~0 = ~0``."""
    identity = OPS[op].identity
    assert identity is not None

    def rule(context: Context, instr: Instruction) -> Value | None:
        x, y = instr.operands
        if x is y:
            return _zeros(context, instr) if op == "xor" else x
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
    amount = _splat(context, y)
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
    known = _splat(context, predicate)
    if known is not None:
        return x if known else y
    inverted = context.producer(predicate, "not")
    if inverted is not None:  # not p ? x : y = p ? y : x
        return context.builder.select(inverted.operands[0], y, x)
    if x.type.dtype != "i1":
        return None
    left, right = _splat(context, x), _splat(context, y)
    if left is True and right is False:  # p ? true : false = p
        return predicate if predicate.type == x.type else None
    return None


def _power(context: Context, instr: Instruction) -> Value | None:
    """Exponents 1 and 2 (both exact), and 0: ``x ** 0 = 1`` even for NaN."""
    x, y = instr.operands
    exponent = _splat(context, y)
    if exponent is None:
        return None
    if exponent == 1:
        return x
    if exponent == 2:
        return context.builder.multiply(x, x)
    if exponent == 0:
        return context.builder.full(1, x.type.shape, x.type.dtype)
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


def _before_broadcast(context: Context, instr: Instruction) -> Value | None:
    """``op(broadcast(a), broadcast(b)) = broadcast(op(a, b))`` for scalars a, b and constants."""
    shape = instr.result.type.shape
    if not shape or instr.op == "bitcast_convert":
        return None
    scalars: list[Value] = []
    splats: list[tuple[int, np.ndarray]] = []
    for position, operand in enumerate(instr.operands):
        inner = context.producer(operand, "broadcast_in_dim")
        if inner is not None and inner.operands[0].type.rank == 0:
            scalars.append(inner.operands[0])
            continue
        number = context.splat(operand)
        if number is None:
            return None
        splats.append((position, number))
    if not scalars:
        return None  # constants alone are constant_fold's
    b = context.builder
    for position, number in splats:
        scalars.insert(position, b.constant(number))
    given = (TensorType((), instr.result.type.dtype),)
    small = b.apply(instr.op, scalars, dict(instr.attributes), given=given)[0]
    return b.broadcast_in_dim(small, shape, ())


_LOCAL: dict[str, Rule] = {
    "abs": _abs,
    "add": _add,
    "and": _bitwise("and"),
    "compare": _compare,
    "convert": _convert,
    "divide": _divide,
    "maximum": _extremum(lowest),
    "minimum": _extremum(highest),
    "multiply": _multiply,
    "negate": _negate,
    "not": _not,
    "or": _bitwise("or"),
    "power": _power,
    "select": _select,
    "shift_left": _shift,
    "shift_right_arithmetic": _shift,
    "shift_right_logical": _shift,
    "subtract": _subtract,
    "xor": _bitwise("xor"),
}
_RULES = {
    op: (_LOCAL[op], _before_broadcast) if op in _LOCAL else (_before_broadcast,)
    for op in SCALAR_OPS
}
