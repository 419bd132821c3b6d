"""Sine, cosine and tangent: f64 arithmetic for f64 and f32 (whose polynomials are shorter).

x = q pi/2 + r + tail with |r| <= pi/4 (``math_reduction``), then polynomials (Remez) for sin and
cos of r, chosen and signed by q mod 4.
"""

from __future__ import annotations

from fnx_xla_lite.backends.cpu.math_lanes import Lanes, fma, horner, where
from fnx_xla_lite.backends.cpu.math_reduction import reduce_by_half_pi

# (sin r - r) / r^3 and (cos r - 1 + r^2/2) / r^4 in r^2, for |r| <= pi/4
SIN = {
    "f32": (
        -0.16666654625545374,
        0.008332161931356443,
        -0.00019515466431942012,
    ),
    "f64": (
        -0.16666666666666666,
        0.00833333333333304,
        -0.00019841269840959372,
        2.7557319071986355e-06,
        -2.5052070328671515e-08,
        1.6054228571329662e-10,
        -7.385055530298157e-13,
    ),
}
COS = {
    "f32": (
        0.0416666457165844,
        -0.0013887317766149959,
        2.443332855106382e-05,
    ),
    "f64": (
        0.041666666666666664,
        -0.0013888888888888389,
        2.4801587301180858e-05,
        -2.755731906071918e-07,
        2.087672202213632e-09,
        -1.1466863947000203e-11,
        4.59281316568111e-14,
    ),
}
# Below this sin x = tan x = x in f64.
TINY = 2.0**-27


def _sin_kernel(r: Lanes, tail: Lanes, precision: str) -> tuple[Lanes, Lanes]:
    """sin(r + tail) as a large and a small part."""
    z = r * r
    return r, fma(r * z, horner(z, SIN[precision]), tail * fma(z, -0.5, 1.0))


def _cos_kernel(r: Lanes, tail: Lanes, precision: str) -> tuple[Lanes, Lanes]:
    """cos(r + tail) as a large and a small part."""
    z = r * r
    large = fma(z, -0.5, 1.0)
    lost = fma(z, -0.5, 1.0 - large)
    return large, fma(z * z, horner(z, COS[precision]), lost) - r * tail


def _flip(x: Lanes, bit: Lanes) -> Lanes:
    """Compute x with its sign flipped where the integer has 2 in it."""
    return (x.bits ^ ((bit & 2) << 62)).floats


def _sum(parts: tuple[Lanes, ...]) -> Lanes:
    return parts[0] + parts[1]


def sin_f64(x: Lanes, precision: str = "f64") -> Lanes:
    """Sine."""
    r, tail, quadrant = reduce_by_half_pi(x)
    sine, cosine = _sum(_sin_kernel(r, tail, precision)), _sum(_cos_kernel(r, tail, precision))
    result = _flip(where((quadrant & 1).equals(1), cosine, sine), quadrant)
    return _finite(x, where(x.call("fabs") < TINY, x, result))


def cos_f64(x: Lanes, precision: str = "f64") -> Lanes:
    """Cosine."""
    r, tail, quadrant = reduce_by_half_pi(x)
    sine, cosine = _sum(_sin_kernel(r, tail, precision)), _sum(_cos_kernel(r, tail, precision))
    result = _flip(where((quadrant & 1).equals(1), sine, cosine), quadrant + 1)
    # cos is (cos, -sin, -cos, sin) by quadrant: quadrant + 1 has 2 in it for quadrants 1 and 2
    return _finite(x, result)


def tan_f64(x: Lanes, precision: str = "f64") -> Lanes:
    """Tangent: the quotient of both, with both small parts fed back."""
    r, tail, quadrant = reduce_by_half_pi(x)
    odd = (quadrant & 1).equals(1)
    sine, cosine = _sin_kernel(r, tail, precision), _cos_kernel(r, tail, precision)
    top = tuple(where(odd, -c, s) for s, c in zip(sine, cosine, strict=True))
    bottom = tuple(where(odd, s, c) for s, c in zip(sine, cosine, strict=True))
    numerator, denominator = _sum(top), _sum(bottom)
    quotient = numerator / denominator
    lost_top = (top[0] - numerator) + top[1]
    lost_bottom = (bottom[0] - denominator) + bottom[1]
    residual = fma(-quotient, denominator, numerator) + lost_top - quotient * lost_bottom
    result = quotient + residual / denominator
    return _finite(x, where(x.call("fabs") < TINY, x, result))


def _finite(x: Lanes, result: Lanes) -> Lanes:
    """NaN for infinities and NaN."""
    return where(x.call("fabs") < float("inf"), result, float("nan"))


def sin_f32(x: Lanes) -> Lanes:
    """Sine in f32."""
    return sin_f64(x.to_f64(), "f32").to_f32()


def cos_f32(x: Lanes) -> Lanes:
    """Cosine in f32."""
    return cos_f64(x.to_f64(), "f32").to_f32()


def tan_f32(x: Lanes) -> Lanes:
    """Tangent in f32."""
    return tan_f64(x.to_f64(), "f32").to_f32()
