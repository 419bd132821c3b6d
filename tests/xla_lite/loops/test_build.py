"""Law: a module's program over planned memory gives what the HLO interpreter gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fnx_xla_lite.errors import UnsupportedOpError
from fnx_xla_lite.fusion.outline import fuse
from fnx_xla_lite.hlo import verify as hlo_verify
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.execute import execute
from tests.xla_lite.loops.cases import CASES, build, splat, total

TOLERANCE = {"bf16": 3e-2, "f16": 5e-3, "f32": 2e-5, "f64": 1e-12}


def assert_same(got, wanted, types):
    for number, (x, y, kind) in enumerate(zip(got, wanted, types, strict=True)):
        assert x.shape == kind.shape
        if kind.dtype in TOLERANCE:
            wide, tolerance = np.float64, TOLERANCE[kind.dtype]
            np.testing.assert_allclose(
                x.astype(wide),
                y.astype(wide),
                rtol=tolerance,
                atol=tolerance * 10,
                err_msg=str(number),
            )
        else:
            np.testing.assert_array_equal(x, y, err_msg=str(number))


@pytest.mark.parametrize("name", CASES)
def test_program_means_what_the_module_means(name):
    module, arrays = build(name)
    wanted = interpret(module, *arrays)
    fused = hlo_verify.verify(fuse(module))
    types = [r.type for r in module.main.body.results]
    assert_same(interpret(fused, *arrays), wanted, types)
    given = [a.copy() for a in arrays]
    assert_same(execute(build_program(fused), *given), wanted, types)
    for before, after in zip(arrays, given, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", CASES)
def test_donated_parameters_change_nothing_but_memory(name):
    module, arrays = build(name)
    wanted = interpret(module, *arrays)
    everything = frozenset(range(len(arrays)))
    donating = replace(module, functions=(replace(module.main, donated=everything),))
    program = build_program(donating)
    got = execute(program, *[a.copy() for a in arrays])
    assert_same(got, wanted, [r.type for r in module.main.body.results])


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 3])
@pytest.mark.parametrize("sign", [-1, 1])
def test_every_branch(index, sign):
    module, (_, x, y) = build("branches")
    arrays = np.array(index, np.int32), sign * np.abs(x), y
    got = execute(build_program(module), *arrays)
    assert_same(got, interpret(module, *arrays), [r.type for r in module.main.body.results])


def test_an_operation_without_loops_is_named_with_its_line():
    b = Builder()
    x = b.parameter((3,), "f32")
    b.define("f", [x.type], lambda b, x: b.add(x, x))
    with b.location("model.py:5 in loss"):
        (y,) = b.call("f", x)
    with pytest.raises(UnsupportedOpError, match=r"'call' cannot be built.*model.py:5 in loss"):
        build_program(b.build(y))


def test_identical_kernels_are_one_object():
    b = Builder()
    x, y = b.parameter((4, 9), "f32"), b.parameter((4, 9), "f32")
    first, second = (b.tanh(total(b, v, (1,))) for v in (x, y))
    launches = build_program(b.build(first, second)).steps
    assert len(launches) == 2
    assert launches[0].kernel is launches[1].kernel


def test_zeros_of_both_signs_are_different_kernels():
    b = Builder()
    x, y = b.parameter((7,), "f32"), b.parameter((7,), "f32")
    module = b.build(b.multiply(x, splat(b, 0.0, x)), b.multiply(y, splat(b, -0.0, y)))
    ones = np.ones(7, np.float32)
    plus, minus = execute(build_program(module), ones, ones)
    assert not np.signbit(plus).any()
    assert np.signbit(minus).all()
