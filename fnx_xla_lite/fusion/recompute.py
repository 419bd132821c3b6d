"""Recompute: cheap values that cross from one kernel to another are computed again.

They are, where that moves fewer bytes than storing and loading them.
"""

from __future__ import annotations

from fnx_xla_lite.fusion.access import is_elementwise
from fnx_xla_lite.fusion.cost import RELOAD, flops, is_expensive, size_in_bytes
from fnx_xla_lite.fusion.decide import Decision
from fnx_xla_lite.fusion.graph import Graph
from fnx_xla_lite.fusion.groups import Group
from fnx_xla_lite.hlo.ir import Instruction, Value
from fnx_xla_lite.hlo.opset import SCALAR_OPS

COPIED = SCALAR_OPS | {"slice", "reverse"}
MAX_LEAVES = 3


def find_readers(graph: Graph, decision: Decision) -> dict[Value, set[Group | None]]:
    """For each source, the groups that read it; None stands for whatever needs it in memory."""
    readers: dict[Value, set[Group | None]] = {}
    for instr in graph.body.instructions:
        group = decision.group_of.get(instr)
        if group is not None:
            for edge in graph.edges_of(instr):
                readers.setdefault(edge.source, set()).add(group)
            for operand in graph.direct_operands(instr):
                readers.setdefault(graph.memory(operand), set()).add(None)
    for result in graph.body.results:
        readers.setdefault(graph.memory(result), set()).add(None)
    return readers


def recompute(graph: Graph, decision: Decision) -> dict[Group, set[Instruction]]:
    """Which instructions of other groups each group computes again."""
    readers = find_readers(graph, decision)
    chosen: dict[Group, set[Instruction]] = {}
    crossing = _Crossing(graph, decision, readers)
    for instr in reversed(graph.body.instructions):
        group = decision.group_of.get(instr)
        if group is None or instr.op not in COPIED or not crossing.crosses(instr, group):
            continue
        copies = crossing.copies(instr, group)
        if copies is None:
            continue
        for reader in readers[instr.result] - {group}:
            chosen.setdefault(reader, set()).update(copies)
            for copied in copies:
                for edge in graph.edges_of(copied):
                    readers.setdefault(edge.source, set()).add(reader)
        readers[instr.result] &= {group}
    return chosen


class _Crossing:
    """Judges values that cross between groups."""

    def __init__(self, graph: Graph, decision: Decision, readers: dict[Value, set[Group | None]]):
        self.graph, self.decision, self.readers = graph, decision, readers

    def crosses(self, instr: Instruction, group: Group) -> bool:
        """Whether an instruction's value is read by other fusions, and by nothing else outside."""
        outside = self.readers.get(instr.result, set()) - {group}
        return bool(outside) and all(
            g is not None and g.kind in ("loop", "reduce", "dot") for g in outside
        )

    def copies(self, instr: Instruction, group: Group) -> set[Instruction] | None:
        """The instructions to repeat for a value, or None if keeping it is cheaper."""
        copies: set[Instruction] = set()
        leaves: dict[Value, None] = {}
        work = self._expand(instr, group, copies, leaves)
        if work is None or work > RELOAD or len(leaves) > MAX_LEAVES:
            return None
        outside = self.readers[instr.result] - {group}
        if any(g.kind == "dot" for g in outside if g) and not all(map(is_elementwise, copies)):
            return None  # the epilogue of a product takes nothing else
        saved = size_in_bytes(instr.result)
        for reader in outside:
            extra = sum(size_in_bytes(x) for x in leaves if reader not in self.readers.get(x, ()))
            if extra > saved:
                return None
        return copies

    def _expand(
        self, instr: Instruction, group: Group, copies: set[Instruction], leaves: dict[Value, None]
    ) -> int | None:
        if is_expensive(instr) and instr.op in SCALAR_OPS:
            return None
        copies.add(instr)
        work = flops(instr) if instr.op in SCALAR_OPS else 0
        for edge in self.graph.edges_of(instr):
            if self._in_memory(edge.source):
                leaves[edge.source] = None
                continue
            source = self.graph.producers[edge.source]
            if source in copies:
                continue
            if source.op not in COPIED or len(copies) > RELOAD:
                return None
            more = self._expand(source, group, copies, leaves)
            if more is None:
                return None
            work += more
        return work

    def _in_memory(self, value: Value) -> bool:
        """Whether a value is stored anyway: an input, or something that another group reads."""
        instr = self.graph.producers.get(value)
        group = self.decision.group_of.get(instr) if instr is not None else None
        return group is None or bool(self.readers.get(value, set()) - {group})
