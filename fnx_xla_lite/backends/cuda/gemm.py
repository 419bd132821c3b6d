"""GEMM: products that are whole kernels: tiled CUDA C with an epilogue.

A block of 16 x 16 threads computes a tile of 64 x 64 elements, four by four per thread; tiles of
both operands go through shared memory, 16 steps of k at a time. Operands may have any affine
indices (transposes cost nothing but coalescing); the epilogue runs on the sums in registers.
"""

from __future__ import annotations

from fnx_xla_lite.backends.cuda.blas import flat_index, whole_product
from fnx_xla_lite.backends.cuda.emit import (
    CudaKernel,
    accumulator_text,
    emit_kernel,
    operand_text,
    product_text,
    signature,
    sum_dtype,
)
from fnx_xla_lite.backends.cuda.emit_expr import element_text, expression_text
from fnx_xla_lite.backends.cuda.plan import INT_LIMIT
from fnx_xla_lite.backends.cuda.scalar import REGISTER_TYPES, neutral_text, store_text
from fnx_xla_lite.backends.cuda.source import Source
from fnx_xla_lite.loops.ir import Buffer, Kernel, Let, Load, Matmul

TILE, STEP, SIDE = 64, 16, 16
PER_THREAD = TILE // SIDE
THREADS = SIDE * SIDE
SMALL = 16  # products with a shorter m or n waste most of a tile


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
    dtype = sum_dtype(product.dtype)
    kind = REGISTER_TYPES[dtype]
    buffers = {buffer.name: buffer for buffer in kernel.buffers}
    out.line(f"__shared__ {kind} lhs[{STEP}][{TILE + 1}], rhs[{STEP}][{TILE + 1}];")
    out.line(f"const idx first_n = blockIdx.x % {columns} * {TILE};")
    out.line(f"const idx first_m = blockIdx.x / {columns} % {rows} * {TILE};")
    stride = rows * columns
    for var, extent in reversed(product.batch):
        out.line(f"const idx i_{var} = blockIdx.x / {stride} % {extent};")
        stride *= extent
    out.line(f"const int tx = threadIdx.x % {SIDE}, ty = threadIdx.x / {SIDE};")
    zero = neutral_text("add", dtype)
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
        value = operand_text(load, sum_dtype(product.dtype), buffers)
        zero = neutral_text("add", sum_dtype(product.dtype))
        inside = f"i_{var} < {extent} && i_{k} < {depth}"
        out.line(f"{name}[c][r] = {inside} ? {value} : {zero};")


def _multiply(out: Source, product: Matmul) -> None:
    """The tiles in shared memory, multiplied into the sums."""
    dtype = sum_dtype(product.dtype)
    kind = REGISTER_TYPES[dtype]
    with out.block(f"for (int c = 0; c < {STEP}; ++c)"):
        out.line(f"{kind} x[{PER_THREAD}], y[{PER_THREAD}];")
        with out.block(f"for (int i = 0; i < {PER_THREAD}; ++i)"):
            out.line(f"x[i] = lhs[c][ty + {SIDE} * i];")
            out.line(f"y[i] = rhs[c][tx + {SIDE} * i];")
        with out.block(f"for (int i = 0; i < {PER_THREAD}; ++i)"):  # noqa: SIM117
            with out.block(f"for (int j = 0; j < {PER_THREAD}; ++j)"):
                out.line(f"sums[i][j] = {product_text(dtype, 'sums[i][j]', 'x[i]', 'y[j]')};")


def _epilogue(out: Source, product: Matmul, buffers: dict[str, Buffer]) -> None:
    """The epilogue's statements on every sum of the thread."""
    (m, rows), (n, columns) = product.m, product.n
    with out.block(f"for (int i = 0; i < {PER_THREAD}; ++i)"):  # noqa: SIM117
        with out.block(f"for (int j = 0; j < {PER_THREAD}; ++j)"):
            out.line(f"const idx i_{m} = first_m + ty + {SIDE} * i;")
            out.line(f"const idx i_{n} = first_n + tx + {SIDE} * j;")
            out.line(f"if (i_{m} >= {rows} || i_{n} >= {columns}) continue;")
            out.line(accumulator_text(product, "sums[i][j]"))
            for stmt in product.epilogue:
                value = expression_text(stmt.value, buffers)
                if isinstance(stmt, Let):
                    kind = REGISTER_TYPES[stmt.value.dtype]
                    out.line(f"const {kind} x_{stmt.name} = {value};")
                else:
                    place = element_text(stmt.buffer, stmt.indices, buffers)
                    out.line(f"{place} = {store_text(value, stmt.value.dtype)};")


def _stride(load: Load, var: str, buffers: dict[str, Buffer]) -> int:
    return dict(flat_index(load, buffers).terms).get(var, 0)
