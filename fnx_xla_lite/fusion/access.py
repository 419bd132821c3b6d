"""Access maps: where in its operands an operation reads that only moves or combines elements.

An array is seen as its flat row-major index. The result's index is cut into *runs* of adjacent axes
that the operation treats alike; the operand's flat index is affine in the runs' coordinates::

    result index = row-major(q0, q1, ...)        0 <= q_i < runs[i]
    operand index = offset + strides[0] * q0 + strides[1] * q1 + ...

A reshape is the identity in this view, a broadcast has zero strides, a transpose permuted ones. A
*cut* of an array is a number ``c`` such that the index must be known as ``c * q + r``;
``cuts_needed`` propagates cuts from operands to results, so that a whole fusion knows into which
loops its root must be divided.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fnx_xla_lite.hlo.ir import Instruction
from fnx_xla_lite.hlo.opset import SCALAR_OPS

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """The operand is read only where ``lower <= q[run] < upper``."""

    run: int
    lower: int
    upper: int


@dataclass(frozen=True, slots=True)
class Access:
    """How one operand is read; see the module's docstring."""

    runs: Shape
    strides: Shape
    offset: int = 0
    limits: tuple[Limit, ...] = ()

    @property
    def is_identity(self) -> bool:
        """The operand's flat index is the result's."""
        return self.strides in ((1,), ()) and not self.offset and not self.limits

    @property
    def is_uniform(self) -> bool:
        """One element is read everywhere."""
        return not any(self.strides) and not self.limits


SCALAR = Access((), ())


def row_major(shape: Shape) -> Shape:
    """Flat strides of a row-major array.

    >>> row_major((2, 3, 4))
    (12, 4, 1)
    """
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def make_access(
    shape: Shape,
    strides: Shape,
    offset: int = 0,
    limits: Mapping[int, tuple[int, int]] | None = None,
) -> Access:
    """Merge adjacent axes that one stride can walk.

    Axes with limits stay alone, axes of size 1 go.
    """
    runs: list[list] = []
    for axis, (size, stride) in enumerate(zip(shape, strides, strict=True)):
        limit = limits.get(axis) if limits else None
        if size == 1 and limit is None:
            continue
        if runs and limit is None and runs[-1][2] is None and runs[-1][1] == stride * size:
            runs[-1] = [runs[-1][0] * size, stride, None]
        else:
            runs.append([size, stride, limit])
    found = tuple(Limit(run, *limit) for run, (_, _, limit) in enumerate(runs) if limit)
    return Access(tuple(r[0] for r in runs), tuple(r[1] for r in runs), offset, found)


def _identity(size: int) -> Access:
    return Access((size,), (1,)) if size != 1 else SCALAR


def _broadcast(instr: Instruction) -> tuple[Access, ...]:
    shape, source = instr.result.type.shape, instr.operands[0].type.shape
    strides = [0] * len(shape)
    for axis, size, stride in zip(
        instr.attributes["broadcast_dimensions"], source, row_major(source), strict=True
    ):
        strides[axis] = stride if size != 1 else 0
    return (make_access(shape, tuple(strides)),)


def _transpose(instr: Instruction) -> tuple[Access, ...]:
    strides = row_major(instr.operands[0].type.shape)
    permuted = tuple(strides[axis] for axis in instr.attributes["permutation"])
    return (make_access(instr.result.type.shape, permuted),)


def _reverse(instr: Instruction) -> tuple[Access, ...]:
    shape, dimensions = instr.result.type.shape, instr.attributes["dimensions"]
    strides = row_major(shape)
    offset = sum((shape[d] - 1) * strides[d] for d in dimensions)
    signed = tuple(-s if d in dimensions else s for d, s in enumerate(strides))
    return (make_access(shape, signed, offset),)


def _slice(instr: Instruction) -> tuple[Access, ...]:
    strides = row_major(instr.operands[0].type.shape)
    offset = sum(i * s for i, s in zip(instr.attributes["start_indices"], strides, strict=True))
    steps = tuple(k * s for k, s in zip(instr.attributes["strides"], strides, strict=True))
    return (make_access(instr.result.type.shape, steps, offset),)


def _pad(instr: Instruction) -> tuple[Access, ...]:
    """Only without interior padding."""
    shape, source = instr.result.type.shape, instr.operands[0].type.shape
    strides = row_major(source)
    lows = instr.attributes["edge_padding_low"]
    limits = {}
    for axis, (size, out, low) in enumerate(zip(source, shape, lows, strict=True)):
        if low > 0 or low + size < out:
            limits[axis] = (max(low, 0), max(min(low + size, out), max(low, 0)))
    offset = -sum(low * stride for low, stride in zip(lows, strides, strict=True))
    return make_access(shape, strides, offset, limits), SCALAR


def _concatenate(instr: Instruction) -> tuple[Access, ...]:
    shape, axis = instr.result.type.shape, instr.attributes["dimension"]
    found, start = [], 0
    for operand in instr.operands:
        strides, size = row_major(operand.type.shape), operand.type.shape[axis]
        limits = {axis: (start, start + size)}
        found.append(make_access(shape, strides, -start * strides[axis], limits))
        start += size
    return tuple(found)


_RULES = {
    "broadcast_in_dim": _broadcast,
    "transpose": _transpose,
    "reverse": _reverse,
    "slice": _slice,
    "pad": _pad,
    "concatenate": _concatenate,
}
MOVES = frozenset(_RULES) | {"reshape"}


def accesses(instr: Instruction) -> tuple[Access, ...] | None:
    """One access map per operand, or None.

    None says that the operation is neither elementwise nor a movement of elements.
    """
    rule = _RULES.get(instr.op)
    if rule is not None:
        return rule(instr) if not has_interior_padding(instr) else None
    if not is_elementwise(instr) and instr.op != "reshape":
        return None
    size = instr.result.type.size
    return tuple(
        _identity(size) if x.type.size == size else Access((size,), (0,)) for x in instr.operands
    )


def is_elementwise(instr: Instruction) -> bool:
    """Whether each element of the result is one scalar operation.

    A bitcast between widths is not.
    """
    if instr.op == "bitcast_convert":
        return instr.operands[0].type.size == instr.result.type.size
    return instr.op in SCALAR_OPS


def has_interior_padding(instr: Instruction) -> bool:
    """Whether ``instr`` is a pad that spreads its elements."""
    return instr.op == "pad" and any(instr.attributes["interior_padding"])


def own_cuts(access: Access) -> set[int]:
    """The cuts of the result that ``access`` itself needs: the boundaries of its runs."""
    cuts, step = set(), 1
    for size in reversed(access.runs[1:]):
        step *= size
        cuts.add(step)
    cuts.discard(1)
    return cuts


def cuts_needed(access: Access, operand_cuts: frozenset[int]) -> frozenset[int] | None:
    """The cuts of the result that ``access`` and the operand's own cuts need.

    None if one cannot be had.
    """
    if not operand_cuts and len(access.runs) <= 1:
        return frozenset()
    cuts = own_cuts(access)
    steps = row_major(access.runs)
    for cut in operand_cuts:
        if _divides(access, cut):
            continue
        place = _place(access, cut)
        if place is None:
            return None
        cuts.add(steps[place[0]] * place[1])
    cuts.discard(1)
    cuts.discard(math.prod(access.runs))
    return frozenset(cuts)


def _divides(access: Access, cut: int) -> bool:
    """Whether the operand's index is ``cut * q + r`` as it stands.

    What ``cut`` does not divide stays below it.
    """
    limits = {limit.run: (limit.lower, limit.upper) for limit in access.limits}
    low = high = 0
    offset = access.offset
    for run, (size, stride) in enumerate(zip(access.runs, access.strides, strict=True)):
        least, end = limits.get(run, (0, size))
        if stride % cut == 0 or least >= end:
            continue
        offset += stride * least
        reach = stride * (end - 1 - least)
        low, high = low + min(reach, 0), high + max(reach, 0)
    return offset % cut + low >= 0 and offset % cut + high < cut


def _place(access: Access, cut: int) -> tuple[int, int] | None:
    """The run, and the factor inside it, at which the operand's index must be cut."""
    for run, (size, stride) in enumerate(zip(access.runs, access.strides, strict=True)):
        factor, odd = divmod(cut, abs(stride)) if stride else (0, 1)
        if not odd and 1 < factor < size and size % factor == 0:
            return run, factor
    return None
