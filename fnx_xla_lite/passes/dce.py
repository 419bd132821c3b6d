"""Dead code elimination: drop instructions whose results nobody reads and that have no effect."""

from __future__ import annotations

from collections.abc import Iterable

from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, Value
from fnx_xla_lite.hlo.regions import free_values, has_effect
from fnx_xla_lite.passes.base import map_main, with_regions


def dce(module: HloModule) -> HloModule:
    """Keep what the results depend on, in functions and in regions.

    Unused functions' parameters stay.
    """
    return map_main(module, lambda body: _live(body))


def _live(body: Computation) -> Computation:
    needed: set[Value] = set(body.results)
    kept: list[Instruction] = []
    for instr in reversed(body.instructions):
        if needed.isdisjoint(instr.results) and not has_effect(instr):
            continue
        if instr.regions:
            instr = with_regions(instr, tuple(_live(region) for region in instr.regions))
            needed.update(_reads(instr.regions))
        needed.update(instr.operands)
        kept.append(instr)
    if len(kept) == len(body.instructions) and not any(instr.regions for instr in kept):
        return body
    return Computation(body.parameters, tuple(reversed(kept)), body.results)


def _reads(regions: Iterable[Computation]) -> Iterable[Value]:
    return (value for region in regions for value in free_values(region))
