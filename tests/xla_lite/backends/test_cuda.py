"""The CUDA backend's C: run on the host through a shim, and compiled by nvcc."""

from __future__ import annotations

import functools
import shutil
import subprocess

import numpy as np
import pytest

from fnx_xla_lite.backends.cuda import gemm
from fnx_xla_lite.backends.cuda.emit import CudaKernel
from fnx_xla_lite.backends.cuda.gemm import plain_product
from fnx_xla_lite.backends.cuda.plan import make_plan
from fnx_xla_lite.backends.cuda.prelude import PRELUDE
from fnx_xla_lite.backends.cuda.program import CudaProgram, emit_program
from fnx_xla_lite.backends.cuda.scalar import SCALAR
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.dtypes import is_float, to_numpy
from fnx_xla_lite.hlo.opset import SCALAR_OPS
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.execute import execute
from fnx_xla_lite.loops.interpret import interpret
from fnx_xla_lite.loops.ir import (
    Coord,
    Dynamic,
    Guard,
    Init,
    Kernel,
    Let,
    Matmul,
    Store,
    Update,
)
from fnx_xla_lite.loops.verify import UPDATE_OPS, verify
from fnx_xla_lite.pipeline import stages
from tests.xla_lite.backends.cuda_harness import HAS_COMPILER, HostDevice, compile_host, run_program
from tests.xla_lite.backends.harness import (
    Guarded,
    apply,
    const,
    kernel,
    load,
    parallel,
    random_array,
    read,
    serial,
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


def assert_close(x, y, dtype, rtol, what=""):
    if is_float(dtype):
        x, y = x.astype(np.float64), y.astype(np.float64)
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol, err_msg=what)
    else:
        np.testing.assert_array_equal(x, y, err_msg=what)


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


def row_and_column_sums():
    b = Builder("sums")
    x = b.parameter((37, 300), "f32")
    zero, low = b.constant(np.float32(0)), b.constant(np.float32(-np.inf))
    top = b.broadcast_in_dim(b.reduce(x, low, [1], "maximum"), (37, 300), [0])
    e = b.exponential(b.subtract(x, top))
    total = b.broadcast_in_dim(b.reduce(e, zero, [1], "add"), (37, 300), [0])
    return b.build(
        b.divide(e, total), b.reduce(x, zero, [0], "add"), b.reduce(x, zero, [0, 1], "add")
    )


def dense_layers():
    b = Builder("mlp")
    x, w = b.parameter((70, 100), "f32"), b.parameter((100, 90), "f32")
    bias = b.broadcast_in_dim(b.parameter((90,), "f32"), (70, 90), [1])
    h = b.tanh(b.add(b.dot_general(x, w, contracting=((1,), (0,))), bias))
    return b.build(h, b.dot_general(h, x, contracting=((0,), (0,))))


def a_loop():
    b = Builder("loop")
    x, start = b.parameter((600,), "f32"), b.constant(np.int32(0))

    def condition(b, i, x):
        return b.compare(i, b.constant(np.int32(5)), "LT")

    def body(b, i, x):
        return b.add(i, b.constant(np.int32(1))), b.multiply(x, b.sine(x))

    return b.build(*b.while_([start, x], condition, body))


def branches():
    b = Builder("case")
    which, x = b.parameter((), "i32"), b.parameter((40,), "f32")
    return b.build(*_tuple(b.case(which, [lambda b: b.negate(x), lambda b: b.square(x)])))


def _tuple(values):
    return values if isinstance(values, tuple) else (values,)


PROGRAMS = [row_and_column_sums, dense_layers, a_loop, branches]


@needs_compiler
@pytest.mark.parametrize("build", PROGRAMS)
def test_programs_on_the_host(build):
    check_program(build)


def test_the_plain_product_may_go_to_a_library():
    made = program(dense_layers)
    (plain,) = made.products.values()
    # (90, 70) = transpose of h (70, 90) times x (70, 100), seen through strides
    assert (plain.lhs.shape, plain.lhs.strides) == ((90, 70), (1, 90))
    assert (plain.rhs.shape, plain.rhs.strides) == ((70, 100), (100, 1))
    assert (plain.out.shape, plain.out.strides) == ((90, 100), (100, 1))


# --- kernels -------------------------------------------------------------------------------------


def elementwise(size):
    body = vector("i", size, Store("y", (v("i"),), apply("sine", load("x", v("i")))))
    return kernel((body,), x=("in", (size,), "f32"), y=("out", (size,), "f32"))


def row_sums(rows, columns):
    quotient = apply("divide", load("x", v("i"), v("k")), read("s"))
    body = (
        Init("s", const(0.0), "f32"),
        vector("j", columns, Update("s", "add", load("x", v("i"), v("j")))),
        Store("y", (v("i"),), read("s")),
        vector("k", columns, Store("z", (v("i"), v("k")), quotient)),
    )
    return kernel(
        (parallel("i", rows, *body),),
        x=("in", (rows, columns), "f32"), y=("out", (rows,), "f32"),
        z=("out", (rows, columns), "f32"),
    )  # fmt: skip


def reversed_through_scratch(rows, columns):
    """What one thread writes another reads, in every round of a serial loop."""
    rounds = serial(
        "r", 3,
        vector("a", columns, Store("t", (v("a"),), apply("add", load("u", v("a")), const(1.0)))),
        vector("b", columns, Store("u", (v("b"),), load("t", v("b", -1, columns - 1)))),
    )  # fmt: skip
    body = (
        vector("j", columns, Store("u", (v("j"),), load("x", v("i"), v("j")))),
        rounds,
        vector("k", columns, Store("y", (v("i"), v("k")), load("u", v("k", -1, columns - 1)))),
    )
    buffers = {"x": ("in", (rows, columns), "f32"), "y": ("out", (rows, columns), "f32")}
    scratch = {name: ("scratch", (columns,), "f32") for name in "tu"}
    return kernel((parallel("i", rows, *body),), **buffers, **scratch)


def product(m, n, k, dtype="f32", acc="f32", transposed=False):
    lhs = (v("k"), v("m")) if transposed else (v("m"), v("k"))
    body = Matmul(
        (("b", 2),), ("m", m), ("n", n), ("k", k),
        load("x", v("b"), *lhs, dtype=dtype), load("y", v("b"), v("k"), v("n"), dtype=dtype),
        "acc", acc,
        (
            Let("h", apply("add", read("acc", acc), load("c", v("n"), dtype=acc), dtype=acc)),
            Store("z", (v("b"), v("m"), v("n")), read("h", acc)),
        ),
    )  # fmt: skip
    shape = (2, k, m) if transposed else (2, m, k)
    return kernel(
        (body,), x=("in", shape, dtype), y=("in", (2, k, n), dtype), c=("in", (n,), acc),
        z=("out", (2, m, n), acc),
    )  # fmt: skip


KERNELS = {
    "short": elementwise(5),
    "wide": elementwise(5000),
    "many rows": row_sums(9, 130),
    "long rows": row_sums(2, 1000),
    "shared scratch": reversed_through_scratch(3, 100),
    "global scratch": reversed_through_scratch(3, 6000),
    "tiled product": product(65, 70, 33),
    "transposed product": product(70, 20, 20, transposed=True),
    "small product": product(3, 5, 9),
    "bf16 product": product(20, 33, 17, "bf16"),
    "integer product": product(17, 18, 19, "i32", "i32"),
}


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


def test_a_product_with_an_epilogue_is_no_plain_product():
    assert plain_product(KERNELS["tiled product"]) is None


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


def reduction(op):
    dtype = "ui32" if op in ("and", "or", "xor") else "f32"
    start = const(3, dtype) if dtype == "ui32" else const(1.0)
    body = (
        Init("s", start, dtype),
        vector("i", 100, Update("s", op, load("x", v("i"), dtype=dtype))),
        Store("y", (), read("s", dtype)),
    )
    return kernel(body, x=("in", (100,), dtype), y=("out", (), dtype))


REDUCTIONS = {op: reduction(op) for op in sorted(UPDATE_OPS)}


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


SAMPLES = {
    "f": [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.3, 3.7, -3.7, 20.0,
          np.inf, -np.inf, np.nan],
    "i": [0, 1, 2, 3, 7, 31, 33, 64, 100, 127, -1, -2, -7, -128],
}  # fmt: skip
BINARY = {
    "add", "subtract", "multiply", "divide", "remainder", "power", "maximum", "minimum", "atan2",
    "and", "or", "xor", "shift_left", "shift_right_logical", "shift_right_arithmetic", "compare",
}  # fmt: skip
# The interpreter's NumPy counts the bits of |x|.
UNTOLD = {("popcnt", "i32"), ("popcnt", "i8"), ("popcnt", "i64")}


def samples(dtype):
    kind = to_numpy(dtype)
    values = SAMPLES["f" if is_float(dtype) else "i"]
    if dtype.startswith("u"):
        return np.array([abs(x) for x in values] + [np.iinfo(kind).max], kind)
    if not is_float(dtype):
        return np.array([*values, np.iinfo(kind).min, np.iinfo(kind).max], kind)
    return np.array(values, np.float64).astype(kind)


def scalar_kernel(op, dtype, count):
    row, names = SCALAR[op], ["x", "y", "z"][: 2 if op in BINARY else 1]
    if (row.floats if is_float(dtype) else row.integers) is None or op in ("select", "clamp"):
        return None
    result = "i1" if op in ("compare", "is_finite") else dtype
    args = [load(name, v("i"), dtype=dtype) for name in names]
    value = apply(op, *args, dtype=result, detail="LE" if op == "compare" else "")
    body = vector("i", count, Store("out", (v("i"),), value))
    inputs = {name: ("in", (count,), dtype) for name in names}
    return kernel((body,), **inputs, out=("out", (count,), result))


@needs_compiler
@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16", "f16", "i32", "i8", "ui8", "i64", "ui64"])
def test_scalar_operations(dtype):
    x, y = (grid.ravel() for grid in np.meshgrid(samples(dtype), samples(dtype)))
    ops = [op for op in sorted(SCALAR) if (op, dtype) not in UNTOLD]
    kernels = {op: scalar_kernel(op, dtype, x.size) for op in ops}
    kernels = {op: made for op, made in kernels.items() if made is not None}
    device, emitted = host_run(*kernels.values())
    tolerance = {"f64": 1e-12, "f32": 3e-6, "bf16": 1e-2, "f16": 2e-3}.get(dtype, 0)
    for op, made in kernels.items():
        inputs = [x, y][: len(made.parameters) - 1]
        found = np.empty(x.size, to_numpy(made.parameters[-1].dtype))
        expected = found.copy()
        with np.errstate(all="ignore"):
            interpret(made, *inputs, expected)
        device.launch(emitted[made], [a.ctypes.data for a in (*inputs, found)])
        assert_close(found, expected, made.parameters[-1].dtype, tolerance, f"{op} {dtype}")


@needs_compiler
@pytest.mark.parametrize(
    "source", ["f32", "f64", "i64", "ui32", "bf16", "f16", "f8E5M2", "f8E4M3FN"]
)
def test_conversions(source):
    x = samples(source)
    targets = ["f32", "f64", "bf16", "f16", "f8E5M2", "i8", "ui8", "i32", "i64", "ui64", "i1"]
    if is_float(source):
        targets.append("f8E4M3FN")
    kernels = {}
    for target in targets:
        value = apply("convert", load("x", v("i"), dtype=source), dtype=target)
        body = vector("i", x.size, Store("y", (v("i"),), value))
        made = kernel((body,), x=("in", (x.size,), source), y=("out", (x.size,), target))
        kernels[target] = made
    device, emitted = host_run(*kernels.values())
    for target, made in kernels.items():
        found = np.empty(x.size, to_numpy(target))
        expected = found.copy()
        with np.errstate(all="ignore"):
            interpret(made, x, expected)
        device.launch(emitted[made], [x.ctypes.data, found.ctypes.data])
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


@pytest.mark.gpu
@pytest.mark.parametrize("build", PROGRAMS)
def test_programs_on_a_gpu(build):
    launch = pytest.importorskip("fnx_xla_lite.backends.cuda.launch")
    made = program(build)
    rng = np.random.default_rng(1)
    arrays = [random_array(rng, t.shape, t.dtype) for t in made.program.parameters]
    found = launch.CudaExecutable(made.program)(*arrays)
    for t, x, y in zip(made.program.results, found, execute(made.program, *arrays), strict=True):
        assert_close(x.get(), y, t.dtype, 1e-4)
