"""Outliner: (graph, decision) -> the computation in which every group is one ``fusion``.

What form it has is said in `outline.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from fnx_xla_lite.fusion.decide import Decision
from fnx_xla_lite.fusion.graph import Graph, is_rename
from fnx_xla_lite.fusion.groups import Group
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value
from fnx_xla_lite.hlo.regions import free_values, has_effect

CONTROL = frozenset({"while", "case"})
LARGE_CONSTANT = 4096  # bytes
Pairs = list[tuple[Value, Value]]
FuseRegion = Callable[[Computation, Pairs, dict[Value, Instruction]], Computation]


def renamed(body: Computation, names: dict[Value, Value]) -> Computation:
    """``body`` reading other values; what it defines keeps its identity."""
    instructions = tuple(
        replace(
            instr,
            operands=tuple(names.get(v, v) for v in instr.operands),
            regions=tuple(renamed(r, names) for r in instr.regions),
        )
        for instr in body.instructions
    )
    return Computation(body.parameters, instructions, tuple(names.get(v, v) for v in body.results))


def _is_large(instr: Instruction) -> bool:
    """Whether this is a constant that is not worth a place in the program's data."""
    return instr.op == "constant" and instr.attributes["value"].nbytes > LARGE_CONSTANT


class Outliner:
    """Writes the fused form of one computation."""

    def __init__(
        self,
        graph: Graph,
        decision: Decision,
        copied: dict[Group, set[Instruction]],
        fuse_region: FuseRegion,
    ):
        self.graph, self.decision, self.copied = graph, decision, copied
        self.fuse_region = fuse_region  # of control flow, in the same way
        self.order = {instr: n for n, instr in enumerate(graph.body.instructions)}
        self.written: list[Instruction] = []
        self.done: set[Value] = set()
        self.outputs: dict[Group, list[Value]] = {}
        self.inside: dict[Group, list[Instruction]] = {}
        self.leaves: dict[Group, dict[Value, None]] = {}

    def run(self, takes: Pairs) -> Computation:
        """The fused computation."""
        body = self.graph.body
        self._find_outputs()
        self._order_takers(takes)
        for group in self._ordered():
            if self.outputs[group] or self._effects(group):
                self._write(group)
        for result in body.results:
            self._need(result)
        return Computation(body.parameters, tuple(self.written), body.results)

    def _find_outputs(self) -> None:
        """Backwards from the results: what each group must store, contains and reads."""
        wanted: set[Value] = set()
        for result in self.graph.body.results:
            wanted.update(self._memory_sources(result))
        for group in reversed(self._ordered()):
            results = (r for i in group.members for r in i.results if r in wanted)
            outputs = sorted(results, key=lambda r: self.order[self.graph.producers[r]])
            self.outputs[group] = outputs
            inside, leaves = self._contents(group, outputs)
            self.inside[group], self.leaves[group] = inside, leaves
            for leaf in leaves:
                wanted.update(self._memory_sources(leaf))

    def _memory_sources(self, value: Value) -> Iterable[Value]:
        """The values that must be in memory so that ``value`` can be put there."""
        todo = [value]
        while todo:
            value = todo.pop()
            instr = self.graph.producers.get(value)
            if instr is not None and self.graph.is_virtual(instr):
                todo += instr.operands
            else:
                yield value

    def _contents(
        self, group: Group | None, outputs: Iterable[Value]
    ) -> tuple[list[Instruction], dict[Value, None]]:
        """The instructions that compute ``outputs``, in order.

        Beside them the values that they read from memory.
        """
        effects = self._effects(group) if group else []
        own = {*(group.members if group else ()), *self.copied.get(group, ())}
        inside: set[Instruction] = set()
        leaves: dict[Value, None] = {}
        todo = list(outputs)
        while todo:
            value = todo.pop()
            instr = self.graph.producers.get(value)
            if instr is None or (instr not in own and not self.graph.is_virtual(instr)):
                leaves[value] = None
            elif instr not in inside:
                inside.add(instr)
                direct = self.graph.direct_operands(instr)
                leaves.update(dict.fromkeys(direct))
                todo += [x for x in instr.operands if x not in direct]
                todo += [x for r in instr.regions if not direct for x in free_values(r)]
        for instr in effects:
            inside.add(instr)
            leaves.update(dict.fromkeys(self.graph.direct_operands(instr)))
        return sorted(inside, key=self.order.__getitem__), leaves

    @staticmethod
    def _effects(group: Group) -> list[Instruction]:
        """Members that must run even if nobody reads their results; such a group has no others."""
        return [i for i in group.members if group.kind == "solo" and has_effect(i)]

    def _order_takers(self, takes: Pairs) -> None:
        """A group that writes over a parameter waits for its other readers."""
        dependencies, producers = self.decision.dependencies, self.graph.producers
        for parameter, result in takes:
            instr = producers.get(self.graph.memory(result))
            group = self.decision.group_of.get(instr) if instr is not None else None
            if group is None or parameter not in self.leaves[group]:
                continue
            for reader, leaves in self.leaves.items():
                reads = any(self.graph.memory(leaf) is parameter for leaf in leaves)
                if reads and reader is not group and not dependencies.depends(reader, group):
                    dependencies.add(group, reader)

    def _ordered(self) -> list[Group]:
        """Groups after what they need, otherwise by their last instruction."""
        groups, before = self.decision.groups, self.decision.dependencies.before
        rank = {g: max(self.order[i] for i in g.members) for g in groups}
        done, ordered = 0, []
        waiting = sorted(groups, key=rank.__getitem__)
        while waiting:
            rest = []
            for group in waiting:
                if before[group.number] & ~done:
                    rest.append(group)
                else:
                    done |= 1 << group.number
                    ordered.append(group)
            assert len(rest) < len(waiting), "groups depend on one another in a circle"
            waiting = rest
        return ordered

    def _write(self, group: Group) -> None:
        """Write the fusion of a group, after the constants and renamings that it reads."""
        (first, *_) = group.members
        if first.op in CONTROL:
            self._write_control(first)
            return
        for leaf in self.leaves[group]:
            self._need(leaf)
        if is_rename(first) or first.op == "custom_call":
            self.written.append(first)
        else:
            self._fusion(self.inside[group], list(self.leaves[group]), self.outputs[group])
        self.done.update(r for i in group.members for r in i.results)

    def _write_control(self, instr: Instruction) -> None:
        constants = {
            i.result: i
            for i in self.graph.body.instructions
            if i.op == "constant" and self.graph.is_virtual(i)
        }
        regions = []
        for number, region in enumerate(instr.regions):
            looping = instr.op == "while" and number == 1
            takes = list(zip(region.parameters, region.results, strict=True)) if looping else []
            regions.append(self.fuse_region(region, takes, constants))
        if instr.op == "while":
            regions = [self._without_large_constants(region) for region in regions]
            instr = replace(instr, operands=tuple(map(self._own_constant, instr.operands)))
        for value in (*instr.operands, *(v for r in regions for v in free_values(r))):
            self._need(value)
        self.written.append(replace(instr, regions=tuple(regions)))
        self.done.update(instr.results)

    def _without_large_constants(self, region: Computation) -> Computation:
        """A loop's region whose large constants are filled in once, before the loop.

        Those that an inner loop starts from are filled in where it starts, to be overwritten.
        """
        starts = {x for i in region.instructions if i.op in CONTROL for x in i.operands}
        large = [i for i in region.instructions if _is_large(i) and i.result not in starts]
        self.written += large
        inside = tuple([i for i in region.instructions if i not in large])
        return replace(region, instructions=inside) if large else region

    def _own_constant(self, value: Value) -> Value:
        """A large constant that a loop starts from, once more: the loop overwrites its memory."""
        instr = self.graph.producers.get(value)
        if instr is None or not _is_large(instr):
            return value
        own = Value(value.type)
        self.written.append(replace(instr, results=(own,)))
        return own

    def _need(self, value: Value) -> None:
        """Write what puts a virtual value into memory."""
        instr = self.graph.producers.get(value)
        if instr is None or value in self.done:
            return
        if instr.op in ("constant", "reshape"):
            for operand in instr.operands:
                self._need(operand)
            self.written.append(instr)
        else:
            inside, leaves = self._contents(None, [value])
            for leaf in leaves:
                self._need(leaf)
            self._fusion(inside, list(leaves), [value])
        self.done.add(value)

    def _fusion(self, inside: list[Instruction], leaves: list[Value], outputs: list[Value]) -> None:
        """Write one fusion; its region has values of its own."""
        names = {leaf: Value(leaf.type) for leaf in leaves}
        region = []
        for instr in inside:
            operands = tuple(names[x] for x in instr.operands)
            results = tuple(Value(r.type) for r in instr.results)
            regions = tuple(renamed(r, names) for r in instr.regions)
            region.append(replace(instr, operands=operands, results=results, regions=regions))
            names.update(zip(instr.results, results, strict=True))
        body = Computation(
            tuple(names[x] for x in leaves), tuple(region), tuple(names[x] for x in outputs)
        )
        location = next((i.location for i in reversed(inside) if i.location), None)
        self.written.append(
            Instruction("fusion", tuple(leaves), tuple(outputs), {}, (body,), location)
        )
