"""Threads of compiled code. Results have the same bits for any number of them."""

from __future__ import annotations

import operator

import fnx_xla_lite
from fnx.core.sources import user_source
from fnx.errors import FnxValueError


def set_threads(count: int) -> None:
    """Run compiled code on ``count`` threads from the next call on.

    The default is FNX_NUM_THREADS, or every available core.

    Raises:
        FnxValueError: ``count`` is no whole number from 1 to 256.
    """
    is_whole = hasattr(count, "__index__") and not isinstance(count, bool)
    try:
        fnx_xla_lite.set_threads(operator.index(count) if is_whole else 0)
    except ValueError:
        raise FnxValueError(
            f"set_threads: the number of threads must be from 1 to 256, got {count!r}.",
            source=user_source(),
            hint="Write fnx.set_threads(1) to run on one thread.",
        ) from None


def get_threads() -> int:
    """The number of threads that compiled code runs on."""
    return fnx_xla_lite.get_threads()
