"""NVRTC compiles every kernel as the launcher does: without headers; it needs no device.

``pip install '.[gpu-check]'`` brings it.
"""

from __future__ import annotations

import pytest

from fnx_xla_lite.backends.cuda import launch
from fnx_xla_lite.backends.cuda.program import emit_program
from fnx_xla_lite.errors import BackendError
from tests.xla_lite.backends.cuda_cases import (
    CONVERTED,
    KERNELS,
    REDUCTIONS,
    SCALAR_DTYPES,
    conversions,
    scalar_kernels,
)
from tests.xla_lite.backends.cuda_modules import (
    NAMES,
    module_of,
    program_of_kernels,
    program_of_module,
)


def has_nvrtc() -> bool:
    try:
        launch.compile_text('extern "C" __global__ void f() {}', 90)
    except (BackendError, ImportError, RuntimeError):
        return False
    return True


pytestmark = pytest.mark.skipif(not has_nvrtc(), reason="needs NVRTC: pip install '.[gpu-check]'")


def compile_program(program, architecture=90):
    made = emit_program(program)
    code = launch.compile_text(made.text, architecture)
    for kernel in made.kernels.values():
        assert kernel.name.encode() in code
    return code


@pytest.mark.parametrize("name", NAMES)
def test_modules(name):
    compile_program(program_of_module(module_of(name)[0]))


@pytest.mark.parametrize("architecture", [80, 90])
def test_kernels(architecture):
    compile_program(program_of_kernels([*KERNELS.values(), *REDUCTIONS.values()]), architecture)


@pytest.mark.parametrize("dtype", SCALAR_DTYPES)
def test_scalar_operations(dtype):
    compile_program(program_of_kernels(scalar_kernels(dtype)[1].values()))


@pytest.mark.parametrize("source", CONVERTED)
def test_conversions(source):
    compile_program(program_of_kernels(conversions(source)[1].values()))


def test_subnormal_numbers_are_kept():
    """CuPy would add -ftz=true, under which float8 loads and stores are wrong."""
    text = 'extern "C" __global__ void f(float* x) { x[0] = x[1] + x[2]; }'
    nvrtc = launch._cupy().cuda.nvrtc
    program = nvrtc.createProgram(text, "f.cu", (), ())
    nvrtc.compileProgram(program, (*launch.OPTIONS, "-arch=compute_90"))
    assert "add.f32" in nvrtc.getPTX(program).decode()
    nvrtc.destroyProgram(program)


def test_an_architecture_that_is_not_known_gets_ptx():
    code = launch.compile_text('extern "C" __global__ void f() {}', 999)
    assert b".target sm_" in code


def test_the_log_of_the_compiler_is_in_the_error():
    with pytest.raises(BackendError, match="unknown_name"):
        launch.compile_text("int f() { return unknown_name; }", 90)
