"""NumPy, where a case fits in a line of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers import data


def set_threads(threads: int) -> None:
    """NumPy's threads are its BLAS's, set by environment variables before the start."""


def softmax(x: np.ndarray) -> np.ndarray:
    """Row-wise softmax."""
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def cases() -> dict[str, Callable[[], Callable[[], Any]]]:
    """The cases that NumPy has in one expression."""
    pairs = {f"GEMM {n}": (n, n) for n in data.GEMM_SIZES}
    table: dict[str, Any] = {
        name: (lambda s=shape: _product(data.normal(*s), data.normal(*s, seed=1)))
        for name, shape in pairs.items()
    }
    big = (4096, 4096)
    table |= {
        "eager a + b, 8 floats": lambda: _sum_of(data.normal(8), data.normal(8)),
        "sum, 4096x4096": lambda: _reduce(data.normal(*big), None),
        "sum of rows, 4096x4096": lambda: _reduce(data.normal(*big), 1),
        "sum of columns, 4096x4096": lambda: _reduce(data.normal(*big), 0),
    }
    for rows in data.ROWS:
        table[f"softmax, {rows}x1024"] = lambda rows=rows: _apply(softmax, data.normal(rows, 1024))
    return table


def _product(a: np.ndarray, b: np.ndarray) -> Callable[[], Any]:
    return lambda: a @ b


def _sum_of(a: np.ndarray, b: np.ndarray) -> Callable[[], Any]:
    return lambda: a + b


def _reduce(x: np.ndarray, axis: int | None) -> Callable[[], Any]:
    return lambda: x.sum(axis)


def _apply(function: Callable[[np.ndarray], Any], x: np.ndarray) -> Callable[[], Any]:
    return lambda: function(x)
