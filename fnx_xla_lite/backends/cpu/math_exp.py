"""Exponentials in f32 and f64: exp, expm1, logistic, tanh, sinh, cosh.

x = k ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite 1980), e^x = 2^k e^r, and e^r = 1 + r + r^2
q(r) with q a minimax polynomial (Remez, relative error below 2^-57 in f64 and 2^-28 in f32). k is
rounded by adding 1.5 * 2^(mantissa bits), which leaves it in the low bits, so that 2^k is built
with integer shifts.
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
    """x = k ln 2 + r + tail; ``count`` holds k in its low bits."""

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
    """Compute x 2^(k - halvings), right into the subnormals.

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
    part = reduce_by_ln2(at_most(at_least(x, low), high))
    return scaled(exp_of_reduced(part), part, halvings)


def exp_times(x: Lanes, tail: Lanes, factor: Lanes, factor_tail: Lanes) -> Lanes:
    """e^(x + tail) (factor + factor_tail) with about one rounding in all; tails are small."""
    low, high = EXP_RANGE[x.dtype]
    part = reduce_by_ln2(at_most(at_least(x, low), high))
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
    part = reduce_by_ln2(at_least(-x.call("fabs"), low))
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
    result = _tanh_f32(size) if x.dtype == "f32" else _tanh_f64(size)
    return result.call("copysign", x)


def _tanh_f32(size: Lanes) -> Lanes:
    """Odd polynomial near zero, 1 - 2 / (e^2x + 1) elsewhere."""
    square = size * size
    small = fma(size * square, horner(square, TANH_SMALL), size)
    large = 1.0 - 2.0 / (exp_moderate(at_most(size, 10.0) * 2.0) + 1.0)
    return where(size < 0.625, small, large)


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
