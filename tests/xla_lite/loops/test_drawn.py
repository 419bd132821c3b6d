"""Laws over drawn programs: fusing keeps a module's meaning, and its program has the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given

from fnx_xla_lite.fusion.outline import fuse
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.hlo.verify import verify
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.execute import execute
from tests.xla_lite.hlo.programs import programs

TOLERANCE = {"f64": 1e-9, "f32": 1e-4, "bf16": 0.1}


def assert_close(got, want, dtype):
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    if dtype not in TOLERANCE:
        np.testing.assert_array_equal(got, want)
        return
    x, y = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(x, y, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@given(program=programs())
def test_fusion_keeps_the_meaning(program):
    module, arrays = program
    fused = verify(fuse(module))
    for got, want, result in zip(
        interpret(fused, *arrays), interpret(module, *arrays), module.main.body.results, strict=True
    ):
        assert_close(got, want, result.type.dtype)


@given(program=programs())
def test_programs_keep_the_meaning(program):
    module, arrays = program
    wanted = interpret(module, *arrays)
    donated = frozenset(range(0, len(arrays), 2))
    for given_up in (frozenset(), donated):
        variant = replace(module, functions=(replace(module.main, donated=given_up),))
        got = execute(build_program(variant), *[a.copy() for a in arrays])
        for x, y, result in zip(got, wanted, module.main.body.results, strict=True):
            assert_close(x, y, result.type.dtype)
