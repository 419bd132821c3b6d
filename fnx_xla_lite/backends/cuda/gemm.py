"""GEMM: products that are whole kernels: tiled CUDA C with an epilogue; what cuBLAS can take.

A block of 16 x 16 threads computes a tile of 64 x 64 elements, four by four per thread; tiles of
both operands go through shared memory, 16 steps of k at a time. Operands may have any affine
indices (transposes cost nothing but coalescing); the epilogue runs on the sums in registers.
"""

from __future__ import annotations

from dataclasses import dataclass

from fnx_xla_lite.backends.cuda.emit import (
    CudaKernel,
    emit_kernel,
    operand_text,
    product_text,
    signature,
)
from fnx_xla_lite.backends.cuda.emit_expr import element_text, expression_text
from fnx_xla_lite.backends.cuda.plan import INT_LIMIT
from fnx_xla_lite.backends.cuda.scalar import REGISTER_TYPES, neutral_text, store_text
from fnx_xla_lite.backends.cuda.source import Source
from fnx_xla_lite.loops.affine import add, scale
from fnx_xla_lite.loops.ir import Affine, Buffer, Kernel, Let, Load, Matmul, Read, Store

TILE, STEP, SIDE = 64, 16, 16
PER_THREAD = TILE // SIDE
THREADS = SIDE * SIDE
SMALL = 16  # products with a shorter m or n waste most of a tile


def whole_product(kernel: Kernel) -> Matmul | None:
    """The product that is all of a kernel, if there is one."""
    if len(kernel.body) == 1 and isinstance(kernel.body[0], Matmul):
        return kernel.body[0]
    return None


def emit(kernel: Kernel, name: str) -> CudaKernel:
    """A kernel in the form that suits it."""
    product = whole_product(kernel)
    if product is None or min(product.m[1], product.n[1]) < SMALL:
        return emit_kernel(kernel, name)
    return emit_product(kernel, product, name)


def emit_product(kernel: Kernel, product: Matmul, name: str) -> CudaKernel:
    """The tiled form of a whole product."""
    batches = 1
    for _, extent in product.batch:
        batches *= extent
    rows, columns = (-(-extent // TILE) for _, extent in (product.m, product.n))
    out = Source()
    with out.block(signature(name, kernel)):
        sizes = [buffer.size for buffer in kernel.buffers]
        padded = batches * rows * columns * TILE * TILE
        out.line(f"typedef {'i64' if max(*sizes, padded) >= INT_LIMIT else 'int'} idx;")
        _tile(out, kernel, product, rows, columns)
    return CudaKernel(name, out.text(), (batches * rows * columns, 1), THREADS)


def _tile(out: Source, kernel: Kernel, product: Matmul, rows: int, columns: int) -> None:
    """One block's work."""
    kind = REGISTER_TYPES[product.dtype]
    buffers = {buffer.name: buffer for buffer in kernel.buffers}
    out.line(f"__shared__ {kind} lhs[{STEP}][{TILE + 1}], rhs[{STEP}][{TILE + 1}];")
    out.line(f"const idx first_n = blockIdx.x % {columns} * {TILE};")
    out.line(f"const idx first_m = blockIdx.x / {columns} % {rows} * {TILE};")
    stride = rows * columns
    for var, extent in reversed(product.batch):
        out.line(f"const idx i_{var} = blockIdx.x / {stride} % {extent};")
        stride *= extent
    out.line(f"const int tx = threadIdx.x % {SIDE}, ty = threadIdx.x / {SIDE};")
    zero = neutral_text("add", product.dtype)
    out.line(f"{kind} sums[{PER_THREAD}][{PER_THREAD}];")
    with out.block(f"for (int i = 0; i < {PER_THREAD * PER_THREAD}; ++i)"):
        out.line(f"sums[i / {PER_THREAD}][i % {PER_THREAD}] = {zero};")
    with out.block(f"for (idx first_k = 0; first_k < {product.k[1]}; first_k += {STEP})"):
        _fetch(out, "lhs", product.lhs, product.m, product, buffers)
        _fetch(out, "rhs", product.rhs, product.n, product, buffers)
        out.line("__syncthreads();")
        _multiply(out, product)
        out.line("__syncthreads();")
    _epilogue(out, product, buffers)


def _fetch(
    out: Source,
    name: str,
    load: Load,
    own: tuple[str, int],
    product: Matmul,
    buffers: dict[str, Buffer],
) -> None:
    """A tile of an operand to shared memory, zeros outside; reads are coalesced."""
    var, extent = own
    k, depth = product.k
    along_k = _stride(load, k, buffers) == 1
    with out.block(f"for (int e = threadIdx.x; e < {TILE * STEP}; e += {THREADS})"):
        if along_k:
            out.line(f"const int r = e / {STEP}, c = e % {STEP};")
        else:
            out.line(f"const int r = e % {TILE}, c = e / {TILE};")
        out.line(f"const idx i_{var} = first_{'m' if name == 'lhs' else 'n'} + r;")
        out.line(f"const idx i_{k} = first_k + c;")
        value = operand_text(load, product, buffers)
        zero = neutral_text("add", product.dtype)
        inside = f"i_{var} < {extent} && i_{k} < {depth}"
        out.line(f"{name}[c][r] = {inside} ? {value} : {zero};")


def _multiply(out: Source, product: Matmul) -> None:
    """The tiles in shared memory, multiplied into the sums."""
    kind = REGISTER_TYPES[product.dtype]
    with out.block(f"for (int c = 0; c < {STEP}; ++c)"):
        out.line(f"{kind} x[{PER_THREAD}], y[{PER_THREAD}];")
        with out.block(f"for (int i = 0; i < {PER_THREAD}; ++i)"):
            out.line(f"x[i] = lhs[c][ty + {SIDE} * i];")
            out.line(f"y[i] = rhs[c][tx + {SIDE} * i];")
        with out.block(f"for (int i = 0; i < {PER_THREAD}; ++i)"):  # noqa: SIM117
            with out.block(f"for (int j = 0; j < {PER_THREAD}; ++j)"):
                out.line(
                    f"sums[i][j] = {product_text(product.dtype, 'sums[i][j]', 'x[i]', 'y[j]')};"
                )


def _epilogue(out: Source, product: Matmul, buffers: dict[str, Buffer]) -> None:
    """The epilogue's statements on every sum of the thread."""
    (m, rows), (n, columns) = product.m, product.n
    with out.block(f"for (int i = 0; i < {PER_THREAD}; ++i)"):  # noqa: SIM117
        with out.block(f"for (int j = 0; j < {PER_THREAD}; ++j)"):
            out.line(f"const idx i_{m} = first_m + ty + {SIDE} * i;")
            out.line(f"const idx i_{n} = first_n + tx + {SIDE} * j;")
            out.line(f"if (i_{m} >= {rows} || i_{n} >= {columns}) continue;")
            out.line(f"const {REGISTER_TYPES[product.dtype]} x_{product.acc} = sums[i][j];")
            for stmt in product.epilogue:
                value = expression_text(stmt.value, buffers)
                if isinstance(stmt, Let):
                    kind = REGISTER_TYPES[stmt.value.dtype]
                    out.line(f"const {kind} x_{stmt.name} = {value};")
                else:
                    place = element_text(stmt.buffer, stmt.indices, buffers)
                    out.line(f"{place} = {store_text(value, stmt.value.dtype)};")


def _flat(load: Load, buffers: dict[str, Buffer]) -> Affine:
    """An operand's index as one affine expression."""
    flat, stride = Affine(), 1
    shape = buffers[load.buffer].shape
    for index, size in zip(reversed(load.indices), reversed(shape), strict=True):
        assert isinstance(index, Affine)
        flat = add(flat, scale(index, stride))
        stride *= size
    return flat


def _stride(load: Load, var: str, buffers: dict[str, Buffer]) -> int:
    return dict(_flat(load, buffers).terms).get(var, 0)


@dataclass(frozen=True, slots=True)
class Operand:
    """A strided view of a buffer, in elements: ``(batch, rows, columns)``."""

    buffer: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlainProduct:
    """``out = lhs @ rhs`` over strided views: what cuBLAS computes without our help."""

    lhs: Operand
    rhs: Operand
    out: Operand


CUBLAS_TYPES = frozenset({"f16", "f32", "f64"})


def plain_product(kernel: Kernel) -> PlainProduct | None:
    """A kernel that is one product of equal float types, stored as it is; else None."""
    product = whole_product(kernel)
    if product is None or len(product.epilogue) != 1:
        return None
    store = product.epilogue[0]
    if not isinstance(store, Store) or store.value != Read(product.acc, product.dtype):
        return None
    if {product.lhs.dtype, product.rhs.dtype, product.dtype} - {product.lhs.dtype}:
        return None
    if product.dtype not in CUBLAS_TYPES:
        return None
    buffers = {buffer.name: buffer for buffer in kernel.buffers}
    target = Load(store.buffer, store.indices, store.value.dtype)
    sides = ((product.lhs, product.m, product.k), (product.rhs, product.k, product.n),
             (target, product.m, product.n))  # fmt: skip
    views = [_view(load, (*product.batch, row, column), buffers) for load, row, column in sides]
    return PlainProduct(*views)


def _view(load: Load, axes: tuple[tuple[str, int], ...], buffers: dict[str, Buffer]) -> Operand:
    """An operand seen along the given loop variables."""
    flat = _flat(load, buffers)
    strides = dict(flat.terms)
    return Operand(
        load.buffer, flat.offset, tuple(extent for _, extent in axes),
        tuple(strides.get(var, 0) for var, _ in axes),
    )  # fmt: skip
