"""Elementwise maths: powers, exponentials, logarithms and roots."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fnx.core.avals import Aval
from fnx.core.dtypes import FLOATS, INTS, NUMBERS
from fnx.core.trace import bind
from fnx.ops.arithmetic import div, mul, sub
from fnx.ops.checks import as_operands, fail, integers, is_scalar
from fnx.ops.comparison import eq, select
from fnx.ops.families import (
    add,
    apply_binary,
    constant_like,
    elementwise,
    elementwise_type,
    spread_literal,
)
from fnx.ops.precision import in_float32, lower_in_float32

# Exponentials and logarithms --------------------------------------------------------------------

exp_p = elementwise(
    "exp",
    numpy=lambda xp, x: xp.exp(x),
    jvp=lambda t, out, x: mul(t, out),
    lower=lambda b, x: b.exponential(x),
)


def exp(x: Any) -> Any:
    """Elementwise exponential."""
    return bind(exp_p, x)[0]


exp2_p = elementwise(
    "exp2",
    numpy=lambda xp, x: xp.exp2(x),
    jvp=lambda t, out, x: mul(t, mul(out, math.log(2))),
    lower=lambda b, x: b.power(constant_like(b, x, 2), x),
)


def exp2(x: Any) -> Any:
    """Elementwise ``2 ** x``."""
    return bind(exp2_p, x)[0]


expm1_p = elementwise(
    "expm1",
    numpy=lambda xp, x: xp.expm1(x),
    jvp=lambda t, out, x: mul(t, add(out, 1)),
    lower=lambda b, x: b.exponential_minus_one(x),
)


def expm1(x: Any) -> Any:
    """Elementwise ``exp(x) - 1``, accurate near 0."""
    return bind(expm1_p, x)[0]


log_p = elementwise(
    "log",
    numpy=lambda xp, x: xp.log(x),
    jvp=lambda t, out, x: div(t, x),
    lower=lambda b, x: b.log(x),
)


def log(x: Any) -> Any:
    """Elementwise natural logarithm; NaN below 0."""
    return bind(log_p, x)[0]


log1p_p = elementwise(
    "log1p",
    numpy=lambda xp, x: xp.log1p(x),
    jvp=lambda t, out, x: div(t, add(x, 1)),
    lower=lambda b, x: b.log_plus_one(x),
)


def log1p(x: Any) -> Any:
    """Elementwise ``log(1 + x)``, accurate near 0."""
    return bind(log1p_p, x)[0]


@in_float32
def _logistic(xp: Any, x: Any) -> Any:
    small = xp.exp(-xp.absolute(x))  # in (0, 1]: never overflows
    return xp.where(x >= 0, x.dtype.type(1), small) / (1 + small)


logistic_p = elementwise(
    "logistic",
    numpy=_logistic,
    jvp=lambda t, out, x: mul(t, mul(out, sub(1, out))),
    lower=lambda b, x: b.logistic(x),
)


def logistic(x: Any) -> Any:
    """Elementwise ``1 / (1 + exp(-x))``."""
    return bind(logistic_p, x)[0]


# Roots ------------------------------------------------------------------------------------------

sqrt_p = elementwise(
    "sqrt",
    numpy=lambda xp, x: xp.sqrt(x),
    jvp=lambda t, out, x: div(mul(t, 0.5), out),
    lower=lambda b, x: b.sqrt(x),
)


def sqrt(x: Any) -> Any:
    """Elementwise square root; NaN below 0."""
    return bind(sqrt_p, x)[0]


rsqrt_p = elementwise(
    "rsqrt",
    numpy=in_float32(lambda xp, x: xp.reciprocal(xp.sqrt(x))),
    jvp=lambda t, out, x: mul(t, mul(div(out, x), -0.5)),
    lower=lambda b, x: b.rsqrt(x),
)


def rsqrt(x: Any) -> Any:
    """Elementwise ``1 / sqrt(x)``."""
    return bind(rsqrt_p, x)[0]


cbrt_p = elementwise(
    "cbrt",
    numpy=lambda xp, x: xp.cbrt(x),
    jvp=lambda t, out, x: div(mul(t, 1 / 3), mul(out, out)),
    lower=lambda b, x: b.cbrt(x),
)


def cbrt(x: Any) -> Any:
    """Elementwise real cube root, of negative numbers too."""
    return bind(cbrt_p, x)[0]


# Powers -----------------------------------------------------------------------------------------


def _pow(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype in FLOATS:
        return xp.power(x, y)
    power = xp.power(x, xp.where(y < 0, y.dtype.type(0), y))
    # A negative power of an integer is 1/x**|y|, truncated: zero unless |x| is 1.
    square = xp.multiply(x, x)
    inverse = xp.where((y & y.dtype.type(1)) == 0, square, x)
    return xp.where(y < 0, xp.where(square == 1, inverse, x.dtype.type(0)), power)


def _pow_by_base(t: Any, out: Any, x: Any, y: Any) -> Any:
    # d/dx x^y = y x^(y-1), and 0 for y = 0 even where x^(y-1) is infinite
    if is_scalar(y):
        return mul(t, mul(pow(x, y - 1), y)) if y != 0 else mul(t, 0)
    is_zero = eq(y, 0)
    power = pow(x, select(is_zero, 1, sub(y, 1)))
    return mul(t, select(is_zero, 0, mul(y, power)))


def _pow_by_exponent(t: Any, out: Any, x: Any, y: Any) -> Any:
    # d/dy x^y = log(x) x^y, and 0 at x = 0, where x^y is 0 for all y > 0
    x = spread_literal(x, out)
    return mul(t, mul(log(select(eq(x, 0), 1, x)), out))


pow_p = elementwise(
    "pow",
    arity=2,
    dtypes=NUMBERS,
    numpy=in_float32(_pow),
    jvp=(_pow_by_base, _pow_by_exponent),
    lower=lambda b, x, y: b.power(x, y),
)


def pow(x: Any, y: Any) -> Any:
    """Elementwise power ``x ** y`` of operands of one dtype; ``0 ** 0 = 1``.

    A negative power of an integer is ``1 / x**|y|`` rounded toward zero.
    """
    return apply_binary(pow_p, x, y)


def _integer_pow_type(x: Aval, *, exponent: int) -> tuple[Aval]:
    if exponent < 0 and x.dtype in INTS:
        fail("integer_pow", f"a negative exponent ({exponent}) needs a float operand, got {x}")
    return elementwise_type("integer_pow", 1, NUMBERS, None, x)


def _power(x: Any, exponent: int, one: Any, multiply: Callable[[Any, Any], Any]) -> Any:
    """``x ** exponent``, ``exponent >= 0``, by repeated squaring."""
    result = None
    while exponent:
        if exponent & 1:
            result = x if result is None else multiply(result, x)
        exponent >>= 1
        if exponent:
            x = multiply(x, x)
    return one if result is None else result


@in_float32
def _integer_pow(xp: Any, x: Any, *, exponent: int) -> Any:
    power = _power(x, abs(exponent), xp.ones_like(x), xp.multiply)
    return power if exponent >= 0 else xp.reciprocal(power)


@lower_in_float32
def _lower_integer_pow(b: Any, x: Any, *, exponent: int) -> Any:
    power = _power(x, abs(exponent), constant_like(b, x, 1), b.multiply)
    return power if exponent >= 0 else b.divide(constant_like(b, x, 1), power)


def _integer_pow_jvp(t: Any, out: Any, x: Any, *, exponent: int) -> Any:
    # d/dx x^n = n x^(n-1)
    factor = integer_pow(x, exponent=exponent - 1) if exponent else x
    return mul(t, mul(factor, exponent))


integer_pow_p = elementwise(
    "integer_pow",
    dtypes=NUMBERS,
    type_rule=_integer_pow_type,
    numpy=_integer_pow,
    jvp=_integer_pow_jvp,
    lower=_lower_integer_pow,
)


def integer_pow(x: Any, *, exponent: int) -> Any:
    """Elementwise ``x ** exponent`` for a Python integer, by repeated multiplication.

    Raises:
        FnxTypeError: for a negative exponent of integers.
    """
    (exponent,) = integers("integer_pow", "exponent", (exponent,))
    return bind(integer_pow_p, *as_operands("integer_pow", x), exponent=exponent)[0]
