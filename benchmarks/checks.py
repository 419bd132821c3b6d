"""What checks cost: a training step of a perceptron, with and without a sanitiser build.

Run as ``python -m benchmarks.checks``. Prints milliseconds (the lower quartile of interleaved
runs), the ratio to the plain step, and kernels.
"""

from __future__ import annotations

import itertools
import time

import numpy as np

import fnx
import fnx.numpy as fnp

SIZES, BATCH, RUNS = (784, 512, 256, 10), 128, 60
BUILDS = ("", "nan", "index", "overflow", "nan,overflow,index", "all")


def loss(params, x, y):
    """Cross-entropy of a perceptron with rectified layers."""
    for w, b in params[:-1]:
        x = fnp.maximum(x @ w + b, 0)
    w, b = params[-1]
    z = x @ w + b
    z = z - z.max(axis=1, keepdims=True)
    return -(y * (z - fnp.log(fnp.exp(z).sum(axis=1, keepdims=True)))).sum(axis=1).mean()


def step(params, x, y):
    """One step of gradient descent."""
    value, gradient = fnx.value_and_grad(loss)(params, x, y)
    pairs = zip(params, gradient, strict=True)
    return [(w - 0.1 * dw, b - 0.1 * db) for (w, b), (dw, db) in pairs], value


def main():
    rng = np.random.default_rng(0)
    layers = itertools.pairwise(SIZES)
    params = [
        (fnp.asarray(rng.normal(0, 0.05, pair).astype("f4")), fnp.zeros(pair[1])) for pair in layers
    ]
    x = fnp.asarray(rng.normal(size=(BATCH, SIZES[0])).astype("f4"))
    y = fnp.asarray(np.eye(SIZES[-1], dtype="f4")[rng.integers(0, SIZES[-1], BATCH)])
    steps = {check: fnx.jit(step, check=check) for check in BUILDS}
    seconds = {check: [] for check in BUILDS}
    for run in range(RUNS + 3):
        for check, f in steps.items():
            start = time.perf_counter()
            f(params, x, y)
            if run >= 3:
                seconds[check].append(time.perf_counter() - start)
    quartile = {check: sorted(times)[len(times) // 4] for check, times in seconds.items()}
    for check, f in steps.items():
        ratio = quartile[check] / quartile[""]
        words = f.compiled(params, x, y).summary()
        print(f"{check or 'plain':20} {quartile[check] * 1e3:7.2f} ms  {ratio:5.2f}  {words}")


if __name__ == "__main__":
    main()
