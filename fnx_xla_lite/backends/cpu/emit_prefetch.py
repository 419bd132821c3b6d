"""Prefetch: while a row kernel computes on one row, ask for the next one.

A kernel whose rows pass through several vector loops (softmax: maximum, exponential, division)
waits for memory in the first loop and computes in the others. The heaviest later loop therefore
touches, line by line, what the first loop will read one row further. A prefetch never faults, so
the row after the last one needs no test.
"""

from __future__ import annotations

from fnx_xla_lite.backends.cpu.emit_facts import Facts
from fnx_xla_lite.backends.cpu.emit_memory import prefetch
from fnx_xla_lite.backends.cpu.emit_scope import Scope
from fnx_xla_lite.backends.cpu.emit_walk import expressions, flattened, loads_of
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.loops import ir as loops

_LEAST_BYTES = 1 << 20  # smaller buffers stay in the second-level cache by themselves
_LINE = 64
_LIGHT = 8  # instructions of a first loop that waits for memory rather than computes

Ahead = dict[int, tuple[tuple[loops.Load, int], ...]]


def rows_ahead(facts: Facts, prefix: tuple[loops.Loop, ...], body: tuple[loops.Stmt, ...]) -> Ahead:
    """For a vector loop, by identity: loads to prefetch, with the elements from row to row."""
    phases = [s for s in body if isinstance(s, loops.Loop) and s.kind == "vector"]
    if not prefix or len(phases) < 2:
        return {}
    first, row = phases[0], prefix[-1].var
    if facts.weight(first) > _LIGHT:
        return {}
    later = [p for p in phases[1:] if p.extent == first.extent and facts.lanes(p)]
    wanted: dict[str, tuple[loops.Load, int]] = {}
    for expr in expressions(first.body):
        for load in loads_of(expr):
            stride = _row_stride(facts, load, row, first.var)
            if stride:
                wanted.setdefault(load.buffer, (load, stride))
    if not later or not wanted:
        return {}
    target = max(later, key=facts.weight)
    moved = ((_moved(load, first.var, target.var), n) for load, n in wanted.values())
    return {id(target): tuple(moved)}


def emit_prefetches(scope: Scope, ahead: tuple[tuple[loops.Load, int], ...], lanes: int) -> None:
    """Touch the lines that these loads will read one row further, at the present lanes."""
    for load, stride in ahead:
        for start in range(0, lanes, max(_LINE // itemsize(load.dtype), 1)):
            prefetch(scope, load, stride + start)


def _row_stride(facts: Facts, load: loops.Load, row: str, var: str) -> int:
    """Elements from row to row, where the load runs along a large input's rows; else 0."""
    buffer = facts.buffers[load.buffer]
    if buffer.role != "input" or any(isinstance(i, loops.Dynamic) for i in load.indices):
        return 0
    if buffer.size * itemsize(buffer.dtype) < _LEAST_BYTES:
        return 0
    terms = dict(flattened(buffer.shape, load.indices).terms)
    return terms.get(row, 0) if terms.get(var) == 1 else 0


def _moved(load: loops.Load, old: str, new: str) -> loops.Load:
    """The same load with another loop variable."""
    indices = []
    for index in load.indices:
        assert isinstance(index, loops.Affine)
        terms = tuple(sorted((new if v == old else v, c) for v, c in index.terms))
        indices.append(loops.Affine(terms, index.offset))
    return loops.Load(load.buffer, tuple(indices), load.dtype)
