"""Memory: storages with lifetimes, merged where a value takes over another's place.

What is left is packed into one arena.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.loops.program import Slot

ALIGNMENT = 64
FOREVER = 1 << 60


@dataclass(slots=True, eq=False)
class Storage:
    """A piece of memory under planning.

    Attributes:
        size: bytes.
        type: of the parameter or result that it is, or of the value that made it.
        place: as in ``Slot``; the index of an arena storage is settled by ``pack``.
        first: the step that writes it first; -1 for what exists before the program runs.
        last: the last step that needs its content.
        donated: a parameter whose memory a result may take.
        heir: of a loop's state, the only storage that may take it over: the state of the next
            iteration.
        body_last: of a loop's state, the last step of the loop's body that reads it.
        merged: the storage that this one became part of.
    """

    size: int
    type: TensorType
    place: str = "arena"
    index: int = -1
    first: int = -1
    last: int = -1
    donated: bool = False
    heir: Storage | None = None
    body_last: int = -1
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


def is_free(old: Storage, new: Storage, position: int) -> bool:
    """Whether ``new``, written at ``position``, may lie in the memory of ``old``.

    As far as lifetimes and places go; kernels have a say of their own (``loops.inplace``).
    """
    old, new = old.root(), new.root()
    if old is new or old.size != new.size or new.place not in ("arena", "result"):
        return False
    if old.heir is not None:
        return old.heir.root() is new and old.body_last <= position
    if old.last > position:
        return False
    return old.place == "arena" or (old.donated and new.place == "result" and old.type == new.type)


def take_over(old: Storage, new: Storage) -> None:
    """Let ``new`` live in the memory of ``old``."""
    old, new = old.root(), new.root()
    if new.place == "result" and old.place == "arena":
        old.place, old.index, old.type = new.place, new.index, new.type
    old.donated = False
    old.first, old.last = min(old.first, new.first), max(old.last, new.last)
    if new.heir is not None:
        old.heir, old.body_last = new.heir, new.body_last
    elif old.heir is not None:
        old.body_last = FOREVER
    new.merged = old


def pack(storages: Iterable[Storage]) -> int:
    """Give arena storages offsets so that no two that live at once overlap; the arena's size.

    Larger ones are placed first, each at the lowest offset that is free for its whole life.
    """
    wanted = [s for s in storages if s.merged is None and s.place == "arena" and s.size]
    placed: list[tuple[int, int, Storage]] = []
    total = 0
    for storage in sorted(wanted, key=lambda s: -s.size):
        offset, size = 0, -(-storage.size // ALIGNMENT) * ALIGNMENT
        for start, end, other in placed:
            if other.last < storage.first or storage.last < other.first or end <= offset:
                continue
            if start - offset >= size:
                break
            offset = end
        storage.index = offset
        placed.append((offset, offset + size, storage))
        placed.sort(key=lambda p: p[:2])
        total = max(total, offset + size)
    return total
