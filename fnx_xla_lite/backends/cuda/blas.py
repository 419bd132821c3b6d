"""BLAS: kernels that are plain products, as one call of cuBLAS's strided batched GEMM.

cuBLAS counts columns first: a matrix is (rows, leading dimension) with elements of a column side by
side. A row-major matrix is the transpose of such a one, so a row-major result is computed as
``out^T = rhs^T lhs^T``. What has no such form is left to our own kernels.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from fnx_xla_lite.loops.affine import add, scale
from fnx_xla_lite.loops.ir import Affine, Apply, Buffer, Expr, Kernel, Load, Matmul, Read, Store

NARROW = frozenset({"f16", "bf16"})  # which are summed in f32
TYPES = NARROW | {"f32", "f64"}
_MOST = (1 << 31) - 1  # cuBLAS counts with 32 bits


@dataclass(frozen=True, slots=True)
class Operand:
    """A strided view of a buffer, in elements: ``(batch, rows, columns)``."""

    buffer: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlainProduct:
    """``out = lhs @ rhs`` over strided views; narrow floats are summed in f32."""

    lhs: Operand
    rhs: Operand
    out: Operand
    operand_dtype: str
    out_dtype: str


@dataclass(frozen=True, slots=True)
class BlasMatrix:
    """A matrix as cuBLAS takes it: elements from the buffer's start, and whether transposed."""

    buffer: str
    offset: int
    transposed: bool
    leading: int
    batch_stride: int


@dataclass(frozen=True, slots=True)
class BlasCall:
    """``out = a b`` of (m, k) and (k, n), column-major, for every batch."""

    a: BlasMatrix
    b: BlasMatrix
    out: BlasMatrix
    m: int
    n: int
    k: int
    batch: int
    operand_dtype: str
    out_dtype: str


def whole_product(kernel: Kernel) -> Matmul | None:
    """The product that is all of a kernel, if there is one."""
    if len(kernel.body) == 1 and isinstance(kernel.body[0], Matmul):
        return kernel.body[0]
    return None


def plain_product(kernel: Kernel) -> PlainProduct | None:
    """A kernel that is one product of equal float types, stored as it is; else None."""
    product = whole_product(kernel)
    if product is None or len(product.epilogue) != 1:
        return None
    store, dtype = product.epilogue[0], product.lhs.dtype
    if not isinstance(store, Store) or not _is_stored_as_summed(store.value, product):
        return None
    sums = {dtype, "f32"} if dtype in NARROW else {dtype}
    if product.rhs.dtype != dtype or dtype not in TYPES or product.dtype not in sums:
        return None
    buffers = {buffer.name: buffer for buffer in kernel.buffers}
    target = Load(store.buffer, store.indices, store.value.dtype)
    sides = ((product.lhs, product.m, product.k), (product.rhs, product.k, product.n),
             (target, product.m, product.n))  # fmt: skip
    views = [_view(load, (*product.batch, row, column), buffers) for load, row, column in sides]
    return PlainProduct(*views, dtype, store.value.dtype)


def blas_call(product: PlainProduct) -> BlasCall | None:
    """The call that computes a plain product, or None where cuBLAS has no form for it."""
    lhs, rhs, out = product.lhs, product.rhs, product.out
    if _is_row_major(out):
        lhs, rhs, out = (_turned(x) for x in (rhs, lhs, out))
    a, b, c = (_matrix(x) for x in (lhs, rhs, out))
    if a is None or b is None or c is None or c.transposed:
        return None
    (m, k), n = lhs.shape[-2:], rhs.shape[-1]
    batch = 1
    for extent in out.shape[:-2]:
        batch *= extent
    if not min(m, n, k, batch) or (batch > 1 and not c.batch_stride):
        return None
    if max(m, n, k, batch, a.leading, b.leading, c.leading) > _MOST:
        return None
    return BlasCall(a, b, c, m, n, k, batch, product.operand_dtype, product.out_dtype)


def kernel_call(kernel: Kernel) -> BlasCall | None:
    """The call that does all of a kernel's work, or None."""
    plain = plain_product(kernel)
    return None if plain is None else blas_call(plain)


def flat_index(load: Load, buffers: Mapping[str, Buffer]) -> Affine:
    """An operand's index as one affine expression."""
    flat, stride = Affine(), 1
    shape = buffers[load.buffer].shape
    for index, size in zip(reversed(load.indices), reversed(shape), strict=True):
        assert isinstance(index, Affine)
        flat = add(flat, scale(index, stride))
        stride *= size
    return flat


def _is_stored_as_summed(value: Expr, product: Matmul) -> bool:
    """Whether a value is the sum, or the sum in f32 rounded to the operands' type."""
    plain = Read(product.acc, product.dtype)
    narrow = product.lhs.dtype if product.lhs.dtype in NARROW else ""
    return value == plain or (
        product.dtype == "f32" and value == Apply("convert", (plain,), narrow, "")
    )


def _view(load: Load, axes: tuple[tuple[str, int], ...], buffers: Mapping[str, Buffer]) -> Operand:
    """An operand seen along the given loop variables."""
    flat = flat_index(load, buffers)
    strides = dict(flat.terms)
    return Operand(
        load.buffer, flat.offset, tuple(extent for _, extent in axes),
        tuple(strides.get(var, 0) for var, _ in axes),
    )  # fmt: skip


def _turned(x: Operand) -> Operand:
    """The transpose of every matrix."""
    *batch, rows, columns = x.shape
    *steps, down, right = x.strides
    return Operand(x.buffer, x.offset, (*batch, columns, rows), (*steps, right, down))


def _is_row_major(x: Operand) -> bool:
    return x.shape[-1] == 1 or x.strides[-1] == 1


def _matrix(x: Operand) -> BlasMatrix | None:
    """A view as cuBLAS takes it, or None."""
    (rows, columns), (down, right) = x.shape[-2:], x.strides[-2:]
    step = _batch_stride(x)
    if step is None or step < 0:
        return None
    for turned, inner, leading, length, others in (
        (False, down, right, rows, columns),
        (True, right, down, columns, rows),
    ):
        leading = max(length, 1) if others == 1 else leading
        if (inner == 1 or length == 1) and leading >= max(length, 1):
            return BlasMatrix(x.buffer, x.offset, turned, leading, step)
    return None


def _batch_stride(x: Operand) -> int | None:
    """The one stride of all batch axes taken together, or None."""
    axes = [(n, s) for n, s in zip(x.shape[:-2], x.strides[:-2], strict=True) if n != 1]
    for (_, outer), (extent, inner) in itertools.pairwise(axes):
        if outer != extent * inner:
            return None
    return axes[-1][1] if axes else 0
