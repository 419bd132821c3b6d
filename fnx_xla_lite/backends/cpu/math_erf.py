"""Error function in f32: an odd polynomial for |x| <= 1, and 1 - exp(-p(|x|)) beyond, p = -log erfc by Remez."""

from __future__ import annotations

from fnx_xla_lite.backends.cpu.math_exp import exp_moderate
from fnx_xla_lite.backends.cpu.math_lanes import Lanes, at_most, fma, horner, where

# erf(x) / x - 1 in x^2, for |x| <= 1
ERF_SMALL = (
    0.12837916612625122,
    -0.3761262595653534,
    0.11283578723669052,
    -0.026853347197175026,
    0.005187162198126316,
    -0.0007997866487130523,
    7.807046495145187e-05,
)
# -log(erfc(t)) for 1 <= t <= 4
ERFC_EXPONENT = (
    0.00034217373467981815,
    1.1270866394042969,
    0.6381489038467407,
    0.1031033843755722,
    -0.021836549043655396,
    0.002947311382740736,
    -0.00018634804291650653,
)


def erf_f32(x: Lanes) -> Lanes:
    """erf in f32 arithmetic."""
    size = x.call("fabs")
    square = x * x
    small = fma(size, horner(square, ERF_SMALL), size)
    large = 1.0 - exp_moderate(-horner(at_most(size, 4.0), ERFC_EXPONENT))
    return where(size < 1.0, small, large).call("copysign", x)
