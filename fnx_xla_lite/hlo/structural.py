"""The NumPy meaning of operations that move, make or contract arrays.

``(instruction, *arrays) -> array``.
"""

from __future__ import annotations

import numpy as np

from fnx_xla_lite.hlo import numerics
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.ir import Instruction


def constant(instr: Instruction) -> np.ndarray:
    """The value itself."""
    return instr.attributes["value"]


def iota(instr: Instruction) -> np.ndarray:
    """Element = its index along ``iota_dimension``."""
    shape, axis = instr.result.type.shape, instr.attributes["iota_dimension"]
    line = np.arange(shape[axis]).astype(to_numpy(instr.result.type.dtype))
    expanded = [1] * len(shape)
    expanded[axis] = shape[axis]
    return np.broadcast_to(line.reshape(expanded), shape)


def convert(instr: Instruction, x: np.ndarray) -> np.ndarray:
    """Cast to the result's element type."""
    return numerics.cast(x, instr.result.type.dtype)


def bitcast_convert(instr: Instruction, x: np.ndarray) -> np.ndarray:
    """Reinterpret the bits."""
    return numerics.bitcast(x, instr.result.type.dtype, instr.result.type.shape)


def broadcast_in_dim(instr: Instruction, x: np.ndarray) -> np.ndarray:
    """Place each axis, stretch the others."""
    shape, axes = instr.result.type.shape, instr.attributes["broadcast_dimensions"]
    order = sorted(range(x.ndim), key=lambda i: axes[i])
    expanded = [1] * len(shape)
    for i in order:
        expanded[axes[i]] = x.shape[i]
    return np.broadcast_to(x.transpose(order).reshape(expanded), shape)


def reshape(instr: Instruction, x: np.ndarray) -> np.ndarray:
    """Same elements in row-major order."""
    return np.reshape(x, instr.result.type.shape)


def transpose(instr: Instruction, x: np.ndarray) -> np.ndarray:
    """Permute axes."""
    return np.transpose(x, instr.attributes["permutation"])


def reverse(instr: Instruction, x: np.ndarray) -> np.ndarray:
    """Flip axes."""
    return np.flip(x, tuple(instr.attributes["dimensions"]))


def slice_(instr: Instruction, x: np.ndarray) -> np.ndarray:
    """``x[start:limit:stride, ...]``."""
    attrs = instr.attributes
    bounds = zip(attrs["start_indices"], attrs["limit_indices"], attrs["strides"], strict=True)
    return x[tuple(slice(*bound) for bound in bounds)]


def concatenate(instr: Instruction, *xs: np.ndarray) -> np.ndarray:
    """Join along ``dimension``."""
    return np.concatenate(xs, axis=instr.attributes["dimension"])


def pad(instr: Instruction, x: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Spread elements by ``interior + 1``, shift by ``low``; negative edges cut."""
    attrs = instr.attributes
    result = np.full(instr.result.type.shape, value, x.dtype)
    source, target = [], []
    for size, out, low, interior in zip(
        x.shape, result.shape, attrs["edge_padding_low"], attrs["interior_padding"], strict=True
    ):
        step = interior + 1
        first = max(0, -(low // step))  # first element whose place low + i * step is not negative
        last = min(size, -(-(out - low) // step))  # first whose place is beyond the end
        if last <= first:
            return result
        source.append(slice(first, last))
        target.append(slice(low + first * step, low + (last - 1) * step + 1, step))
    result[tuple(target)] = x[tuple(source)]
    return result


def dot_general(instr: Instruction, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Batched contraction; narrow floats accumulate in float32, which is rounded once."""
    attrs, result = instr.attributes, instr.result.type
    lb, lc = attrs["lhs_batching_dimensions"], attrs["lhs_contracting_dimensions"]
    rb, rc = attrs["rhs_batching_dimensions"], attrs["rhs_contracting_dimensions"]
    dtype = to_numpy(result.dtype)
    wide = np.dtype(np.float32) if dtype.kind not in "iub" and dtype.itemsize < 4 else dtype
    left = _grouped(x.astype(wide), lb, lc, contracted_last=True)
    right = _grouped(y.astype(wide), rb, rc, contracted_last=False)
    return np.matmul(left, right).reshape(result.shape).astype(dtype)


def _grouped(
    x: np.ndarray, batch: tuple[int, ...], contract: tuple[int, ...], *, contracted_last: bool
) -> np.ndarray:
    """Axes gathered into (batch, free, contracted) or (batch, contracted, free)."""
    free = tuple(axis for axis in range(x.ndim) if axis not in batch and axis not in contract)
    groups = (batch, free, contract) if contracted_last else (batch, contract, free)
    sizes = [int(np.prod([x.shape[axis] for axis in group], dtype=np.int64)) for group in groups]
    return x.transpose([axis for group in groups for axis in group]).reshape(sizes)


def optimization_barrier(_: Instruction, *xs: np.ndarray) -> tuple[np.ndarray, ...]:
    """The operands."""
    return xs
