"""Inputs of every case: NumPy arrays from a fixed seed, the same for all frameworks."""

from __future__ import annotations

import itertools

import numpy as np

MLP_SIZES = (784, 512, 512, 10)
TINY_SIZES = (8, 16, 1)
TINY_STEPS = 10_000
GEMM_SIZES = (64, 256, 512, 1024, 2048)
GPU_GEMM_SIZES = (1024, 4096)
ROWS = (4096, 8192)
LOOP_STEPS = 1_000_000
RNN_SIZES = (10_000, 32)  # steps, hidden units


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal float32 numbers."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def mlp_params(sizes: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """He-initialised (weight, bias) pairs."""
    return [
        (normal(m, n, seed=i) * np.float32((2 / m) ** 0.5), np.zeros(n, np.float32))
        for i, (m, n) in enumerate(itertools.pairwise(sizes))
    ]


def mlp_batch(sizes: tuple[int, ...], batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (batch, features) and integer labels (batch,)."""
    labels = np.random.default_rng(9).integers(0, sizes[-1], batch, dtype=np.int32)
    return normal(batch, sizes[0], seed=7), labels


def tiny_batch(batch: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (batch, 8) and targets (batch, 1) of a small regression."""
    x = normal(batch, TINY_SIZES[0], seed=3)
    return x, np.sin(x.sum(1, keepdims=True)).astype(np.float32)
