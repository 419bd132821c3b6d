"""Lifetimes: when each storage is needed, by one walk from the last step to the first.

Input: symbolic steps with their positions, in order. Output: ``live``, ``written`` and ``read`` of
    every storage.
Invariant: a storage is live from each write to the last read that may see it, on every path:
    around a loop, and in those branches only that read it or are followed by a read.
"""

from __future__ import annotations

from collections.abc import Iterable

from fnx_xla_lite.loops.memory import Storage, need
from fnx_xla_lite.loops.steps import Branches, Layout, Moves, Repeat, Run, SymbolicStep, Talk

Ends = dict[Storage, int]  # what is live now, and the half step until which


def measure(layout: Layout) -> None:
    """Find the lifetimes of all storages of a program."""
    ends = dict.fromkeys(layout.results, 2 * layout.end + 1)
    _steps(layout.steps, ends)
    _close(ends, ends, 0)


def reads(step: SymbolicStep) -> list[Storage]:
    """What a step reads, with all that it encloses."""
    if isinstance(step, Moves):
        return [move.source for move in step.moves]
    if isinstance(step, Run):
        return [*step.inputs, *(move.source for move in step.starts)]
    if isinstance(step, Talk):
        return [storage for storage, _ in step.inputs]
    first = step.flag if isinstance(step, Repeat) else step.index
    return [first, *(s for inner in enclosed(step) for s in reads(inner))]


def writes(step: SymbolicStep) -> list[Storage]:
    """What a step writes, with all that it encloses."""
    if isinstance(step, Moves):
        return [move.target for move in step.moves]
    if isinstance(step, Run):
        return step.outputs
    if isinstance(step, Talk):
        return [storage for storage, _ in step.outputs]
    return [s for inner in enclosed(step) for s in writes(inner)]


def enclosed(step: SymbolicStep) -> list[SymbolicStep]:
    """The steps of a loop or of branches."""
    if isinstance(step, Repeat):
        return [*step.condition, *step.body]
    if isinstance(step, Branches):
        return [inner for branch in step.branches for inner in branch]
    return []


def _close(ends: Ends, which: Iterable[Storage], first: int) -> None:
    """Storages are no longer followed; they were live from ``first`` on."""
    for storage in list(which):
        need(storage, first, ends.pop(storage))


def _steps(steps: list[SymbolicStep], ends: Ends) -> None:
    for step in reversed(steps):
        if isinstance(step, Repeat):
            _repeat(step, ends)
        elif isinstance(step, Branches):
            _branches(step, ends)
        else:
            _step(step, ends)


def _step(step: Moves | Run | Talk, ends: Ends) -> None:
    for storage in writes(step):
        ends.setdefault(storage, 2 * step.position + 1)
        _close(ends, [storage], 2 * step.position + 1)
        storage.written.add(step.position)
    for storage in reads(step):
        _read(storage, step.position, ends)


def _read(storage: Storage, position: int, ends: Ends) -> None:
    ends.setdefault(storage, 2 * position)
    storage.read.add(position)


def _repeat(step: Repeat, ends: Ends) -> None:
    """What a round reads and no round makes is live to the end; the state has gaps.

    A state is read in the condition or the body, or after the loop: so from the end of the round
    before, or from before the loop, to its last reader.
    """
    exits = step.body[-1]
    assert isinstance(exits, Moves)
    end = 2 * exits.position + 1
    for storage in set(reads(step)) - set(writes(step)):
        ends.setdefault(storage, end)
    results = {move.target for move in exits.moves} & ends.keys()
    _close(ends, results, end + 1)
    _steps(step.body, ends)
    for storage in results:
        ends.setdefault(storage, 2 * step.tested + 1)
    _read(step.flag, step.tested, ends)
    _steps(step.condition, ends)


def _branches(step: Branches, ends: Ends) -> None:
    """Each branch has a time of its own; what none touches is live through all."""
    touched = {*reads(step), *writes(step)}
    after = touched & ends.keys()
    _close(ends, after, 2 * step.branches[-1][-1].position + 2)
    start = step.position + 1
    entering: set[Storage] = set()
    for branch in step.branches:
        last = branch[-1].position
        inner = dict.fromkeys(after, 2 * last + 1)
        _steps(branch, inner)
        entering |= inner.keys()
        _close(inner, inner, 2 * start)
        start = last + 1
    ends.update(dict.fromkeys(entering, 2 * step.position + 1))
    _read(step.index, step.position, ends)
