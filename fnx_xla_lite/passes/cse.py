"""Common subexpression elimination: equal operations on equal values are computed once.

Constants count as equal bit by bit. Regions have tables of their own: a value of an enclosing
computation never replaces one inside, so the bodies of reductions stay free of captures. What has
an effect happens as often as it is written.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from fnx_xla_lite.hlo.constants import constant_key
from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, Value
from fnx_xla_lite.hlo.opset import OPS
from fnx_xla_lite.hlo.regions import has_effect
from fnx_xla_lite.passes.base import map_main, substitute, with_regions

_BARRIERS = ("optimization_barrier",)


def cse(module: HloModule) -> HloModule:
    """Merge equal instructions; the first stays."""
    return map_main(module, lambda body: _Merger().computation(body))


class _Merger:
    """One function's substitution of values."""

    def __init__(self) -> None:
        self._values: dict[Value, Value] = {}

    def computation(self, body: Computation) -> Computation:
        seen: dict[Hashable, Instruction] = {}
        out: list[Instruction] = []
        values = self._values
        for instr in body.instructions:
            instr = substitute(instr, values)
            if instr.regions:
                regions = tuple(self.computation(region) for region in instr.regions)
                if any(a is not b for a, b in zip(regions, instr.regions, strict=True)):
                    instr = with_regions(instr, regions)
            if instr.op in _BARRIERS or has_effect(instr):
                out.append(instr)
                continue
            first = seen.setdefault(instruction_key(instr, {}), instr)
            if first is instr:
                out.append(instr)
                continue
            values.update(zip(instr.results, first.results, strict=True))
        results = tuple(values.get(x, x) for x in body.results)
        same = len(out) == len(body.instructions) and results == body.results
        if same and all(a is b for a, b in zip(out, body.instructions, strict=True)):
            return body
        return Computation(body.parameters, tuple(out), results)


def instruction_key(instr: Instruction, numbers: dict[Value, int]) -> Hashable:
    """What must agree for two instructions to compute the same.

    ``numbers`` names the values of an open region.
    """
    operands: list[Hashable] = [numbers.get(x, x) for x in instr.operands]
    if len(operands) == 2 and OPS[instr.op].commutative:
        operands.sort(key=hash)
    types = tuple(x.type for x in instr.results)
    attributes = tuple((key, _frozen(instr.attributes[key])) for key in sorted(instr.attributes))
    regions = tuple(_region_key(region, numbers) for region in instr.regions)
    return instr.op, tuple(operands), types, attributes, regions


def _region_key(region: Computation, outer: dict[Value, int]) -> Hashable:
    numbers = dict(outer)
    for parameter in region.parameters:
        numbers[parameter] = len(numbers)
    keys = []
    for instr in region.instructions:
        keys.append(instruction_key(instr, numbers))
        for result in instr.results:
            numbers[result] = len(numbers)
    parameters = tuple(p.type for p in region.parameters)
    return parameters, tuple(keys), tuple(numbers.get(x, x) for x in region.results)


def _frozen(value: Any) -> Hashable:
    if isinstance(value, np.ndarray):
        return constant_key(value)
    return value
