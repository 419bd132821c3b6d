"""Threads of compiled code. Results have the same bits for any number of them."""

from __future__ import annotations

import fnx_xla_lite
from fnx.core.sources import user_source
from fnx.errors import FnxValueError


def set_threads(count: int) -> None:
    """Run compiled code on ``count`` threads from the next call on.

    The default is FNX_NUM_THREADS, or every available core.

    Raises:
        FnxValueError: ``count`` is not a positive whole number.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise FnxValueError(
            f"set_threads: the number of threads must be 1 or more, got {count!r}.",
            source=user_source(),
            hint="Write fnx.set_threads(1) to run on one thread.",
        )
    fnx_xla_lite.set_threads(count)


def get_threads() -> int:
    """The number of threads that compiled code runs on."""
    return fnx_xla_lite.get_threads()
