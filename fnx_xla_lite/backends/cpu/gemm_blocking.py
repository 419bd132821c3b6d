"""Blocking: Problem, Target -> Plan, every size that the emitted loops need.

Decisions depend on shapes, strides and the target only, never on the number of threads. Every
element of the product is one chain of multiply-adds in increasing k (one for every block of k), so
that not even tile and task sizes show in the bits. Names follow BLIS (Van Zee and van de Geijn
2015): ``rows x columns`` is the register tile, ``mc x kc`` the block of the left operand that stays
in L2, ``nc`` the strip of the right one.
"""

from __future__ import annotations

from dataclasses import dataclass

from fnx_xla_lite.backends.cpu.gemm_problem import Problem
from fnx_xla_lite.backends.cpu.gemm_types import ITEMSIZE, compute_dtype
from fnx_xla_lite.backends.cpu.target import Target

LEFT_SHARE = 275 / 512  # of the second-level cache is for the left operand's block
WHOLE_BYTES = 1100 << 10  # of a left operand that is not cut, where that cache holds it
STRIP_BYTES = 4 << 20  # of the right operand's packed strip over all of k, in the third level
STRIP_SHARE = 4  # such strips fit into it
PANEL_BYTES = 256 << 10  # of a panel of the right operand: k is cut into blocks beyond that
DEEPEST = 2048  # longest block of k
THIN_DEPTH = 64  # the same where a large right operand is read once, in place: pages kept open
WIDEST = 32  # vectors across a strip
L1_PERIOD = 4096  # bytes after which addresses share a set of the L1 cache
FIGHTING_ROWS = 8  # rows of a tile that do not fit into one set of it beside all else
HEAD_BYTES = 64  # at the beginning of scratch: which block and strip lie packed there
SMALL = 64**3  # multiply-adds up to which nothing is packed that can be read in place
MIN_TASKS = 32  # output blocks to hand to threads, where the product is worth sharing
DOT_ROWS = 4  # most rows of a product whose vectors run along k
MAX_ROWS = 24  # of a register tile
USUAL = {32: (6, 4), 16: (6, 2)}  # register tile (rows, vectors) by number of registers
TASK_FLOPS = 1 << 19  # least work of a task


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the emitted loops, in elements; scratch offsets and size in bytes.

    A task is one block of ``mc x nc`` outputs of one batch; tasks are numbered batch, strip, block,
    the block fastest. ``dot``: vectors run along k, in both operands' rows (``gemm_dot``), and
    nothing is packed. ``strip_depth`` is how much of k the packed strip holds at once: all of it
    (kept between tasks) or ``kc``.
    """

    dot: bool
    dtype: str
    lanes: int
    rows: int
    vectors: int
    mc: int
    nc: int
    kc: int
    pack_lhs: bool
    pack_rhs: bool
    strip_depth: int
    blocks: int
    strips: int
    tasks: int
    block_offset: int
    tile_offset: int
    strip_offset: int
    scratch_bytes: int

    @property
    def columns(self) -> int:
        """Width of the register tile."""
        return self.lanes * self.vectors


def plan(problem: Problem, target: Target) -> Plan:
    """Choose tile, blocks and packing for ``problem``."""
    dtype = compute_dtype(problem.dtype)
    lanes = target.lanes(dtype)
    dot = _along_k(problem)
    rows, vectors = (1, 1) if dot else register_tile(problem.m, problem.n, lanes, target.registers)
    columns = lanes * vectors
    pack_lhs, pack_rhs = (False, False) if dot else _packing(problem, rows, columns)
    thin = not pack_rhs and problem.n * problem.k > SMALL
    item = ITEMSIZE[dtype]
    longest = THIN_DEPTH if thin else deepest(target, dtype)
    kc = problem.k if dot else _depth_of_block(problem.k, longest)
    mc, nc = _block_of_task(problem, rows, columns, kc, target, item)
    blocks, strips = _ceil(problem.m, mc), _ceil(problem.n, nc)
    whole = problem.k * nc * item <= strip_bytes(target)
    strip_depth = problem.k if whole else kc
    one_block = kc >= problem.k
    # Sums of several k blocks wait in memory: one register tile, or all tiles of the task.
    tile = rows * columns if one_block else _round_up(mc, rows) * _round_up(nc, columns)
    block_offset = HEAD_BYTES if pack_lhs or pack_rhs else 0
    block = _round_up(mc, rows) * kc * item + lanes * (rows + 1) * item if pack_lhs else 0
    tile_offset = block_offset + _round_up(block, 64)
    strip_offset = tile_offset + (0 if one_block else _round_up(tile * item, 64))
    strip = (
        _round_up(nc, columns) * strip_depth * item + lanes * (columns + 1) * item
        if pack_rhs
        else 0
    )
    return Plan(
        dot, dtype, lanes, rows, vectors, mc, nc, kc, pack_lhs, pack_rhs, strip_depth,
        blocks, strips,
        blocks * strips * _product(problem.batch), block_offset, tile_offset, strip_offset,
        _round_up(strip_offset + strip, 64),
    )  # fmt: skip


def _along_k(problem: Problem) -> bool:
    """Whether both operands run along k and too few rows want the right one transposed."""
    contiguous = problem.lhs.depth == 1 and problem.rhs.depth == 1
    return contiguous and problem.rhs.outer != 1 and problem.m <= DOT_ROWS


def register_tile(m: int, n: int, lanes: int, registers: int) -> tuple[int, int]:
    """The tile (rows, vectors) that multiplies m x n in the fewest cycles, edges padded.

    Among tiles within 3 % of the best the target's usual one is taken, so that a module's products
    share it.
    """
    if not m or not n:
        return 1, 1
    widest, tallest = min(8, _ceil(n, lanes)), min(MAX_ROWS, m)
    shapes = [
        (rows, vectors)
        for vectors in range(1, widest + 1)
        for rows in range(1, tallest + 1)
        if (rows + 1) * vectors + 1 <= registers
    ]
    costs = {shape: _tile_cost(m, n, *shape, lanes) for shape in shapes}
    usual = USUAL[registers]
    least = min(costs.values())
    if costs.get(usual, least * 2) <= 1.03 * least:
        return usual
    return min(shapes, key=lambda shape: costs[shape])


def _tile_cost(m: int, n: int, rows: int, vectors: int, lanes: int) -> float:
    """Cycles per k: two multiply-adds (four cycles long) and two loads a cycle."""
    cycles = max(rows * vectors / 2, (rows + vectors) / 2, 4.0) + 0.5
    return _ceil(m, rows) * _ceil(n, vectors * lanes) * cycles


def deepest(target: Target, dtype: str) -> int:
    """The longest k that is not cut; of the kind of target only, because blocks show in bits."""
    return min(DEEPEST, PANEL_BYTES // (usual_columns(target, dtype) * ITEMSIZE[dtype]))


def usual_columns(target: Target, dtype: str) -> int:
    """Width of the register tile that the target takes where it can."""
    return target.lanes(dtype) * USUAL[target.registers][1]


def left_bytes(target: Target) -> int:
    """Most bytes of the left operand's block, which is read once for every panel of the right."""
    return int(target.caches.second * LEFT_SHARE)


def strip_bytes(target: Target) -> int:
    """Most bytes of a strip that holds all of k."""
    return min(STRIP_BYTES, max(target.caches.third // STRIP_SHARE, target.caches.second))


def _depth_of_block(k: int, most: int) -> int:
    """Equal, long blocks of k: little to do around a tile, and L2 feeds panels fast enough."""
    blocks = max(1, _ceil(k, most))
    return k if blocks == 1 else _round_up(_ceil(k, blocks), 8)


def _packing(problem: Problem, rows: int, columns: int) -> tuple[bool, bool]:
    """Whether each operand is copied into panels: read often, or not readable in place.

    Rows of the left operand that run along k are read in place, unless their distance is a multiple
    of the L1 cache's period, so that all of a tile's rows fight for the same few lines.
    """
    across, down = _ceil(problem.n, columns), _ceil(problem.m, rows)
    large = problem.m * problem.n * problem.k > SMALL
    lhs = problem.lhs
    distance = lhs.outer * ITEMSIZE[lhs.dtype]
    fighting = min(rows, problem.m) >= FIGHTING_ROWS and distance % L1_PERIOD == 0
    awkward = lhs.depth != 1 or fighting
    widened = lhs.dtype != compute_dtype(problem.dtype)
    pack_lhs = large and across >= 4 and (awkward or widened)
    pack_rhs = problem.rhs.outer != 1 or (large and down >= 4)
    return pack_lhs, pack_rhs


def _block_of_task(
    problem: Problem, rows: int, columns: int, kc: int, target: Target, item: int
) -> tuple[int, int]:
    """(mc, nc): the left block stays in L2, and work worth sharing has tasks enough."""
    m, n, k = max(problem.m, 1), max(problem.n, 1), max(problem.k, 1)
    batch = max(1, _product(problem.batch))
    tasks = max(1, min(MIN_TASKS, 2 * batch * m * n * k // TASK_FLOPS))
    widest = WIDEST * target.lanes(compute_dtype(problem.dtype))
    if kc >= k and m * k * item <= min(WHOLE_BYTES, target.caches.second):
        # The left operand stays as a whole; only strips of the right one change.
        nc = _share(n, _ceil(tasks, batch), columns, widest)
        return _share(m, tasks // (batch * _ceil(n, nc)), rows, m), nc
    most = max(rows, left_bytes(target) // (max(kc, 1) * item))
    nc = _share(n, 1, columns, widest)
    return _share(m, _ceil(tasks, batch * _ceil(n, nc)), rows, most), nc


def _share(extent: int, parts: int, multiple: int, most: int) -> int:
    """``extent`` in at least ``parts`` pieces of at most ``most``, a multiple of ``multiple``."""
    parts = max(1, parts, _ceil(extent, max(most, multiple)))
    return _round_up(_ceil(extent, parts), multiple)


def _ceil(x: int, y: int) -> int:
    return -(-x // y)


def _round_up(x: int, multiple: int) -> int:
    return -(-x // multiple) * multiple


def _product(extents: tuple[int, ...]) -> int:
    result = 1
    for extent in extents:
        result *= extent
    return result
