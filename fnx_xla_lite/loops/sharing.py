"""Sharing: which storages are one piece of memory, so that copies between them are spared.

Input: a layout with lifetimes. Output: storages merged, moves put in an order.
Invariant: two storages share memory only if no two of their contents are needed at once, and no
    kernel writes one where it still reads the other. This holds for any order of merging; the order
    here serves what runs most often: innermost loops first, and there what runs in every round
    before what runs in a branch.
"""

from __future__ import annotations

from collections.abc import Iterator

from fnx_xla_lite.loops.inplace import Touches
from fnx_xla_lite.loops.ir import Kernel
from fnx_xla_lite.loops.lifetimes import enclosed, writes
from fnx_xla_lite.loops.memory import Storage, may_share, need, share
from fnx_xla_lite.loops.steps import Branches, Layout, Move, Moves, Repeat, Run, SymbolicStep, Talk

Rank = tuple[int, int, bool]


def share_memory(layout: Layout) -> None:
    """Merge storages, then put the copies that are left in an order."""
    sharing = _Sharing(layout)
    sharing.moves()
    sharing.outputs()
    sharing.moves()  # those from a donated parameter to what has become a result
    sharing.donations()
    for step in sharing.leaves.values():
        if isinstance(step, Moves):
            step.moves = _in_order(step, layout)


class _Sharing:
    """Merges storages of one layout."""

    def __init__(self, layout: Layout):
        self.layout = layout
        self.leaves = {step.position: step for step in _leaves(layout.steps)}
        ranked = sorted(_ranked(layout.steps, 0, 0), key=lambda found: found[0])
        self.wanted = [move for _, move in ranked if move.type.size]
        self.touches: dict[int, Touches] = {}

    def moves(self) -> None:
        """A copy within one piece of memory is no copy."""
        for move in self.wanted:
            self.merge(move.source, move.target)

    def outputs(self) -> None:
        """An output may take the place of an input that dies in its kernel."""
        for step in self.leaves.values():
            if not isinstance(step, Run):
                continue
            started = {move.target for move in step.starts}
            for output in step.outputs:
                if output not in started:
                    any(self.merge(old, output) for old in step.inputs)

    def donations(self) -> None:
        """A result may take any donated parameter that is dead by then."""
        for result in self.layout.results:
            if result.root().place == "result":
                any(self.merge(old, result) for old in self.layout.parameters)

    def merge(self, one: Storage, other: Storage) -> bool:
        """Let two storages be one if that is safe; whether they are."""
        one, other = one.root(), other.root()
        if one is other:
            return True
        if not may_share(one, other):
            return False
        meetings = (one.read & other.written) | (one.written & other.read)
        if not all(self._agrees(self.leaves[position], one, other) for position in meetings):
            return False
        share(one, other)
        return True

    def _agrees(self, step: SymbolicStep, one: Storage, other: Storage) -> bool:
        """Whether a step may write one of two storages where the other lies, which it reads."""
        if isinstance(step, Moves):
            return True
        if not isinstance(step, Run):
            return False
        starts = {move.target: move.source.root() for move in step.starts}
        names = [b.name for b in step.call.kernel.parameters]
        pair = (one, other)
        for name, output in zip(names[len(step.inputs) :], step.outputs, strict=True):
            if output.root() not in pair:
                continue
            old = other if output.root() is one else one
            if starts.get(output, old) is not old:
                return False  # the copy that the output starts from would overwrite ``old``
            same = [n for n, s in zip(names, step.inputs, strict=False) if s.root() is old]
            if not all(self._touches(step.call.kernel).safe(n, name) for n in same):
                return False
        return True

    def _touches(self, kernel: Kernel) -> Touches:
        found = self.touches.get(id(kernel))
        if found is None:
            found = self.touches[id(kernel)] = Touches(kernel)
        return found


def _leaves(steps: list[SymbolicStep]) -> Iterator[Moves | Run | Talk]:
    """Steps that enclose no others, in order."""
    for step in steps:
        if isinstance(step, Repeat | Branches):
            yield from _leaves(enclosed(step))
        else:
            yield step


def _ranked(steps: list[SymbolicStep], loops: int, cases: int) -> Iterator[tuple[Rank, Move]]:
    """Every copy, with its place in the queue.

    At the end of a branch, what the branch made comes before what it passes through: the copy of
    the latter is the one to keep if only one can be spared.
    """
    made = {storage for step in steps[:-1] for storage in writes(step)} if cases else set()
    for step in steps:
        if isinstance(step, Repeat):
            yield from _ranked(enclosed(step), loops + 1, 0)
        elif isinstance(step, Branches):
            for branch in step.branches:
                yield from _ranked(branch, loops, cases + 1)
        elif isinstance(step, Moves | Run):
            for move in step.moves if isinstance(step, Moves) else step.starts:
                passed = cases > 0 and step is steps[-1] and move.source not in made
                yield (-loops, cases, passed), move


def _in_order(step: Moves, layout: Layout) -> list[Move]:
    """Copies one after the other; a ring of them goes through memory of its own."""
    waiting = [move for move in step.moves if move.source.root() is not move.target.root()]
    found: list[Move] = []
    while waiting:
        read = {move.source.root() for move in waiting}
        free = [move for move in waiting if move.target.root() not in read]
        if free:
            found += free
            waiting = [move for move in waiting if move.target.root() in read]
            continue
        first = waiting[0].target.root()
        spare = Storage(first.size, waiting[0].type)
        need(spare, 2 * step.position + 1, 2 * step.position + 1)
        layout.storages.append(spare)
        found.append(Move(first, spare, waiting[0].type))
        for move in waiting:
            if move.source.root() is first:
                move.source = spare
    return found
