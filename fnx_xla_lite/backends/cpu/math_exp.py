"""Exponentials in f32 and f64: exp, expm1, logistic, tanh, sinh, cosh.

x = k ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite 1980), e^x = 2^k e^r, and e^r = 1 + r + r^2 q(r) with q a minimax polynomial
(Remez, relative error below 2^-57 in f64 and 2^-28 in f32). k is rounded by adding 1.5 * 2^(mantissa bits), which leaves
it in the low bits, so that 2^k is built with integer shifts.
"""

from __future__ import annotations

from typing import NamedTuple

from fnx_xla_lite.backends.cpu.math_lanes import (
    BIAS,
    MANTISSA,
    ROUNDER,
    Lanes,
    at_least,
    at_most,
    fma,
    horner,
    where,
)

LOG2_E = 1.4426950408889634
# ln 2 in two parts: the products k * part are exact or fused, so r keeps full precision.
LN2_PARTS = {
    "f32": (0.693145751953125, 1.428606765330187e-06),
    "f64": (0.6931471805599453, 2.3190468138462996e-17),
}
# q(r) = (e^r - 1 - r) / r^2
EXP_Q = {
    "f32": (
        0.4999999403953552,
        0.16666516661643982,
        0.041668109595775604,
        0.008369071409106255,
        0.0013834014534950256,
    ),
    "f64": (
        0.5000000000000011,
        0.1666666666666617,
        0.041666666666522745,
        0.008333333333664142,
        0.0013888888946191065,
        0.0001984126911505354,
        2.4801489970367873e-05,
        2.755795402869606e-06,
        2.763149698728097e-07,
        2.487888157326131e-08,
    ),
}
# Beyond these the result is zero, or infinite, whatever the rest of the computation says.
EXP_RANGE = {"f32": (-105.0, 90.0), "f64": (-746.0, 711.0)}
# (tanh x - x) / x^3 in x^2, for |x| <= 0.625
TANH_SMALL = (
    -0.3333328068256378,
    0.13331405818462372,
    -0.05373648554086685,
    0.020627938210964203,
    -0.005691899452358484,
)


class Reduced(NamedTuple):
    """x = k ln 2 + r + tail; ``count`` holds k in its low bits (the rest is the rounding number's)."""

    count: Lanes
    k: Lanes
    r: Lanes
    tail: Lanes


def reduce_by_ln2(x: Lanes) -> Reduced:
    """Split a moderate ``x`` into k ln 2 + r, where ``tail`` is what rounding took from r."""
    high, low = LN2_PARTS[x.dtype]
    shifted = fma(x, LOG2_E, ROUNDER[x.dtype])
    k = shifted - ROUNDER[x.dtype]
    first = fma(-k, high, x)
    r = fma(-k, low, first)
    tail = fma(-k, low, first - r)
    return Reduced(shifted.bits, k, r, tail)


def two_to(count: Lanes, dtype: str) -> Lanes:
    """2^count for counts whose result is a normal number; only the low bits of ``count`` matter."""
    one = BIAS[dtype] << MANTISSA[dtype]
    return ((count << MANTISSA[dtype]) + one).floats


def exp_of_reduced(part: Reduced) -> Lanes:
    """e^r, in [0.7, 1.42]."""
    q = horner(part.r, EXP_Q[part.r.dtype])
    return fma(part.r * part.r, q, part.r) + 1.0


def exp_moderate(x: Lanes) -> Lanes:
    """e^x where the result is known to be a normal number."""
    part = reduce_by_ln2(x)
    return exp_of_reduced(part) * two_to(part.count, x.dtype)


def exp(x: Lanes, halvings: int = 0) -> Lanes:
    """e^x / 2^halvings, right into the subnormals: 2^k is applied as two factors of half the exponent each."""
    low, high = EXP_RANGE[x.dtype]
    part = reduce_by_ln2(at_most(at_least(x, low), high))
    count = part.count - halvings if halvings else part.count
    half = count.shift_logical(1)
    scaled = exp_of_reduced(part) * two_to(half, x.dtype)
    return scaled * two_to(count - half, x.dtype)


def exp_times(x: Lanes, tail: Lanes, factor: Lanes, factor_tail: Lanes) -> Lanes:
    """e^(x + tail) (factor + factor_tail) with about one rounding in all, right into the subnormals; tails are small."""
    low, high = EXP_RANGE[x.dtype]
    part = reduce_by_ln2(at_most(at_least(x, low), high))
    inside = (x > low) & (x < high)  # an overflowed x has no meaningful tail
    rest = part.tail + where(inside, tail, 0.0)
    r = part.r + rest
    rest = (part.r - r) + rest
    less_one = fma(r * r, horner(r, EXP_Q[x.dtype]), rest) + r
    grown = less_one + 1.0
    lost = less_one - (grown - 1.0)
    product = fma(grown, factor, fma(lost, factor, grown * factor_tail))
    half = part.count.shift_logical(1)
    return product * two_to(half, x.dtype) * two_to(part.count - half, x.dtype)


def expm1_reduced(part: Reduced) -> Lanes:
    """2^k e^r - 1 for k whose power is a normal number: (2^k - 1 + 2^k r) + 2^k (r^2 q + tail)."""
    scale = two_to(part.count, part.r.dtype)
    rest = fma(part.r * part.r, horner(part.r, EXP_Q[part.r.dtype]), part.tail)
    return fma(scale, part.r, scale - 1.0) + scale * rest


def expm1(x: Lanes) -> Lanes:
    """e^x - 1."""
    low = {"f32": -30.0, "f64": -60.0}[x.dtype]
    high = {"f32": 88.0, "f64": 709.0}[x.dtype]
    moderate = expm1_reduced(reduce_by_ln2(at_most(at_least(x, low), high)))
    # Above ``high`` the 1 is far below the last bit. Tiny x: x itself, which also keeps -0.
    return where(x > high, exp(x), where(x.equals(0.0), x, moderate))


def expm1_nonnegative(x: Lanes, high: float) -> Lanes:
    """e^x - 1 for x >= 0, saturating above ``high``."""
    return expm1_reduced(reduce_by_ln2(at_most(x, high)))


def logistic(x: Lanes) -> Lanes:
    """1 / (1 + e^-x), as e^-|x| / (1 + e^-|x|) for negative x; the rounding of 1 + e is fed back into the quotient."""
    e = exp(-x.call("fabs"))
    total = e + 1.0
    lost = e - (total - 1.0)
    reciprocal = 1.0 / total
    # 1/(total + lost) = reciprocal (1 - lost reciprocal), and Newton's residual of the reciprocal itself
    residual = fma(-reciprocal, total, 1.0) - lost * reciprocal
    corrected = fma(reciprocal, residual, reciprocal)
    return where(x < 0.0, e * corrected, corrected)


def tanh(x: Lanes) -> Lanes:
    """Hyperbolic tangent: odd polynomial near zero, 1 - 2 / (e^2x + 1) elsewhere."""
    size = x.call("fabs")
    if x.dtype == "f32":
        square = x * x
        small = fma(size * square, horner(square, TANH_SMALL), size)
        large = 1.0 - 2.0 / (exp_moderate(at_most(size, 10.0) * 2.0) + 1.0)
        result = where(size < 0.625, small, large)
    else:
        grown = expm1_nonnegative(size * 2.0, 44.0)
        # t / (t + 2) below 1, 1 - 2 / (t + 2) above: the smaller error of the two
        quotient = where(size < 0.5, grown, 2.0) / (grown + 2.0)
        result = where(size < 0.5, quotient, 1.0 - quotient)
    return result.call("copysign", x)


def sinh(x: Lanes) -> Lanes:
    """Hyperbolic sine: (t + t / (t + 1)) / 2 with t = e^|x| - 1."""
    size = x.call("fabs")
    grown = expm1_nonnegative(size, 40.0) * 0.5
    moderate = grown + grown / fma(grown, 2.0, 1.0)
    result = where(size > 25.0, exp(size, halvings=1), moderate)
    return result.call("copysign", x)


def cosh(x: Lanes) -> Lanes:
    """Hyperbolic cosine: e^|x| / 2 + e^-|x| / 2."""
    half = exp(x.call("fabs"), halvings=1)
    return half + 0.25 / half
