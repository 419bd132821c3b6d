"""Cuts: into which loops a fused computation's index must be divided.

They are found in one pass from operands to results.
"""

from __future__ import annotations

from collections.abc import Collection

from fnx_xla_lite.fusion.access import accesses, cuts_needed, is_elementwise, row_major
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value

NONE: frozenset[int] = frozenset()
IMPOSSIBLE = frozenset({0})  # a cut that divides nothing: an index below is not affine


def find_cuts(body: Computation) -> dict[Value, frozenset[int]]:
    """The cuts that each value's index must have so that everything below it can be read.

    They contain ``IMPOSSIBLE`` where no division into loops makes an index affine.
    """
    cuts: dict[Value, frozenset[int]] = {}
    for instr in body.instructions:
        found = _cuts_of(instr, cuts)
        for result in instr.results:
            cuts[result] = found
    return cuts


def _cuts_of(instr: Instruction, cuts: dict[Value, frozenset[int]]) -> frozenset[int]:
    if is_elementwise(instr) or instr.op == "reshape":
        size, found = instr.result.type.size, NONE
        for operand in instr.operands:
            if operand.type.size == size and operand in cuts:
                found |= cuts[operand]
        return found
    if instr.op in ("constant", "reduce"):
        return NONE
    maps = accesses(instr)
    if maps is None:  # indexed by data or by an axis: every axis counts
        return natural_cuts(instr.results[0].type.shape)
    found = NONE
    for operand, access in zip(instr.operands, maps, strict=True):
        below = cuts.get(operand, NONE)
        needed = cuts_needed(access, below - IMPOSSIBLE)
        found |= IMPOSSIBLE if needed is None or below >= IMPOSSIBLE else needed
    return found


def natural_cuts(shape: tuple[int, ...]) -> frozenset[int]:
    """Cuts between all axes of a shape."""
    return frozenset(row_major(shape)) - {1} if 0 not in shape else NONE


def extents_of(cuts: Collection[int], size: int) -> tuple[int, ...] | None:
    """The loop extents, outermost first, that the cuts divide ``size`` into.

    None if one does not divide the next.

    >>> extents_of({4, 12}, 24)
    (2, 3, 4)
    """
    if 0 in cuts:
        return None
    extents, rest = [], size
    for cut in sorted(cuts, reverse=True):
        if not 1 < cut < size:
            continue
        outer, odd = divmod(rest, cut)
        if odd:
            return None
        if outer > 1:
            extents.append(outer)
        rest = cut
    extents.append(rest)
    return tuple(extents)
