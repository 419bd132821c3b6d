"""Work: how many operations a program does and how many bytes it moves, counted from its HLO.

Conventions are XLA's: an elementwise operation is one operation for each element of its result, or
one transcendental; a product of (m, k) and (k, n) is 2mnk; a reduction combines all elements but
one for each result; moves are none. Bytes are those that each instruction (after fusion: each
kernel) reads and writes, of a slice or an update those of the part. A loop counts as often as it
runs; a branch as its costliest case.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.hlo.ir import Computation, HloModule, Instruction, Value
from fnx_xla_lite.hlo.opset import OPS, attribute
from fnx_xla_lite.hlo.trip_counts import Definitions, trip_count

_ALSO_TRANSCENDENTAL = frozenset({"sqrt", "rsqrt"})  # as XLA counts
_IN_PLACE = frozenset({"reshape", "optimization_barrier", "constant"})
_PARTIAL = frozenset({"slice", "dynamic_slice", "gather"})
_UPDATES = {"dynamic_update_slice": 1, "scatter": 2}  # which operand is written into the first


@dataclass(frozen=True, slots=True)
class Count:
    """Operations, transcendentals and bytes."""

    flops: float = 0
    transcendentals: float = 0
    bytes: float = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.flops + other.flops,
            self.transcendentals + other.transcendentals,
            self.bytes + other.bytes,
        )

    def times(self, n: float) -> Count:
        """So many of these."""
        return Count(self.flops * n, self.transcendentals * n, self.bytes * n)


@dataclass(frozen=True, slots=True)
class KernelWork:
    """One instruction or kernel.

    Attributes:
        what: its operations that compute, in order, as in ``dot_general tanh``.
        location: the user's line.
        times: how often it runs in one call; of loops of unknown length, one pass.
        count: the work of one run.
    """

    what: str
    location: str | None
    times: int
    count: Count


@dataclass(frozen=True, slots=True)
class Work:
    """A whole program.

    Attributes:
        total: the work of one call; loops of unknown length are counted as one pass.
        unknown_loops: number of those.
        kernels: what it consists of; of a branch, the costliest case.
    """

    total: Count
    unknown_loops: int
    kernels: tuple[KernelWork, ...]


def module_work(module: HloModule) -> Work:
    """Count the work of a module's entry function."""
    return _Counter(module).computation(module.main.body)


def _sum(counts: Iterable[Count]) -> Count:
    total = Count()
    for count in counts:
        total += count
    return total


class _Counter:
    def __init__(self, module: HloModule) -> None:
        self.module = module
        self.known = Definitions(module)

    def computation(self, body: Computation) -> Work:
        """The work of instructions in order."""
        parts = [self.instruction(instr) for instr in body.instructions]
        return Work(
            _sum(p.total for p in parts),
            sum(p.unknown_loops for p in parts),
            tuple([k for p in parts for k in p.kernels]),
        )

    def instruction(self, instr: Instruction) -> Work:
        """The work of one instruction, with what it calls and repeats."""
        if instr.op == "while":
            return self._loop(instr)
        if instr.op in ("case", "if"):
            return max(map(self.computation, instr.regions), key=lambda w: _weight(w.total))
        if instr.op == "call":
            return self.computation(self.module.function(instr.attributes["callee"]).body)
        if instr.op in _IN_PLACE:
            return Work(Count(), 0, ())
        count = replace(operations(instr), bytes=_bytes(instr))
        return Work(count, 0, (KernelWork(_what(instr), instr.location, 1, count),))

    def _loop(self, loop: Instruction) -> Work:
        condition, body = map(self.computation, loop.regions)
        steps = trip_count(loop, self.known)
        times = 1 if steps is None else steps
        total = body.total.times(times) + condition.total.times(times + 1)
        kernels = [replace(k, times=k.times * (times + 1)) for k in condition.kernels]
        kernels += [replace(k, times=k.times * times) for k in body.kernels]
        unknown = condition.unknown_loops + body.unknown_loops + (steps is None)
        return Work(total, unknown, tuple(kernels))


def _weight(count: Count) -> float:
    return count.flops + count.transcendentals + count.bytes


def _what(instr: Instruction) -> str:
    if instr.op != "fusion":
        return instr.op
    (region,) = instr.regions
    names = [i.op for i in region.instructions if _computes(i)]
    return " ".join(names or [i.op for i in region.instructions if i.op != "constant"])


def _computes(instr: Instruction) -> bool:
    count = operations(instr)
    return bool(count.flops or count.transcendentals)


def operations(instr: Instruction) -> Count:
    """Operations and transcendentals of one instruction, without bytes."""
    rule = _RULES.get(instr.op)
    if rule is not None:
        return rule(instr)
    row = OPS[instr.op]
    if not row.elementwise or instr.op == "bitcast_convert":
        return Count()
    size = instr.result.type.size
    is_transcendental = row.transcendental or instr.op in _ALSO_TRANSCENDENTAL
    return Count(transcendentals=size) if is_transcendental else Count(flops=size)


def _inside(instr: Instruction) -> Count:
    return _sum(operations(i) for region in instr.regions for i in region.instructions)


def _dot(instr: Instruction) -> Count:
    shape = instr.operands[0].type.shape
    axes = attribute(instr, "lhs_contracting_dimensions")
    return Count(flops=2 * instr.result.type.size * math.prod(shape[axis] for axis in axes))


def _reduce(instr: Instruction) -> Count:
    steps = instr.operands[0].type.size - instr.results[0].type.size
    return _inside(instr).times(max(steps, 0))


def _reduce_window(instr: Instruction) -> Count:
    window = math.prod(instr.attributes["window_dimensions"])
    return _inside(instr).times(instr.result.type.size * max(window - 1, 0))


_RULES = {
    "dot_general": _dot,
    "fusion": _inside,
    "reduce": _reduce,
    "reduce_window": _reduce_window,
    "scatter": lambda instr: _inside(instr).times(instr.operands[2].type.size),
}


# Bytes --------------------------------------------------------------------------------------------


def _size(value: Value) -> int:
    return value.type.size * itemsize(value.type.dtype)


def _bytes(instr: Instruction) -> int:
    """Bytes that one instruction reads and writes."""
    if instr.op != "fusion":
        body = Computation(instr.operands, (instr,), instr.results)
    else:
        (body,) = instr.regions
    operands = dict.fromkeys(body.parameters)
    makers = {r: i for i in body.instructions for r in i.results}
    return sum(_read(x, body) for x in operands) + sum(_written(y, makers) for y in body.results)


def _read(value: Value, body: Computation) -> int:
    """Bytes that are read of a parameter: the parts alone, if only parts of it are."""
    total = 0
    for instr in body.instructions:
        for place, operand in enumerate(instr.operands):
            if operand is not value:
                continue
            if instr.op in _PARTIAL and place == 0:
                total += _size(instr.result)
            elif not (instr.op in _UPDATES and place == 0):  # updated in place
                return _size(value)
    return min(total, _size(value))


def _written(value: Value, makers: dict[Value, Instruction]) -> int:
    """Bytes that are written of a result: the part alone, if it is updated in place."""
    instr = makers.get(value)
    if instr is not None and instr.op in _UPDATES:
        return _size(instr.operands[_UPDATES[instr.op]])
    return _size(value)
