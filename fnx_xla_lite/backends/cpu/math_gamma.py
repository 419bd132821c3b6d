"""Gamma functions in f64 arithmetic, within 4 ulp for positive arguments: lgamma, digamma.

Positive arguments: polynomials around the zeros, recurrences up to 8, Stirling's series beyond.
Negative ones: reflection, whose error is a few ulp of its larger term (both functions have a zero
between any two negative integers, where that is more than 4 ulp of the result).
"""

from __future__ import annotations

import math

from fnx_xla_lite.backends.cpu.math_lanes import Lanes, at_least, at_most, fma, horner, where
from fnx_xla_lite.backends.cpu.math_log import log
from fnx_xla_lite.backends.cpu.math_trig import sin_f64, tan_f64

# digamma(x) / (x - root) in x - 2, for 1 <= x <= 3
DIGAMMA = (
    0.7853075386041052,
    -0.26073895468300134,
    0.10899991701765432,
    -0.049551032917686935,
    0.023447309595886052,
    -0.011338432552414434,
    0.005552254218753452,
    -0.0027395729068705873,
    0.001358141553176395,
    -0.0006753130512021924,
    0.0003364375027261533,
    -0.00016781775052066207,
    8.375296415605426e-05,
    -4.183287870102062e-05,
    2.0986038744475146e-05,
    -1.0488231214428746e-05,
    5.036637483076053e-06,
    -2.5177902138657835e-06,
    1.6139770098511155e-06,
    -8.06929901632468e-07,
    -2.6603375448605673e-08,
    1.3308078507989082e-08,
    3.507870021296414e-07,
    -1.7539270230074725e-07,
    -1.0656650754868837e-07,
    5.328329384194519e-08,
    3.5522369338099865e-08,
    -1.7761164657311092e-08,
)
# lgamma(x) / (x - 1) in x - 1, for 0.5 <= x <= 1.5
LGAMMA_AT_ONE = (
    -0.5772156649015329,
    0.8224670334241132,
    -0.4006856343865406,
    0.2705808084277935,
    -0.2073855510262953,
    0.16955717699509998,
    -0.14404989701106719,
    0.1255096697597847,
    -0.1113342530365414,
    0.10009944506030896,
    -0.09095442301348973,
    0.08335423437020126,
    -0.07692423568567124,
    0.07142491150665906,
    -0.06678275881746833,
    0.0626116167474043,
    -0.057737256640806416,
    0.054501409023364235,
    -0.059850048562680856,
    0.057003000096539545,
    -0.014509338086091672,
    0.01333577663873192,
    -0.14497971020532596,
    0.14011729595820724,
    0.1528715168258553,
    -0.14857260899606312,
    -0.22471180158915516,
    0.21762817640022097,
)
# lgamma(x) / (x - 2) in x - 2.25, for 1.5 <= x <= 3
LGAMMA_AT_TWO = (
    0.4994868595695864,
    0.29223842821659285,
    -0.054295403852157774,
    0.014688323717322928,
    -0.004662626670755061,
    0.0016148854201974152,
    -0.0005901656847461332,
    0.00022352008957534215,
    -8.680571322121892e-05,
    3.4336129617730365e-05,
    -1.3772558011890478e-05,
    5.584129116022191e-06,
    -2.2805233000703057e-06,
    9.392289679994473e-07,
    -3.971845009178381e-07,
    1.65431107528329e-07,
    -5.6970251267594097e-08,
    2.3850160710733153e-08,
    -2.024580464728951e-08,
    8.5699910650775e-09,
)
# Stirling's series in 1 / x^2: B(2k) / (2k (2k - 1)) and B(2k) / 2k
STIRLING = (
    0.08333333333333333,
    -0.002777777777777778,
    0.0007936507936507937,
    -0.0005952380952380953,
    0.0008417508417508417,
    -0.0019175269175269176,
    0.00641025641025641,
    -0.029550653594771242,
    0.17964437236883057,
)
DIGAMMA_SERIES = (
    0.08333333333333333,
    -0.008333333333333333,
    0.003968253968253968,
    -0.004166666666666667,
    0.007575757575757576,
    -0.02109279609279609,
    0.08333333333333334,
    -0.4432598039215686,
    3.0539543302701198,
    -26.456212121212122,
)
# The positive zero of digamma, in two parts.
DIGAMMA_ROOT = (1.4616321449683622, 9.549995429965697e-17)
HALF_LOG_TWO_PI = 0.9189385332046728
LARGE = 8.0
INFINITY, NAN = float("inf"), float("nan")


def _shift_below_three(x: Lanes, step: int) -> tuple[Lanes, Lanes]:
    """(whether x - step is still at least 2, x - step), exact for 3 <= x < 8."""
    lower = x - float(step)
    return lower >= 2.0, lower


def _lgamma_small(x: Lanes) -> Lanes:
    """Compute lgamma on (0, 8)."""
    below = x < 0.5  # lgamma(x) = lgamma(x + 1) - log(x)
    y, product = where(below, x + 1.0, x), x.like(1.0)
    for step in range(1, 6):  # lgamma(x) = lgamma(y) + log((x - 1) ... y)
        more, lower = _shift_below_three(x, step)
        y, product = where(more, lower, y), where(more, product * lower, product)
    near_one = (y - 1.0) * horner(y - 1.0, LGAMMA_AT_ONE)
    near_two = (y - 2.0) * horner(y - 2.25, LGAMMA_AT_TWO)
    core = where(y < 1.5, near_one, near_two)
    shifted = below | (x >= 3.0)
    logarithm = log(where(below, x, where(shifted, product, 1.0)))
    core = core + 0.0  # a zero is positive
    return where(shifted, where(below, core - logarithm, core + logarithm), core)


def _lgamma_large(x: Lanes) -> Lanes:
    """Compute lgamma from 8 on: (x - 1/2) (log x - 1) - 1/2 + log(2 pi)/2 + 1/(12 x) - ..."""
    inverse = 1.0 / x
    series = fma(inverse, horner(inverse * inverse, STIRLING), HALF_LOG_TWO_PI - 0.5)
    return fma(x - 0.5, log(x) - 1.0, series)


def _pi_fraction(x: Lanes) -> Lanes:
    """Compute pi (x - nearest integer)."""
    return (x - x.call("roundeven")) * math.pi


def lgamma(x: Lanes) -> Lanes:
    """Compute log |gamma(x)|; infinite at 0, -1, -2, ... and at both infinities."""
    size = x.call("fabs")
    small = _lgamma_small(at_most(size, LARGE))
    positive = where(size < LARGE, small, _lgamma_large(at_least(size, LARGE)))
    positive = where(size < INFINITY, positive, size)
    # log(pi / |x sin(pi x)|) - lgamma(|x|); next to zero -log|x| is all there is
    reflect = (x < 0.0) & (size > 2.0**-60)
    sine = sin_f64(_pi_fraction(where(reflect, x, 0.5))).call("fabs")
    reflected = log(math.pi / (where(reflect, size, 1.0) * sine)) - positive
    pole = x.call("trunc").equals(x) & (x <= 0.0)
    return where(pole, x.like(INFINITY), where(reflect, reflected, positive))


def _digamma_small(x: Lanes) -> Lanes:
    """Compute digamma on (0, 8)."""
    below = x < 1.0  # digamma(x) = digamma(x + 1) - 1/x
    y = where(below, x + 1.0, x)
    top, bottom = where(below, x.like(-1.0), 0.0), where(below, x, 1.0)
    for step in range(
        1, 6
    ):  # digamma(x) = digamma(y) + 1/(x - 1) + ... + 1/y, the sum as one fraction
        more, lower = _shift_below_three(x, step)
        top = where(more & (x >= 3.0), fma(top, lower, bottom), top)
        bottom = where(more & (x >= 3.0), bottom * lower, bottom)
        y = where(more & (x >= 3.0), lower, y)
    away = (y - DIGAMMA_ROOT[0]) - DIGAMMA_ROOT[1]
    return fma(away, horner(y - 2.0, DIGAMMA), top / bottom)


def _digamma_large(x: Lanes) -> Lanes:
    """Compute digamma from 8 on: log x - 1/(2 x) - 1/(12 x^2) + ..."""
    inverse = 1.0 / x
    square = inverse * inverse
    return log(x) - fma(square, horner(square, DIGAMMA_SERIES), inverse * 0.5)


def digamma(x: Lanes) -> Lanes:
    """gamma'(x) / gamma(x); infinite at zeros, NaN at -1, -2, ..."""
    negative = x < 0.0
    y = where(negative, 1.0 - x, x)
    small = _digamma_small(at_most(y, LARGE))
    positive = where(y < LARGE, small, _digamma_large(at_least(y, LARGE)))
    positive = where(y < INFINITY, positive, y)
    # digamma(1 - x) - pi / tan(pi x)
    reflected = positive - math.pi / tan_f64(_pi_fraction(where(negative, x, 0.5)))
    pole = x.call("trunc").equals(x) & negative
    result = where(pole, x.like(NAN), where(negative, reflected, positive))
    return where(x.equals(0.0), x.like(-INFINITY).call("copysign", -x), result)
