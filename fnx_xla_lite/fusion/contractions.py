"""Contractions: a ``dot_general`` as one batched matrix product over flat operands.

That is possible where its axes merge into b, m, n and k.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fnx_xla_lite.fusion.access import row_major
from fnx_xla_lite.hlo.ir import Instruction
from fnx_xla_lite.hlo.opset import attribute


@dataclass(frozen=True, slots=True)
class Axis:
    """One merged loop of a product: its extent, and its flat stride in both operands.

    A stride is 0 where the axis does not occur.
    """

    extent: int
    lhs: int
    rhs: int


@dataclass(frozen=True, slots=True)
class Contraction:
    """``out[b, m, n] = sum_k lhs[b, m, k] * rhs[b, k, n]`` over flat row-major operands."""

    batch: tuple[Axis, ...]
    m: Axis
    n: Axis
    k: Axis


def contraction(instr: Instruction) -> Contraction | None:
    """The merged form, or None if some group of axes is not one stride in memory.

    An operand must then be copied.
    """
    lhs, rhs = (x.type.shape for x in instr.operands)
    left, right = row_major(lhs), row_major(rhs)
    lb, rb = (
        attribute(instr, "lhs_batching_dimensions"),
        attribute(instr, "rhs_batching_dimensions"),
    )
    lc, rc = (
        attribute(instr, "lhs_contracting_dimensions"),
        attribute(instr, "rhs_contracting_dimensions"),
    )
    m = [(lhs[d], left[d], 0) for d in range(len(lhs)) if d not in lb and d not in lc]
    n = [(rhs[d], 0, right[d]) for d in range(len(rhs)) if d not in rb and d not in rc]
    k = [(lhs[x], left[x], right[y]) for x, y in zip(lc, rc, strict=True)]
    batch = [(lhs[x], left[x], right[y]) for x, y in zip(lb, rb, strict=True)]
    merged = [_merge(axes) for axes in (m, n, _sorted(k))]
    if any(len(axes) > 1 for axes in merged):
        return None
    one = Axis(1, 0, 0)
    m1, n1, k1 = (axes[0] if axes else one for axes in merged)
    return Contraction(tuple(_merge(batch)), m1, n1, k1)


def _sorted(axes: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Contracted axes may be walked in any order: the one that merges."""
    return sorted(axes, key=lambda axis: -axis[1])


def _merge(axes: Sequence[tuple[int, int, int]]) -> list[Axis]:
    """Join adjacent axes, outer first, that one stride walks in both operands."""
    found: list[Axis] = []
    for size, left, right in axes:
        if size == 1:
            continue
        last = found[-1] if found else None
        if last is not None and last.lhs == left * size and last.rhs == right * size:
            found[-1] = Axis(last.extent * size, left, right)
        else:
            found.append(Axis(size, left, right))
    return found


def product_size(instr: Instruction) -> tuple[int, int, int, int]:
    """The sizes (b, m, n, k) of a ``dot_general``."""
    sizes = []
    for operand, side in zip(instr.operands, ("lhs", "rhs"), strict=True):
        shape = operand.type.shape
        batch = attribute(instr, f"{side}_batching_dimensions")
        contracted = attribute(instr, f"{side}_contracting_dimensions")
        free = (n for d, n in enumerate(shape) if d not in batch and d not in contracted)
        sizes.append(math.prod(free))
    b, k = (math.prod(shape[d] for d in dims) for dims in (batch, contracted))
    return b, *sizes, k
