"""Maxima and minima along rows: a NaN wins, 0.0 is above -0.0, at every length and every place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fnx_xla_lite import Builder, HloModule, interpret
from fnx_xla_lite.backends.cpu.target import host
from tests.xla_lite.backends.harness import compiled_for

LENGTHS = (1, 2, 3, 15, 16, 17, 64, 100, 257)
NAMES = {"maximum": -np.inf, "minimum": np.inf}


def rows_of(op: str, dtype: str, rows: int, length: int) -> HloModule:
    b = Builder(op)
    x = b.parameter((rows, length), dtype)
    return b.build(b.reduce(x, b.constant(NAMES[op], dtype), (1,), op))


@pytest.mark.parametrize("op", sorted(NAMES))
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("masks", [True, False])
def test_special_values_at_every_place(op: str, dtype: str, length: int, masks: bool) -> None:
    kind = np.float32 if dtype == "f32" else np.float64
    rng = np.random.default_rng(length)
    special = np.array([np.nan, -np.nan, 0.0, -0.0, np.inf, -np.inf, 1.0, -1.0], kind)
    blocks = [rng.standard_normal((8, length)).astype(kind)]
    blocks += [np.full((length, length), value, kind) for value in (0.0, -0.0, -1.0, 1.0)]
    for block, other in zip(blocks[1:], (-0.0, 0.0, -0.0, np.nan), strict=True):
        np.fill_diagonal(block, other)
    blocks.append(rng.choice(special, (40, length)))
    x = np.concatenate(blocks)
    module = rows_of(op, dtype, *x.shape)
    run = compiled_for(replace(host(), mask_registers=masks), module)
    (found,), (expected,) = run(x), interpret(module, x)
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    numbers = ~np.isnan(expected)
    assert found[numbers].tobytes() == expected[numbers].tobytes()
