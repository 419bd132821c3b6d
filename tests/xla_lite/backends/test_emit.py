"""Kernels written by hand, run natively and by the loop interpreter, on every target."""

import ml_dtypes
import numpy as np
import pytest

from fnx_xla_lite.backends.cpu.emit_facts import Facts
from fnx_xla_lite.backends.cpu.target import AVX2, AVX512
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.loops.ir import Coord, Dynamic, Guard, Init, Let, Matmul, Store, Update
from tests.xla_lite.backends.harness import (
    SIZES,
    Affine,
    apply,
    check,
    const,
    kernel,
    load,
    parallel,
    read,
    run_native,
    serial,
    targets,
    v,
    vector,
)

FLOATS = ("f32", "f64", "bf16", "f16", "f8E5M2", "f8E4M3FN")
INTS = ("i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64")


@pytest.mark.parametrize("n", [*SIZES, 63, 64, 65, 130])
@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16", "i8", "ui16", "i64", "i1"])
def test_elementwise_chain(n, dtype):
    x, y = load("x", v("i"), dtype=dtype), load("y", v("i"), dtype=dtype)
    op = "xor" if dtype == "i1" else "multiply"
    more = "or" if dtype == "i1" else "add"
    value = apply(more, apply(op, x, y, dtype=dtype), const(1, dtype), dtype=dtype)
    body = (vector("i", n, Store("o", (v("i"),), value)),)
    check(kernel(body, x=("in", (n,), dtype), y=("in", (n,), dtype), o=("out", (n,), dtype)))


@pytest.mark.parametrize("kind", [serial, vector, parallel])
def test_loops_without_iterations_touch_nothing(kind):
    body = (kind("i", 0, Store("o", (v("i"),), load("x", v("i")))),)
    check(kernel(body, x=("in", (0,), "f32"), o=("out", (4,), "f32")), verified=False)


@pytest.mark.parametrize("n", [1, 7, 16, 100, 257, 1000])
def test_bounded_chunks(n):
    chunk = 64
    i = Affine((("c", chunk), ("i", 1)))
    value = apply("exponential", load("x", i))
    loop = vector("i", chunk, Store("o", (i,), value), bound=v("c", -chunk, n))
    body = (parallel("c", -(-n // chunk), loop),)
    check(kernel(body, x=("in", (n,), "f32"), o=("out", (n,), "f32")))


@pytest.mark.parametrize("n", [*SIZES, 129])
@pytest.mark.parametrize("rows", [1, 3])
def test_softmax_rows(rows, n):
    i, j = v("i"), v("j")
    shifted = apply("subtract", load("x", i, j), read("top"))
    body = (
        parallel(
            "i", rows,
            Init("top", const(float("-inf")), "f32"),
            vector("j", n, Update("top", "maximum", load("x", i, j))),
            Init("total", const(0.0), "f32"),
            vector(
                "j", n,
                Let("e", apply("exponential", shifted)),
                Update("total", "add", read("e")),
                Store("row", (j,), read("e")),
            ),
            vector("j", n, Store("o", (i, j), apply("divide", load("row", j), read("total")))),
        ),
    )  # fmt: skip
    shape = (rows, n)
    made = kernel(
        body, x=("in", shape, "f32"), o=("out", shape, "f32"), row=("scratch", (n,), "f32")
    )
    check(made, rtol=2e-6)


def test_large_scratch_comes_from_the_thread():
    n = 9000
    body = (
        parallel(
            "i", 3,
            vector("j", n, Store("row", (v("j"),), apply("negate", load("x", v("i"), v("j"))))),
            vector("j", n, Store("o", (v("i"), v("j")), load("row", v("j", -1, n - 1)))),
        ),
    )  # fmt: skip
    made = kernel(
        body, x=("in", (3, n), "f32"), o=("out", (3, n), "f32"), row=("scratch", (n,), "f32")
    )
    check(made)


@pytest.mark.parametrize(
    ("op", "dtype", "start"),
    [
        ("add", "f32", 0), ("multiply", "f64", 1), ("maximum", "i32", -100), ("and", "i1", 1),
        ("or", "ui16", 0), ("xor", "i64", 0), ("maximum", "bf16", -9), ("add", "f16", 0),
        ("minimum", "ui8", 255),
        ("minimum", "f32", float("inf")), ("and", "ui32", 2**32 - 1), ("add", "ui64", 5),
    ],
)  # fmt: skip
@pytest.mark.parametrize("n", [1, 7, 17, 100])
def test_accumulators(op, dtype, start, n):
    body = (
        parallel(
            "i", 2,
            Init("t", const(start, dtype), dtype),
            vector("j", n, Update("t", op, load("x", v("i"), v("j"), dtype=dtype))),
            Store("o", (v("i"),), read("t", dtype)),
        ),
    )  # fmt: skip
    made = kernel(body, x=("in", (2, n), dtype), o=("out", (2,), dtype))
    check(made, rtol={"f16": 2e-2, "bf16": 2e-2}.get(dtype, 1e-5))


@pytest.mark.parametrize("n", SIZES)
def test_column_sums_keep_one_accumulator_per_lane(n):
    body = (
        vector(
            "j", n,
            Init("t", const(0.0), "f32"),
            serial("i", 5, Update("t", "add", load("x", v("i"), v("j")))),
            Store("o", (v("j"),), read("t")),
        ),
    )  # fmt: skip
    check(kernel(body, x=("in", (5, n), "f32"), o=("out", (n,), "f32")))


@pytest.mark.parametrize("n", [1, 17, 100])
def test_full_sum_carries_lanes_through_the_outer_loop(n):
    body = (
        Init("t", const(0.0), "f32"),
        serial("i", 6, vector("j", n, Update("t", "add", load("x", v("i"), v("j"))))),
        Store("o", (), read("t")),
    )
    check(kernel(body, x=("in", (6, n), "f32"), o=("out", (), "f32")), rtol=1e-5)


def test_accumulator_read_between_vector_loops():
    body = (
        Init("t", const(0.0), "f32"),
        serial(
            "i", 4,
            vector("j", 40, Update("t", "add", load("x", v("i"), v("j")))),
            Store("o", (v("i"),), read("t")),
        ),
    )  # fmt: skip
    check(kernel(body, x=("in", (4, 40), "f32"), o=("out", (4,), "f32")), rtol=1e-5)


@pytest.mark.parametrize("n", [1, 5, 16, 33, 100])
@pytest.mark.parametrize("step", [-1, 0, 2, 3, -2])
@pytest.mark.parametrize("dtype", ["f32", "i8", "bf16", "i1"])
def test_strided_access(n, step, dtype):
    size = abs(step) * (n - 1) + 1
    place = v("i", step, size - 1 if step < 0 else 0)
    gather = (vector("i", n, Store("o", (v("i"),), load("x", place, dtype=dtype))),)
    check(kernel(gather, x=("in", (size,), dtype), o=("out", (n,), dtype)))
    if step:
        scatter = (vector("i", n, Store("o", (place,), load("x", v("i"), dtype=dtype))),)
        check(kernel(scatter, x=("in", (n,), dtype), o=("out", (size,), dtype)))


@pytest.mark.parametrize("n", [1, 7, 40, 100])
def test_transpose(n):
    body = (
        parallel("i", 3, vector("j", n, Store("o", (v("i"), v("j")), load("x", v("j"), v("i"))))),
    )
    check(kernel(body, x=("in", (n, 3), "f32"), o=("out", (3, n), "f32")))


@pytest.mark.parametrize("n", [1, 7, 16, 100])
@pytest.mark.parametrize("dtype", ["f32", "i8", "i1"])
def test_guard_pads_without_reading_outside(n, dtype):
    inside = load("x", v("i", 1, -2), dtype=dtype)
    value = Guard(v("i"), 2, n + 2, inside, const(1, dtype), dtype)
    body = (vector("i", n + 5, Store("o", (v("i"),), value)),)
    check(kernel(body, x=("in", (n,), dtype), o=("out", (n + 5,), dtype)))


def test_guard_between_two_loads_and_by_branch():
    second = Guard(v("i"), 3, 7, load("y", v("i", 1, -3), v("j")), const(0.0), "f32")
    first = Guard(v("i"), 0, 3, load("x", v("i"), v("j")), second, "f32")
    body = (
        parallel("i", 7, vector("j", 21, Store("o", (v("i"), v("j")), apply("negate", first)))),
    )
    made = kernel(
        body, x=("in", (3, 21), "f32"), y=("in", (4, 21), "f32"), o=("out", (7, 21), "f32")
    )
    check(made)
    rest = Guard(v("j"), 9, 21, load("y", v("j", 1, -9)), const(0.0), "f32")
    lanes = Guard(v("j"), 0, 9, load("x", v("j")), rest, "f32")
    body = (vector("j", 21, Store("o", (v("j"),), lanes)),)
    check(kernel(body, x=("in", (9,), "f32"), y=("in", (12,), "f32"), o=("out", (21,), "f32")))


def test_nested_guards():
    inner = Guard(v("j"), 1, 6, load("x", v("i", 1, -1), v("j", 1, -1)), const(0.0), "f32")
    value = Guard(v("i"), 1, 4, inner, const(-1.0), "f32")
    body = (serial("i", 5, vector("j", 20, Store("o", (v("i"), v("j")), value))),)
    check(kernel(body, x=("in", (3, 5), "f32"), o=("out", (5, 20), "f32")))


def taken(n, dtype):
    index = Dynamic(load("at", v("i"), dtype=dtype), 0, 9)
    body = (vector("i", n, Store("o", (v("i"),), load("x", index))),)
    return kernel(body, at=("in", (n,), dtype), x=("in", (10,), "f32"), o=("out", (n,), "f32"))


@pytest.mark.parametrize("dtype", INTS)
@pytest.mark.parametrize("n", [1, 17, 70])
def test_dynamic_indices_are_clamped(dtype, n):
    info = np.iinfo(to_numpy(dtype))
    wild = np.array([0, 3, 9, min(info.max, 2**63 - 1), info.min, 10, 5], info.dtype)
    check(taken(n, dtype), np.resize(wild, n))


def test_huge_unsigned_indices_are_clamped_to_the_upper_end():
    at = np.array([2**64 - 1, 2**63, 0, 9, 10] * 4, np.uint64)
    x = np.arange(10, dtype=np.float32)
    for target in targets():
        out = run_native(taken(20, "ui64"), [at, x, np.zeros(20, np.float32)], target)[2]
        np.testing.assert_array_equal(out, np.minimum(at, 9).astype(np.float32))


def test_dynamic_slice_with_scalar_start():
    start = Dynamic(load("at", v("i", 0), dtype="i32"), 0, 4, v("i"))
    body = (
        serial("i", 3, vector("j", 20, Store("o", (v("i"), v("j")), load("x", start, v("j"))))),
    )
    made = kernel(body, at=("in", (1,), "i32"), x=("in", (7, 20), "f32"), o=("out", (3, 20), "f32"))
    for at in (-5, 0, 3, 4, 2**31 - 1):
        check(made, np.array([at], np.int32))


@pytest.mark.parametrize("dtype", ["f32", "f64", "bf16", "i8", "ui8", "i32", "i64"])
@pytest.mark.parametrize("n", [1, 16, 50])
def test_coordinates(dtype, n):
    index = Affine((("i", 10), ("j", 2)), 3)
    body = (serial("i", 3, vector("j", n, Store("o", (v("i"), v("j")), Coord(index, dtype)))),)
    check(kernel(body, o=("out", (3, n), dtype)))


@pytest.mark.parametrize("source", [*FLOATS, *INTS, "i1"])
@pytest.mark.parametrize("target", [*FLOATS, "i8", "ui16", "i64", "i1"])
def test_convert(source, target):
    n = 37
    value = apply("convert", load("x", v("i"), dtype=source), dtype=target)
    body = (vector("i", n, Store("o", (v("i"),), value)),)
    check(kernel(body, x=("in", (n,), source), o=("out", (n,), target)))


@pytest.mark.parametrize("dtype", ["bf16", "f16", "f8E5M2", "f8E4M3FN"])
def test_narrow_floats_are_rounded_as_in_ml_dtypes(dtype):
    exact = np.concatenate(
        [
            np.float32(2.0) ** np.arange(-30, 20, dtype=np.float32) * np.float32(f)
            for f in (
                1,
                1.03125,
                1.0625,
                1.09375,
                1.125,
                1.1875,
                1.25,
                1.4375,
                1.5,
                1.75,
                1.9,
                -1.3,
            )
        ]
        + [
            np.array(
                [
                    0.0,
                    -0.0,
                    np.inf,
                    -np.inf,
                    np.nan,
                    448,
                    449,
                    464,
                    465,
                    480,
                    57344,
                    61440,
                    65504,
                    7e4,
                ],
                "f",
            )
        ]
    )
    value = apply("convert", load("x", v("i")), dtype=dtype)
    body = (vector("i", exact.size, Store("o", (v("i"),), value)),)
    check(
        kernel(body, x=("in", exact.shape, "f32"), o=("out", exact.shape, dtype)), exact.astype("f")
    )


@pytest.mark.parametrize("dtype", ["f8E5M2", "f8E4M3FN"])
def test_every_f8_survives_the_round_trip(dtype):
    kind = {"f8E5M2": ml_dtypes.float8_e5m2, "f8E4M3FN": ml_dtypes.float8_e4m3fn}[dtype]
    every = np.arange(256, dtype=np.uint8).view(kind)
    body = (vector("i", 256, Store("o", (v("i"),), load("x", v("i"), dtype=dtype))),)
    check(kernel(body, x=("in", (256,), dtype), o=("out", (256,), dtype)), every)
    wide = apply("convert", load("x", v("i"), dtype=dtype), dtype="f32")
    body = (vector("i", 256, Store("o", (v("i"),), wide)),)
    check(kernel(body, x=("in", (256,), dtype), o=("out", (256,), "f32")), every)


@pytest.mark.parametrize(("m", "n", "k"), [(1, 1, 1), (3, 7, 5), (16, 17, 9)])
@pytest.mark.parametrize("dtype", ["f32", "f64", "i32"])
def test_matmul_with_epilogue(m, n, k, dtype):
    value = apply("add", read("acc", dtype), load("b", v("n"), dtype=dtype), dtype=dtype)
    product = Matmul(
        (), ("m", m), ("n", n), ("k", k),
        load("x", v("m"), v("k"), dtype=dtype), load("y", v("k"), v("n"), dtype=dtype),
        "acc", dtype, (Store("o", (v("m"), v("n")), value),),
    )  # fmt: skip
    made = kernel(
        (product,), x=("in", (m, k), dtype), y=("in", (k, n), dtype), b=("in", (n,), dtype),
        o=("out", (m, n), dtype),
    )  # fmt: skip
    check(made, rtol=1e-5)


def test_matmul_inside_another_loop():
    product = Matmul(
        (("b", 2),), ("m", 3), ("n", 18), ("k", 4), load("x", v("b"), v("m"), v("k")),
        load("y", v("b"), v("k"), v("n")), "acc", "f32",
        (Store("o", tuple(map(v, "pbmn")), apply("add", read("acc"), load("z", v("p")))),),
    )  # fmt: skip
    made = kernel(
        (parallel("p", 2, product),), x=("in", (2, 3, 4), "f32"), y=("in", (2, 4, 18), "f32"),
        z=("in", (2,), "f32"), o=("out", (2, 2, 3, 18), "f32"),
    )  # fmt: skip
    check(made, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["i32", "ui8", "i1", "bf16"])
def test_matmul_in_other_types(dtype):
    product = Matmul(
        (), ("m", 5), ("n", 19), ("k", 6), load("x", v("m"), v("k"), dtype=dtype),
        load("y", v("k"), v("n"), dtype=dtype), "acc", dtype,
        (Store("o", (v("m"), v("n")), read("acc", dtype)),),
    )  # fmt: skip
    for body in ((product,), (serial("p", 1, product),)):
        shapes = {
            "x": ("in", (5, 6), dtype),
            "y": ("in", (6, 19), dtype),
            "o": ("out", (5, 19), dtype),
        }
        check(kernel(body, **shapes), rtol=3e-2)


def test_invariant_work_is_emitted_outside_of_the_loop():
    scale = apply("exponential", load("s", v("i")))
    value = apply("multiply", load("x", v("i"), v("j")), scale)
    body = (serial("i", 4, vector("j", 70, Store("o", (v("i"), v("j")), value))),)
    check(kernel(body, s=("in", (4,), "f32"), x=("in", (4, 70), "f32"), o=("out", (4, 70), "f32")))


def test_output_read_and_written_in_one_body():
    body = (
        serial(
            "i", 5,
            Store("o", (), apply("add", load("o"), load("x", v("i")))),
        ),
    )  # fmt: skip
    check(kernel(body, x=("in", (5,), "f32"), o=("out", (), "f32")))
    twice = (
        vector("i", 40, Store("o", (v("i"),), apply("add", load("o", v("i")), load("x", v("i"))))),
        vector(
            "i", 40, Store("o", (v("i"),), apply("multiply", load("o", v("i")), load("o", v("i"))))
        ),
    )
    check(kernel(twice, x=("in", (40,), "f32"), o=("out", (40,), "f32")))


@pytest.mark.parametrize(("op", "narrow", "wide"), [
    ("negate", 4, 4), ("exponential", 4, 2), ("tanh", 4, 2), ("power", 2, 1),
])  # fmt: skip
def test_vectors_in_flight(op, narrow, wide):
    """Few registers hold few constants: more vectors share their loads."""
    x = load("x", v("i"))
    value = apply(op, x, *[x] * (op == "power"))
    loop = vector("i", 1024, Store("o", (v("i"),), value))
    made = kernel((loop,), x=("in", (1024,), "f32"), o=("out", (1024,), "f32"))
    for target, vectors in ((AVX2, narrow), (AVX512, wide)):
        assert Facts(made, target).lanes(loop) == vectors * target.lanes("f32")
