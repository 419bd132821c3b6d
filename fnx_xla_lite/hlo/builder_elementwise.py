"""Builder, elementwise: the methods of operations that work element by element."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fnx_xla_lite.hlo.assembly import AbstractBuilder, Ints, as_ints
from fnx_xla_lite.hlo.dtypes import element_name
from fnx_xla_lite.hlo.ir import TensorType, Value
from fnx_xla_lite.hlo.shapes import compare_type


def _unary(op: str) -> Callable[[AbstractElementwise, Value], Value]:
    def method(self: AbstractElementwise, x: Value) -> Value:
        return self.apply(op, (x,))[0]

    method.__doc__ = f"StableHLO ``{op}``, element by element."
    return method


def _binary(op: str) -> Callable[[AbstractElementwise, Value, Value], Value]:
    def method(self: AbstractElementwise, x: Value, y: Value) -> Value:
        return self.apply(op, (x, y))[0]

    method.__doc__ = f"StableHLO ``{op}`` of two values of one type."
    return method


class AbstractElementwise(AbstractBuilder):
    """The elementwise part of a builder."""

    abs = _unary("abs")
    acos = _unary("acos")
    acosh = _unary("acosh")
    asin = _unary("asin")
    asinh = _unary("asinh")
    atan = _unary("atan")
    atanh = _unary("atanh")
    cbrt = _unary("cbrt")
    ceil = _unary("ceil")
    cosh = _unary("cosh")
    cosine = _unary("cosine")
    count_leading_zeros = _unary("count_leading_zeros")
    digamma = _unary("digamma")
    erf = _unary("erf")
    erf_inv = _unary("erf_inv")
    erfc = _unary("erfc")
    exponential = _unary("exponential")
    exponential_minus_one = _unary("exponential_minus_one")
    floor = _unary("floor")
    is_finite = _unary("is_finite")
    lgamma = _unary("lgamma")
    log = _unary("log")
    log_plus_one = _unary("log_plus_one")
    logistic = _unary("logistic")
    negate = _unary("negate")
    not_ = _unary("not")
    popcnt = _unary("popcnt")
    round_nearest_afz = _unary("round_nearest_afz")
    round_nearest_even = _unary("round_nearest_even")
    rsqrt = _unary("rsqrt")
    sign = _unary("sign")
    sine = _unary("sine")
    sinh = _unary("sinh")
    sqrt = _unary("sqrt")
    square = _unary("square")
    tan = _unary("tan")
    tanh = _unary("tanh")

    add = _binary("add")
    and_ = _binary("and")
    atan2 = _binary("atan2")
    divide = _binary("divide")
    maximum = _binary("maximum")
    minimum = _binary("minimum")
    multiply = _binary("multiply")
    or_ = _binary("or")
    power = _binary("power")
    remainder = _binary("remainder")
    shift_left = _binary("shift_left")
    shift_right_arithmetic = _binary("shift_right_arithmetic")
    shift_right_logical = _binary("shift_right_logical")
    subtract = _binary("subtract")
    xor = _binary("xor")

    def compare(self, x: Value, y: Value, direction: str) -> Value:
        """``x direction y`` as i1; direction is EQ, NE, LT, LE, GT or GE."""
        attributes = {"comparison_direction": direction, "compare_type": compare_type(x.type.dtype)}
        return self.apply("compare", (x, y), attributes)[0]

    def select(self, predicate: Value, on_true: Value, on_false: Value) -> Value:
        """``on_true`` where the predicate holds; it is shaped as the values or rank 0."""
        return self.apply("select", (predicate, on_true, on_false))[0]

    def clamp(self, low: Value, x: Value, high: Value) -> Value:
        """``minimum(maximum(low, x), high)``; bounds are shaped as ``x`` or rank 0."""
        return self.apply("clamp", (low, x, high))[0]

    def convert(self, x: Value, dtype: str | np.dtype | type) -> Value:
        """Cast to another element type."""
        given = TensorType(x.type.shape, element_name(dtype))
        return self.apply("convert", (x,), given=(given,))[0]

    def bitcast_convert(
        self, x: Value, dtype: str | np.dtype | type, shape: Ints | None = None
    ) -> Value:
        """Reinterpret bits; state ``shape`` where the widths differ."""
        given = TensorType(x.type.shape if shape is None else as_ints(shape), element_name(dtype))
        return self.apply("bitcast_convert", (x,), given=(given,))[0]
