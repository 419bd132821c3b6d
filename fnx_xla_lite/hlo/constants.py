"""Splats: constants whose elements are all equal, held as one element with zero strides.

A splat costs one element of memory whatever its shape, and prints as ``dense<v>``. Everything that asks "is this
operand the number zero" asks here.
"""

from __future__ import annotations

import numpy as np


def make_splat(scalar: np.generic | np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A read-only array of ``shape`` that stores ``scalar`` once."""
    return np.broadcast_to(np.asarray(scalar), shape)


def splat_of(value: np.ndarray) -> np.ndarray | None:
    """The rank-0 element that fills ``value``, or None if elements differ (bitwise) or there are none.

    Arrays of more than 64 elements count as splats only if all their strides are zero.
    """
    if value.ndim == 0:
        return value
    if value.size == 0:
        return None
    if value.size == 1 or not any(value.strides):
        return value[(0,) * value.ndim].reshape(())
    if value.size > 64:
        return None
    flat = np.ascontiguousarray(value).reshape(-1)
    words = flat.view(np.uint8).reshape(flat.size, -1)
    return flat[0].reshape(()) if (words == words[0]).all() else None


def as_constant(value: np.ndarray) -> np.ndarray:
    """``value`` in the form constants are held in: small all-equal arrays become splats."""
    scalar = splat_of(value)
    if scalar is None or value.ndim == 0:
        return value
    return make_splat(scalar, value.shape)


def same_bits(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether two arrays agree in shape, dtype and every bit (NaN payloads and signed zeros count)."""
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    sx, sy = splat_of(x), splat_of(y)
    if (sx is None) != (sy is None) and x.size <= 64:
        return False
    if sx is not None and sy is not None:
        return sx.tobytes() == sy.tobytes()
    return x.tobytes() == y.tobytes()
