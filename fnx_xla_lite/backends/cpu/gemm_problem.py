"""A matrix product as its operands' strides: loops.Matmul in a kernel -> Problem.

Output: every operand is a base offset and one stride (in elements) per loop variable, whatever its
rank and layout.
"""

from __future__ import annotations

from dataclasses import dataclass

from fnx_xla_lite.loops import ir as loops


@dataclass(frozen=True, slots=True)
class Operand:
    """Element ``offset + sum(batch * b) + outer * (m or n) + depth * k`` of a parameter."""

    buffer: int
    dtype: str
    offset: int
    batch: tuple[int, ...]
    outer: int
    depth: int


@dataclass(frozen=True, slots=True)
class Problem:
    """``acc[b, m, n] = sum_k lhs[b, m, k] * rhs[b, k, n]``, and where a plain acc goes.

    ``target`` is set where the epilogue does nothing but store acc, contiguous in n. ``m_name`` and
    ``n_name`` are the epilogue's loop variables; ``n`` is the one that vectors run along.
    """

    batch: tuple[int, ...]
    m: int
    n: int
    k: int
    dtype: str
    lhs: Operand
    rhs: Operand
    m_name: str
    n_name: str
    target: Operand | None


def problem_of(kernel: loops.Kernel, matmul: loops.Matmul) -> Problem:
    """The extents and strides of ``matmul``, its sides swapped if vectors should run along m."""
    (m_name, m), (n_name, n), (k_name, k) = matmul.m, matmul.n, matmul.k
    batch_names = tuple(name for name, _ in matmul.batch)
    lhs = _operand(kernel, matmul.lhs, batch_names, m_name, k_name)
    rhs = _operand(kernel, matmul.rhs, batch_names, n_name, k_name)
    if _prefers_transposed(kernel, matmul):
        # C^T = B^T A^T
        lhs, rhs, m, n, m_name, n_name = rhs, lhs, n, m, n_name, m_name
    target = _plain_target(kernel, matmul, batch_names, m_name, n_name)
    batch = tuple(extent for _, extent in matmul.batch)
    return Problem(batch, m, n, k, matmul.dtype, lhs, rhs, m_name, n_name, target)


def strides_of(
    kernel: loops.Kernel, name: str, indices: tuple[loops.Index, ...]
) -> tuple[int, dict[str, int]]:
    """Flatten affine indices of a row-major buffer: (offset, stride of every loop variable)."""
    shape = kernel.buffer(name).shape
    assert len(shape) == len(indices), (name, shape, indices)
    offset, strides, step = 0, {}, 1
    for extent, index in zip(reversed(shape), reversed(indices), strict=True):
        assert isinstance(index, loops.Affine), "a matrix product reads affine indices only"
        offset += step * index.offset
        for variable, coefficient in index.terms:
            strides[variable] = strides.get(variable, 0) + step * coefficient
        step *= extent
    return offset, strides


def _operand(
    kernel: loops.Kernel, load: loops.Load, batch: tuple[str, ...], outer: str, depth: str
) -> Operand:
    offset, strides = strides_of(kernel, load.buffer, load.indices)
    assert strides.keys() <= {*batch, outer, depth}, (load, "reads a variable of neither operand")
    position = [buffer.name for buffer in kernel.parameters].index(load.buffer)
    along_batch = tuple(strides.get(name, 0) for name in batch)
    return Operand(
        position, load.dtype, offset, along_batch, strides.get(outer, 0), strides.get(depth, 0)
    )


def _prefers_transposed(kernel: loops.Kernel, matmul: loops.Matmul) -> bool:
    """Whether vectors should run along m: stores are contiguous in m, or n is short."""
    (m_name, m), (n_name, n) = matmul.m, matmul.n
    along_m = along_n = True
    for statement in matmul.epilogue:
        if not isinstance(statement, loops.Store) or not _is_affine(statement.indices):
            continue
        _, strides = strides_of(kernel, statement.buffer, statement.indices)
        along_m = along_m and strides.get(m_name, 0) == 1
        along_n = along_n and strides.get(n_name, 0) == 1
    if m == 1 or n == 1:
        return m > n
    return along_m and not along_n


def _is_affine(indices: tuple[loops.Index, ...]) -> bool:
    return all(isinstance(index, loops.Affine) for index in indices)


def _plain_target(
    kernel: loops.Kernel, matmul: loops.Matmul, batch: tuple[str, ...], m_name: str, n_name: str
) -> Operand | None:
    """Where acc goes, if the epilogue does nothing but store it, contiguous in n."""
    if len(matmul.epilogue) != 1 or matmul.dtype in ("bf16", "f16", "i1"):
        return None
    (store,) = matmul.epilogue
    if not isinstance(store, loops.Store) or not _is_affine(store.indices):
        return None
    buffer = kernel.buffer(store.buffer)
    if store.value != loops.Read(matmul.acc, matmul.dtype) or buffer.dtype != matmul.dtype:
        return None
    offset, strides = strides_of(kernel, store.buffer, store.indices)
    if strides.get(n_name, 0) != 1 or not strides.keys() <= {*batch, m_name, n_name}:
        return None
    position = [parameter.name for parameter in kernel.parameters].index(store.buffer)
    along_batch = tuple(strides.get(name, 0) for name in batch)
    return Operand(position, buffer.dtype, offset, along_batch, strides.get(m_name, 0), 1)
