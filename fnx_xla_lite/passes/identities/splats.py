"""Splats: the numbers that fill constants."""

from __future__ import annotations

import math

from fnx_xla_lite.hlo.ir import Instruction, Value
from fnx_xla_lite.passes.base import Context


def splat(context: Context, value: Value) -> float | int | None:
    """The number that fills a value, if it is a constant splat."""
    scalar = context.splat(value)
    if scalar is None:
        return None
    return scalar[()].item() if scalar.dtype.kind in "iub" else float(scalar)


def is_zero(number: float | int | None, sign: float) -> bool:
    """Whether ``number`` is the float zero of this sign."""
    return number == 0.0 and math.copysign(1.0, number) == sign


def zeros(context: Context, instr: Instruction) -> Value:
    """Zeros of the type of an instruction's result."""
    type_ = instr.result.type
    return context.builder.full(0, type_.shape, type_.dtype)
