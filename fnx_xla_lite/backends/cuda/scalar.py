"""Scalar: a CUDA C expression for every scalar operation of the HLO op table.

One row per operation: C text for floats, for integers and for booleans, with ``{x}``, ``{y}``,
``{z}`` for the operands, ``{f}`` for the suffix of C's math functions (``f`` or nothing), ``{t}``
for the C type. In registers ``i1`` is ``bool``, and narrow floats are ``float`` values that the
narrow type holds; results of such types are rounded here. Integers wrap and nothing is undefined,
as in the CPU backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fnx_xla_lite.hlo.dtypes import is_float, to_numpy

NARROW_FLOATS = frozenset({"bf16", "f16", "f8E4M3FN", "f8E5M2"})
MEMORY_TYPES = {
    "i1": "u8", "i8": "i8", "i16": "i16", "i32": "i32", "i64": "i64",
    "ui8": "u8", "ui16": "u16", "ui32": "u32", "ui64": "u64",
    "f8E4M3FN": "u8", "f8E5M2": "u8", "f16": "u16", "bf16": "u16", "f32": "float", "f64": "double",
}  # fmt: skip
REGISTER_TYPES = MEMORY_TYPES | dict.fromkeys(NARROW_FLOATS, "float") | {"i1": "bool"}


class Row(NamedTuple):
    """C text by kind of operand; None where StableHLO has no such operation."""

    floats: str | None = None
    integers: str | None = None
    booleans: str | None = None
    exact: bool = False  # results of narrow types need no rounding


def _function(name: str) -> Row:
    """A function of C's math library."""
    return Row(f"{name}{{f}}({{x}})")


def _wrapping(sign: str, boolean: str) -> Row:
    return Row(f"({{x}} {sign} {{y}})", f"{{t}}((u64){{x}} {sign} (u64){{y}})", boolean)


def _integers(name: str) -> Row:
    return Row(None, f"fnx_{name}({{x}}, {{y}})")


def _bitwise(sign: str) -> Row:
    return Row(None, f"{{t}}({{x}} {sign} {{y}})", f"bool({{x}} {sign} {{y}})")


SCALAR: dict[str, Row] = {
    # arithmetic
    "add": _wrapping("+", "({x} || {y})"),
    "subtract": _wrapping("-", "({x} != {y})"),
    "multiply": _wrapping("*", "({x} && {y})"),
    "divide": Row("({x} / {y})", "fnx_divide({x}, {y})"),
    "remainder": Row("fmod{f}({x}, {y})", "fnx_remainder({x}, {y})"),
    "power": Row("pow{f}({x}, {y})", "fnx_integer_power({x}, {y})"),
    "maximum": Row(
        "fnx_max_{width}({x}, {y})", "fnx_integer_maximum({x}, {y})", "({x} || {y})", True
    ),
    "minimum": Row(
        "fnx_min_{width}({x}, {y})", "fnx_integer_minimum({x}, {y})", "({x} && {y})", True
    ),
    "clamp": Row(
        "fnx_min_{width}(fnx_max_{width}({x}, {y}), {z})",
        "fnx_integer_minimum(fnx_integer_maximum({x}, {y}), {z})",
        "(({x} || {y}) && {z})",
        True,
    ),
    "abs": Row("fabs{f}({x})", "fnx_integer_abs({x})", None, True),
    "negate": Row("(-{x})", "{t}(0 - (u64){x})", None, True),
    "sign": Row("fnx_sign({x})", "fnx_integer_sign({x})", None, True),
    "square": Row("({x} * {x})", "{t}((u64){x} * (u64){x})"),
    # bits
    "and": _bitwise("&"),
    "or": _bitwise("|"),
    "xor": _bitwise("^"),
    "not": Row(None, "{t}(~{x})", "(!{x})"),
    "shift_left": _integers("shift_left"),
    "shift_right_logical": _integers("shift_right_logical"),
    "shift_right_arithmetic": _integers("shift_right_arithmetic"),
    "popcnt": Row(None, "fnx_popcnt({x})"),
    "count_leading_zeros": Row(None, "fnx_count_leading_zeros({x})"),
    # choice; compare puts its sign for {sign}
    "compare": Row("({x} {sign} {y})", "({x} {sign} {y})", "({x} {sign} {y})", True),
    "select": Row("({x} ? {y} : {z})", "({x} ? {y} : {z})", "({x} ? {y} : {z})", True),
    "is_finite": Row("isfinite({x})", None, None, True),
    # another type: convert_text and bitcast_text write these
    "convert": Row(),
    "bitcast_convert": Row(),
    # rounding to integers
    "ceil": Row("ceil{f}({x})", None, None, True),
    "floor": Row("floor{f}({x})", None, None, True),
    "round_nearest_afz": Row("round{f}({x})", None, None, True),
    "round_nearest_even": Row("rint{f}({x})", None, None, True),
    # functions
    "acos": _function("acos"),
    "acosh": _function("acosh"),
    "asin": _function("asin"),
    "asinh": _function("asinh"),
    "atan": _function("atan"),
    "atan2": Row("atan2{f}({x}, {y})"),
    "atanh": _function("atanh"),
    "cbrt": _function("cbrt"),
    "cosh": _function("cosh"),
    "cosine": _function("cos"),
    "digamma": Row("fnx_digamma({x})"),
    "erf": _function("erf"),
    "erf_inv": _function("erfinv"),
    "erfc": _function("erfc"),
    "exponential": _function("exp"),
    "exponential_minus_one": _function("expm1"),
    "lgamma": _function("lgamma"),
    "log": _function("log"),
    "log_plus_one": _function("log1p"),
    "logistic": Row("fnx_logistic({x})"),
    "rsqrt": _function("rsqrt"),
    "sine": _function("sin"),
    "sinh": _function("sinh"),
    "sqrt": _function("sqrt"),
    "tan": _function("tan"),
    "tanh": _function("tanh"),
}
_SIGNS = {"EQ": "==", "NE": "!=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}
# Update's neutral elements; those of maximum and minimum depend on the type.
_NEUTRAL = {"add": 0, "multiply": 1, "or": 0, "xor": 0}


def scalar_text(
    op: str, args: Sequence[str], arg_dtypes: Sequence[str], dtype: str, detail: str = ""
) -> str:
    """One scalar operation as a C expression.

    Args:
        op: a scalar op name of the HLO op table.
        args: C expressions of the operands, in register form.
        arg_dtypes: their element types.
        dtype: the result's element type.
        detail: the direction of a ``compare``.
    """
    operand = arg_dtypes[-1]  # the first may be a select's predicate
    if op == "convert":
        return convert_text(args[0], operand, dtype)
    if op == "bitcast_convert":
        return bitcast_text(args[0], operand, dtype)
    row = SCALAR[op]
    pattern = row.booleans if operand == "i1" else row.integers
    if is_float(operand):
        pattern = row.floats
    assert pattern is not None, f"{op} of {operand}"
    width = "f64" if operand == "f64" else "f32"
    names = dict(zip("xyz", args, strict=False))
    text = pattern.format(
        f="" if width == "f64" else "f", t=REGISTER_TYPES[operand], width=width,
        sign=_SIGNS.get(detail, ""), **names,
    )  # fmt: skip
    return text if row.exact or dtype not in NARROW_FLOATS else f"fnx_round_{dtype}({text})"


def convert_text(x: str, source: str, target: str) -> str:
    """The value of ``x`` in another element type."""
    kind = REGISTER_TYPES[target]
    if source == target:
        return x
    if target == "i1":
        return f"({x} != 0)"
    if target in NARROW_FLOATS:
        return f"fnx_round_{target}(fnx_to_odd({x}))"
    if is_float(source) and not is_float(target):
        return f"fnx_to_integer<{kind}>({x})"
    return f"(({kind}){x})"


def bitcast_text(x: str, source: str, target: str) -> str:
    """The bits of ``x`` as another element type of the same width."""
    stored = f"fnx_bits<{MEMORY_TYPES[target]}>({store_text(x, source)})"
    return load_text(stored, target)


def load_text(raw: str, dtype: str) -> str:
    """A memory element in register form."""
    if dtype in NARROW_FLOATS:
        return f"fnx_load_{dtype}({raw})"
    return f"({raw} != 0)" if dtype == "i1" else raw


def store_text(x: str, dtype: str) -> str:
    """A register value as a memory element."""
    if dtype in NARROW_FLOATS:
        return f"fnx_store_{dtype}({x})"
    return f"(u8){x}" if dtype == "i1" else x


def constant_text(value: float, dtype: str) -> str:
    """A number, rounded to ``dtype``, as a C expression."""
    if dtype == "i1":
        return "true" if value else "false"
    exact = to_numpy(dtype).type(value)
    if not is_float(dtype):
        bits = int(exact) & ((1 << 64) - 1)
        text = str(int(exact)) if abs(int(exact)) < 1 << 31 else f"{bits:#x}ull"
        return f"{REGISTER_TYPES[dtype]}({text})"
    if dtype == "f64":
        bits = int(np.float64(exact).view(np.uint64))
        return _float_text(float(exact), f"fnx_bits<double>({bits:#x}ull)", "")
    single = np.float32(exact)
    return _float_text(float(single), f"fnx_bits<float>({int(single.view(np.uint32)):#x}u)", "f")


def _float_text(value: float, bits: str, suffix: str) -> str:
    """Decimals that read back exactly, or the bits of what has none."""
    if not np.isfinite(value):
        return bits
    return f"({value!r}{suffix})" if value < 0 or str(value)[0] == "-" else f"{value!r}{suffix}"


def neutral_text(op: str, dtype: str) -> str:
    """The e with op(e, x) = x."""
    if op in _NEUTRAL:
        return constant_text(_NEUTRAL[op] if dtype != "i1" else bool(_NEUTRAL[op]), dtype)
    lowest = op == "maximum"
    if op == "and" and not is_float(dtype):
        return "true" if dtype == "i1" else f"{REGISTER_TYPES[dtype]}(~0ull)"
    if dtype == "i1":
        return "false" if lowest else "true"
    if is_float(dtype):
        return constant_text(-np.inf if lowest else np.inf, "f64" if dtype == "f64" else "f32")
    info = np.iinfo(to_numpy(dtype))
    return constant_text(info.min if lowest else info.max, dtype)
