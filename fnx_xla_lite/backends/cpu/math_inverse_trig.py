"""Inverse trigonometry in f64 arithmetic: asin, acos, atan, atan2.

atan on [0, 1] is t + t^3 p(t^2); larger arguments use atan(a) = pi/2 - atan(1/a). asin on [0, 1/2]
is likewise a polynomial; beyond, asin(a) = pi/2 - 2 asin(sqrt((1 - a)/2)).
"""

from __future__ import annotations

from fnx_xla_lite.backends.cpu.math_lanes import Lanes, fma, horner, where

# (atan t - t) / t^3 in t^2, for 0 <= t <= 1
ATAN = (
    -0.33333333333333287,
    0.19999999999990617,
    -0.14285714285044984,
    0.11111111086671868,
    -0.09090908551047806,
    0.07692299755426635,
    -0.0666658408315296,
    0.05881718363729102,
    -0.05259444102686607,
    0.04744963394229005,
    -0.04286496451081159,
    0.038212420228482806,
    -0.03278958900727945,
    0.02615746639910604,
    -0.018620541485848147,
    0.011323023289376689,
    -0.005615838535235067,
    0.0021532116871168403,
    -0.0005934205981744186,
    0.00010397751535415305,
    -8.66403245537047e-06,
)
# (asin t - t) / t^3 in t^2, for 0 <= t <= 1/2
ASIN = (
    0.1666666666666676,
    0.07499999999970872,
    0.044642857174553685,
    0.030381942710234026,
    0.022372214925598252,
    0.017351613033426277,
    0.013980809208859083,
    0.011398999169455208,
    0.010779792357172607,
    0.003708062888118632,
    0.021703597566072378,
    -0.020993826933964295,
    0.03262546406989027,
)
HALF_PI = (1.5707963267948966, 6.123233995736766e-17)


def _atan_of_ratio(t: Lanes, quarters: Lanes) -> Lanes:
    """Compute quarters pi/2 + atan(t) for |t| <= 1."""
    z = t * t
    small = fma(t * z, horner(z, ATAN), quarters * HALF_PI[1])
    base = quarters * HALF_PI[0]
    total = base + t
    # where base is 0 nothing is lost; else |base| > |t|
    return total + (small + ((base - total) + t))


def atan(x: Lanes) -> Lanes:
    """Inverse tangent."""
    size = x.call("fabs")
    over = size > 1.0
    t = where(over, x.like(-1.0), size) / where(over, size, 1.0)
    result = _atan_of_ratio(t, where(over, x.like(1.0), 0.0))
    return where(size < 2.0**-27, size, result).call("copysign", x)


def atan2(y: Lanes, x: Lanes) -> Lanes:
    """Angle of the point (x, y), in [-pi, pi]; zeros and infinities as in IEEE 754."""
    up, right = y.call("fabs"), x.call("fabs")
    steep = up > right
    left = x.bits < 0  # -0 points left
    low, high = where(steep, right, up), where(steep, up, right)
    # 0/0 is angle 0 and inf/inf is 45 degrees
    flat = high.equals(0.0)
    both = low.equals(float("inf"))
    t = where(both, x.like(1.0), low) / where(both | flat, x.like(1.0), high)
    t = where(steep ^ left, -t, t)
    quarters = where(steep, x.like(1.0), where(left, x.like(2.0), 0.0))
    angle = _atan_of_ratio(t, quarters)
    shallow = (~steep) & (~left) & (low < high * 2.0**-27)
    angle = where(shallow, t, angle)
    return where(x.is_nan() | y.is_nan(), x + y, angle.call("copysign", y))


def _asin_parts(x: Lanes) -> tuple[Lanes, Lanes, Lanes, Lanes]:
    """(|x| > 1/2, z, s, s z p(z)) with asin(s) = s + s z p(z): s = |x|, or sqrt((1 - |x|) / 2)."""
    size = x.call("fabs")
    far = size > 0.5
    z = where(far, (1.0 - size) * 0.5, size * size)
    s = where(far, z.call("sqrt"), size)
    return far, z, s, s * z * horner(z, ASIN)


def asin(x: Lanes) -> Lanes:
    """Inverse sine; NaN outside [-1, 1]."""
    far, _, s, rest = _asin_parts(x)
    base = HALF_PI[0] - s * 2.0
    lost = (HALF_PI[0] - base) - s * 2.0
    beyond = base - (fma(rest, 2.0, -HALF_PI[1]) - lost)
    return where(far, beyond, s + rest).call("copysign", x)


def acos(x: Lanes) -> Lanes:
    """Inverse cosine; NaN outside [-1, 1]."""
    far, z, s, rest = _asin_parts(x)
    # what the square root lost, halved: sqrt(z) = s + (z - s^2) / (2 s)
    lost = where(s > 0.0, fma(-s, s, z) / (s * 2.0), 0.0)
    near_one = s * 2.0 + (rest + lost) * 2.0
    near_minus_one = HALF_PI[0] * 2.0 - (s * 2.0 + fma(rest, 2.0, -2.0 * HALF_PI[1]))
    signed, signed_rest = s.call("copysign", x), rest.call("copysign", x)
    middle = HALF_PI[0] - (signed + (signed_rest - HALF_PI[1]))
    return where(far, where(x > 0.0, near_one, near_minus_one), middle)
