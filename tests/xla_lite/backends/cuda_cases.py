"""Programs and kernels for the CUDA backend's tests: on the host, by NVRTC, on a device."""

from __future__ import annotations

import numpy as np

from fnx_xla_lite.backends.cuda.scalar import SCALAR
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.dtypes import is_float, to_numpy
from fnx_xla_lite.loops.ir import Init, Let, Matmul, Store, Update
from fnx_xla_lite.loops.verify import UPDATE_OPS
from tests.xla_lite.backends.harness import (
    apply,
    const,
    kernel,
    load,
    parallel,
    read,
    serial,
    v,
    vector,
)


def assert_close(x, y, dtype, rtol, what=""):
    if is_float(dtype):
        x, y = x.astype(np.float64), y.astype(np.float64)
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol, err_msg=what)
    else:
        np.testing.assert_array_equal(x, y, err_msg=what)


# --- programs


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


# --- kernels


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


# --- scalar operations

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


SCALAR_DTYPES = ("f32", "f64", "bf16", "f16", "i32", "i8", "ui8", "i64", "ui64")
SCALAR_TOLERANCES = {"f64": 1e-12, "f32": 3e-6, "bf16": 1e-2, "f16": 2e-3}


def scalar_kernels(dtype):
    """Every pair of samples, and a kernel for each operation that the type has."""
    x, y = (grid.ravel() for grid in np.meshgrid(samples(dtype), samples(dtype)))
    ops = [op for op in sorted(SCALAR) if (op, dtype) not in UNTOLD]
    kernels = {op: scalar_kernel(op, dtype, x.size) for op in ops}
    return (x, y), {op: made for op, made in kernels.items() if made is not None}


CONVERTED = ("f32", "f64", "i64", "ui32", "bf16", "f16", "f8E5M2", "f8E4M3FN")


def conversions(source):
    """Samples of a type, and a kernel for each type that they are converted to."""
    x = samples(source)
    targets = ["f32", "f64", "bf16", "f16", "f8E5M2", "i8", "ui8", "i32", "i64", "ui64", "i1"]
    if is_float(source):
        targets.append("f8E4M3FN")
    kernels = {}
    for target in targets:
        value = apply("convert", load("x", v("i"), dtype=source), dtype=target)
        body = vector("i", x.size, Store("y", (v("i"),), value))
        kernels[target] = kernel((body,), x=("in", (x.size,), source), y=("out", (x.size,), target))
    return x, kernels
