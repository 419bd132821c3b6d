"""Scalar: LLVM code for every scalar operation of the HLO op table, at any vector width.

``emit_scalar`` is the one entry. Values live in registers as follows: integers in their own width
(signedness is in the name), ``i1`` as LLVM's i1, f32 and f64 as such, and every narrower float
(f16, bf16, float8) as f32 lanes that hold a value of the narrow type. Results of such types are
f32 results: the caller rounds them (``convert`` rounds by itself).

No operation is undefined for any operand: integer division by zero gives all ones, the remainder
by zero its dividend, shifts by the width or more give zero or the sign, floats outside an
integer's range saturate (NaN gives 0).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir

from fnx_xla_lite.backends.cpu import scalar_float, scalar_integer
from fnx_xla_lite.backends.cpu.math_functions import MATH, call_math
from fnx_xla_lite.backends.cpu.math_lanes import Lanes
from fnx_xla_lite.backends.cpu.scalar_convert import convert, reinterpret
from fnx_xla_lite.hlo.dtypes import is_float

Emitter = Callable[[ir.IRBuilder, Sequence[ir.Value], str, str], ir.Value]


def _lanes(builder: ir.IRBuilder, args: Sequence[ir.Value]) -> list[Lanes]:
    return [Lanes(builder, arg) for arg in args]


def _math(name: str) -> Emitter:
    """A row for a function of floats."""

    def emit(builder: ir.IRBuilder, args: Sequence[ir.Value], dtype: str, detail: str) -> ir.Value:
        assert is_float(dtype), f"{name} of {dtype}"
        return call_math(builder, name, args)

    return emit


def _by_kind(
    of_floats: Callable[..., Lanes] | None, of_integers: Callable[..., Lanes] | None
) -> Emitter:
    """A row: a function of floats, and one of integers that also takes the element type's name."""

    def emit(builder: ir.IRBuilder, args: Sequence[ir.Value], dtype: str, detail: str) -> ir.Value:
        lanes = _lanes(builder, args)
        if is_float(dtype):
            assert of_floats is not None, f"no such operation on {dtype}"
            return of_floats(*lanes).value
        assert of_integers is not None, f"no such operation on {dtype}"
        return of_integers(*lanes, dtype).value

    return emit


def _compare(builder: ir.IRBuilder, args: Sequence[ir.Value], dtype: str, detail: str) -> ir.Value:
    sign = {"EQ": "==", "NE": "!=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}[detail]
    if is_float(dtype):
        ordered = builder.fcmp_unordered if detail == "NE" else builder.fcmp_ordered
        return ordered(sign, *args)
    unsigned = dtype == "i1" or dtype.startswith("u")
    return (builder.icmp_unsigned if unsigned else builder.icmp_signed)(sign, *args)


def _select(builder: ir.IRBuilder, args: Sequence[ir.Value], dtype: str, detail: str) -> ir.Value:
    return builder.select(*args)


def _clamp(builder: ir.IRBuilder, args: Sequence[ir.Value], dtype: str, detail: str) -> ir.Value:
    low, x, high = args
    raised = SCALAR["maximum"](builder, (low, x), dtype, "")
    return SCALAR["minimum"](builder, (raised, high), dtype, "")


def _convert(builder: ir.IRBuilder, args: Sequence[ir.Value], dtype: str, target: str) -> ir.Value:
    return convert(Lanes(builder, args[0]), dtype, target).value


def _bitcast(builder: ir.IRBuilder, args: Sequence[ir.Value], dtype: str, target: str) -> ir.Value:
    return reinterpret(Lanes(builder, args[0]), dtype, target).value


def _square(x: Lanes, dtype: str = "") -> Lanes:
    return scalar_integer.multiply(x, x, dtype) if x.is_int else x * x


SCALAR: dict[str, Emitter] = {
    # arithmetic
    "add": _by_kind(lambda x, y: x + y, scalar_integer.add),
    "subtract": _by_kind(lambda x, y: x - y, scalar_integer.subtract),
    "multiply": _by_kind(lambda x, y: x * y, scalar_integer.multiply),
    "divide": _by_kind(lambda x, y: x / y, scalar_integer.divide),
    "remainder": _by_kind(
        lambda x, y: Lanes(x.builder, call_math(x.builder, "remainder", (x.value, y.value))),
        scalar_integer.remainder,
    ),
    "power": _by_kind(
        lambda x, y: Lanes(x.builder, call_math(x.builder, "power", (x.value, y.value))),
        scalar_integer.power,
    ),
    "maximum": _by_kind(lambda x, y: x.call("maximum", y), scalar_integer.maximum),
    "minimum": _by_kind(lambda x, y: x.call("minimum", y), scalar_integer.minimum),
    "abs": _by_kind(lambda x: x.call("fabs"), scalar_integer.absolute),
    "negate": _by_kind(lambda x: -x, scalar_integer.negate),
    "sign": _by_kind(scalar_float.sign, scalar_integer.sign),
    "square": _by_kind(_square, _square),
    "clamp": _clamp,
    # bits
    "and": _by_kind(None, lambda x, y, dtype: x & y),
    "or": _by_kind(None, lambda x, y, dtype: x | y),
    "xor": _by_kind(None, lambda x, y, dtype: x ^ y),
    "not": _by_kind(None, lambda x, dtype: ~x),
    "shift_left": _by_kind(None, scalar_integer.shift_left),
    "shift_right_logical": _by_kind(None, scalar_integer.shift_right_logical),
    "shift_right_arithmetic": _by_kind(None, scalar_integer.shift_right_arithmetic),
    "popcnt": _by_kind(None, scalar_integer.popcount),
    "count_leading_zeros": _by_kind(None, scalar_integer.count_leading_zeros),
    # another type: the last argument is the target
    "convert": _convert,
    "bitcast_convert": _bitcast,
    # choice
    "compare": _compare,
    "select": _select,
    "is_finite": _by_kind(scalar_float.is_finite, None),
    # rounding to integers
    "ceil": _by_kind(lambda x: x.call("ceil"), None),
    "floor": _by_kind(lambda x: x.call("floor"), None),
    "round_nearest_afz": _by_kind(lambda x: x.call("round"), None),
    "round_nearest_even": _by_kind(lambda x: x.call("roundeven"), None),
    # functions of floats, each also a row of MATH
    **{name: _math(name) for name in MATH if name not in ("power", "remainder")},
}


def emit_scalar(
    builder: ir.IRBuilder,
    op: str,
    args: Sequence[ir.Value],
    arg_dtypes: Sequence[str],
    dtype: str,
    detail: str = "",
) -> ir.Value:
    """Emit one scalar operation.

    Args:
        builder: where the code goes; its module receives intrinsics and helper functions.
        op: a scalar op name of the HLO op table, ``convert`` and ``bitcast_convert`` included.
        args: operands in register form, all scalars or all vectors of one lane count (the
            predicate of a select may be a scalar).
        arg_dtypes: the operands' StableHLO element types.
        dtype: the result's element type.
        detail: the direction of a ``compare``.

    Returns:
        The result in register form.
    """
    operand_dtype = arg_dtypes[-1]  # the first may be a select's predicate
    if op in ("convert", "bitcast_convert"):
        detail = dtype
    return SCALAR[op](builder, args, operand_dtype, detail)
