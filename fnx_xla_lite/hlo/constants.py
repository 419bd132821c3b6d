"""Splats: constants whose elements are all equal, held as one element with zero strides.

A splat costs one element of memory whatever its shape, and prints as ``dense<v>``. The ``value`` of
every ``constant`` that the builder, the parser and the passes make is held in this form, so "is
this operand the number zero" is one look at the strides.
"""

from __future__ import annotations

import numpy as np

from fnx_xla_lite.errors import VerifyError


def make_splat(scalar: np.generic | np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A read-only array of ``shape`` that stores ``scalar`` once.

    Raises:
        VerifyError: the array would be larger than any memory.
    """
    array = np.asarray(scalar)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise VerifyError(
            f"a constant of shape {shape} and type {array.dtype} has more bytes "
            "than 64 bits can count"
        ) from None


def splat_of(value: np.ndarray) -> np.ndarray | None:
    """The rank-0 element that fills ``value``, or None if it is not held as a splat."""
    if value.ndim == 0:
        return value
    if value.size == 1 or (value.size and not any(value.strides)):
        return value[(0,) * value.ndim].reshape(())
    return None


def as_constant(value: np.ndarray) -> np.ndarray:
    """``value`` in the form that constants are held in.

    All-equal arrays (bit by bit) become splats.
    """
    if value.ndim == 0 or value.size == 0 or splat_of(value) is not None:
        return value
    first = value[(0,) * value.ndim]
    words = np.dtype(f"u{value.dtype.itemsize}")
    if (np.asarray(value, order="C").view(words) == np.asarray(first).view(words)).all():
        return make_splat(first, value.shape)
    return value


def same_bits(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether two constants agree in shape, dtype and every bit (NaN payloads, signed zeros)."""
    return x.shape == y.shape and x.dtype == y.dtype and constant_key(x) == constant_key(y)


def constant_key(value: np.ndarray) -> bytes:
    """The bytes that tell constants of one type apart; one element's for a splat."""
    scalar = splat_of(value)
    return b"splat" + scalar.tobytes() if scalar is not None else value.tobytes()
