"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

from fnx.core.trace import bind
from fnx.ops.arithmetic import div, mul, neg, square, sub
from fnx.ops.elementwise_math import rsqrt
from fnx.ops.families import add, apply_binary, elementwise, spread_literal

sin_p = elementwise(
    "sin",
    numpy=lambda xp, x: xp.sin(x),
    jvp=lambda t, out, x: mul(t, cos(x)),
    lower=lambda b, x: b.sine(x),
)


def sin(x: Any) -> Any:
    """Elementwise sine."""
    return bind(sin_p, x)[0]


cos_p = elementwise(
    "cos",
    numpy=lambda xp, x: xp.cos(x),
    jvp=lambda t, out, x: neg(mul(t, sin(x))),
    lower=lambda b, x: b.cosine(x),
)


def cos(x: Any) -> Any:
    """Elementwise cosine."""
    return bind(cos_p, x)[0]


tan_p = elementwise(
    "tan",
    numpy=lambda xp, x: xp.tan(x),
    jvp=lambda t, out, x: mul(t, add(square(out), 1)),
    lower=lambda b, x: b.tan(x),
)


def tan(x: Any) -> Any:
    """Elementwise tangent."""
    return bind(tan_p, x)[0]


def _one_minus_square(x: Any) -> Any:
    return mul(sub(1, x), add(1, x))  # 1 - x^2 without cancellation near |x| = 1


asin_p = elementwise(
    "asin",
    numpy=lambda xp, x: xp.arcsin(x),
    jvp=lambda t, out, x: mul(t, rsqrt(_one_minus_square(x))),
    lower=lambda b, x: b.asin(x),
)


def asin(x: Any) -> Any:
    """Elementwise inverse sine, in [-pi/2, pi/2]; NaN outside of [-1, 1]."""
    return bind(asin_p, x)[0]


acos_p = elementwise(
    "acos",
    numpy=lambda xp, x: xp.arccos(x),
    jvp=lambda t, out, x: neg(mul(t, rsqrt(_one_minus_square(x)))),
    lower=lambda b, x: b.acos(x),
)


def acos(x: Any) -> Any:
    """Elementwise inverse cosine, in [0, pi]; NaN outside of [-1, 1]."""
    return bind(acos_p, x)[0]


atan_p = elementwise(
    "atan",
    numpy=lambda xp, x: xp.arctan(x),
    jvp=lambda t, out, x: div(t, add(square(x), 1)),
    lower=lambda b, x: b.atan(x),
)


def atan(x: Any) -> Any:
    """Elementwise inverse tangent, in [-pi/2, pi/2]."""
    return bind(atan_p, x)[0]


def _atan2_part(t: Any, other: Any, x: Any, y: Any, like: Any) -> Any:
    x, y, other = (spread_literal(v, like) for v in (x, y, other))
    return mul(t, div(other, add(square(x), square(y))))


atan2_p = elementwise(
    "atan2",
    arity=2,
    numpy=lambda xp, x, y: xp.arctan2(x, y),
    # d atan2(x, y) = (y dx - x dy) / (x^2 + y^2)
    jvp=(
        lambda t, out, x, y: _atan2_part(t, y, x, y, out),
        lambda t, out, x, y: neg(_atan2_part(t, x, x, y, out)),
    ),
    lower=lambda b, x, y: b.atan2(x, y),
)


def atan2(x: Any, y: Any) -> Any:
    """Elementwise angle of the point with ordinate ``x`` and abscissa ``y``, in [-pi, pi]."""
    return apply_binary(atan2_p, x, y)


sinh_p = elementwise(
    "sinh",
    numpy=lambda xp, x: xp.sinh(x),
    jvp=lambda t, out, x: mul(t, cosh(x)),
    lower=lambda b, x: b.sinh(x),
)


def sinh(x: Any) -> Any:
    """Elementwise hyperbolic sine."""
    return bind(sinh_p, x)[0]


cosh_p = elementwise(
    "cosh",
    numpy=lambda xp, x: xp.cosh(x),
    jvp=lambda t, out, x: mul(t, sinh(x)),
    lower=lambda b, x: b.cosh(x),
)


def cosh(x: Any) -> Any:
    """Elementwise hyperbolic cosine."""
    return bind(cosh_p, x)[0]


tanh_p = elementwise(
    "tanh",
    numpy=lambda xp, x: xp.tanh(x),
    jvp=lambda t, out, x: mul(t, _one_minus_square(out)),
    lower=lambda b, x: b.tanh(x),
)


def tanh(x: Any) -> Any:
    """Elementwise hyperbolic tangent."""
    return bind(tanh_p, x)[0]


asinh_p = elementwise(
    "asinh",
    numpy=lambda xp, x: xp.arcsinh(x),
    jvp=lambda t, out, x: mul(t, rsqrt(add(square(x), 1))),
    lower=lambda b, x: b.asinh(x),
)


def asinh(x: Any) -> Any:
    """Elementwise inverse hyperbolic sine."""
    return bind(asinh_p, x)[0]


acosh_p = elementwise(
    "acosh",
    numpy=lambda xp, x: xp.arccosh(x),
    # 1 / sqrt(x^2 - 1), NaN below 1 as the function itself
    jvp=lambda t, out, x: mul(t, mul(rsqrt(sub(x, 1)), rsqrt(add(x, 1)))),
    lower=lambda b, x: b.acosh(x),
)


def acosh(x: Any) -> Any:
    """Elementwise inverse hyperbolic cosine; NaN below 1."""
    return bind(acosh_p, x)[0]


atanh_p = elementwise(
    "atanh",
    numpy=lambda xp, x: xp.arctanh(x),
    jvp=lambda t, out, x: div(t, _one_minus_square(x)),
    lower=lambda b, x: b.atanh(x),
)


def atanh(x: Any) -> Any:
    """Elementwise inverse hyperbolic tangent; NaN outside of [-1, 1]."""
    return bind(atanh_p, x)[0]
