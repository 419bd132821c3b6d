"""Structural equality of modules.

The same operations on corresponding values, whatever the values' identities.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fnx_xla_lite.hlo.constants import as_constant, same_bits
from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, Value
from fnx_xla_lite.hlo.opset import OPS

Pairs = dict[Value, Value]


def isomorphic(x: HloModule, y: HloModule, *, locations: bool = False) -> bool:
    """Whether two modules are equal but for the identity of values (and, by default, locations)."""
    if x.name != y.name or len(x.functions) != len(y.functions):
        return False
    return all(
        f.name == g.name and f.donated == g.donated and _computations(f.body, g.body, {}, locations)
        for f, g in zip(x.functions, y.functions, strict=True)
    )


def _bind(xs: tuple[Value, ...], ys: tuple[Value, ...], pairs: Pairs) -> bool:
    pairs.update(zip(xs, ys, strict=False))
    return [x.type for x in xs] == [y.type for y in ys]


def _computations(x: Computation, y: Computation, pairs: Pairs, locations: bool) -> bool:
    if len(x.instructions) != len(y.instructions) or not _bind(x.parameters, y.parameters, pairs):
        return False
    for i, j in zip(x.instructions, y.instructions, strict=True):
        if not _instructions(i, j, pairs, locations) or not _bind(i.results, j.results, pairs):
            return False
    return tuple(pairs[v] for v in x.results) == y.results


def _instructions(x: Instruction, y: Instruction, pairs: Pairs, locations: bool) -> bool:
    return (
        x.op == y.op
        and tuple(pairs[v] for v in x.operands) == y.operands
        and len(x.regions) == len(y.regions)
        and (not locations or x.location == y.location)
        and _attributes(x) == _attributes(y)
        and all(
            _computations(r, s, pairs, locations) for r, s in zip(x.regions, y.regions, strict=True)
        )
        and (x.op != "constant" or same_bits(*(as_constant(i.attributes["value"]) for i in (x, y))))
    )


def _attributes(instr: Instruction) -> dict[str, Any]:
    """Attributes with defaults filled in, arrays left out."""
    merged = {**OPS[instr.op].optional, **instr.attributes}
    return {key: value for key, value in merged.items() if not isinstance(value, np.ndarray)}
