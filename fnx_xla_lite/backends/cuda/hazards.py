"""Hazards: where the threads of a block must wait for each other.

Two sections of a body conflict when one writes memory that the other reads or writes, as their
threads may differ. A barrier goes between them. Inputs count as one place that stores outside of
thread loops may change: an output may lie in the memory of an input that is read in the same body.
"""

from __future__ import annotations

from collections.abc import Iterator

from fnx_xla_lite.backends.cuda.plan import statements
from fnx_xla_lite.loops.ir import (
    Apply,
    Buffer,
    Dynamic,
    Expr,
    Guard,
    Index,
    Init,
    Kernel,
    Let,
    Load,
    Matmul,
    Stmt,
    Store,
    Update,
)

INPUTS = "inputs"


def touched(stmt: Stmt, kernel: Kernel) -> tuple[set[str], set[str]]:
    """Places that a statement, with all that it encloses, reads and writes."""
    roles = {buffer.name: buffer for buffer in kernel.buffers}
    reads: set[str] = set()
    writes: set[str] = set()
    for inner in statements((stmt,)):
        for expr in _expressions(inner):
            reads |= {_place(roles[name]) for name in _loaded(expr)}
        if isinstance(inner, Store):
            writes.add(inner.buffer)
            for index in inner.indices:
                reads |= {_place(roles[name]) for name in _loaded_by_index(index)}
    return reads, writes


def _place(buffer: Buffer) -> str:
    return INPUTS if buffer.role == "input" else buffer.name


def _expressions(stmt: Stmt) -> Iterator[Expr]:
    if isinstance(stmt, Let | Init | Update | Store):
        yield stmt.value
    elif isinstance(stmt, Matmul):
        yield stmt.lhs
        yield stmt.rhs


def _loaded(expr: Expr) -> Iterator[str]:
    """Names of the buffers that an expression reads."""
    if isinstance(expr, Load):
        yield expr.buffer
        for index in expr.indices:
            yield from _loaded_by_index(index)
    elif isinstance(expr, Apply):
        for arg in expr.args:
            yield from _loaded(arg)
    elif isinstance(expr, Guard):
        yield from _loaded(expr.inside)
        yield from _loaded(expr.outside)


def _loaded_by_index(index: Index) -> Iterator[str]:
    if isinstance(index, Dynamic):
        yield from _loaded(index.value)


class Pending:
    """What a block's threads have read and written since the last barrier."""

    def __init__(self) -> None:
        self.reads: set[str] = set()
        self.writes: set[str] = set()

    def conflicts(self, reads: set[str], writes: set[str]) -> bool:
        """Whether a section that touches these places must wait."""
        return bool(self.writes & (reads | writes) or self.reads & writes)

    def add(self, reads: set[str], writes: set[str]) -> None:
        """A section ran."""
        self.reads |= reads
        self.writes |= writes

    def is_any(self) -> bool:
        """Whether anything was touched at all."""
        return bool(self.reads or self.writes)

    def clear(self) -> None:
        """A barrier was passed."""
        self.reads.clear()
        self.writes.clear()
