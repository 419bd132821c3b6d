"""Cost: an estimate of how long one task of a kernel takes, to decide whether threads are worth waking.

Every scalar operation costs its weight over the lanes it runs in; every access costs its bytes at a memory speed that is typical of
data in cache. The estimate only steers partitions; results do not depend on it.
"""

from __future__ import annotations

from fnx_xla_lite.backends.cpu.emit_facts import WEIGHTS, Facts
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.loops import ir as loops

_CYCLE = 0.4  # nanoseconds
_BYTES_PER_NANOSECOND = 16.0


def nanoseconds(facts: Facts, body: tuple[loops.Stmt, ...], lanes: int = 1) -> float:
    """Estimated time of running ``body`` once."""
    total = 0.0
    for statement in body:
        match statement:
            case loops.Loop(extent=extent, body=inner, kind=kind):
                width = facts.lanes(statement) or 1 if kind == "vector" else lanes
                times = -(-extent // width) if kind == "vector" else extent
                total += times * (nanoseconds(facts, inner, width) + _CYCLE)
            case loops.Store(buffer=buffer, value=value):
                total += _access(facts, buffer, lanes) + _expr(facts, value, lanes)
            case loops.Let(value=value) | loops.Init(value=value) | loops.Update(value=value):
                total += _CYCLE + _expr(facts, value, lanes)
    return total


def _access(facts: Facts, buffer: str, lanes: int) -> float:
    return itemsize(facts.buffers[buffer].dtype) * lanes / _BYTES_PER_NANOSECOND


def _expr(facts: Facts, expr: loops.Expr, lanes: int) -> float:
    match expr:
        case loops.Load(buffer=buffer):
            return _access(facts, buffer, lanes)
        case loops.Apply(op=op, args=args):
            vectors = max(lanes * 4 / facts.target.vector_bytes, 1.0)
            own = WEIGHTS.get(op, 1) * vectors * _CYCLE
            return own + sum(_expr(facts, arg, lanes) for arg in args)
        case loops.Guard(inside=inside, outside=outside):
            return _CYCLE + _expr(facts, inside, lanes) + _expr(facts, outside, lanes)
    return 0.0
