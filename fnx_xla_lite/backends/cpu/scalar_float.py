"""Scalar operations of floats that are neither one instruction nor a math function."""

from __future__ import annotations

from fnx_xla_lite.backends.cpu.math_lanes import Lanes, where


def sign(x: Lanes) -> Lanes:
    """-1, 1, or x itself where it is a zero or NaN."""
    one = x.like(1.0).call("copysign", x)
    return where(x.equals(0.0), x, where(x.is_nan(), x, one))


def is_finite(x: Lanes) -> Lanes:
    """Neither infinite nor NaN."""
    return x.call("fabs") < float("inf")
