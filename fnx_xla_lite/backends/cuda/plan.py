"""Plan: how a kernel's loops are laid out over CUDA blocks and threads.

Three layouts:

* ``thread``: kernels without long vector loops; every thread runs iterations of the parallel
prefix on its own. * ``block``: a block runs iterations of the parallel prefix; its threads share
the vector loops. * ``wide``: a block-layout kernel whose only work is one vector loop without
reductions: that loop is spread over blocks too.

The number of threads depends on the extents alone, so sums are combined in the same order in every
run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.loops.ir import Init, Kernel, Let, Loop, Matmul, Stmt, Update

SHARED_BYTES = 40 * 1024  # of the 48 KiB that every block may have without asking
MOST_THREADS = 256
SHORT = 8  # vector loops up to here are not worth a warp
MOST_BLOCKS = 1 << 16
SCRATCH_BLOCKS = 512  # blocks at a time where their scratch is in global memory
WIDE_BLOCKS = 2048  # in all, where one loop is spread over blocks
INT_LIMIT = 1 << 30

Layout = Literal["thread", "block", "wide"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Layout, launch size, and where scratch lies.

    Attributes:
        layout: see the module.
        threads: threads of a block.
        blocks: blocks along x: iterations of the parallel prefix at a time.
        columns: blocks along y, that share a wide loop.
        prefix: the parallel loops, outermost first.
        body: what stands inside them.
        shared_scratch: whether scratch buffers lie in shared memory.
        scratch_bytes: bytes of global memory for one block's scratch otherwise.
        wide_index: whether indices need 64 bits.
    """

    layout: Layout
    threads: int
    blocks: int
    columns: int
    prefix: tuple[Loop, ...]
    body: tuple[Stmt, ...]
    shared_scratch: bool
    scratch_bytes: int
    wide_index: bool

    @property
    def iterations(self) -> int:
        """Iterations of the parallel prefix."""
        count = 1
        for loop in self.prefix:
            count *= loop.extent
        return count


def split_prefix(kernel: Kernel) -> tuple[tuple[Loop, ...], tuple[Stmt, ...]]:
    """The parallel loops around a kernel's body, and the body."""
    prefix, body = [], kernel.body
    while len(body) == 1 and isinstance(body[0], Loop) and body[0].kind == "parallel":
        prefix.append(body[0])
        body = body[0].body
    return tuple(prefix), body


def statements(body: tuple[Stmt, ...]) -> Iterator[Stmt]:
    """All statements, outer ones first; a product's epilogue included."""
    for stmt in body:
        yield stmt
        if isinstance(stmt, Loop):
            yield from statements(stmt.body)
        elif isinstance(stmt, Matmul):
            yield from statements(stmt.epilogue)


def make_plan(kernel: Kernel) -> Plan:
    """Lay a kernel out."""
    prefix, body = split_prefix(kernel)
    iterations = 1
    for loop in prefix:
        iterations *= loop.extent
    longest = max((_lanes(stmt) for stmt in statements(body)), default=0)
    scratch = [b for b in kernel.buffers if b.role == "scratch"]
    scratch_bytes = sum(-(-b.size * itemsize(b.dtype) // 16) * 16 for b in scratch)
    wide_index = _needs_wide_index(kernel, iterations)
    if longest <= SHORT and not scratch:
        threads = _power_of_two(iterations, 128)
        blocks = min(-(-iterations // threads), MOST_BLOCKS)
        return Plan("thread", threads, blocks, 1, prefix, body, True, 0, wide_index)
    threads = _power_of_two(longest, MOST_THREADS)
    reduction = threads * 8
    shared = scratch_bytes + reduction <= SHARED_BYTES
    blocks = min(iterations, MOST_BLOCKS if shared else SCRATCH_BLOCKS)
    columns = 1
    if not scratch and is_wide(body):
        columns = max(1, min(-(-longest // threads), WIDE_BLOCKS // blocks))
    layout: Layout = "wide" if columns > 1 else "block"
    left = 0 if shared else scratch_bytes
    return Plan(layout, threads, blocks, columns, prefix, body, shared, left, wide_index)


def is_wide(body: tuple[Stmt, ...]) -> bool:
    """Whether a body is one vector loop that reduces nothing, after values that are only named."""
    *lets, last = body
    if not (isinstance(last, Loop) and last.kind == "vector"):
        return False
    return not outer_accumulators(last) and all(isinstance(stmt, Let) for stmt in lets)


def outer_accumulators(loop: Loop) -> list[str]:
    """Accumulators that a loop updates and that were started outside of it, in order."""
    inside = {stmt.name for stmt in statements(loop.body) if isinstance(stmt, Init)}
    updated = [stmt.name for stmt in statements(loop.body) if isinstance(stmt, Update)]
    return [name for name in dict.fromkeys(updated) if name not in inside]


def _lanes(stmt: Stmt) -> int:
    """Iterations that threads can share in one statement."""
    if isinstance(stmt, Matmul):
        count = stmt.m[1] * stmt.n[1]
        for _, extent in stmt.batch:
            count *= extent
        return max(count, SHORT + 1)
    return stmt.extent if isinstance(stmt, Loop) and stmt.kind == "vector" else 0


def _power_of_two(wanted: int, most: int) -> int:
    """The least power of two from 32 to ``most`` that covers ``wanted``, else ``most``."""
    threads = 32
    while threads < min(wanted, most):
        threads *= 2
    return threads


def _needs_wide_index(kernel: Kernel, iterations: int) -> bool:
    sizes = [buffer.size for buffer in kernel.buffers]
    extents = [stmt.extent for stmt in statements(kernel.body) if isinstance(stmt, Loop)]
    products = [_lanes(stmt) for stmt in statements(kernel.body) if isinstance(stmt, Matmul)]
    return max([iterations, *sizes, *extents, *products]) >= INT_LIMIT
