"""The matrix product's code against NumPy: layouts, edges, types, epilogues, bounds, same bits."""

from __future__ import annotations

import ctypes
import itertools
import mmap
from dataclasses import dataclass, replace

import llvmlite.binding as llvm
import ml_dtypes
import numpy as np
import pytest
from llvmlite import ir

import fnx_xla_lite
from fnx_xla_lite.backends.cpu import gemm_blocking, target
from fnx_xla_lite.backends.cpu.gemm import MatmulCode, emit_matmul
from fnx_xla_lite.backends.cpu.gemm_problem import problem_of
from fnx_xla_lite.backends.cpu.gemm_types import ITEMSIZE, STORAGE, masked_store
from fnx_xla_lite.loops.ir import Affine, Apply, Buffer, Const, Kernel, Load, Matmul, Read, Store

NUMPY = {
    "f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": ml_dtypes.bfloat16,
    "f8E4M3FN": ml_dtypes.float8_e4m3fn, "f8E5M2": ml_dtypes.float8_e5m2,
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "ui8": np.uint8, "ui32": np.uint32, "i1": np.bool_,
}  # fmt: skip


def variable(name: str, coefficient: int = 1) -> Affine:
    return Affine(((name, coefficient),))


@dataclass(frozen=True)
class Case:
    """One product: extents, layouts (``T``: transposed in memory), batch, types, epilogue."""

    m: int
    n: int
    k: int
    lhs: str = "N"
    rhs: str = "N"
    out: str = "N"
    batch: tuple[int, ...] = ()
    dtype: str = "f32"
    source: str = ""
    relu: bool = False

    def kernel(self, name: str = "product") -> Kernel:
        outer = tuple((f"b{i}", extent) for i, extent in enumerate(self.batch))
        prefix = tuple(variable(b) for b, _ in outer)
        source = self.source or self.dtype

        def operand(buffer: str, layout: str, rows: str, columns: str, role: str, dtype: str):
            names = (columns, rows) if layout == "T" else (rows, columns)
            extents = {"m": self.m, "n": self.n, "k": self.k}
            shape = (*self.batch, *(extents[x] for x in names))
            return Buffer(buffer, shape, dtype, role), (*prefix, *map(variable, names))

        a, a_at = operand("a", self.lhs, "m", "k", "input", source)
        b, b_at = operand("b", self.rhs, "k", "n", "input", source)
        c, c_at = operand("c", self.out, "m", "n", "output", self.dtype)
        value = Read("acc", self.dtype)
        if self.relu:
            value = Apply("maximum", (value, Const(0.0, self.dtype)), self.dtype)
        matmul = Matmul(
            outer, ("m", self.m), ("n", self.n), ("k", self.k), Load("a", a_at, source),
            Load("b", b_at, source), "acc", self.dtype, (Store("c", c_at, value),),
        )  # fmt: skip
        return Kernel(name, (a, b, c), (matmul,))


def epilogue_of(kernel: Kernel, matmul: Matmul):
    """A plain emitter for what ``Case`` writes: an optional ReLU, then a store, any stride."""
    (store,) = matmul.epilogue
    buffer = kernel.buffer("c")

    def emit(builder, pointers, bindings, vector, lanes, mask, acc):
        if isinstance(store.value, Apply):
            zero = ir.Constant(acc.type, None)
            acc = builder.select(builder.fcmp_ordered("<", acc, zero), zero, acc)
        if buffer.dtype == "i1":
            acc = builder.zext(acc, ir.VectorType(ir.IntType(8), lanes))
        offset, stride, step = ir.Constant(ir.IntType(64), 0), 0, 1
        for extent, index in zip(reversed(buffer.shape), reversed(store.indices), strict=True):
            ((name, _),) = index.terms
            offset = builder.add(
                offset, builder.mul(bindings[name], ir.Constant(ir.IntType(64), step))
            )
            stride = step if name == vector else stride
            step *= extent
        kind = STORAGE[buffer.dtype]
        first = builder.gep(pointers["c"], [offset], source_etype=kind)
        if stride == 1 and mask is not None:
            masked_store(builder, acc, first, mask, ITEMSIZE[buffer.dtype])
            return
        for lane in range(lanes):
            place = ir.Constant(ir.IntType(32), lane)
            live = ir.Constant(ir.IntType(1), 1)
            if mask is not None:
                live = builder.extract_element(mask, place)
            with builder.if_then(live):
                to = builder.gep(
                    first, [ir.Constant(ir.IntType(64), lane * stride)], source_etype=kind
                )
                builder.store(builder.extract_element(acc, place), to)

    return emit


class Compiled:
    """A product in machine code; ``keep`` holds what the code lives in."""

    def __init__(
        self, case: Case, machine: target.Target | None = None, kernel: Kernel | None = None
    ) -> None:
        self.kernel = kernel or case.kernel()
        self.machine = machine or target.host()
        module = ir.Module("test")
        self.code = emit(module, self.kernel, self.machine)
        self.text = str(module)
        parsed = llvm.parse_assembly(self.text)
        parsed.verify()
        self.keep = llvm.create_mcjit_compiler(parsed, self.machine.machine(2))
        self.keep.finalize_object()
        self.address = self.keep.get_function_address(self.code.function.name)

    def __call__(
        self,
        arrays: list[np.ndarray],
        ranges: list[tuple[int, int]] | None = None,
        one_job: bool = False,
    ) -> None:
        """Run ranges of tasks: each a job of its own, or all of them one thread's share of one."""
        word, pointer = ctypes.c_int64, ctypes.c_void_p
        function = ctypes.CFUNCTYPE(None, pointer, pointer, word, word)(self.address)
        buffers = (pointer * len(arrays))(*(array.ctypes.data for array in arrays))
        for number, (begin, end) in enumerate(ranges or [(0, self.code.tasks)]):
            # Fresh garbage for every job: all ones, as the head must be as a job begins.
            if number == 0 or not one_job:
                scratch = np.full(self.code.scratch_bytes + 128, 0xFF, np.uint8)
            start = scratch.ctypes.data + -scratch.ctypes.data % 64
            function(ctypes.addressof(buffers), start, begin, end)
            used = start - scratch.ctypes.data + self.code.scratch_bytes
            assert (scratch[used:] == 0xFF).all(), "scratch was overrun"


def emit(module: ir.Module, kernel: Kernel, machine: target.Target) -> MatmulCode:
    (matmul,) = kernel.body
    return emit_matmul(module, kernel, matmul, machine, epilogue_of(kernel, matmul))


def operands(case: Case, seed: int = 0) -> list[np.ndarray]:
    """Random a and b, and c full of what no product gives."""
    rng = np.random.default_rng(seed)
    arrays = []
    for buffer in case.kernel().buffers:
        dtype = np.dtype(NUMPY[buffer.dtype])
        if buffer.role == "output":
            array = np.full(buffer.shape, 77, dtype)
        elif buffer.dtype.startswith(("f", "b")):
            array = rng.standard_normal(buffer.shape).astype(dtype)
        elif buffer.dtype == "i1":
            array = rng.random(buffer.shape) < 0.2
        else:
            array = rng.integers(0, 100, buffer.shape).astype(dtype)
        arrays.append(np.ascontiguousarray(array))
    return arrays


def expected(case: Case, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product as NumPy computes it, in a wider type for floats, wrapped for integers."""
    a = np.swapaxes(a, -1, -2) if case.lhs == "T" else a
    b = np.swapaxes(b, -1, -2) if case.rhs == "T" else b
    wide = np.float64 if case.dtype in ("f32", "f64") else NUMPY[case.dtype]
    c = np.matmul(a.astype(wide), b.astype(wide))
    c = np.maximum(c, 0) if case.relu else c
    return np.swapaxes(c, -1, -2) if case.out == "T" else c


def check(case: Case, machine: target.Target | None = None) -> Compiled:
    product = Compiled(case, machine)
    a, b, c = operands(case)
    product([a, b, c])
    want = expected(case, a, b)
    if case.dtype in ("f32", "f64"):
        eps = np.finfo(NUMPY[case.dtype]).eps
        scale = np.matmul(*(abs(x.astype(np.float64)) for x in _ordered(case, a, b)))
        scale = np.swapaxes(scale, -1, -2) if case.out == "T" else scale
        error = np.abs(c - want)
        assert (error <= eps * (2 + case.k / 8) * scale).all(), error.max()
    else:
        np.testing.assert_array_equal(c, want)
    return product


def _ordered(case: Case, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a = np.swapaxes(a, -1, -2) if case.lhs == "T" else a
    return a, np.swapaxes(b, -1, -2) if case.rhs == "T" else b


SIZES = [(2, 3, 4), (16, 16, 16), (1, 37, 5), (37, 1, 70), (3, 17, 130), (29, 45, 31), (1, 1, 1)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", ["NN", "NT", "TN", "TT"])
def test_small_products_in_every_layout(size, layout):
    check(Case(*size, lhs=layout[0], rhs=layout[1]))


@pytest.mark.parametrize("layout", ["NN", "NT", "TN", "TT"])
def test_packed_product_with_ragged_edges(layout):
    plan = check(Case(101, 500, 29, lhs=layout[0], rhs=layout[1])).code.plan
    assert plan.pack_rhs
    assert plan.pack_lhs == (layout[0] == "T")


def test_rows_a_cache_period_apart_are_packed():
    plan = check(Case(60, 600, 1024)).code.plan
    assert plan.pack_lhs == (plan.rows >= gemm_blocking.FIGHTING_ROWS)
    assert not check(Case(60, 600, 1023)).code.plan.pack_lhs


def test_blocks_of_k_accumulate_into_the_target_and_into_scratch():
    for lhs, relu in itertools.product("NT", (False, True)):
        deepest = gemm_blocking.deepest(target.host(), "f32")
        product = check(Case(30, 270, deepest * 2 + 5, lhs=lhs, relu=relu))
        assert product.code.plan.kc < deepest


@pytest.mark.parametrize("size", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (70, 70, 0), (1, 5, 0)])
def test_empty_extents(size):
    for rhs in "NT":
        check(Case(*size, rhs=rhs))


def test_batches_and_batches_of_batches():
    check(Case(5, 6, 7, batch=(3,)))
    check(Case(9, 20, 33, batch=(2, 3), rhs="T", relu=True))
    check(Case(64, 64, 70, batch=(3,), lhs="T"))
    check(Case(4, 4, 4, batch=(0,)))


@pytest.mark.parametrize("size", [(5, 9, 7), (70, 66, 65), (1, 20, 33)])
def test_operands_without_any_contiguous_dimension(size):
    """a[m, k, batch], b[k, n, batch]: every stride is the number of batches or a multiple of it."""
    case = Case(*size, batch=(3,))
    plain = case.kernel()
    (matmul,) = plain.body
    a, b, c = plain.buffers

    def last(buffer, load):
        moved = replace(buffer, shape=(*buffer.shape[1:], buffer.shape[0]))
        return moved, replace(load, indices=(*load.indices[1:], load.indices[0]))

    a, lhs = last(a, matmul.lhs)
    b, rhs = last(b, matmul.rhs)
    kernel = replace(plain, buffers=(a, b, c), body=(replace(matmul, lhs=lhs, rhs=rhs),))
    x, y, want = operands(case)
    Compiled(case)([x, y, want])
    got = np.full_like(want, 9)
    strided = [np.ascontiguousarray(np.moveaxis(array, 0, -1)) for array in (x, y)]
    Compiled(case, kernel=kernel)([*strided, got])
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_vectors_run_along_m_where_the_result_is_stored_transposed():
    case = Case(40, 50, 20, out="T")
    problem = problem_of(case.kernel(), case.kernel().body[0])
    assert (problem.n_name, problem.n) == ("m", 40)
    check(case)


@pytest.mark.parametrize("dtype", ["f64", "i8", "i16", "i32", "i64", "ui8", "ui32", "i1"])
@pytest.mark.parametrize("layout", ["NN", "NT", "TN"])
def test_element_types(dtype, layout):
    check(Case(19, 37, 23, lhs=layout[0], rhs=layout[1], dtype=dtype))
    check(Case(1, 21, 40, lhs=layout[0], rhs=layout[1], dtype=dtype))


@pytest.mark.parametrize("dtype", ["f64", "i32"])
def test_packed_element_types(dtype):
    for rhs, lhs in itertools.product("NT", "NT"):
        check(Case(70, 75, 66, lhs=lhs, rhs=rhs, dtype=dtype))


@pytest.mark.parametrize("source", ["bf16", "f16", "f8E4M3FN", "f8E5M2"])
@pytest.mark.parametrize("size", [(20, 33, 17), (70, 75, 66), (1, 40, 50)])
def test_narrow_operands_are_widened(source, size):
    for rhs, lhs in itertools.product("NT", "NT"):
        check(Case(*size, lhs=lhs, rhs=rhs, source=source))


def test_bytes_are_summed_in_wider_integers():
    check(Case(20, 33, 300, dtype="i32", source="i8"))
    check(Case(20, 33, 300, dtype="i32", source="ui8", rhs="T"))


@pytest.mark.parametrize("case", [
    Case(128, 96, 70), Case(100, 200, 60, relu=True), Case(300, 300, 1000),
    Case(1, 900, 300, rhs="T"),
    Case(40, 40, 50, batch=(8,)), Case(700, 10, 200),
], ids=str)  # fmt: skip
def test_any_partition_of_the_tasks_gives_the_same_bytes(case):
    product = Compiled(case)
    a, b, whole = operands(case)
    product([a, b, whole])
    tasks = product.code.tasks
    for parts in (2, 3, tasks):
        cuts = [tasks * i // parts for i in range(parts + 1)]
        again = np.full_like(whole, 5)
        product([a, b, again], list(itertools.pairwise(cuts))[::-1])
        assert again.tobytes() == whole.tobytes()


@pytest.mark.parametrize("case", [
    Case(700, 300, 96, lhs="T"), Case(60, 1500, 1024), Case(70, 90, 80, batch=(5,), lhs="T"),
    Case(300, 300, 3000),
], ids=str)  # fmt: skip
def test_a_thread_may_take_tasks_of_one_job_piece_by_piece_and_in_any_order(case):
    """What is packed is kept between calls, and packed anew where another task wants another."""
    product = Compiled(case)
    a, b, whole = operands(case)
    product([a, b, whole])
    ranges = [(task, task + 1) for task in range(product.code.tasks)]
    for order in (ranges, ranges[::-1], ranges[::2] + ranges[1::2]):
        again = np.full_like(whole, 5)
        product([a, b, again], order, one_job=True)
        assert again.tobytes() == whole.tobytes()


def test_products_of_several_jobs_in_a_row_share_nothing():
    """The second product of a program packs its own operands, in memory that the first has used."""
    rng = np.random.default_rng(3)
    a, b, c, d = (rng.standard_normal((300, 320)).astype(np.float32) for _ in range(4))
    text = """
    func.func public @main(%a: tensor<300x320xf32>, %b: tensor<300x320xf32>,
        %c: tensor<300x320xf32>, %d: tensor<300x320xf32>)
        -> (tensor<320x320xf32>, tensor<320x320xf32>) {
      %0 = stablehlo.dot_general %a, %b, contracting_dims = [0] x [0]
        : (tensor<300x320xf32>, tensor<300x320xf32>) -> tensor<320x320xf32>
      %1 = stablehlo.dot_general %c, %d, contracting_dims = [0] x [0]
        : (tensor<300x320xf32>, tensor<300x320xf32>) -> tensor<320x320xf32>
      return %0, %1 : tensor<320x320xf32>, tensor<320x320xf32>
    }"""
    first, second = fnx_xla_lite.compile(text)(a, b, c, d)
    np.testing.assert_allclose(first, a.T @ b, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(second, c.T @ d, rtol=1e-4, atol=1e-4)


def test_large_products_have_tasks_for_many_threads():
    for size in (
        (512, 512, 512),
        (128, 512, 784),
        (2048, 64, 64),
        (64, 2048, 64),
        (2048, 2048, 2048),
    ):
        case = Case(*size)
        sizes = gemm_blocking.plan(problem_of(case.kernel(), case.kernel().body[0]), target.AVX512)
        assert sizes.tasks >= 8, size
    tiny = Case(32, 32, 32)
    assert (
        gemm_blocking.plan(problem_of(tiny.kernel(), tiny.kernel().body[0]), target.AVX512).tasks
        == 1
    )


@pytest.mark.parametrize("case", [
    Case(7, 21, 13), Case(7, 21, 13, rhs="T"), Case(70, 70, 70), Case(1, 19, 35),
    Case(70, 75, 66, lhs="T", rhs="T"), Case(2, 19, 35, rhs="T"), Case(67, 69, 71, source="bf16"),
    Case(67, 69, 71, dtype="f64", rhs="T"), Case(33, 1, 3),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("at_end", [True, False])
def test_nothing_outside_of_a_buffer_is_touched(case, at_end):
    """Every buffer borders on a forbidden page: the process dies of a read or write past it."""
    product = Compiled(case)
    a, b, c = operands(case)
    guarded = [_guarded(array, at_end) for array in (a, b, c)]
    product([array for array, _ in guarded])
    plain = np.full_like(c, 3)
    product([a, b, plain])
    assert guarded[2][0].tobytes() == plain.tobytes()


def _guarded(array: np.ndarray, at_end: bool) -> tuple[np.ndarray, mmap.mmap]:
    """A copy whose last (or first) byte borders on an inaccessible page."""
    page = mmap.PAGESIZE
    room = -(-array.nbytes // page) * page
    memory = mmap.mmap(-1, room + 2 * page)
    base = np.frombuffer(memory, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    for fence in (base.ctypes.data, base.ctypes.data + page + room):
        assert libc.mprotect(ctypes.c_void_p(fence), ctypes.c_size_t(page), 0) == 0
    start = page + (room - array.nbytes if at_end else 0)
    copy = base[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy, memory


@pytest.mark.skipif(target.host().name not in ("avx512", "avx2"), reason="runs AVX2 code")
@pytest.mark.parametrize("case", [
    Case(29, 45, 31), Case(101, 70, 97, rhs="T"), Case(70, 75, 66, lhs="T", relu=True),
    Case(1, 37, 50, rhs="T"),
    Case(19, 37, 23, dtype="f64"), Case(20, 33, 17, source="bf16"),
    Case(20, 33, 17, rhs="T", source="f16"), Case(70, 75, 66, rhs="T", source="f16"),
], ids=str)  # fmt: skip
def test_avx2_code(case):
    check(case, target.AVX2)


@pytest.mark.parametrize(
    "case", [Case(101, 70, 97, rhs="T"), Case(5, 6, 7), Case(1, 70, 33, rhs="T")], ids=str
)
def test_code_for_other_targets_is_valid(case):
    for machine in (target.NEON, target.AVX2, target.AVX512):
        module = ir.Module("test")
        emit(module, case.kernel(), machine)
        llvm.parse_assembly(str(module)).verify()


def test_products_of_a_module_share_their_building_blocks():
    module = ir.Module("test")
    for index, case in enumerate(
        [Case(784, 512, 128, lhs="T"), Case(512, 512, 128, lhs="T"), Case(64, 700, 99, lhs="T")]
    ):
        emit(module, case.kernel(f"product{index}"), target.AVX512)
    kernels = [f.name for f in module.functions if f.name.startswith("fnx_gemm")]
    panels = [f.name for f in module.functions if f.name.startswith("fnx_panels")]
    assert len(kernels) == 1
    assert len(panels) == 2  # rows of the register tile's height, and of its width


def test_special_values_reach_only_their_own_results():
    case = Case(30, 40, 20)
    product = Compiled(case)
    a, b, c = operands(case)
    a[3, 4], b[5, 6] = np.nan, np.inf
    product([a, b, c])
    odd = ~np.isfinite(c)
    assert odd[3].all()
    assert odd[:, 6].all()
    assert odd.sum() == 40 + 30 - 1


def test_few_rows_times_a_large_matrix_take_short_blocks_of_k():
    for relu in (False, True):
        plan = check(Case(5, 300, 1000, relu=relu)).code.plan
        assert not plan.pack_rhs
        assert plan.kc <= gemm_blocking.THIN_DEPTH
