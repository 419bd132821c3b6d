"""Math functions by op name: which code computes them, and how it is called.

Short f32 functions that dominate models are emitted in place; the others become one internal
function per vector type and module (``fnx_sine_v16f32``). Functions without f32 code of their own
run in f64 and are rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from llvmlite import ir

from fnx_xla_lite.backends.cpu import (
    math_erf,
    math_erf_inv,
    math_exp,
    math_gamma,
    math_inverse_trig,
    math_log,
    math_power,
    math_remainder,
    math_trig,
)
from fnx_xla_lite.backends.cpu.math_lanes import Lanes, type_suffix


class MathFunction(NamedTuple):
    """Code for f64, and for f32 (None: compute in f64); ``in_place``: without a call."""

    f64: Callable[..., Lanes]
    f32: Callable[..., Lanes] | None
    in_place: bool = False


def _same(function: Callable[..., Lanes], in_place: bool = False) -> MathFunction:
    return MathFunction(function, function, in_place)


MATH: dict[str, MathFunction] = {
    "exponential": _same(math_exp.exp, in_place=True),
    "exponential_minus_one": _same(math_exp.expm1),
    "logistic": _same(math_exp.logistic, in_place=True),
    "tanh": _same(math_exp.tanh, in_place=True),
    "log": _same(math_log.log, in_place=True),
    "log_plus_one": _same(math_log.log1p),
    "sqrt": _same(math_power.sqrt, in_place=True),
    "rsqrt": _same(math_power.rsqrt, in_place=True),
    "erf": _same(math_erf.erf, in_place=True),
    "erfc": MathFunction(math_erf.erfc, None),
    "erf_inv": MathFunction(math_erf_inv.erf_inv, None),
    "lgamma": MathFunction(math_gamma.lgamma, None),
    "digamma": MathFunction(math_gamma.digamma, None),
    "sine": MathFunction(math_trig.sin_f64, math_trig.sin_f32),
    "cosine": MathFunction(math_trig.cos_f64, math_trig.cos_f32),
    "tan": MathFunction(math_trig.tan_f64, math_trig.tan_f32),
    "asin": MathFunction(math_inverse_trig.asin, None),
    "acos": MathFunction(math_inverse_trig.acos, None),
    "atan": MathFunction(math_inverse_trig.atan, None),
    "atan2": MathFunction(math_inverse_trig.atan2, None),
    "cbrt": MathFunction(math_power.cbrt, None),
    "power": MathFunction(math_power.power, math_power.power_f32),
    "remainder": MathFunction(math_remainder.remainder, None),
    "sinh": MathFunction(math_exp.sinh, None),
    "cosh": MathFunction(math_exp.cosh, None),
    "asinh": MathFunction(math_log.asinh, None),
    "acosh": MathFunction(math_log.acosh, None),
    "atanh": MathFunction(math_log.atanh, None),
}


def call_math(builder: ir.IRBuilder, name: str, args: Sequence[ir.Value]) -> ir.Value:
    """Emit ``name(*args)``, args being f32 or f64, scalar or vector."""
    entry = MATH[name]
    if entry.in_place and entry.f32 is not None:
        return _body(entry, [Lanes(builder, arg) for arg in args]).value
    return builder.call(_function(builder.module, name, [arg.type for arg in args]), args)


def _body(entry: MathFunction, args: Sequence[Lanes]) -> Lanes:
    if args[0].dtype == "f64":
        return entry.f64(*args)
    if entry.f32 is not None:
        return entry.f32(*args)
    return entry.f64(*(arg.to_f64() for arg in args)).to_f32()


def _function(module: ir.Module, name: str, kinds: Sequence[ir.Type]) -> ir.Function:
    """The module's function for ``name`` on these types, defined at its first use."""
    full = f"fnx_{name}_{type_suffix(kinds[0])}"
    function = module.globals.get(full)
    if function is not None:
        return function
    function = ir.Function(module, ir.FunctionType(kinds[0], kinds), full)
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    builder.ret(_body(MATH[name], [Lanes(builder, arg) for arg in function.args]).value)
    return function
