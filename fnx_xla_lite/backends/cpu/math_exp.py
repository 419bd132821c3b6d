"""Exponentials in f32 and f64: exp, expm1, logistic, tanh, sinh, cosh.

x = k ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite 1980), e^x = 2^k e^r, and e^r = 1 + r + r^2
q(r) with q a minimax polynomial (Remez, relative error below 2^-57 in f64 and 2^-28 in f32). k is
rounded by adding 1.5 * 2^(mantissa bits), which leaves it in the low bits, together with the
exponent's bias (once for each factor that 2^k is made of), so that 2^k is one shift.
"""

from __future__ import annotations

from typing import NamedTuple

from fnx_xla_lite.backends.cpu.math_features import has_scale, scale
from fnx_xla_lite.backends.cpu.math_lanes import (
    BIAS,
    MANTISSA,
    ROUNDER,
    Lanes,
    at_least,
    at_most,
    fma,
    horner,
    horner_by_pairs,
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
EXP_RANGE = {
    "f32": (-105.0, 90.0),
    "f64": (-746.0, 711.0),
}  # (tanh x - x) / x^3 in x^2, for |x| <= 0.625
TANH_SMALL = (
    -0.3333328068256378,
    0.13331405818462372,
    -0.05373648554086685,
    0.020627938210964203,
    -0.005691899452358484,
)
# 2^f for |f| <= 1/2 (relative error below 2^-25)
POWER = (
    1.0,
    0.6931471824645996,
    0.24022647738456726,
    0.055503323674201965,
    0.00961843691766262,
    0.0013398875016719103,
    0.00015353360504377633,
)


class Reduced(NamedTuple):
    """x = k ln 2 + r + tail; ``count`` holds k and the exponent's biases in its low bits."""

    count: Lanes
    k: Lanes
    r: Lanes
    tail: Lanes


def reduce_by_ln2(x: Lanes, factors: int = 1) -> Reduced:
    """Split a moderate ``x`` into k ln 2 + r, where ``tail`` is what rounding took from r.

    ``factors``: 2^k will be a product of so many.
    """
    high, low = LN2_PARTS[x.dtype]
    rounder = ROUNDER[x.dtype] + factors * BIAS[x.dtype]
    shifted = fma(x, LOG2_E, rounder)
    k = shifted - rounder
    first = fma(-k, high, x)
    r = fma(-k, low, first)
    tail = fma(-k, low, first - r)
    return Reduced(shifted.bits, k, r, tail)


def two_to(count: Lanes, dtype: str) -> Lanes:
    """2^k, a normal number, from k and one bias in the low bits of ``count``."""
    return (count << MANTISSA[dtype]).floats


def exp_of_reduced(part: Reduced) -> Lanes:
    """e^r = 1 + r (1 + r q(r)), in [0.7, 1.42]."""
    grown = fma(horner(part.r, EXP_Q[part.r.dtype]), part.r, 1.0)
    return fma(grown, part.r, 1.0)


def exp_in_two_parts(part: Reduced) -> tuple[Lanes, Lanes]:
    """e^r and what rounding took from it."""
    q = horner(part.r, EXP_Q[part.r.dtype])
    less_one = fma(part.r * part.r, q, part.tail) + part.r
    grown = less_one + 1.0
    return grown, less_one - (grown - 1.0)


def exp_moderate(x: Lanes) -> Lanes:
    """e^x where the result is known to be a normal number."""
    part = reduce_by_ln2(x)
    return exp_of_reduced(part) * two_to(part.count, x.dtype)


def scaled(x: Lanes, part: Reduced, halvings: int = 0) -> Lanes:
    """Compute x 2^(k - halvings), right into the subnormals; ``part`` is for two factors.

    One instruction where the machine has it. Elsewhere two factors take half the exponent each,
    which gives the same bits: the first product is exact, so that both ways round once.
    """
    if has_scale(x):
        return scale(x, part.k - halvings if halvings else part.k)
    count = part.count - halvings if halvings else part.count
    half = count.shift_logical(1)
    return x * two_to(half, x.dtype) * two_to(count - half, x.dtype)


def exp(x: Lanes, halvings: int = 0) -> Lanes:
    """e^x / 2^halvings."""
    low, high = EXP_RANGE[x.dtype]
    part = reduce_by_ln2(at_most(at_least(x, low), high), factors=2)
    return scaled(exp_of_reduced(part), part, halvings)


def exp_times(x: Lanes, tail: Lanes, factor: Lanes, factor_tail: Lanes) -> Lanes:
    """e^(x + tail) (factor + factor_tail) with about one rounding in all; tails are small."""
    low, high = EXP_RANGE[x.dtype]
    part = reduce_by_ln2(at_most(at_least(x, low), high), factors=2)
    inside = (x > low) & (x < high)  # an overflowed x has no meaningful tail
    rest = part.tail + where(inside, tail, 0.0)
    r = part.r + rest
    grown, lost = exp_in_two_parts(part._replace(r=r, tail=(part.r - r) + rest))
    product = fma(grown, factor, fma(lost, factor, grown * factor_tail))
    return scaled(product, part)


def expm1_in_two_parts(part: Reduced) -> tuple[Lanes, Lanes]:
    """2^k e^r - 1 for k whose power is a normal number: (2^k - 1 + 2^k r) + 2^k (r^2 q + tail)."""
    scale = two_to(part.count, part.r.dtype)
    rest = fma(part.r * part.r, horner(part.r, EXP_Q[part.r.dtype]), part.tail)
    return fma(scale, part.r, scale - 1.0), scale * rest


def expm1(x: Lanes) -> Lanes:
    """e^x - 1."""
    low = {"f32": -30.0, "f64": -60.0}[x.dtype]
    high = {"f32": 88.0, "f64": 709.0}[x.dtype]
    large, small = expm1_in_two_parts(reduce_by_ln2(at_most(at_least(x, low), high)))
    # Above ``high`` the 1 is far below the last bit. Tiny x: x itself, which also keeps -0.
    return where(x > high, exp(x), where(x.equals(0.0), x, large + small))


def expm1_nonnegative(x: Lanes, high: float) -> tuple[Lanes, Lanes]:
    """e^x - 1 for x >= 0, saturating above ``high``, and what rounding took from it."""
    large, small = expm1_in_two_parts(reduce_by_ln2(at_most(x, high)))
    total = large + small
    return total, (large - total) + small


def divide_parts(
    top: Lanes, top_tail: Lanes, under: Lanes, under_tail: Lanes
) -> tuple[Lanes, Lanes]:
    """(top + top_tail) / (under + under_tail) as a quotient and its correction."""
    reciprocal = 1.0 / under
    quotient = top * reciprocal
    residual = fma(-quotient, under, top) + fma(-quotient, under_tail, top_tail)
    return quotient, residual * reciprocal


def logistic(x: Lanes) -> Lanes:
    """1 / (1 + e^-x), as e^-|x| / (1 + e^-|x|) for negative x."""
    low, _ = EXP_RANGE[x.dtype]
    part = reduce_by_ln2(at_least(-x.call("fabs"), low), factors=2)
    grown, lost = exp_in_two_parts(part)
    e = scaled(grown, part)
    total = e + 1.0
    lost_total = e - (total - 1.0)
    reciprocal = 1.0 / total
    # Newton: 1 / (total + lost_total) = reciprocal (1 + residual)
    residual = fma(-reciprocal, total, 1.0) - lost_total * reciprocal
    corrected = fma(reciprocal, residual, reciprocal)
    product = fma(grown, corrected, lost * corrected)
    return where(x < 0.0, scaled(product, part), corrected)


def tanh(x: Lanes) -> Lanes:
    """Hyperbolic tangent."""
    size = x.call("fabs")
    if x.dtype == "f64":
        return _tanh_f64(size).call("copysign", x)
    return (_tanh_f32(size).bits | (x.bits & -(1 << 31))).floats  # which has no sign of its own


def _tanh_f32(size: Lanes) -> Lanes:
    """Odd polynomial near zero, 1 - 2 / (e^2x + 1) elsewhere.

    There e^2x is a power of 2 and needs no second part of ln 2: what the error of its exponent does
    to the result falls faster than the exponent grows. Nothing here waits long for anything else.
    """
    square = size * size
    small = fma(size * square, horner_by_pairs(square, TANH_SMALL), size)
    bounded, doubled = at_most(size, 10.0), 2.0 * LOG2_E
    rounder = ROUNDER["f32"] + BIAS["f32"]
    shifted = fma(bounded, doubled, rounder)
    f = fma(bounded, doubled, rounder - shifted)
    power = horner_by_pairs(f, POWER) * two_to(shifted.bits, "f32")
    return where(size < 0.625, small, 1.0 - 2.0 / (power + 1.0))


def _tanh_f64(size: Lanes) -> Lanes:
    """Compute t / (t + 2) near zero, 1 - 2 / (t + 2) elsewhere, t = e^2x - 1."""
    grown, tail = expm1_nonnegative(size * 2.0, 44.0)
    under = grown + 2.0
    lost = (2.0 - under) + grown
    lost = where(grown > 2.0, (grown - under) + 2.0, lost) + tail
    near = size < 0.5
    quotient, rest = divide_parts(where(near, grown, 2.0), where(near, tail, 0.0), under, lost)
    return where(near, quotient + rest, (1.0 - quotient) - rest)


def sinh(x: Lanes) -> Lanes:
    """Hyperbolic sine: (t + t / (t + 1)) / 2 with t = e^|x| - 1."""
    size = x.call("fabs")
    grown, tail = expm1_nonnegative(size, 40.0)
    under = grown + 1.0
    lost = where(grown > 1.0, (grown - under) + 1.0, (1.0 - under) + grown)
    quotient, rest = divide_parts(grown, tail, under, lost + tail)
    total = grown + quotient
    moderate = total + (((grown - total) + quotient) + (rest + tail))
    result = where(size > 25.0, exp(size, halvings=1), moderate * 0.5)
    return where(size < 2.0**-28, size, result).call("copysign", x)


def cosh(x: Lanes) -> Lanes:
    """Hyperbolic cosine: e^|x| / 2 + e^-|x| / 2."""
    half = exp(x.call("fabs"), halvings=1)
    return half + 0.25 / half
