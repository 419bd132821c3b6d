"""CudaExecutable with a stand-in for CuPy on the host: arguments, results, donation, errors."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fnx_xla_lite.backends.cuda import launch
from fnx_xla_lite.errors import BackendError
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.execute import execute
from fnx_xla_lite.loops.program import Program
from fnx_xla_lite.pipeline import stages
from tests.xla_lite.backends.cuda_harness import HAS_COMPILER
from tests.xla_lite.backends.cupy_stand_in import on_device, stand_in

pytestmark = pytest.mark.skipif(not HAS_COMPILER, reason="needs g++")


@pytest.fixture
def products(monkeypatch):
    """Put the stand-in in CuPy's place; sizes of the products that went to the library."""
    cupy = stand_in()
    monkeypatch.setattr(launch, "_cupy", lambda: cupy)
    monkeypatch.setattr(launch, "_machine_code", str.encode)
    return cupy.cuda.cublas.calls


def program_of(builder: Builder, *results) -> Program:
    *_, (_, fused) = stages(builder.build(*results))
    return build_program(fused)


def run_both(program, *arrays):
    found = launch.CudaExecutable(program)(*arrays)
    expected = execute(program, *[x.copy() for x in arrays])
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x.get(), y, rtol=1e-5, atol=1e-5)
    return found


def test_products_go_to_the_library(products):
    b = Builder("product")
    x, y = b.parameter((20, 30), "f32"), b.parameter((40, 30), "f32")
    program = program_of(b, b.dot_general(x, y, contracting=((1,), (1,))))
    random = np.random.default_rng(0)
    run_both(program, *(random.normal(size=t.shape).astype(np.float32) for t in program.parameters))
    assert products == [(40, 20, 30, 1)]


def test_loops_and_constants(products):
    b = Builder("loop")
    x, table = b.parameter((6,), "f32"), b.constant(np.arange(6, dtype=np.float32))
    limit = b.constant(np.int32(4))
    done = b.while_(
        [b.constant(np.int32(0)), x],
        lambda b, i, x: b.compare(i, limit, "LT"),
        lambda b, i, x: (b.add(i, b.constant(np.int32(1))), b.add(b.sine(x), table)),
    )
    run_both(program_of(b, *done), np.linspace(0, 1, 6, dtype=np.float32))


def test_donated_memory_becomes_the_result(products):
    b = Builder("update")
    x = b.parameter((100,), "f32", donated=True)
    program = program_of(b, b.multiply(x, x))
    assert program.aliases == ((0, 0),)
    run_both(program, np.linspace(-1, 1, 100, dtype=np.float32))


def test_donated_memory_that_another_argument_reads_is_copied(products):
    b = Builder("update")
    x, y = b.parameter((100,), "f32", donated=True), b.parameter((100,), "f32")
    run = launch.CudaExecutable(program_of(b, b.add(b.multiply(x, x), b.reverse(y, (0,)))))
    array = on_device(np.linspace(0, 2, 100, dtype=np.float32))
    (result,) = run(array, array)
    assert result.data.ptr != array.data.ptr
    np.testing.assert_allclose(result.get(), array.get() ** 2 + array.get()[::-1], rtol=1e-6)
    (result,) = run(array, np.zeros(100, np.float32))
    assert result.data.ptr == array.data.ptr


def test_shapes_without_axes_are_kept(products):
    b = Builder("scalar")
    run = launch.CudaExecutable(program_of(b, b.negate(b.parameter((), "f32", donated=True))))
    for given in (np.float32(3), 3.0 * np.ones((), ">f4"), on_device(np.float32(3))):
        (result,) = run(given)
        assert result.shape == ()
        assert float(result) == -3


def test_types_that_cupy_lacks_travel_as_bits(products):
    b = Builder("narrow")
    x = b.parameter((9,), "bf16")
    program = program_of(b, b.add(x, x))
    array = np.arange(9, dtype=np.float32)
    narrow = array.astype(to_numpy("bf16"))
    (result,) = launch.CudaExecutable(program)(narrow)
    assert result.dtype == np.uint16
    assert (result.get().view(narrow.dtype).astype(np.float32) == 2 * array).all()


def test_arguments_are_checked(products):
    b = Builder("checked")
    run = launch.CudaExecutable(program_of(b, b.negate(b.parameter((3,), "f32"))))
    with pytest.raises(TypeError, match="takes 1 arrays, got 0"):
        run()
    with pytest.raises(TypeError, match="argument 0 is of dtype float64"):
        run(np.zeros(3))
    with pytest.raises(ValueError, match=r"argument 0 is of shape \(4,\)"):
        run(np.zeros(4, np.float32))


def test_without_cupy_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    launch._cupy.cache_clear()
    with pytest.raises(BackendError, match=r"fnx\[gpu\]"):
        launch._cupy()
