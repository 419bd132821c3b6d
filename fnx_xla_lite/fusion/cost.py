"""Cost: what an instruction costs, and when a reduction is cut into two stages.

All of it depends on shapes alone, never on threads.
"""

from __future__ import annotations

import math

from fnx_xla_lite.fusion.access import MOVES
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value
from fnx_xla_lite.hlo.opset import OPS

COLUMNS = 64  # columns that one task of a column reduction keeps in registers
FEW_TASKS = 8  # a reduction with fewer parallel tasks than this is split, if it is long
SPLIT_ELEMENTS = 1 << 16  # what counts as long
LONG_COLUMN = 256  # rows from which on a large column reduction is split
SCRATCH_BYTES = 256 * 1024  # a task's scratch stays inside the second-level cache
RELOAD = 4  # computing a value again may cost this many additions; otherwise it is kept
FREE = MOVES | {"constant", "iota"}


def is_expensive(instr: Instruction) -> bool:
    """Whether one element costs more than keeping it in memory."""
    row = OPS.get(instr.op)
    return row is None or not row.elementwise or row.transcendental or row.flops > RELOAD


def flops(instr: Instruction) -> int:
    """Additions for one element of the result."""
    return 0 if instr.op in FREE else OPS[instr.op].flops


def size_in_bytes(value: Value) -> int:
    """Bytes of a value in memory."""
    return value.type.size * itemsize(value.type.dtype)


def reduction_tasks(shape: tuple[int, ...], dimensions: tuple[int, ...]) -> int:
    """How many parallel tasks a one-stage reduction has: its rows, or blocks of its columns."""
    kept = [size for axis, size in enumerate(shape) if axis not in dimensions and size != 1]
    if not kept:
        return 1
    last = max((axis for axis, size in enumerate(shape) if size != 1), default=0)
    if last in dimensions:
        return math.prod(kept)
    return math.prod(kept[:-1]) * -(-kept[-1] // COLUMNS)


def is_split(shape: tuple[int, ...], dimensions: tuple[int, ...]) -> bool:
    """Whether a reduction runs in two stages, partial results first.

    Either because it has too few parallel tasks otherwise, or because walking down long columns
    would touch a page for every row.
    """
    size = math.prod(shape)
    if size < SPLIT_ELEMENTS:
        return False
    if reduction_tasks(shape, dimensions) < FEW_TASKS:
        return True
    last = max(axis for axis, n in enumerate(shape) if n != 1)
    reduced = math.prod(shape[axis] for axis in dimensions)
    return last not in dimensions and reduced >= LONG_COLUMN and size >= 16 * SPLIT_ELEMENTS


def simple_reducers(instr: Instruction) -> tuple[str, ...] | None:
    """The associative operation of each result of a ``reduce``, or None for any other body."""
    return body_reducers(instr.regions[0])


def body_reducers(region: Computation) -> tuple[str, ...] | None:
    """For a body whose result i is ``op_i(accumulator_i, value_i)``: the operations."""
    count = len(region.results)
    if len(region.instructions) != count:
        return None
    producers = {i.results[0]: i for i in region.instructions if len(i.results) == 1}
    ops = []
    for number, result in enumerate(region.results):
        instr = producers.get(result)
        pair = {region.parameters[number], region.parameters[count + number]}
        if instr is None or not OPS[instr.op].associative or set(instr.operands) != pair:
            return None
        ops.append(instr.op)
    return tuple(ops)
