"""Threads: the pool that compiled programs run on, one per process, and how many threads it uses.

The pool is LLVM IR (``threads.ll``) compiled on first use. It is safe after ``fork`` (the child
starts its own workers), may be called from any number of Python threads at once (one has the pool,
the others run their work themselves), and never changes a result's bits.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.resources
import os
import sys
import threading
from dataclasses import dataclass

from fnx_xla_lite.backends.cpu.engine import Library, compile_text
from fnx_xla_lite.backends.cpu.target import host
from fnx_xla_lite.runtime.forking import renewed_in_child

MAX_THREADS = 256
_PAUSE = {"x86_64": "@llvm.x86.sse2.pause()", "aarch64": "@llvm.aarch64.hint(i32 1)"}
_DECLARE = {"x86_64": "@llvm.x86.sse2.pause()", "aarch64": "@llvm.aarch64.hint(i32)"}
_SPINS = 1000  # tens of microseconds: the gap between two kernels, not between two calls
_lock = threading.Lock()
_SYMBOLS = (
    "fnx_set_threads",
    "fnx_after_fork",
    "fnx_initialize",
    "fnx_scratch",
    "fnx_parallel_for",
)


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


renewed_in_child(_renew_lock)


@dataclass(frozen=True, slots=True)
class Pool:
    """The compiled pool: addresses by symbol, and the library that owns the code."""

    library: Library
    symbols: dict[str, int]

    def call(self, name: str, *arguments: int) -> None:
        """Call one of the pool's functions that return nothing and take i32."""
        kind = ctypes.PYFUNCTYPE(None, *[ctypes.c_int32] * len(arguments))
        kind(self.symbols[name])(*arguments)


def pool_text() -> str:
    """The pool's LLVM IR for this machine."""
    source = importlib.resources.files("fnx_xla_lite.backends.cpu").joinpath("threads.ll")
    machine = host().triple.split("-")[0].replace("arm64", "aarch64")
    text = source.read_text("utf-8")
    values = {
        "pause": f"call void {_PAUSE[machine]}" if machine in _PAUSE else "",
        "declare_pause": f"declare void {_DECLARE[machine]}" if machine in _DECLARE else "",
        "spins": str(_SPINS),
        "detached": "2" if sys.platform == "darwin" else "1",
    }
    for name, value in values.items():
        text = text.replace(f"${name}$", value)
    return text


def pool() -> Pool:
    """The process's pool, compiled on first use."""
    with _lock:
        return _make_pool()


@functools.cache
def _make_pool() -> Pool:
    library = compile_text(pool_text(), host(), exports=_SYMBOLS)
    # Workers may be inside this code until the process ends: it is never unloaded.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))
    made = Pool(library, {name: library.address(name) for name in _SYMBOLS})
    made.call("fnx_initialize")
    made.call("fnx_set_threads", _chosen[0])
    renewed_in_child(lambda: made.call("fnx_after_fork"))
    return made


def _default_threads() -> int:
    """``FNX_NUM_THREADS``, else the cores that this process may use."""
    wanted = os.environ.get("FNX_NUM_THREADS", "")
    if wanted:
        if not (wanted.isascii() and wanted.isdigit()) or not 1 <= int(wanted) <= MAX_THREADS:
            message = f"FNX_NUM_THREADS={wanted!r}: expected a number from 1 to {MAX_THREADS}"
            raise ValueError(message)
        return int(wanted)
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        cores = os.cpu_count() or 1
    return min(max(cores, 1), MAX_THREADS)


_chosen = [_default_threads()]


def set_threads(count: int) -> None:
    """Use ``count`` threads from the next call on; results keep their bits.

    Raises:
        TypeError: ``count`` is not an int.
        ValueError: ``count`` is not from 1 to 256.
    """
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"set_threads: expected an int, got {count!r}")
    if not 1 <= count <= MAX_THREADS:
        raise ValueError(f"set_threads: expected 1 to {MAX_THREADS} threads, got {count}")
    _chosen[0] = count
    pool().call("fnx_set_threads", count)


def get_threads() -> int:
    """How many threads compiled programs may use."""
    return _chosen[0]
