"""Accuracy and speed of the CPU backend's elementary functions, as a Markdown table.

``python -m benchmarks.math_accuracy 30000 > docs/math_accuracy.md`` writes the table of the manual.
Errors are in units of the last place of the exact result, computed by mpmath; times are for one
element of an array that stays in the cache.
"""

from __future__ import annotations

import sys
import time

import mpmath as mp
import numpy as np

import fnx.numpy
from fnx_xla_lite.hlo.dtypes import to_numpy
from tests.xla_lite.backends.math_cases import CASES, Interval, draw, exact, ulps
from tests.xla_lite.backends.scalar_harness import run_scalar

DTYPES = ("f32", "f64")
SIZE = 1 << 14
HEADER = """# Accuracy of elementary functions on the CPU

The largest error that was met, in units in the last place (ulp) of the exact result, on
{points} random arguments per function and element type, over the whole range of each function (huge
arguments of sine, cosine and tangent and subnormal numbers included). lgamma and digamma are
measured on positive arguments: between any two negative integers they have a zero, near which the
error is a few ulp of the larger term of the reflection formula. Times are nanoseconds for one
element on one core. Names are those of
`fnx.numpy`, and of `fnx.lax` where it says so. Written by `python -m benchmarks.math_accuracy`.

| function | f32 ulp | f64 ulp | f32 ns | f64 ns |
| --- | ---: | ---: | ---: | ---: |"""


NUMPY_NAMES = {  # of StableHLO's operations
    "cosine": "cos", "exponential": "exp", "exponential_minus_one": "expm1",
    "log_plus_one": "log1p", "remainder": "fmod", "sine": "sin",
}  # fmt: skip


def user_name(op: str) -> str:
    """What users call an operation."""
    name = NUMPY_NAMES.get(op, op)
    return f"`{name}`" if hasattr(fnx.numpy, name) else f"`lax.{name}`"


def largest_error(op: str, dtype: str, points: int) -> float:
    """In ulp, over all intervals of the function's case."""
    case, worst = CASES[op], 0.0
    intervals = case.intervals(dtype)
    for seed, interval in enumerate(intervals):
        x = draw(interval, dtype, points // len(intervals), seed)
        errors = ulps(run_scalar(op, x), exact(case.meaning, x, bits=case.bits), dtype)
        worst = max(worst, errors.max())
    return worst


def power_error(dtype: str, points: int) -> float:
    """Bases near 1 and exponents that fill the range of results."""
    x = draw(Interval(0.5, 2.0), dtype, points)
    y = draw(Interval(-0.99, 0.99), dtype, points, 1) * np.log(np.finfo(to_numpy(dtype)).max)
    y = (y / np.abs(np.log(x.astype(np.float64)))).astype(x.dtype)
    return ulps(run_scalar("power", x, y), exact(mp.power, x, y), dtype).max()


def atan2_error(dtype: str, points: int) -> float:
    """All directions, at all distances."""
    wide = Interval(1e-30, 1e30, log=True, signed=True)
    x = draw(wide, dtype, points, 0)
    y = (x * draw(Interval(-3.0, 3.0), dtype, points, 1)).astype(x.dtype)
    return ulps(run_scalar("atan2", y, x), exact(mp.atan2, y, x), dtype).max()


def nanoseconds(op: str, dtype: str) -> float:
    """The best of some runs, per element."""
    interval = Interval(1.1, 1.9) if op == "acosh" else Interval(0.1, 0.9)
    arrays = [draw(interval, dtype, SIZE, seed) for seed in range(1 if op in CASES else 2)]
    best = np.inf
    for _ in range(50):
        start = time.perf_counter()
        run_scalar(op, *arrays)
        best = min(best, time.perf_counter() - start)
    return best / SIZE * 1e9


def main() -> None:
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    print(HEADER.format(points=points))
    rows = {op: [largest_error(op, dtype, points) for dtype in DTYPES] for op in CASES}
    rows["power"] = [power_error(dtype, points) for dtype in DTYPES]
    rows["atan2"] = [atan2_error(dtype, points) for dtype in DTYPES]
    rows["remainder"] = [0.0, 0.0]  # exact, by construction and by test
    by_name = lambda row: user_name(row[0]).strip("`").removeprefix("lax.")
    for op, errors in sorted(rows.items(), key=by_name):
        times = [nanoseconds(op, dtype) for dtype in DTYPES]
        cells = [*(f"{error:.2f}" for error in errors), *(f"{t:.2f}" for t in times)]
        print(f"| {user_name(op)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
