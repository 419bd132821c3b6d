"""Graph: what a fusion may repeat for nothing, and how operands are reached through it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fnx_xla_lite.fusion.access import Access, accesses, is_elementwise
from fnx_xla_lite.hlo.constants import splat_of
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value
from fnx_xla_lite.hlo.regions import free_values

SAME = "same"  # the element at the same flat index
OTHER = "other"  # elements somewhere else


@dataclass(frozen=True, slots=True)
class Edge:
    """How an instruction reads a source.

    The relation is ``SAME``, ``OTHER``, or the access map of one broadcast between.
    """

    source: Value
    relation: str | Access


def is_rename(instr: Instruction) -> bool:
    """Whether the results are the operands' memory under other types.

    Fusions do not look through it.
    """
    return instr.op in ("optimization_barrier", "reshape") or (
        instr.op == "bitcast_convert" and not is_elementwise(instr)
    )


def regroups(instr: Instruction) -> bool:
    """Whether a reshape does more than add or drop axes of size 1."""
    before, after = instr.operands[0].type.shape, instr.result.type.shape
    return [n for n in before if n != 1] != [n for n in after if n != 1]


class Graph:
    """Producers and edges of one computation.

    Fusions look through every reshape, unless ``strict``: then only through those that add or drop
    axes of size 1. A fusion whose reshapes divide its index in ways that do not fit together needs
    the second.
    """

    def __init__(self, body: Computation, strict: bool = False):
        self.body, self.strict = body, strict
        self.producers = {r: i for i in body.instructions for r in i.results}
        self.edges: dict[Instruction, tuple[Edge, ...]] = {}
        self.readers: dict[Value, list[Instruction]] = {}
        for instr in body.instructions:
            for operand in instr.operands:
                self.readers.setdefault(operand, []).append(instr)

    def is_virtual(self, instr: Instruction) -> bool:
        """Whether every fusion that needs an instruction repeats it, because it costs nothing."""
        if instr.op == "constant":
            return splat_of(instr.attributes["value"]) is not None
        if instr.op == "reshape":
            return not (self.strict and regroups(instr))
        return instr.op in ("broadcast_in_dim", "iota")

    def direct_operands(self, instr: Instruction) -> tuple[Value, ...]:
        """The operands that must lie in memory as they are.

        They are read at other places than the result's.
        """
        if instr.op in ("dot_general", "custom_call"):
            return instr.operands
        if instr.op in ("gather", "dynamic_slice", "scatter", "dynamic_update_slice"):
            return instr.operands[:1]
        if instr.op in ("while", "case") or (is_rename(instr) and not self.is_virtual(instr)):
            return instr.operands + tuple(v for r in instr.regions for v in free_values(r))
        return ()

    def edges_of(self, instr: Instruction) -> tuple[Edge, ...]:
        """The sources that an instruction reads, looking through what is virtual."""
        found = self.edges.get(instr)
        if found is None:
            found = self.edges[instr] = tuple(self._edges(instr))
        return found

    def _edges(self, instr: Instruction) -> Iterable[Edge]:
        maps = accesses(instr) if is_elementwise(instr) else None
        for number, operand in enumerate(instr.operands):
            here: str | Access = OTHER
            if maps is not None:
                here = SAME if maps[number].is_identity else maps[number]
            elif instr.op == "reduce" and number < len(instr.results):
                here = SAME
            edge = self._resolve(operand, here)
            if edge is not None:
                yield edge
        for region in instr.regions:
            for value in free_values(region):
                edge = self._resolve(value, OTHER)
                if edge is not None:
                    yield edge

    def _resolve(self, value: Value, relation: str | Access) -> Edge | None:
        while True:
            instr = self.producers.get(value)
            if instr is None or not self.is_virtual(instr):
                return Edge(value, relation)
            if not instr.operands:
                return None
            if instr.op == "broadcast_in_dim":
                (access,) = accesses(instr)
                if not access.is_identity:
                    relation = access if relation is SAME else OTHER
            value = instr.operands[0]

    def memory(self, value: Value) -> Value:
        """The value whose memory ``value`` is, looking through reshapes."""
        while True:
            instr = self.producers.get(value)
            if instr is None or instr.op != "reshape":
                return value
            value = instr.operands[0]
