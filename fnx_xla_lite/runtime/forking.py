"""Forking: no child is born while a thread is inside LLVM, whose locks it would inherit locked.

``os.fork`` (multiprocessing's too) waits until no thread is in a ``guarded`` block and lets none in
meanwhile. Locks of ours that another thread may hold while it waits are made anew in the child:
see ``renewed_in_child``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Gate:
    """Counts the threads inside; closing waits for those that are not the caller's own."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside = 0
        self._own = threading.local()

    def enter(self) -> None:
        with self._changed:
            self._inside += 1
            self._own.count = self._mine() + 1

    def leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._own.count = self._mine() - 1
            self._changed.notify_all()

    def close(self) -> None:
        self._changed.acquire()
        while self._inside > self._mine():
            self._changed.wait()

    def open(self) -> None:
        self._changed.release()

    def _mine(self) -> int:
        return getattr(self._own, "count", 0)


_gate = _Gate()


@contextmanager
def guarded() -> Iterator[None]:
    """No fork happens inside."""
    _gate.enter()
    try:
        yield
    finally:
        _gate.leave()


def renewed_in_child(renew: Callable[[], None]) -> None:
    """Call ``renew`` in every child process, for locks that another thread may hold at a fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_gate.close, after_in_parent=_gate.open, after_in_child=_gate.open)
