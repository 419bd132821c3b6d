"""Scalar conversions between element types, by value and by bits; no operand is undefined.

Floats to integers truncate and saturate, NaN gives 0; integers to narrower integers wrap; anything
to ``i1`` is ``x != 0``; to a float rounds to nearest, ties to even, once: f64 and integers reach
the narrow floats through an f32 *rounded to odd* (Boldo and Melquiond 2008), which a second
rounding cannot betray.
"""

from __future__ import annotations

from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit_types import NARROW_FLOATS, from_memory, rounded, to_memory
from fnx_xla_lite.backends.cpu.math_lanes import (
    DOUBLE,
    FLOAT,
    Lanes,
    element,
    intrinsic,
    where,
    with_element,
)
from fnx_xla_lite.hlo.dtypes import bit_width, is_float, is_signed

_LANE = {"f32": FLOAT, "f64": DOUBLE} | dict.fromkeys(NARROW_FLOATS, FLOAT)


def convert(x: Lanes, source: str, target: str) -> Lanes:
    """The value of ``x`` in another element type, in register form."""
    if source == target:
        return x
    if target == "i1":
        return x.differs(x.like(0))
    if is_float(target):
        return _to_float(x, source, target)
    if is_float(source):
        return _float_to_int(x, target)
    return _int_to_int(x, source, target)


def _int_to_int(x: Lanes, source: str, target: str) -> Lanes:
    before, after = element(x.type).width, bit_width(target)
    if before >= after:
        return x.truncate(after)
    return x.sign_extend(after) if is_signed(source) else x.zero_extend(after)


def _float_to_int(x: Lanes, target: str) -> Lanes:
    """Truncate and saturate."""
    name = "fptosi.sat" if is_signed(target) else "fptoui.sat"
    kind = with_element(x.type, ir.IntType(bit_width(target)))
    return Lanes(x.builder, intrinsic(x.builder, name, [x.value], kind, [kind, x.type]))


def _to_float(x: Lanes, source: str, target: str) -> Lanes:
    if target == "f64":
        return x.to_f64() if is_float(source) else _int_to_float(x, source, DOUBLE)
    if target == "f32":
        return x.to_f32() if is_float(source) else _int_to_float(x, source, FLOAT)
    if not is_float(source):
        exact_in_f32 = bit_width(source) <= 16
        x = _int_to_float(x, source, FLOAT if exact_in_f32 else DOUBLE)
    narrow = round_to_odd(x) if x.dtype == "f64" else x
    return Lanes(x.builder, rounded(x.builder, narrow.value, target))


def _int_to_float(x: Lanes, source: str, lane: ir.Type) -> Lanes:
    method = x.builder.sitofp if is_signed(source) else x.builder.uitofp
    return Lanes(x.builder, method(x.value, with_element(x.type, lane)))


def round_to_odd(x: Lanes) -> Lanes:
    """f64 to f32: truncated, with the last bit set where anything was cut off."""
    near = x.to_f32()
    back = near.to_f64()
    bits = near.bits
    too_far = back.call("fabs") > x.call("fabs")  # rounding went away from zero: step back
    cut = where(too_far, bits - 1, bits)
    inexact = (back < x) | (back > x)
    return where(inexact, cut | 1, bits).floats


def reinterpret(x: Lanes, source: str, target: str) -> Lanes:
    """The bits of ``x`` as another element type of the same width, in register form."""
    builder = x.builder
    raw = to_memory(builder, x.value, source)
    stored = bit_width(target) if target != "i1" else 8
    lane = {"f32": FLOAT, "f64": DOUBLE}.get(target, ir.IntType(stored))
    assert bit_width(source) == bit_width(target), f"bitcast of {source} to {target}"
    kind = with_element(x.type, lane)
    cast = raw if raw.type == kind else builder.bitcast(raw, kind)
    return Lanes(builder, from_memory(builder, cast, target))
