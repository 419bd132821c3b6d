"""Decide: which instructions share a kernel.

One walk in program order. An elementwise instruction joins the kernel of one of its sources if it
reads that source at its own index (or, in a reduction, a row's result in that row), and if no
dependency would run in a circle; other kernels of the same space that feed it are then merged into
that one. A reduction joins what produces its input; a matrix product starts a kernel that what
follows may join as its epilogue. Scalars gather in few kernels. A reduction's rows must fit the
cache if the row is read again. What has an effect stays alone, after the effects before it.
"""

from __future__ import annotations

from collections.abc import Iterable

from fnx_xla_lite.fusion.access import Access, has_interior_padding, is_elementwise
from fnx_xla_lite.fusion.cost import COLUMNS, FEW_TASKS, SCRATCH_BYTES, is_split, simple_reducers
from fnx_xla_lite.fusion.graph import SAME, Edge, Graph, is_rename
from fnx_xla_lite.fusion.groups import Dependencies, Group, result_type, spread_access
from fnx_xla_lite.hlo.ir import Instruction, Value
from fnx_xla_lite.hlo.opset import OPS
from fnx_xla_lite.hlo.regions import has_effect

MOVED = frozenset(
    {"concatenate", "dynamic_slice", "gather", "pad", "reverse", "slice", "transpose"}
)
SHORT_ROW = 64  # elements up to which a row takes less time than a transcendental function
MAX_MEMBERS = 150  # keeps kernels readable, and recursion over expressions shallow


class Decision:
    """The groups of one computation, and to which group each instruction belongs."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.dependencies = Dependencies()
        self.group_of: dict[Instruction, Group] = {}
        self.readers: dict[Value, list[Group]] = {}
        self.scalars: list[Group] = []
        self.last_effect: Group | None = None

    @property
    def groups(self) -> list[Group]:
        """The groups in the order in which they were made."""
        return [g for g in self.dependencies.groups if g is not None]

    def source_group(self, edge: Edge) -> Group | None:
        """The group that computes an edge's source."""
        instr = self.graph.producers.get(edge.source)
        return self.group_of.get(instr) if instr is not None else None

    def place(self, instr: Instruction) -> None:
        """Find or make the group of one instruction."""
        if is_elementwise(instr) or (instr.op in MOVED and not has_interior_padding(instr)):
            self._place_elementwise(instr)
        elif instr.op == "reduce":
            self._place_reduce(instr)
        else:
            kind = "dot" if instr.op == "dot_general" else "solo"
            group = self._start(instr, kind)
            if kind == "solo" and has_effect(instr):
                self._after_last_effect(group)

    def _after_last_effect(self, group: Group) -> None:
        """Effects happen in program order."""
        if self.last_effect is not None:
            self.dependencies.add(group, self.last_effect)
        self.last_effect = group

    def _start(self, instr: Instruction, kind: str) -> Group:
        group = self.dependencies.new(kind, result_type(instr).size)
        self._join(instr, group)
        return group

    def _join(self, instr: Instruction, group: Group) -> None:
        group.members.append(instr)
        self.group_of[instr] = group
        for edge in self.graph.edges_of(instr):
            source = self.source_group(edge)
            if source is not None and source is not group:
                self.dependencies.add(group, source)
        if group.kind == "reduce" and self._is_low(instr, group):
            group.low.update(instr.results)

    def _is_low(self, instr: Instruction, group: Group) -> bool:
        """Whether a member's results belong to the kept space."""
        if instr.op == "reduce":
            return True
        size = result_type(instr).size
        if size != group.kept or size != group.size:
            return size == group.kept
        return any(edge.source in group.low for edge in self.graph.edges_of(instr))

    def _acyclic(self, instr: Instruction, group: Group) -> bool:
        """Whether no source of ``instr`` outside of the group needs the group."""
        for edge in self.graph.edges_of(instr):
            source = self.source_group(edge)
            if (
                source is not None
                and source is not group
                and self.dependencies.depends(source, group)
            ):
                return False
        return True

    # Elementwise instructions and movements of elements.

    def _place_elementwise(self, instr: Instruction) -> None:
        size, edges = result_type(instr).size, self.graph.edges_of(instr)
        found = dict.fromkeys(g for g in map(self.source_group, edges) if g is not None)
        candidates = sorted(found, key=lambda g: (_RANK[g.kind], -g.number))
        if size == 1:
            candidates += [g for g in self.scalars if g not in found and g.kind == "loop"]
        chosen = None
        for group in candidates:
            if self.dependencies.groups[group.number] is None:
                continue
            if chosen is None:
                if self._fits(instr, group) and self._acyclic(instr, group):
                    self._join(instr, group)
                    chosen = group
            elif group in found:
                chosen = self._try_merge(chosen, group)
        if chosen is None:
            chosen = self._start(instr, "loop")
            if size == 1:
                self.scalars.append(chosen)
        if size > 1:
            self._note_reads(edges, chosen)

    def _note_reads(self, edges: Iterable[Edge], group: Group) -> None:
        for edge in edges:
            if edge.relation is SAME:
                self.readers.setdefault(edge.source, []).append(group)

    def _fits(self, instr: Instruction, group: Group) -> bool:
        """Whether ``instr`` can be computed in the group's loops."""
        size = result_type(instr).size
        if len(group.members) >= MAX_MEMBERS or not size:
            return False
        if group.kind == "solo" or (group.kind == "dot" and not is_elementwise(instr)):
            return False
        edges = [e for e in self.graph.edges_of(instr) if self.source_group(e) is group]
        if group.kind != "reduce":
            return size == group.size and all(e.relation is SAME for e in edges)
        low = size == group.kept and (
            size != group.size or any(e.source in group.low for e in edges)
        )
        if low:
            reads_rows = all(e.relation is SAME and e.source in group.low for e in edges)
            return reads_rows and not self._is_better_in_vectors(instr, group)
        return size == group.size and all(self._fits_row(e, group) for e in edges)

    def _is_better_in_vectors(self, instr: Instruction, group: Group) -> bool:
        """Whether to compute a costly function of the results of short rows in a kernel of its own.

        In the rows' loop it would be computed for one number at a time. It stays there if a row is
        read again with it: then it is the memory that counts.
        """
        row = OPS.get(instr.op)
        if (
            group.kind != "reduce"
            or row is None
            or not row.transcendental
            or group.size > SHORT_ROW * group.kept
        ):
            return False
        return group.kept >= FEW_TASKS and not self._is_spread(instr.result, group.kept)

    def _is_spread(self, value: Value, kept: int) -> bool:
        """Whether a value of the kept size is repeated along the rows, as it is or changed."""
        todo, seen = [value], {value}
        while todo:
            for instr in self.graph.readers.get(todo.pop(), ()):
                if instr.op == "broadcast_in_dim" and instr.result.type.size > kept:
                    return True
                if is_elementwise(instr) or is_rename(instr):
                    todo += [result for result in instr.results if result not in seen]
                    seen.update(instr.results)
        return False

    def _fits_row(self, edge: Edge, group: Group) -> bool:
        """Whether a reduction's loops have the element that ``edge`` reads."""
        if edge.source not in group.low:
            return edge.relation is SAME
        same = isinstance(edge.relation, Access) and edge.relation == group.spread
        return same and not group.split and rows_fit(group)

    def _try_merge(self, x: Group, y: Group) -> Group:
        """Make two groups one if they have one space.

        Returns the group in which the members of ``x`` are then.
        """
        into, other = (y, x) if x.kind == "loop" else (x, y)
        if not self._mergeable(into, other) or not self.dependencies.can_merge(into, other):
            return x
        self.dependencies.merge(into, other)
        into.low |= _low_if_merged(into, other)
        for instr in other.members:
            self.group_of[instr] = into
            into.members.append(instr)
        return into

    def _mergeable(self, into: Group, other: Group) -> bool:
        if "solo" in (into.kind, other.kind) or into.kind == other.kind == "dot":
            return False
        if len(into.members) + len(other.members) > MAX_MEMBERS or into.size == into.kept:
            return False
        if other.kind == "loop":
            if other.size != into.size and other.size != into.kept:
                return False
            if into.kind == "dot" and any(not is_elementwise(i) for i in other.members):
                return False
            if any(self._is_better_in_vectors(i, into) for i in other.members):
                return False
        elif (into.kind, into.shape, into.dimensions) != (
            other.kind,
            other.shape,
            other.dimensions,
        ):
            return False
        return self._edges_fit(into, other)

    def _edges_fit(self, into: Group, other: Group) -> bool:
        """Whether what one of the groups reads of the other is where the common loops have it."""
        low = _low_if_merged(into, other) | into.low
        for group, source in ((into, other), (other, into)):
            for instr in group.members:
                for edge in self.graph.edges_of(instr):
                    if self.source_group(edge) is source and not _edge_fits(instr, edge, into, low):
                        return False
        return True

    # Reductions.

    def _place_reduce(self, instr: Instruction) -> None:
        if simple_reducers(instr) is None or not instr.attributes["dimensions"]:
            self._start(instr, "solo")
            return
        edges = [e for e in self.graph.edges_of(instr) if e.relation is SAME]
        found = [g for g in map(self.source_group, edges) if g is not None]
        for edge in edges:
            found += self.readers.get(edge.source, ())
        chosen = None
        for group in dict.fromkeys(found):
            if self.dependencies.groups[group.number] is not group:
                continue
            if chosen is not None:
                chosen = self._try_merge(chosen, group)
            elif self._takes_reduce(instr, group) and self._acyclic(instr, group):
                _become_reduce(group, instr)
                self._join(instr, group)
                chosen = group
        if chosen is None:
            chosen = self.dependencies.new("reduce", instr.operands[0].type.size)
            _become_reduce(chosen, instr)
            self._join(instr, chosen)
        self._note_reads(edges, chosen)

    def _takes_reduce(self, instr: Instruction, group: Group) -> bool:
        shape, dimensions = instr.operands[0].type.shape, tuple(instr.attributes["dimensions"])
        if len(group.members) >= MAX_MEMBERS or group.size != instr.operands[0].type.size:
            return False
        if group.kind == "reduce":
            if (group.shape, group.dimensions) != (shape, dimensions):
                return False
        elif group.kind != "loop":
            return False
        inside = [e for e in self.graph.edges_of(instr) if self.source_group(e) is group]
        return all(e.relation is SAME and e.source not in group.low for e in inside)


_RANK = {"dot": 0, "reduce": 1, "loop": 2, "solo": 3}


def _become_reduce(group: Group, instr: Instruction) -> None:
    """Give a group the space of a reduction."""
    if group.shape:
        return
    group.kind = "reduce"
    group.shape = instr.operands[0].type.shape
    group.dimensions = tuple(instr.attributes["dimensions"])
    group.kept = result_type(instr).size
    group.spread = spread_access(group.shape, group.dimensions)
    group.split = is_split(group.shape, group.dimensions)


def _low_if_merged(into: Group, other: Group) -> set[Value]:
    """Values of the kept space that ``other`` brings."""
    if other.kind == "loop" and into.kind == "reduce" and other.size == into.kept:
        return {r for instr in other.members for r in instr.results}
    return other.low


def _edge_fits(instr: Instruction, edge: Edge, group: Group, low: set[Value]) -> bool:
    reader_low = instr.results[0] in low and instr.op != "reduce"
    if (edge.source in low) == reader_low:
        return edge.relation is SAME
    if reader_low or instr.op == "reduce" or edge.relation != group.spread:
        return False
    return not group.split and rows_fit(group)


def rows_fit(group: Group) -> bool:
    """Whether a task's rows (or columns) stay in the cache between two passes over them."""
    last = max((d for d, n in enumerate(group.shape) if n != 1), default=0)
    columns = 1 if last in group.dimensions else COLUMNS // 4
    return group.size // max(group.kept, 1) * columns * 8 <= SCRATCH_BYTES


def decide(graph: Graph) -> Decision:
    """Group the instructions of ``graph`` that are not virtual."""
    decision = Decision(graph)
    for instr in graph.body.instructions:
        if not graph.is_virtual(instr) and instr.op != "constant":
            decision.place(instr)
    return decision
