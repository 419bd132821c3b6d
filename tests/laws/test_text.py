"""Law *text, verify*: parse(print(p)) = p for the three IRs, and what transforms make verifies."""

from __future__ import annotations

import pytest
from hypothesis import given

from fnx.api import make_jaxpr
from fnx.core.equality import equal
from fnx.core.text import parse
from fnx.core.verify import verify
from fnx.lowering.lower import lower
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.jvp import jvp_jaxpr
from fnx.transforms.linearize import linearize_jaxpr
from fnx.transforms.transpose import transpose_jaxpr
from fnx.transforms.vmap import vmap_jaxpr
from fnx_xla_lite.fusion.outline import fuse
from fnx_xla_lite.hlo.isomorphism import isomorphic
from fnx_xla_lite.hlo.text import parse as parse_hlo
from fnx_xla_lite.hlo.text import to_text as hlo_text
from fnx_xla_lite.hlo.verify import verify as verify_hlo
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.parse import parse as parse_kernel
from fnx_xla_lite.loops.program_text import kernels_of
from fnx_xla_lite.loops.text import to_text as kernel_text
from fnx_xla_lite.loops.verify import verify as verify_kernel
from tests.laws.drawing import each, examples
from tests.laws.large import MAKERS, large_module
from tests.strategies import Options, recipes

# Wrappers whose parameters are no functions.
READABLE = Options(
    wrappers=("plain", "jit", "checkpoint", "cond", "scan", "fori", "while", "nested")
)


def transformed(program):
    """The program's jaxpr, and what each transform makes of it."""
    jaxpr = make_jaxpr(program)(*program.inputs)
    yield jaxpr
    yield dce_jaxpr(jaxpr)
    active = [i in program.active for i in range(len(program.inputs))]
    if program.inputs:
        yield vmap_jaxpr(jaxpr, [0] * len(active), 2)[0]
    if any(active):
        yield jvp_jaxpr(jaxpr, active)[0]
        parts = linearize_jaxpr(jaxpr, active)
        yield parts.forward
        yield parts.linear
        count = len(parts.linear.inputs) - sum(active)
        yield transpose_jaxpr(parts.linear, [False] * count + [True] * sum(active))[0]


@each
@examples(4)
@given(recipe=recipes())
def test_jaxprs_of_all_transforms_verify_and_can_be_read_back(name, recipe):
    for jaxpr in transformed(recipe.program(name, READABLE)):
        text = str(verify(jaxpr))
        again = parse(text, [value for _, value in jaxpr.consts])
        assert equal(again, jaxpr), text
        assert str(again) == text


@each
@examples(2)
@given(recipe=recipes())
def test_modules_and_kernels_verify_and_can_be_read_back(name, recipe):
    for jaxpr in transformed(recipe.program(name)):
        module = verify_hlo(lower(jaxpr))
        fused = verify_hlo(fuse(module))
        for each_module in (module, fused):
            text = hlo_text(each_module)
            assert isomorphic(parse_hlo(text), each_module), text
            assert hlo_text(parse_hlo(text)) == text
        check_kernels(build_program(fused))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("shape", [(70, 130), (257, 513), (1000, 2000), (1, 2000)])
def test_kernels_of_large_modules_can_be_read_back(make, shape):
    check_kernels(build_program(fuse(large_module(make, shape)[0])))


def check_kernels(program):
    for kernel in kernels_of(program.steps):
        verify_kernel(kernel)
        assert parse_kernel(kernel_text(kernel)) == kernel, kernel_text(kernel)
