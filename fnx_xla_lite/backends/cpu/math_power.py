"""Roots and powers: sqrt, rsqrt, cbrt, power, remainder."""

from __future__ import annotations

from fnx_xla_lite.backends.cpu.math_exp import exp, exp_times
from fnx_xla_lite.backends.cpu.math_lanes import Lanes, fma, horner, where
from fnx_xla_lite.backends.cpu.math_log import LN2_EXACT, SMALLEST_NORMAL, log, split_exponent
from fnx_xla_lite.backends.cpu.math_reduction import two_sum

# m^(-1/3) on [1, 2], to 17 bits
RECIPROCAL_CBRT = (
    1.7810501745261706,
    -1.5660062943353323,
    1.2437599710206393,
    -0.5978589632389955,
    0.15606804427709148,
    -0.017018700871321346,
)
# (log(1 + f) - 2 s - 2/3 s^3) / s^5 in s^2, s = f / (2 + f)
LOG_TAIL = (
    0.4,
    0.2857142857142689,
    0.22222222222716476,
    0.18181818106016215,
    0.153846221876918,
    0.1333295966537482,
    0.11777279969007359,
    0.1027866298214595,
    0.1203171320596175,
)
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
INFINITY, NAN = float("inf"), float("nan")


def sqrt(x: Lanes) -> Lanes:
    """Square root, correctly rounded."""
    return x.call("sqrt")


def rsqrt(x: Lanes) -> Lanes:
    """1 / sqrt(x)."""
    return 1.0 / x.call("sqrt")


def cbrt(x: Lanes) -> Lanes:
    """Cube root (f64): |x| = 8^q a, 1 <= a < 8; then one Newton step on the root."""
    size = x.call("fabs")
    tiny = size < SMALLEST_NORMAL["f64"]
    bits = where(tiny, size * 2.0**54, size).bits
    # exponent + 3072 is positive; dividing it by 3 is a multiplication
    exponent = bits.shift_logical(52) + (3072 - 1023)
    exponent = where(tiny, exponent - 54, exponent)
    third = (exponent * 43691).shift_logical(17)
    left = exponent - third * 3
    m = ((bits & ((1 << 52) - 1)) | (1023 << 52)).floats
    a = (m.bits + (left << 52)).floats
    r = horner(m, RECIPROCAL_CBRT)
    r = r * where(
        left.equals(0), x.like(1.0), where(left.equals(1), x.like(2.0 ** (-1 / 3)), 2.0 ** (-2 / 3))
    )
    error = fma(a * r, -(r * r), 1.0)
    r = fma(r * error, fma(error, 2.0 / 9.0, 1.0 / 3.0), r)
    root = a * (r * r)
    square = root * root
    lost = fma(root, root, -square)
    residual = fma(square, root, -a) + lost * root
    root = fma(residual, r * r * (-1.0 / 3.0), root)
    result = (root.bits + ((third - 1024) << 52)).floats
    return where((size > 0.0) & (size < INFINITY), result, size).call("copysign", x)


def log_in_two_parts(x: Lanes) -> tuple[Lanes, Lanes]:
    """Logarithm of a positive normal number to 66 bits: 2 s + 2/3 s^3 + ..., s = f / (2 + f)."""
    k, m = split_exponent(x)
    f, g = m - 1.0, m + 1.0
    lost_g = m - (g - 1.0)
    s = f / g
    s_low = (fma(-s, g, f) - s * lost_g) / g
    z = s * s
    z_low = fma(s, s, -z) + s * s_low * 2.0
    cube = s * z
    cube_low = fma(s, z, -cube) + fma(s, z_low, s_low * z)
    third = cube * TWO_THIRDS[0]
    third_low = fma(cube, TWO_THIRDS[0], -third) + fma(
        cube_low, TWO_THIRDS[0], cube * TWO_THIRDS[1]
    )
    third_low = fma(cube * z, horner(z, LOG_TAIL), third_low)
    high, low = LN2_EXACT["f64"]
    total, lost = two_sum(k * high, s * 2.0)
    total, more = two_sum(total, third)
    rest = lost + more + (fma(s_low, 2.0, third_low) + k * low)
    result = total + rest
    return result, (total - result) + rest


def power(x: Lanes, y: Lanes) -> Lanes:
    """Compute x ** y in f64, special cases as in IEEE 754."""
    size = x.call("fabs")
    tiny = size < SMALLEST_NORMAL["f64"]
    usable = where((size > 0.0) & (size < INFINITY), where(tiny, size * 2.0**54, size), 1.0)
    log_high, log_low = log_in_two_parts(usable)
    # subnormals were scaled by 2^54
    shift = where(tiny, x.like(-54.0), 0.0)
    shifted, lost = two_sum(shift * LN2_EXACT["f64"][0], log_high)
    log_low = lost + log_low + shift * LN2_EXACT["f64"][1]
    exponent = y * shifted
    tail = fma(y, shifted, -exponent) + y * log_low
    return _power_specials(x, y, exp_times(exponent, tail, x.like(1.0), x.like(0.0)))


def power_f32(x: Lanes, y: Lanes) -> Lanes:
    """Compute x ** y in f32, through e^(y log |x|) in f64."""
    wide_x, wide_y = x.to_f64(), y.to_f64()
    size = wide_x.call("fabs")
    usable = where((size > 0.0) & (size < INFINITY), size, 1.0)
    return _power_specials(wide_x, wide_y, exp(wide_y * log(usable))).to_f32()


def _power_specials(x: Lanes, y: Lanes, moderate: Lanes) -> Lanes:
    """The rest of power, given |x|^y for finite nonzero |x|."""
    size = x.call("fabs")
    at_infinity = where(y < 0.0, x.like(0.0), INFINITY)
    at_zero = where(y < 0.0, x.like(INFINITY), 0.0)
    result = where(size.equals(INFINITY), at_infinity, where(size.equals(0.0), at_zero, moderate))
    result = where(size.equals(1.0), x.like(1.0), result)  # (-1) ** inf too
    half = y * 0.5
    whole = y.call("trunc").equals(y)
    odd = whole & half.call("trunc").differs(half)
    negative = x.bits < 0
    result = where(negative & odd, -result, result)
    undefined = (x < 0.0) & (size < INFINITY) & ~whole
    result = where(undefined | x.is_nan() | y.is_nan(), x.like(NAN), result)
    return where(y.equals(0.0) | x.equals(1.0), x.like(1.0), result)
