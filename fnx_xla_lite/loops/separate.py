"""Separate: a fused computation that no loops can index -> smaller ones that can be built.

A matrix product parts from its epilogue first: the product alone has loops, and the rest may have
others. What still does not fit goes one instruction at a time. Values between the parts lie in
memory.
"""

from __future__ import annotations

from collections.abc import Iterable

from fnx_xla_lite.hlo.constants import splat_of
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value
from fnx_xla_lite.hlo.regions import free_values


def separate(body: Computation) -> list[Computation]:
    """Parts of ``body`` in order, each of fewer instructions; none of a single instruction."""
    results = set(body.results)
    real = [
        i for i in body.instructions if not _is_repeated(i) or not results.isdisjoint(i.results)
    ]
    if len(real) < 2:
        each = [[i] for i in body.instructions]
        return _parts(body, each, frozenset()) if len(each) > 1 else []
    repeated = frozenset(body.instructions).difference(real)
    products = [i for i in real if i.op == "dot_general"]
    if products:
        rest = [i for i in real if i not in products]
        return _parts(body, [products, rest], repeated)
    return _parts(body, [[i] for i in real], repeated)


def _is_repeated(instr: Instruction) -> bool:
    """Whether each part that reads an instruction computes it again, since it costs nothing."""
    if instr.op == "constant":
        return splat_of(instr.attributes["value"]) is not None
    return instr.op in ("broadcast_in_dim", "iota")


def _parts(
    body: Computation, groups: list[list[Instruction]], repeated: frozenset[Instruction]
) -> list[Computation]:
    """One computation for each group; each computes again what it needs of ``repeated``."""
    needed = set(body.results)
    found: list[Computation] = []
    for group in reversed(groups):
        outputs = [r for i in group for r in i.results if r in needed]
        if not outputs:
            continue
        inside = _with_repeated(body, group, repeated)
        defined = {r for i in inside for r in i.results}
        inputs = dict.fromkeys(v for i in inside for v in _reads(i) if v not in defined)
        found.append(Computation(tuple(inputs), tuple(inside), tuple(outputs)))
        needed.update(inputs)
    return found[::-1]


def _with_repeated(
    body: Computation, group: list[Instruction], repeated: frozenset[Instruction]
) -> list[Instruction]:
    """The group's instructions and the repeated ones that they read, in order."""
    wanted = {v for i in group for v in _reads(i)}
    inside: list[Instruction] = []
    for instr in reversed(body.instructions):
        if instr in group:
            inside.append(instr)
        elif instr in repeated and not wanted.isdisjoint(instr.results):
            inside.append(instr)
            wanted.update(instr.operands)
    return inside[::-1]


def _reads(instr: Instruction) -> Iterable[Value]:
    yield from instr.operands
    for region in instr.regions:
        yield from free_values(region)
