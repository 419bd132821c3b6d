"""Collectives under test: a function of one element, and what it makes of a whole batch."""

from __future__ import annotations

import numpy as np

from fnx import lax

N = 3  # elements of the batch, of shape (N, 2)
RING = [(i, (i + 1) % N) for i in range(N)]

# name: (function of one element, what the whole batch becomes)
CASES = {
    "psum": (lambda x: lax.psum(x, "i"), lambda x: np.stack([x.sum(0)] * N)),
    "pmean": (lambda x: lax.pmean(x, "i"), lambda x: np.stack([x.mean(0)] * N)),
    "pmax": (lambda x: lax.pmax(x, "i"), lambda x: np.stack([x.max(0)] * N)),
    "pmin": (lambda x: lax.pmin(x, "i"), lambda x: np.stack([x.min(0)] * N)),
    "all_gather": (lambda x: lax.all_gather(x, "i"), lambda x: np.stack([x] * N)),
    "all_gather, last": (
        lambda x: lax.all_gather(x, "i", axis=-1), lambda x: np.stack([np.moveaxis(x, 0, -1)] * N)
    ),
    "all_gather, tiled": (
        lambda x: lax.all_gather(x, "i", axis=1, tiled=True),
        lambda x: np.stack([np.concatenate(list(x), 1)] * N),
    ),
    "psum_scatter": (lambda x: lax.psum_scatter(x, "i"), lambda x: x.sum(0)),
    "psum_scatter, tiled": (
        lambda x: lax.psum_scatter(x, "i", tiled=True), lambda x: x.sum(0)[:, None]
    ),
    "ppermute": (lambda x: lax.ppermute(x, "i", RING), lambda x: np.roll(x, 1, 0)),
    "ppermute, some": (
        lambda x: lax.ppermute(x, "i", [(0, 2)]), lambda x: np.stack([0 * x[0], 0 * x[0], x[0]])
    ),
    "pshuffle": (lambda x: lax.pshuffle(x, "i", [2, 0, 1]), lambda x: x[[2, 0, 1]]),
    "pbroadcast": (lambda x: lax.pbroadcast(x, "i", 1), lambda x: np.stack([x[1]] * N)),
    "all_to_all": (lambda x: lax.all_to_all(x, "i", 0, 0), lambda x: x.swapaxes(0, 1)),
    "all_to_all, last": (
        lambda x: lax.all_to_all(x, "i", 0, 1), lambda x: np.moveaxis(x, (0, 1, 2), (2, 0, 1))
    ),
    "all_to_all, tiled": (
        lambda x: lax.all_to_all(x, "i", 0, 1, tiled=True),
        lambda x: x.transpose(1, 0, 2).reshape(N, 1, 2 * N),
    ),
    "axis_index": (
        lambda x: x * lax.axis_index("i"), lambda x: x * np.arange(N)[:, None, None]
    ),
    "axis_size": (lambda x: x * lax.axis_size("i"), lambda x: x * N),
}  # fmt: skip
NAMES = list(CASES)
