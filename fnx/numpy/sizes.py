"""Shapes and devices that the user wrote, checked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fnx.core.trace import Tracer
from fnx.errors import AbstractValueError
from fnx.numpy.promotion import describe, type_error, value_error
from fnx.ops.checks import unknown_size

Shape = int | Sequence[int]
MOST_AXES = 64  # NumPy's limit
MOST_ELEMENTS = 2**60  # so that their bytes can be counted in 64 bits


def as_shape(shape: Shape, name: str) -> tuple[int, ...]:
    """The shape as a tuple of Python ints.

    Raises:
        FnxTypeError: for anything but ints.
        FnxValueError: for a negative size, or more than any memory holds.
    """
    sizes = (shape,) if not isinstance(shape, Sequence | np.ndarray) else tuple(shape)
    try:
        result = tuple([size.__index__() for size in sizes])
    except AbstractValueError:
        raise unknown_size(name, f"{shape!r}") from None
    except AttributeError:
        hint = "Write n // 2 for n / 2, int(x) for a number."
        raise type_error(f"{name}: a shape is made of ints, got {describe(shape)}.", hint) from None
    if any(size < 0 for size in result):
        hint = "-1 means 'what is left' in reshape only, and there once."
        raise value_error(f"{name}: sizes cannot be negative, got {result}.", hint)
    if len(result) > MOST_AXES or math.prod(result) > MOST_ELEMENTS:
        got = f"{len(result)} axes" if len(result) > MOST_AXES else str(result)
        hint = "No memory holds it: look at how the sizes were computed."
        limits = f"at most {MOST_AXES} axes and 2**60 elements, got {got}"
        raise value_error(f"{name}: expected a shape of {limits}.", hint)
    return result


def as_count(count: int, name: str) -> int:
    """A number of things; as a Python int, if it is traced and carries its value.

    Raises:
        AbstractValueError: if it is traced without a value.
    """
    if not isinstance(count, Tracer):
        return count
    try:
        return count.__index__()
    except AbstractValueError:
        raise unknown_size(name, f"{count!r}") from None


def check_device(name: str, device: str | None) -> None:
    """Raise unless the device is the only one there is."""
    if device not in (None, "cpu"):
        raise value_error(f"{name}: the only device is 'cpu', got {device!r}.")
