"""Graph: which instructions a fusion may repeat for nothing, and how each operand is reached through them."""

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
    """How an instruction reads a source: ``SAME``, ``OTHER``, or the access map of one broadcast between."""

    source: Value
    relation: str | Access


def is_virtual(instr: Instruction) -> bool:
    """Whether an instruction is repeated inside every fusion that needs it, because it costs nothing there."""
    if instr.op == "constant":
        return splat_of(instr.attributes["value"]) is not None
    return instr.op in ("broadcast_in_dim", "iota", "reshape")


def direct_operands(instr: Instruction) -> tuple[Value, ...]:
    """The operands that must lie in memory as they are, because they are read at other places than the result's."""
    if instr.op == "dot_general":
        return instr.operands
    if instr.op in ("gather", "dynamic_slice", "scatter", "dynamic_update_slice"):
        return instr.operands[:1]
    if instr.op in ("while", "case") or is_rename(instr):
        return instr.operands + tuple(v for r in instr.regions for v in free_values(r))
    return ()


def is_rename(instr: Instruction) -> bool:
    """Whether the results are the operands' memory under other types."""
    return instr.op == "optimization_barrier" or (
        instr.op == "bitcast_convert" and not is_elementwise(instr)
    )


class Graph:
    """Producers and edges of one computation."""

    def __init__(self, body: Computation):
        self.body = body
        self.producers = {r: i for i in body.instructions for r in i.results}
        self.edges: dict[Instruction, tuple[Edge, ...]] = {}

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
                yield Edge(value, OTHER)

    def _resolve(self, value: Value, relation: str | Access) -> Edge | None:
        while True:
            instr = self.producers.get(value)
            if instr is None or not is_virtual(instr):
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
