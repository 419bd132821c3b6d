"""The CUDA backend's C: run on the host through a shim, and compiled by nvcc."""

from __future__ import annotations

import functools
import shutil
import subprocess

import numpy as np
import pytest

from fnx_xla_lite.backends.cuda import gemm
from fnx_xla_lite.backends.cuda.emit import CudaKernel
from fnx_xla_lite.backends.cuda.plan import make_plan
from fnx_xla_lite.backends.cuda.prelude import PRELUDE
from fnx_xla_lite.backends.cuda.program import CudaProgram, emit_program
from fnx_xla_lite.backends.cuda.scalar import SCALAR
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.opset import SCALAR_OPS
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.execute import execute
from fnx_xla_lite.loops.interpret import interpret
from fnx_xla_lite.loops.ir import (
    Coord,
    Dynamic,
    Guard,
    Kernel,
    Store,
)
from fnx_xla_lite.loops.verify import verify
from fnx_xla_lite.pipeline import stages
from tests.xla_lite.backends.cuda_cases import (
    CONVERTED,
    KERNELS,
    PROGRAMS,
    REDUCTIONS,
    SCALAR_DTYPES,
    SCALAR_TOLERANCES,
    assert_close,
    conversions,
    row_sums,
    scalar_kernel,
    scalar_kernels,
)
from tests.xla_lite.backends.cuda_harness import HAS_COMPILER, HostDevice, compile_host, run_program
from tests.xla_lite.backends.harness import (
    Guarded,
    const,
    kernel,
    load,
    random_array,
    v,
    vector,
)

needs_compiler = pytest.mark.skipif(not HAS_COMPILER, reason="needs g++")
NVCC = shutil.which("nvcc")


@functools.cache
def host_run(*kernels: Kernel) -> tuple[HostDevice, dict[Kernel, CudaKernel]]:
    """Kernels compiled together."""
    emitted = {made: gemm.emit(made, f"k{i}") for i, made in enumerate(kernels)}
    text = "\n".join([PRELUDE, *(e.text for e in emitted.values())])
    return HostDevice(compile_host(text, list(emitted.values()))), emitted


def check(made: Kernel, *inputs: np.ndarray, rtol: float = 1e-5, others: tuple = ()) -> None:
    """The host run equals the loop interpreter's, and stays inside its buffers."""
    verify(made)
    rng, arrays, given = np.random.default_rng(0), [], list(inputs)
    for b in made.parameters:
        own = given.pop(0) if given and b.role == "input" else random_array(rng, b.shape, b.dtype)
        arrays.append(own)
    expected = [x.copy() for x in arrays]
    interpret(made, *expected)
    device, known = host_run(*(others or (made,)))
    emitted = known[made]
    guarded = [Guarded(x) for x in arrays]
    addresses = [g.array.ctypes.data for g in guarded]
    scratch = Guarded(np.zeros(emitted.scratch_bytes, np.uint8))
    if emitted.scratch_bytes:
        addresses.append(scratch.array.ctypes.data)
    device.launch(emitted, addresses)
    for b, g, y in zip(made.parameters, guarded, expected, strict=True):
        g.check()
        assert_close(g.array, y, b.dtype, rtol, b.name)
    scratch.check()


def program(build) -> CudaProgram:
    """What the pipeline makes of a module, as CUDA C."""
    *_, (_, fused) = stages(build())
    return emit_program(build_program(fused))


def check_program(build, rtol=1e-5) -> CudaProgram:
    made = program(build)
    rng = np.random.default_rng(1)
    arrays = [random_array(rng, t.shape, t.dtype) for t in made.program.parameters]
    found = run_program(made, *[x.copy() for x in arrays])
    expected = execute(made.program, *[x.copy() for x in arrays])
    for t, x, y in zip(made.program.results, found, expected, strict=True):
        assert_close(x, y, t.dtype, rtol * 10)
    return made


# --- programs ------------------------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize("build", PROGRAMS)
def test_programs_on_the_host(build):
    check_program(build)


# --- kernels -------------------------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_on_the_host(name):
    check(KERNELS[name], others=tuple(KERNELS.values()))


def test_layouts():
    layouts = {name: make_plan(made).layout for name, made in KERNELS.items()}
    assert layouts["short"] == "thread"
    assert layouts["wide"] == "wide"
    assert layouts["many rows"] == "block"
    plan = make_plan(KERNELS["global scratch"])
    assert (plan.shared_scratch, plan.scratch_bytes) == (False, 48000)


@needs_compiler
def test_guards_dynamic_indices_and_coordinates():
    index = Dynamic(load("n", dtype="i32"), 0, 30, v("i"))
    padded = Guard(v("i"), 2, 8, load("x", v("i", 1, -2)), const(7.0), "f32")
    body = vector(
        "i", 10,
        Store("y", (index,), padded),
        Store("z", (v("i"),), Coord(v("i", 3, 1), "bf16")),
    )  # fmt: skip
    made = kernel(
        (body,), n=("in", (), "i32"), x=("in", (6,), "f32"), y=("out", (40,), "f32"),
        z=("out", (10,), "bf16"),
    )  # fmt: skip
    for start in (-5, 3, 1000):
        check(made, np.array(start, np.int32))


@needs_compiler
@pytest.mark.parametrize("op", REDUCTIONS)
def test_reductions(op):
    check(REDUCTIONS[op], rtol=1e-4, others=tuple(REDUCTIONS.values()))


def test_sums_have_one_order():
    """The tree depends on the extent alone: the text does not change from run to run."""
    assert gemm.emit(row_sums(9, 130), "k") == gemm.emit(row_sums(9, 130), "k")


# --- scalar operations -------------------------------------------------------------------------


def test_every_scalar_op_has_a_row():
    assert set(SCALAR) == set(SCALAR_OPS)


def host_results(kernels, inputs):
    """What each kernel gives on the host, and in the interpreter; by name."""
    device, emitted = host_run(*kernels.values())
    for name, made in kernels.items():
        *given, target = made.parameters
        given = inputs[: len(given)]
        found = np.empty(target.shape, to_numpy(target.dtype))
        expected = found.copy()
        with np.errstate(all="ignore"):
            interpret(made, *given, expected)
        device.launch(emitted[made], [a.ctypes.data for a in (*given, found)])
        yield name, target.dtype, found, expected


@needs_compiler
@pytest.mark.parametrize("dtype", SCALAR_DTYPES)
def test_scalar_operations(dtype):
    inputs, kernels = scalar_kernels(dtype)
    for op, result, found, expected in host_results(kernels, inputs):
        assert_close(found, expected, result, SCALAR_TOLERANCES.get(dtype, 0), f"{op} {dtype}")


@needs_compiler
@pytest.mark.parametrize("source", CONVERTED)
def test_conversions(source):
    x, kernels = conversions(source)
    for target, _, found, expected in host_results(kernels, (x,)):
        assert_close(found, expected, target, 0, f"{source} to {target}")


# --- NVIDIA's compiler -------------------------------------------------------------------------


@pytest.mark.skipif(NVCC is None, reason="needs nvcc")
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_nvcc_compiles_everything(architecture, tmp_path):
    kernels = [gemm.emit(made, f"k{i}").text for i, made in enumerate(KERNELS.values())]
    for dtype in ("f32", "f64", "bf16", "f16", "i32", "ui8"):
        made = [scalar_kernel(op, dtype, 64) for op in sorted(SCALAR)]
        kernels += [gemm.emit(k, f"s{i}_{dtype}").text for i, k in enumerate(made) if k is not None]
    path = tmp_path / "all.cu"
    path.write_text("\n".join([PRELUDE, *kernels]))
    command = [
        NVCC,
        "-std=c++17",
        f"-arch={architecture}",
        "-cubin",
        str(path),
        "-o",
        str(tmp_path / "all.cubin"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
