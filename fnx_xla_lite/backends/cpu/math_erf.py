"""Error functions: erf in f32 and f64, erfc in f64.

erf: an odd polynomial for |x| <= 1, and 1 - exp(-p(|x|)) beyond, with p = -log erfc. erfc:
e^(-x^2) g(t) / (1 + 2 x) with t = (x - 4) / (x + 4) and x^2 in two parts, after Shepherd and
Laframboise (1981). All polynomials are minimax (Remez), the error being weighted as it enters the
result.
"""

from __future__ import annotations

from fnx_xla_lite.backends.cpu.math_exp import exp_moderate, exp_times
from fnx_xla_lite.backends.cpu.math_lanes import Lanes, at_most, fma, horner, where

# erf(x) / x - 1 in x^2, for |x| <= 1
ERF_SMALL = {
    "f32": (
        0.12837916612625122,
        -0.3761262595653534,
        0.11283578723669052,
        -0.026853347197175026,
        0.005187162198126316,
        -0.0007997866487130523,
        7.807046495145187e-05,
    ),
    "f64": (
        0.12837916709551256,
        -0.37612638903183343,
        0.11283791670936884,
        -0.026866170641936003,
        0.0052239775964334064,
        -0.0008548325464759992,
        0.00012055279712331648,
        -1.4924447039240059e-05,
        1.6443876708586316e-06,
        -1.6181551373514922e-07,
        1.360466402923594e-08,
        -7.582597205440703e-10,
    ),
}
# -log(erfc(t)), for 1 <= t <= 4 (f32) and 1 <= t <= 6 (f64)
ERFC_EXPONENT = {
    "f32": (
        0.00034217373467981815,
        1.1270866394042969,
        0.6381489038467407,
        0.1031033843755722,
        -0.021836549043655396,
        0.002947311382740736,
        -0.00018634804291650653,
    ),
    "f64": (
        2.7883928631373793e-08,
        1.1283789148757237,
        0.6366207382654903,
        0.10277080349185265,
        -0.019128019240103003,
        -0.00020234398027951385,
        0.0016750113383106294,
        -0.0005524026565971937,
        -2.197813421317314e-05,
        0.00011076661489993762,
        -6.475325346320356e-05,
        2.427730586145444e-05,
        -6.783250720398485e-06,
        1.4694868616746983e-06,
        -2.480970433339382e-07,
        3.218851631664505e-08,
        -3.1075044341979767e-09,
        2.1047531260767507e-10,
        -8.926447800068027e-12,
        1.7833688399159027e-13,
    ),
}
# From here on erf is 1.
ERF_ONE = {"f32": 4.0, "f64": 6.0}
# g(t) = (1 + 2 x) e^(x^2) erfc(x), t = (x - 4) / (x + 4), for 0.47 <= x <= 28
ERFC_SCALED = (
    1.2329951186255526,
    -0.13962111684056042,
    0.015379652102602602,
    0.06809705425443295,
    -0.10103906603524862,
    0.09373283500785466,
    -0.06633036583728436,
    0.037167515377418726,
    -0.01619773375678155,
    0.0050319714650841965,
    -0.0007577753609902272,
    -0.0001992650329012796,
    0.00015063037085735946,
    -2.4369774192796195e-05,
    -1.1244736400130263e-05,
    5.64370512059067e-06,
    3.301716458608172e-07,
    -7.338084645677076e-07,
    4.115146790625844e-08,
    3.7618399980695505e-08,
    -2.95056046434496e-09,
    1.1947796682064336e-08,
)


def erf(x: Lanes) -> Lanes:
    """Error function."""
    size = x.call("fabs")
    square = x * x
    small = fma(size, horner(square, ERF_SMALL[x.dtype]), size)
    exponent = horner(at_most(size, ERF_ONE[x.dtype]), ERFC_EXPONENT[x.dtype])
    large = 1.0 - exp_moderate(-exponent)
    return where(size < 1.0, small, large).call("copysign", x)


def _erfc_factor(size: Lanes) -> tuple[Lanes, Lanes]:
    """g(t) / (1 + 2 size) in two parts."""
    t = (size - 4.0) / (size + 4.0)
    inner = horner(t, ERFC_SCALED[1:])
    g = fma(t, inner, ERFC_SCALED[0])
    lost_g = fma(t, inner, ERFC_SCALED[0] - g)
    under = fma(size, 2.0, 1.0)
    lost_under = fma(size, 2.0, 1.0 - under)
    quotient = g / under
    residual = fma(-quotient, under, g) + fma(-quotient, lost_under, lost_g)
    return quotient, residual / under


def erfc(x: Lanes) -> Lanes:
    """1 - erf(x), with full relative precision in the tail (f64)."""
    size = at_most(x.call("fabs"), 28.0)
    square = size * size
    lost = fma(size, size, -square)
    tail = exp_times(-square, -lost, *_erfc_factor(size))
    squared = x * x
    near = 1.0 - fma(x, horner(squared, ERF_SMALL["f64"]), x)
    far = where(x < 0.0, 2.0 - tail, tail)
    return where(x.call("fabs") < 0.5, near, far)
