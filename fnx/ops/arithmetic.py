"""Arithmetic, extrema and rounding, element by element."""

from __future__ import annotations

from typing import Any

from fnx.core.dtypes import ALL, BOOL, FLOATS, NUMBERS
from fnx.core.primitive import NotDifferentiable
from fnx.core.trace import bind
from fnx.ops.bitwise import and_, or_
from fnx.ops.comparison import eq, gt, lt, select
from fnx.ops.families import add as add
from fnx.ops.families import add_p as add_p
from fnx.ops.families import apply, apply_binary, constant_like, elementwise
from fnx.ops.precision import in_float32

_PIECEWISE = NotDifferentiable("piecewise constant: the derivative is zero almost everywhere")

neg_p = elementwise(
    "neg",
    dtypes=NUMBERS,
    numpy=lambda xp, x: xp.negative(x),
    jvp=lambda t, out, x: neg(t),
    transpose=lambda ct, x: neg(ct),
    lower=lambda b, x: b.negate(x),
)


def neg(x: Any) -> Any:
    """Elementwise ``-x``; unsigned integers wrap around."""
    return bind(neg_p, x)[0]


sub_p = elementwise(
    "sub",
    arity=2,
    dtypes=NUMBERS,
    numpy=lambda xp, x, y: xp.subtract(x, y),
    jvp=(lambda t, out, x, y: t, lambda t, out, x, y: neg(t)),
    transpose=(lambda ct, x, y: ct, lambda ct, x, y: neg(ct)),
    lower=lambda b, x, y: b.subtract(x, y),
)


def sub(x: Any, y: Any) -> Any:
    """Elementwise difference ``x - y``; integers wrap around."""
    return apply_binary(sub_p, x, y)


mul_p = elementwise(
    "mul",
    arity=2,
    dtypes=NUMBERS,
    numpy=lambda xp, x, y: xp.multiply(x, y),
    jvp=(lambda t, out, x, y: mul(t, y), lambda t, out, x, y: mul(x, t)),
    transpose=(lambda ct, x, y: mul(ct, y), lambda ct, x, y: mul(x, ct)),
    lower=lambda b, x, y: b.multiply(x, y),
)


def mul(x: Any, y: Any) -> Any:
    """Elementwise product ``x * y``; integers wrap around."""
    return apply_binary(mul_p, x, y)


def _div(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype in FLOATS:
        return xp.true_divide(x, y)
    safe = xp.where(y == 0, y.dtype.type(1), y)
    quotient = xp.floor_divide(x, safe)
    inexact = xp.multiply(quotient, safe) != x  # then floor was below truncation if signs differ
    quotient = quotient + (inexact & ((x < 0) != (y < 0))).astype(x.dtype)
    return xp.where(y == 0, xp.invert(xp.zeros_like(x)), quotient)


div_p = elementwise(
    "div",
    arity=2,
    dtypes=NUMBERS,
    numpy=_div,
    # d(x/y) = dx/y - (x/y) dy/y
    jvp=(lambda t, out, x, y: div(t, y), lambda t, out, x, y: neg(mul(t, div(out, y)))),
    transpose=(lambda ct, x, y: div(ct, y), None),
    lower=lambda b, x, y: b.divide(x, y),
)


def div(x: Any, y: Any) -> Any:
    """Elementwise quotient. Integers round toward zero; ``x / 0`` has all bits set, as in XLA."""
    return apply_binary(div_p, x, y)


def _rem(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype in FLOATS:
        return xp.fmod(x, y)
    return xp.where(y == 0, x, xp.fmod(x, xp.where(y == 0, y.dtype.type(1), y)))


rem_p = elementwise(
    "rem",
    arity=2,
    dtypes=NUMBERS,
    numpy=in_float32(_rem),
    # rem(x, y) = x - y trunc(x / y), and trunc(x / y) = (x - rem) / y exactly
    jvp=(
        lambda t, out, x, y: t,
        lambda t, out, x, y: neg(mul(t, round(div(sub(x, out), y)))),
    ),
    lower=lambda b, x, y: b.remainder(x, y),
)


def rem(x: Any, y: Any) -> Any:
    """Elementwise remainder of the division that truncates, with the sign of ``x``.

    ``rem(x, 0)`` is ``x`` for integers and NaN for floats.
    """
    return apply_binary(rem_p, x, y)


square_p = elementwise(
    "square",
    dtypes=NUMBERS,
    numpy=lambda xp, x: xp.multiply(x, x),
    jvp=lambda t, out, x: mul(t, mul(x, 2)),
    lower=lambda b, x: b.multiply(x, x),
)


def square(x: Any) -> Any:
    """Elementwise ``x * x``."""
    return bind(square_p, x)[0]


abs_p = elementwise(
    "abs",
    dtypes=NUMBERS,
    numpy=lambda xp, x: xp.absolute(x),
    jvp=lambda t, out, x: mul(t, sign(x)),
    lower=lambda b, x: x if x.type.dtype.startswith("ui") else b.abs(x),
)


def abs(x: Any) -> Any:
    """Elementwise absolute value; its derivative at 0 is taken as 0."""
    return bind(abs_p, x)[0]


def _sign(xp: Any, x: Any) -> Any:
    if x.dtype not in FLOATS:
        return xp.sign(x)
    return xp.where(x == 0, x, xp.sign(x))  # signed zeros stay, as in StableHLO


def _lower_sign(b: Any, x: Any) -> Any:
    if not x.type.dtype.startswith("ui"):
        return b.sign(x)
    nonzero = b.compare(x, constant_like(b, x, 0), "NE")
    return b.convert(nonzero, x.type.dtype)


sign_p = elementwise("sign", dtypes=NUMBERS, numpy=_sign, jvp=_PIECEWISE, lower=_lower_sign)


def sign(x: Any) -> Any:
    """Elementwise -1, 0 or 1; zeros keep their sign and NaN is NaN."""
    return bind(sign_p, x)[0]


floor_p = elementwise(
    "floor",
    numpy=lambda xp, x: xp.floor(x),
    jvp=_PIECEWISE,
    lower=lambda b, x: b.floor(x),
)


def floor(x: Any) -> Any:
    """Elementwise greatest integer that is not greater than ``x``."""
    return bind(floor_p, x)[0]


ceil_p = elementwise(
    "ceil",
    numpy=lambda xp, x: xp.ceil(x),
    jvp=_PIECEWISE,
    lower=lambda b, x: b.ceil(x),
)


def ceil(x: Any) -> Any:
    """Elementwise least integer that is not less than ``x``."""
    return bind(ceil_p, x)[0]


round_p = elementwise(
    "round",
    numpy=lambda xp, x: xp.rint(x),
    jvp=_PIECEWISE,
    lower=lambda b, x: b.round_nearest_even(x),
)


def round(x: Any) -> Any:
    """Elementwise nearest integer; halves go to the even one."""
    return bind(round_p, x)[0]


is_finite_p = elementwise(
    "is_finite",
    numpy=lambda xp, x: xp.isfinite(x),
    jvp=_PIECEWISE,
    lower=lambda b, x: b.is_finite(x),
    result=BOOL,
)


def is_finite(x: Any) -> Any:
    """Elementwise: neither infinite nor NaN; a boolean array."""
    return bind(is_finite_p, x)[0]


def _share(t: Any, out: Any, x: Any, y: Any) -> Any:
    """What ``t`` adds: all of it where ``x`` is the result, half where ``y`` is too."""
    one = t.dtype.type(1)
    return mul(t, select(eq(x, out), select(eq(y, out), one / 2, one), 0))


max_p = elementwise(
    "max",
    arity=2,
    dtypes=ALL,
    numpy=lambda xp, x, y: xp.maximum(x, y),
    jvp=(_share, lambda t, out, x, y: _share(t, out, y, x)),
    lower=lambda b, x, y: b.maximum(x, y),
)


def max(x: Any, y: Any) -> Any:
    """Elementwise larger value; NaN if either is. Equal ones share the gradient."""
    return apply_binary(max_p, x, y)


min_p = elementwise(
    "min",
    arity=2,
    dtypes=ALL,
    numpy=lambda xp, x, y: xp.minimum(x, y),
    jvp=(_share, lambda t, out, x, y: _share(t, out, y, x)),
    lower=lambda b, x, y: b.minimum(x, y),
)


def min(x: Any, y: Any) -> Any:
    """Elementwise smaller value; NaN if either is. Equal ones share the gradient."""
    return apply_binary(min_p, x, y)


clamp_p = elementwise(
    "clamp",
    arity=3,
    dtypes=ALL,
    numpy=lambda xp, low, x, high: xp.minimum(xp.maximum(low, x), high),
    jvp=(
        lambda t, out, low, x, high: select(and_(gt(low, x), lt(low, high)), t, 0),
        lambda t, out, low, x, high: select(and_(gt(x, low), lt(x, high)), t, 0),
        lambda t, out, low, x, high: select(or_(lt(high, x), lt(high, low)), t, 0),
    ),
    lower=lambda b, low, x, high: b.clamp(low, x, high),
)


def clamp(low: Any, x: Any, high: Any) -> Any:
    """Elementwise ``min(max(low, x), high)``, with zero derivative for ``x`` on the bounds."""
    return apply(clamp_p, low, x, high)
