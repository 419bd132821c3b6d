"""Shapes and devices that the user wrote, checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fnx.numpy.promotion import describe, type_error, value_error

Shape = int | Sequence[int]


def as_shape(shape: Shape, name: str) -> tuple[int, ...]:
    """The shape as a tuple of Python ints.

    Raises:
        FnxTypeError: for anything but ints.
        FnxValueError: for a negative size.
    """
    sizes = (shape,) if not isinstance(shape, Sequence | np.ndarray) else tuple(shape)
    try:
        result = tuple([size.__index__() for size in sizes])
    except AttributeError:
        hint = "Write n // 2 for n / 2, int(x) for a number."
        raise type_error(f"{name}: a shape is made of ints, got {describe(shape)}.", hint) from None
    if any(size < 0 for size in result):
        hint = "-1 means 'what is left' in reshape only, and there once."
        raise value_error(f"{name}: sizes cannot be negative, got {result}.", hint)
    return result


def check_device(name: str, device: str | None) -> None:
    """Raise unless the device is the only one there is."""
    if device not in (None, "cpu"):
        raise value_error(f"{name}: the only device is 'cpu', got {device!r}.")
