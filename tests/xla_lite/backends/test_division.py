"""Lanes divided by one number: the same bits as IEEE division, for every kind of operand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from fnx_xla_lite import Builder, HloModule
from fnx_xla_lite.backends.cpu.target import host
from tests.xla_lite.backends.harness import compiled_for

ROWS, COLUMNS = 32, 1027
BITS = {"f32": np.uint32, "f64": np.uint64}
FLOATS = {"f32": np.float32, "f64": np.float64}


def division_module(dtype: str) -> HloModule:
    b = Builder("divide")
    x, y = b.parameter((ROWS, COLUMNS), dtype), b.parameter((ROWS,), dtype)
    return b.build(b.divide(x, b.broadcast_in_dim(y, (ROWS, COLUMNS), (0,))))


@pytest.fixture(scope="module", params=itertools.product(["f32", "f64"], [True, False]), ids=str)
def division(request: pytest.FixtureRequest):
    """By the reciprocal, and by the instruction, whatever this machine's way is."""
    dtype, slow = request.param
    machine = replace(host(), slow_divider=slow)
    return dtype, compiled_for(machine, division_module(dtype))


@pytest.mark.parametrize("slow", [True, False])
def test_the_target_chooses_the_way(slow: bool) -> None:
    run = compiled_for(replace(host(), slow_divider=slow), division_module("f32"))
    assert ("llvm.fma" in run.stages["llvm"]) == slow


def check(division, x: np.ndarray, y: np.ndarray) -> None:
    dtype, run = division
    with np.errstate(all="ignore"):
        expected = x / y[:, None]
    (found,) = run(x, y)
    same = (found.view(BITS[dtype]) == expected.view(BITS[dtype])) | (
        np.isnan(found) & np.isnan(expected)
    )
    bad = np.argwhere(~same)
    assert not len(bad), [(x[i, j], y[i], found[i, j], expected[i, j]) for i, j in bad[:3]]


@pytest.mark.parametrize("seed", range(4))
def test_any_bits_by_any_bits(division, seed: int) -> None:
    rng, bits, kind = np.random.default_rng(seed), BITS[division[0]], FLOATS[division[0]]
    most = np.iinfo(bits).max
    x = rng.integers(0, most, (ROWS, COLUMNS), dtype=bits, endpoint=True).view(kind)
    check(division, x, rng.integers(0, most, ROWS, dtype=bits, endpoint=True).view(kind))


@pytest.mark.parametrize("seed", range(4))
def test_moderate_numbers_with_long_significands(division, seed: int) -> None:
    rng, bits, kind = np.random.default_rng(seed), BITS[division[0]], FLOATS[division[0]]
    spread = np.finfo(kind).nmant
    one = np.ones((), kind).view(bits)
    x = (rng.integers(0, 1 << spread, (ROWS, COLUMNS), dtype=bits) | one).view(kind)
    y = (np.full((), 2, kind).view(bits) - rng.integers(1, 64, ROWS, dtype=bits)).view(kind)
    check(division, x * np.exp2(rng.integers(-50, 50, x.shape)).astype(kind), y)


def test_corners(division) -> None:
    kind = FLOATS[division[0]]
    tiny, huge = np.finfo(kind).smallest_subnormal, np.finfo(kind).max
    values = np.array(
        [
            0.0,
            -0.0,
            1.0,
            -1.0,
            tiny,
            -tiny,
            huge,
            -huge,
            np.inf,
            -np.inf,
            np.nan,
            3.0,
            1e-30,
            2.0**60,
            2.0**-60,
        ],
        kind,
    )
    x = np.resize(values, (ROWS, COLUMNS))
    check(division, x, np.resize(values, ROWS))
    check(division, np.zeros_like(x), np.resize(values, ROWS))
