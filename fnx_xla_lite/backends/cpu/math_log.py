"""Logarithms in f32 and f64: log, log1p, asinh, acosh, atanh.

x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), log x = k ln 2 + log(1 + f), and log(1 + f) = f
- f^2/2 + f^3 q(f) with q a minimax polynomial (Remez, relative error below 2^-56 in f64 and 2^-26
in f32). Following fdlibm, ln 2 comes in two parts and the small terms are added first.
"""

from __future__ import annotations

import struct

from fnx_xla_lite.backends.cpu.math_lanes import BIAS, MANTISSA, ROUNDER, Lanes, fma, horner, where

# ln 2 = high + low; k * high is exact for every exponent k.
LN2_EXACT = {
    "f32": (0.693359375, -2.1219444170128554e-04),
    "f64": (0.693147180369123816490, 1.90821492927058770002e-10),
}
# q(f) = (log(1 + f) - f + f^2/2) / f^3
LOG_Q = {
    "f32": (
        0.3333333134651184,
        -0.250008225440979,
        0.20001277327537537,
        -0.16623586416244507,
        0.14199453592300415,
        -0.13154512643814087,
        0.12787143886089325,
        -0.07693308591842651,
    ),
    "f64": (
        0.3333333333333314,
        -0.24999999999987962,
        0.20000000000067142,
        -0.1666666666983025,
        0.14285714280029022,
        -0.12499999690985861,
        0.11111111150785286,
        -0.10000015229228255,
        0.09090923845056871,
        -0.08332912902258219,
        0.07691530960314726,
        -0.07149449802942202,
        0.06684583704651273,
        -0.061965836322449876,
        0.05668347729318607,
        -0.05678239344796627,
        0.06503894821784373,
        -0.05980845011591234,
        0.02614011021142519,
    ),
}
SMALLEST_NORMAL = {"f32": 2.0**-126, "f64": 2.0**-1022}
SQRT_HALF = 0.7071067811865476
LN2 = 0.6931471805599453


def bits_of(number: float, dtype: str) -> int:
    """The bits of a float constant."""
    code = {"f32": ("<f", "<i"), "f64": ("<d", "<q")}[dtype]
    return struct.unpack(code[1], struct.pack(code[0], number))[0]


def split_exponent(x: Lanes) -> tuple[Lanes, Lanes]:
    """A normal positive x as (k, m) with x = 2^k m, m in [sqrt(1/2), sqrt(2)); k as a float."""
    dtype, shift = x.dtype, MANTISSA[x.dtype]
    bias = BIAS[dtype] << shift
    lifted = x.bits - (bits_of(SQRT_HALF, dtype) - bias)
    biased = lifted.shift_logical(shift)
    m = (x.bits - (biased << shift) + bias).floats
    # An integer in the low bits of ROUNDER, read as a float, is ROUNDER + integer.
    k = (biased + bits_of(ROUNDER[dtype], dtype)).floats - (ROUNDER[dtype] + BIAS[dtype])
    return k, m


def log_parts(f: Lanes, k: Lanes, f_tail: Lanes | None = None) -> Lanes:
    """Compute k ln 2 + log(1 + f + f_tail), the tail being below the last bit of f."""
    high, low = LN2_EXACT[f.dtype]
    square = f * f
    half_square = square * 0.5
    tail = fma(square * f, horner(f, LOG_Q[f.dtype]), k * low)
    if f_tail is not None:
        tail = tail + f_tail
    return fma(k, high, f - (half_square - tail))


def log(x: Lanes) -> Lanes:
    """Natural logarithm; subnormals are scaled up first."""
    dtype = x.dtype
    grow = MANTISSA[dtype] + 2
    tiny = x < SMALLEST_NORMAL[dtype]
    k, m = split_exponent(where(tiny, x * 2.0**grow, x))
    result = log_parts(m - 1.0, where(tiny, k - float(grow), k))
    return log_specials(x, result, at_zero=x)


def log_specials(x: Lanes, result: Lanes, at_zero: Lanes) -> Lanes:
    """``result`` for positive finite x, infinity for infinity, -infinity at zero, else NaN."""
    infinity = float("inf")
    bad = where(at_zero.equals(0.0), x.like(-infinity), float("nan"))
    return where(at_zero > 0.0, where(x < infinity, result, x), bad)


def log1p_finite(x: Lanes, x_tail: Lanes | None = None) -> Lanes:
    """log(1 + x + x_tail) for -1 < x < infinity: what rounding takes from 1 + x is added to f."""
    u = x + 1.0
    k, m = split_exponent(u)
    lost = where(x < 1.0, x - (u - 1.0), 1.0 - (u - x))
    if x_tail is not None:
        lost = lost + x_tail
    # 2^-k as m / u: both have the same significand; huge u lose nothing that matters (scale 0)
    scale = (m.bits - u.bits + (BIAS[x.dtype] << MANTISSA[x.dtype])).call("smax", 0).floats
    f = fma(lost, scale, m - 1.0)
    return log_parts(f, k, fma(lost, scale, (m - 1.0) - f))


def log1p(x: Lanes) -> Lanes:
    """log(1 + x)."""
    result = log_specials(x, log1p_finite(x), at_zero=x + 1.0)
    return where(x.equals(0.0), x, result)


def asinh(x: Lanes) -> Lanes:
    """Inverse hyperbolic sine: log1p(a + a^2 / (1 + sqrt(1 + a^2))), log(2 a) for large a = |x|."""
    size = x.call("fabs")
    large = size > 2.0**28
    square = size * size
    gain = square / ((square + 1.0).call("sqrt") + 1.0)  # below size
    inner = size + gain
    rest = gain - (inner - size)
    result = log1p_finite(where(large, size - 1.0, inner), where(large, x.like(0.0), rest))
    result = where(large, result + LN2, result)
    # infinity and NaN answer themselves; below 2^-28 the rest is under the last bit
    usual = (size < float("inf")) & (size > 2.0**-28)
    return where(usual, result, size).call("copysign", x)


def acosh(x: Lanes) -> Lanes:
    """Inverse hyperbolic cosine: log1p(t + sqrt(2 t + t^2)), t = x - 1; log(2 x) for large x."""
    large = x > 2.0**28
    t = x - 1.0
    root = fma(t, t, t * 2.0).call("sqrt")  # above t
    inner = root + t
    rest = t - (inner - root)
    result = log1p_finite(where(large, t, inner), where(large, t.like(0.0), rest))
    result = where(large, result + LN2, result)
    return where(x >= 1.0, where(x < float("inf"), result, x), x.like(float("nan")))


def atanh(x: Lanes) -> Lanes:
    """Inverse hyperbolic tangent: log1p(2 a / (1 - a)) / 2 with a = |x|."""
    size = x.call("fabs")
    twice = size * 2.0
    rest = 1.0 - size
    # 2 a + 2 a a / (1 - a) keeps the leading term exact where a is small
    inner = where(size < 0.5, twice + twice * size / rest, twice / rest)
    result = log1p_finite(inner) * 0.5
    result = where(size < 2.0**-28, size, result)
    edge = where(size.equals(1.0), size.like(float("inf")), float("nan"))
    return where(size < 1.0, result, edge).call("copysign", x)
