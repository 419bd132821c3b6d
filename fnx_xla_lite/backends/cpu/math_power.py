"""Roots and powers: sqrt, rsqrt, square."""

from __future__ import annotations

from fnx_xla_lite.backends.cpu.math_lanes import Lanes


def sqrt(x: Lanes) -> Lanes:
    """Square root, correctly rounded."""
    return x.call("sqrt")


def rsqrt(x: Lanes) -> Lanes:
    """1 / sqrt(x)."""
    return 1.0 / x.call("sqrt")


def square(x: Lanes) -> Lanes:
    """x * x."""
    return x * x
