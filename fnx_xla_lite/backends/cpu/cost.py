"""Cost: an estimate of a task's time, to decide whether threads are worth waking.

Every scalar operation costs its weight over the lanes it runs in; every access costs its bytes at a
memory speed that is typical of data in cache. The estimate only steers partitions; results do not
depend on it.
"""

from __future__ import annotations

import math

from fnx_xla_lite.backends.cpu.emit_facts import WEIGHTS, Facts
from fnx_xla_lite.backends.cpu.target import Target
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.loops import ir as loops
from fnx_xla_lite.loops.program import Call, Case, Launch, Program, Step, While

_CYCLE = 0.4  # nanoseconds
_BYTES_PER_NANOSECOND = 16.0
_PYTHON_CALL = 5_000.0  # nanoseconds


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
            case loops.Matmul():
                total += product_nanoseconds(facts, statement)
            case loops.Let(value=value) | loops.Init(value=value) | loops.Update(value=value):
                total += _CYCLE + _expr(facts, value, lanes)
    return total


def product_nanoseconds(facts: Facts, matmul: loops.Matmul) -> float:
    """Estimated time of a whole matrix product and its epilogue."""
    outputs = math.prod(n for _, n in matmul.batch) * matmul.m[1] * matmul.n[1]
    lanes = facts.target.lanes("f32")
    multiply_adds = outputs * matmul.k[1] / lanes * _CYCLE
    return multiply_adds + outputs / lanes * nanoseconds(facts, matmul.epilogue, lanes)


def program_nanoseconds(program: Program, target: Target) -> float:
    """Estimated time of one run on one thread; while loops are taken to run a hundred times."""
    known: dict[int, float] = {}

    def of_kernel(kernel: loops.Kernel) -> float:
        if id(kernel) not in known:
            facts = Facts(kernel, target)
            if len(kernel.body) == 1 and isinstance(kernel.body[0], loops.Matmul):
                known[id(kernel)] = product_nanoseconds(facts, kernel.body[0])
            else:
                known[id(kernel)] = nanoseconds(facts, kernel.body)
        return known[id(kernel)]

    def of_steps(steps: tuple[Step, ...]) -> float:
        total = 0.0
        for step in steps:
            match step:
                case Launch(kernel=kernel):
                    total += of_kernel(kernel)
                case While(condition=condition, body=body):
                    total += 100 * (of_steps(condition) + of_steps(body))
                case Call():
                    total += _PYTHON_CALL
                case Case(branches=branches):
                    total += max(map(of_steps, branches))
        return total

    return of_steps(program.steps)


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
