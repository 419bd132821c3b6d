"""The CUDA backend on a device: programs, kernels, every scalar operation, calls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fnx_xla_lite.backends.cuda.blas import kernel_call
from fnx_xla_lite.backends.cuda.launch import CudaExecutable
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.loops.execute import execute
from fnx_xla_lite.loops.program import Launch
from fnx_xla_lite.pipeline import compile
from tests.xla_lite.backends.cuda_cases import (
    CONVERTED,
    KERNELS,
    REDUCTIONS,
    SCALAR_DTYPES,
    SCALAR_TOLERANCES,
    assert_close,
    conversions,
    scalar_kernels,
)
from tests.xla_lite.backends.cuda_modules import (
    NAMES,
    arguments_of,
    module_of,
    program_of_kernels,
    program_of_module,
)
from tests.xla_lite.backends.harness import random_array
from tests.xla_lite.loops.cases import splat, total

pytestmark = pytest.mark.gpu
TOLERANCES = {"f64": 1e-11, "f32": 1e-4, "f16": 1e-2, "bf16": 5e-2}


def on_host(array, dtype):
    """A result as a NumPy array of its element type."""
    return array.get().view(to_numpy(dtype))


def run(program, *arrays):
    """A program on the device, on copies of arrays."""
    found = CudaExecutable(program)(*arrays)
    pairs = zip(found, program.results, strict=True)
    results = [on_host(x, kind.dtype) for x, kind in pairs]
    for x, kind in zip(results, program.results, strict=True):
        assert x.shape == kind.shape
    return results


def check(program, *arrays, rtol=None):
    """On the device as in the loop interpreter."""
    with np.errstate(all="ignore"):
        expected = execute(program, *[x.copy() for x in arrays])
    found = run(program, *arrays)
    for n, (kind, x, y) in enumerate(zip(program.results, found, expected, strict=True)):
        tolerance = TOLERANCES.get(kind.dtype, 0) if rtol is None else rtol
        assert_close(x, y, kind.dtype, tolerance, f"result {n}")


@pytest.mark.parametrize("name", NAMES)
def test_modules(name):
    module, arrays = module_of(name)
    program = program_of_module(module)
    check(program, *arrays)
    expected = interpret(module, *arrays)
    for kind, x, y in zip(program.results, run(program, *arrays), expected, strict=True):
        assert_close(x, y, kind.dtype, max(TOLERANCES.get(kind.dtype, 0), 1e-3))


@pytest.mark.parametrize("name", NAMES)
def test_modules_with_everything_donated(name):
    module, arrays = module_of(name)
    everything = frozenset(range(len(arrays)))
    donating = replace(module, functions=tuple(
        replace(f, donated=everything) if f is module.main else f for f in module.functions
    ))  # fmt: skip
    check(program_of_module(donating), *arrays)


@pytest.mark.parametrize("name", KERNELS)
def test_kernels(name):
    program = program_of_kernels([KERNELS[name]])
    check(program, *arguments_of(program))


def test_reductions():
    program = program_of_kernels(REDUCTIONS.values())
    check(program, *arguments_of(program))


def with_inputs(kernels, inputs):
    """A program of kernels that read the same arrays, with its arguments."""
    program, arrays = program_of_kernels(kernels.values()), []
    for made in kernels.values():
        *given, target = made.parameters
        arrays += inputs[: len(given)]
        arrays.append(np.zeros(target.shape, to_numpy(target.dtype)))
    return program, arrays


@pytest.mark.parametrize("dtype", SCALAR_DTYPES)
def test_scalar_operations(dtype):
    inputs, kernels = scalar_kernels(dtype)
    program, arrays = with_inputs(kernels, inputs)
    with np.errstate(all="ignore"):
        expected = execute(program, *[x.copy() for x in arrays])
    found, wrong = run(program, *arrays), []
    for op, kind, x, y in zip(kernels, program.results, found, expected, strict=True):
        try:
            assert_close(x, y, kind.dtype, SCALAR_TOLERANCES.get(dtype, 0), op)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("source", CONVERTED)
def test_conversions(source):
    x, kernels = conversions(source)
    program, arrays = with_inputs(kernels, (x,))
    check(program, *arrays, rtol=0)


@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16", "f16", "f8E4M3FN", "f8E5M2"])
def test_subnormal_numbers_are_kept(dtype):
    kind = to_numpy(dtype)
    least = np.array(1, f"u{kind.itemsize}").view(kind)
    b = Builder("subnormal")
    x, y = (b.parameter((4,), dtype) for _ in range(2))
    module = b.build(b.add(x, y), b.negate(x), b.convert(x, "f64"))
    arrays = [np.array([least] * 4), np.array([least, 0, -least, 1], kind)]
    for found, expected in zip(
        run(program_of_module(module), *arrays), interpret(module, *arrays), strict=True
    ):
        assert found.tobytes() == expected.tobytes()


# --- products ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f32", "f64", "f16", "bf16"])
@pytest.mark.parametrize("axes", [(1, 0), (0, 0), (1, 1), (0, 1)])
def test_products_by_cublas(dtype, axes):
    m, n, k = 65, 33, 130
    b = Builder("product")
    x = b.parameter((m, k) if axes[0] else (k, m), dtype)
    y = b.parameter((n, k) if axes[1] else (k, n), dtype)
    z = b.dot_general(x, y, contracting=((axes[0],), (axes[1],)))
    module = b.build(z)
    program = program_of_module(module)
    assert any(kernel_call(s.kernel) for s in program.steps if isinstance(s, Launch))
    rng = np.random.default_rng(0)
    arrays = [random_array(rng, v.type.shape, dtype) for v in (x, y)]
    (found,), (expected,) = run(program, *arrays), interpret(module, *arrays)
    rtol = {"f32": 2e-5, "f64": 1e-12, "f16": 2e-2, "bf16": 2e-1}[dtype]
    assert_close(found, expected, dtype, rtol)


@pytest.mark.parametrize("batch", [(3,), (2, 3)])
@pytest.mark.parametrize("middle", [False, True])
def test_batched_products(batch, middle):
    m, n, k, at = 20, 17, 30, len(batch)
    b = Builder("product")
    place = lambda first, second: (first, *batch, second) if middle else (*batch, first, second)
    x, y = b.parameter(place(m, k), "f32"), b.parameter(place(n, k), "f32")
    axes = tuple(range(middle, at + middle))
    module = b.build(b.dot_general(x, y, contracting=((at + 1,), (at + 1,)), batching=(axes, axes)))
    check(program_of_module(module), *arguments_of(program_of_module(module)))


def test_products_in_float32_are_not_rounded_to_tf32():
    n = 512
    b = Builder("product")
    x, y = b.parameter((n, n), "f32"), b.parameter((n, n), "f32")
    program = program_of_module(b.build(b.dot_general(x, y, contracting=((1,), (0,)))))
    a, c = arguments_of(program)
    exact = a.astype(np.float64) @ c.astype(np.float64)
    (found,) = run(program, a, c)
    assert np.abs(found - exact).max() < 1e-3  # TF32 has 10 bits: about 2e-2


# --- calls ---------------------------------------------------------------------------------------


def softmax():
    b = Builder("softmax")
    x = b.parameter((300, 1000), "f32")
    e = b.exponential(x)
    return b.build(b.divide(e, b.broadcast_in_dim(total(b, e, (1,)), x.type.shape, (0,))))


@pytest.fixture(scope="module")
def cupy():
    return pytest.importorskip("cupy")


def test_arrays_on_the_device_in_any_layout(cupy):
    run = compile(softmax(), backend="cuda")
    x = np.random.default_rng(0).normal(size=(300, 1000)).astype(np.float32)
    (expected,) = run(x)
    assert isinstance(expected, cupy.ndarray)
    wide = cupy.zeros((300, 2000), np.float32)
    wide[:, ::2] = cupy.asarray(x)
    for given in (cupy.asarray(x), cupy.asarray(x.T.copy()).T, wide[:, ::2], x.T.copy().T,
                  x.astype(">f4")):  # fmt: skip
        (found,) = run(given)
        assert (found.get() == expected.get()).all()
    row = cupy.asarray(x[:1])
    (found,) = run(cupy.broadcast_to(row, x.shape))
    assert (found.get() == found[:1].get()).all()


def test_the_same_bits_in_every_run(cupy):
    run = compile(softmax(), backend="cuda")
    x = cupy.asarray(np.random.default_rng(0).random((300, 1000), np.float32))
    first = run(x)[0].get()
    for _ in range(20):
        assert run(x)[0].get().tobytes() == first.tobytes()


def test_on_other_streams(cupy):
    run = compile(softmax(), backend="cuda")
    x = np.random.default_rng(0).normal(size=(300, 1000)).astype(np.float32)
    expected = run(x)[0].get()
    streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(4)]
    results = []
    for _ in range(10):
        for stream in streams:
            with stream:
                y = x
                for _ in range(3):
                    (y,) = run(y)
                results.append(y)
    for stream in streams:
        stream.synchronize()
    (y,) = run(run(expected)[0].get())
    for found in results:
        assert found.get().tobytes() == y.get().tobytes()


def test_loops_with_constants_on_another_stream(cupy):
    b = Builder("loop")
    x, table = b.parameter((6,), "f32"), b.constant(np.arange(6, dtype=np.float32))
    limit = b.constant(np.int32(40))
    done = b.while_(
        [b.constant(np.int32(0)), x],
        lambda b, i, x: b.compare(i, limit, "LT"),
        lambda b, i, x: (b.add(i, b.constant(np.int32(1))), b.add(b.sine(x), table)),
    )
    module = b.build(*done)
    arrays = (np.linspace(0, 1, 6, dtype=np.float32),)
    expected = interpret(module, *arrays)
    run = compile(module, backend="cuda")
    with cupy.cuda.Stream(non_blocking=True) as stream:
        found = run(*arrays)
        stream.synchronize()
    assert int(found[0]) == 40
    np.testing.assert_allclose(found[1].get(), expected[1], rtol=1e-5, atol=1e-5)


def update():
    b = Builder("update")
    x, y = b.parameter((1000,), "f32", donated=True), b.parameter((1000,), "f32")
    return b.build(b.add(b.multiply(x, splat(b, 2.0, x)), y))


def test_donated_memory_becomes_the_result(cupy):
    run = compile(update(), backend="cuda")
    x, y = (cupy.asarray(np.full(1000, value, np.float32)) for value in (1, 3))
    address = x.data.ptr
    (found,) = run(x, y)
    assert found.data.ptr == address
    assert (found.get() == 5).all()
    assert (y.get() == 3).all()


def test_donated_memory_that_another_argument_reads_is_copied(cupy):
    run = compile(update(), backend="cuda")
    x = cupy.asarray(np.ones(1000, np.float32))
    (found,) = run(x, x)
    assert (found.get() == 3).all()
    assert (x.get() == 1).all()
    both = cupy.asarray(np.arange(1999, dtype=np.float32))
    (found,) = run(both[:1000], both[999:])
    assert (found.get() == 2 * np.arange(1000) + np.arange(999, 1999)).all()


def test_arguments_without_axes_or_elements(cupy):
    b = Builder("small")
    x = b.parameter((), "f32", donated=True)
    y, z = b.parameter((0, 3), "f32"), b.parameter((1, 1), "i32")
    sums = b.reduce(y, b.constant(np.float32(7)), (0,), "add")
    empty = b.dot_general(y, y, contracting=((0,), (0,)))
    module = b.build(b.add(x, x), b.add(y, y), sums, empty, b.add(z, z))
    run = compile(module, backend="cuda")
    arrays = [np.float32(4), np.zeros((0, 3), np.float32), np.array([[5]], np.int32)]
    for given in (arrays, [cupy.asarray(a) for a in arrays]):
        found = run(*given)
        assert [x.shape for x in found] == [(), (0, 3), (3,), (3, 3), (1, 1)]
        assert float(found[0]) == 8
        assert found[2].tolist() == [7, 7, 7]
        assert (found[3].get() == 0).all()
        assert found[4].tolist() == [[10]]


def test_narrow_types_come_and_go_as_bits(cupy):
    b = Builder("narrow")
    x = b.parameter((9,), "bf16")
    run = compile(b.build(b.add(x, x)), backend="cuda")
    narrow = np.arange(9).astype(to_numpy("bf16"))
    (first,) = run(narrow)
    (second,) = run(cupy.asarray(narrow.view(np.uint16)))
    assert first.dtype == second.dtype == np.uint16
    assert (first.get() == second.get()).all()
    assert (on_host(first, "bf16").astype(float) == 2 * np.arange(9)).all()


def test_wrong_arguments_raise(cupy):
    run = compile(update(), backend="cuda")
    x = cupy.asarray(np.ones(1000, np.float32))
    with pytest.raises(TypeError, match="takes 2 arrays, got 1"):
        run(x)
    with pytest.raises(TypeError, match="argument 1 is of dtype float64"):
        run(x, np.ones(1000))
    with pytest.raises(ValueError, match=r"argument 0 is of shape \(999,\)"):
        run(x[:999], x)


def test_long_arrays_and_many_rows():
    """More blocks than a grid's second axis may have, and indices beyond 2**24."""
    b = Builder("long")
    x, y = b.parameter((1 << 25,), "i32"), b.parameter((200_000, 16), "i32")
    module = b.build(b.add(x, x), total(b, x, (0,)), total(b, y, (1,)), total(b, y, (0,)))
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-9, 9, v.type.shape, np.int32) for v in (x, y)]
    found = compile(module, backend="cuda")(*arrays)
    a, c = arrays
    for x, y in zip(found, (a + a, a.sum(), c.sum(1), c.sum(0)), strict=True):
        assert (x.get() == y).all()
