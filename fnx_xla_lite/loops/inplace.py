"""In-place safety: may an output of a kernel use the memory of one of its inputs?

Yes, if every load of the input is at the index of every store to the output, in the same body, and
not after it: then each element is read before it is overwritten, and no other iteration reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fnx_xla_lite.fusion.access import row_major
from fnx_xla_lite.loops.affine import ZERO, add, scale
from fnx_xla_lite.loops.ir import (
    Affine,
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
    Loop,
    Matmul,
    Stmt,
    Store,
    Update,
)


@dataclass(frozen=True, slots=True)
class Touch:
    """One load or store: its body, its place in it, and its flat index (None if read from data)."""

    body: int
    order: int
    flat: Affine | None


class Touches:
    """Where a kernel loads and stores each buffer."""

    def __init__(self, kernel: Kernel):
        self.buffers = {b.name: b for b in kernel.buffers}
        self.loads: dict[str, list[Touch]] = {}
        self.stores: dict[str, list[Touch]] = {}
        self.bodies = 0
        self._body(kernel.body)

    def safe(self, source: str, target: str) -> bool:
        """Whether output ``target`` may lie where input ``source`` lies."""
        stores, loads = self.stores.get(target, ()), self.loads.get(source, ())
        if target in self.loads and loads:
            return False
        return all(
            load.flat is not None
            and load.flat == store.flat
            and load.body == store.body
            and load.order <= store.order
            for store in stores
            for load in loads
        )

    def _body(self, body: tuple[Stmt, ...]) -> None:
        self.bodies += 1
        here = self.bodies
        for order, stmt in enumerate(body):
            if isinstance(stmt, Loop):
                self._body(stmt.body)
            elif isinstance(stmt, Matmul):
                self._expr(stmt.lhs, here, order)
                self._expr(stmt.rhs, here, order)
                self._body(stmt.epilogue)
            elif isinstance(stmt, Let | Init | Update | Store):
                self._expr(stmt.value, here, order)
                if isinstance(stmt, Store):
                    self._record(self.stores, stmt.buffer, stmt.indices, here, order)

    def _record(
        self, where: dict, name: str, indices: tuple[Index, ...], body: int, order: int
    ) -> None:
        flat = _flat(self.buffers[name], indices)
        where.setdefault(name, []).append(Touch(body, order, flat))
        for index in indices:
            if isinstance(index, Dynamic):
                self._expr(index.value, body, order)

    def _expr(self, expr: Expr, body: int, order: int) -> None:
        for load in _loads(expr):
            self._record(self.loads, load.buffer, load.indices, body, order)


def _loads(expr: Expr) -> Iterator[Load]:
    todo = [expr]
    while todo:
        expr = todo.pop()
        if isinstance(expr, Load):
            yield expr
        elif isinstance(expr, Apply):
            todo.extend(expr.args)
        elif isinstance(expr, Guard):
            todo += [expr.inside, expr.outside]


def _flat(buffer: Buffer, indices: tuple[Index, ...]) -> Affine | None:
    flat = ZERO
    for index, stride in zip(indices, row_major(buffer.shape), strict=True):
        if isinstance(index, Dynamic):
            return None
        flat = add(flat, scale(index, stride))
    return flat
