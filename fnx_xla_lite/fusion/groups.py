"""Groups: sets of instructions that become one kernel, and the order among them."""

from __future__ import annotations

from dataclasses import dataclass, field

from fnx_xla_lite.fusion.access import Access, make_access, row_major
from fnx_xla_lite.hlo.ir import Instruction, TensorType, Value


@dataclass(slots=True, eq=False)
class Group:
    """One kernel to be.

    Attributes:
        number: its bit in dependency sets.
        kind: ``loop``, ``reduce``, ``dot`` or ``solo`` (takes no other instruction).
        size: elements of its (unreduced) space.
        members: its instructions, in no order.
        shape: of a reduction, the unreduced shape.
        dimensions: of a reduction, the reduced axes.
        kept: of a reduction, the elements that are left.
        spread: of a reduction, the access map from the kept to the unreduced space.
        split: a reduction in two stages: one phase only.
        low: values of the kept space that it computes.
    """

    number: int
    kind: str
    size: int
    members: list[Instruction] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    dimensions: tuple[int, ...] = ()
    kept: int = 0
    spread: Access | None = None
    split: bool = False
    low: set[Value] = field(default_factory=set)


def spread_access(shape: tuple[int, ...], dimensions: tuple[int, ...]) -> Access:
    """The access map with which the kept space of a reduction is read in the unreduced one."""
    kept = tuple(n for d, n in enumerate(shape) if d not in dimensions)
    strides = iter(row_major(kept))
    return make_access(
        shape, tuple(0 if d in dimensions else next(strides) for d in range(len(shape)))
    )


class Dependencies:
    """Transitive dependencies between groups, as bit sets."""

    def __init__(self) -> None:
        self.groups: list[Group | None] = []
        self.before: list[int] = []

    def new(self, kind: str, size: int) -> Group:
        """An empty group."""
        group = Group(len(self.groups), kind, size)
        self.groups.append(group)
        self.before.append(0)
        return group

    def depends(self, later: Group, earlier: Group) -> bool:
        """Whether ``later`` needs ``earlier``."""
        return bool(self.before[later.number] >> earlier.number & 1)

    def add(self, later: Group, earlier: Group) -> None:
        """``later`` needs ``earlier`` (which must not need ``later``)."""
        known = self.before[later.number]
        wanted = known | self.before[earlier.number] | 1 << earlier.number
        if wanted == known:
            return
        self.before[later.number] = wanted
        bit = 1 << later.number
        for number, group in enumerate(self.groups):
            if group is not None and self.before[number] & bit:
                self.before[number] |= wanted

    def can_merge(self, x: Group, y: Group) -> bool:
        """Whether no third group stands between the two."""
        x_bit, y_bit = 1 << x.number, 1 << y.number
        before_x, before_y = self.before[x.number], self.before[y.number]
        for number, group in enumerate(self.groups):
            if group is None or group is x or group is y:
                continue
            needs, bit = self.before[number], 1 << number
            if (needs & x_bit and before_y & bit) or (needs & y_bit and before_x & bit):
                return False
        return True

    def merge(self, into: Group, other: Group) -> None:
        """Make ``other`` part of ``into``; members and kinds are the caller's business."""
        keep, gone = 1 << into.number, 1 << other.number
        wanted = (self.before[into.number] | self.before[other.number]) & ~(keep | gone)
        self.groups[other.number] = None
        self.before[into.number] = wanted
        for number, group in enumerate(self.groups):
            if group is not None and self.before[number] & (keep | gone):
                self.before[number] = (self.before[number] | wanted | keep) & ~gone


def result_type(instr: Instruction) -> TensorType:
    """The type of an instruction's first result; any, if it has none."""
    return instr.results[0].type if instr.results else TensorType((), "i1")
