"""Memory: storages, the times at which each is needed, which of them share memory, the arena.

Time is counted in half steps: what step ``n`` reads is needed until ``2 n``, what it writes from
``2 n + 1`` on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.loops.program import Slot

ALIGNMENT = 64

Span = tuple[int, int]  # first and last half step


@dataclass(slots=True, eq=False)
class Storage:
    """A piece of memory under planning.

    Attributes:
        size: bytes.
        type: of the parameter or result that it is, or of the value that made it.
        place: as in ``Slot``; the index of an arena storage is settled by ``pack``.
        index: the number of the parameter, result or constant; the offset in the arena.
        donated: a parameter whose memory a result may take.
        taken: a parameter whose memory has become a result.
        live: spans in which its content is needed, in order and apart.
        written: steps that write it.
        read: steps that read it.
        merged: the storage that this one became part of.
    """

    size: int
    type: TensorType
    place: str = "arena"
    index: int = -1
    donated: bool = False
    taken: bool = False
    live: list[Span] = field(default_factory=list)
    written: set[int] = field(default_factory=set)
    read: set[int] = field(default_factory=set)
    merged: Storage | None = None

    def root(self) -> Storage:
        """The storage that this one is now."""
        storage = self
        while storage.merged is not None:
            storage = storage.merged
        return storage

    def slot(self, kind: TensorType) -> Slot:
        """The slot of a value that lives here."""
        root = self.root()
        return Slot(root.place, max(root.index, 0), kind)


def need(storage: Storage, first: int, last: int) -> None:
    """Note that ``storage`` is needed from half step ``first`` to ``last``."""
    storage.live = _joined([*storage.live, (first, last)])


def may_share(one: Storage, other: Storage) -> bool:
    """Whether two storages may be one piece of memory, as far as lifetimes and places go.

    Steps that read one and write the other have a say of their own (``loops.sharing``).
    """
    if one.size != other.size or not _fit(one, other):
        return False
    return not _overlap(one.live, other.live)


def share(one: Storage, other: Storage) -> None:
    """Let two storages be one piece of memory."""
    order = ("parameter", "result", "arena")
    kept, gone = sorted((one, other), key=lambda s: order.index(s.place))
    kept.taken |= gone.place == "result" and kept.place == "parameter"
    kept.live = _joined(kept.live + gone.live)
    kept.written |= gone.written
    kept.read |= gone.read
    gone.merged = kept


def _fit(one: Storage, other: Storage) -> bool:
    """The arena's fits all but the caller's memory; that is a result first, of its own type."""
    places = {one.place, other.place}
    if "constant" in places:
        return False
    if "parameter" not in places:
        return "arena" in places
    parameter, other = (one, other) if one.place == "parameter" else (other, one)
    if other.place == "arena":
        return parameter.taken
    free = parameter.donated and not parameter.taken
    return free and other.place == "result" and other.type == parameter.type


def _joined(spans: list[Span]) -> list[Span]:
    """Spans in order; those that touch or overlap are one."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def _overlap(one: list[Span], other: list[Span]) -> bool:
    """Whether a half step is in both."""
    i = j = 0
    while i < len(one) and j < len(other):
        if one[i][1] < other[j][0]:
            i += 1
        elif other[j][1] < one[i][0]:
            j += 1
        else:
            return True
    return False


def _busy(storage: Storage) -> list[Span]:
    """When nothing else may lie here: a step that writes it may still be reading all else."""
    return [(first & ~1, last) for first, last in storage.live]


def pack(storages: Iterable[Storage]) -> int:
    """Give arena storages offsets so that no two that live at once overlap; the arena's size.

    Larger ones are placed first, each at the lowest offset that is free for its whole life.
    """
    wanted = [s for s in storages if s.merged is None and s.place == "arena" and s.size]
    placed: list[tuple[int, int, list[Span]]] = []
    total = 0
    for storage in sorted(wanted, key=lambda s: -s.size):
        offset, size, spans = 0, -(-storage.size // ALIGNMENT) * ALIGNMENT, _busy(storage)
        for start, end, others in placed:
            if end <= offset or not _overlap(spans, others):
                continue
            if start - offset >= size:
                break
            offset = end
        storage.index = offset
        placed.append((offset, offset + size, spans))
        placed.sort(key=lambda p: p[:2])
        total = max(total, offset + size)
    return total
