"""Arguments: checks that the functions of `fnx.lax` share."""

from __future__ import annotations

from collections.abc import Sequence

from fnx.core.sources import current_source
from fnx.errors import FnxValueError

Sizes = Sequence[int]


def axis_of(axis: int, rank: int) -> int:
    """An axis as a position from the front.

    Raises:
        FnxValueError: if an array of this rank does not have it.
    """
    if not -rank <= axis < rank:
        raise value_error(f"axis {axis} is out of range for an array of rank {rank}.")
    return axis % rank


def value_error(message: str) -> FnxValueError:
    """The error for an argument out of range, with the user's line."""
    return FnxValueError(message, source=current_source())
