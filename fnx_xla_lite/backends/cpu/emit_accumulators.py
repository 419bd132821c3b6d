"""Accumulators: values that loops update.

Those from outside of a vector loop are kept as one partial result per lane, through outer serial
loops too, and combined at the end in a fixed tree: lane j with lane j + half, then quarter, and so
on.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit_expr import apply, emit_expr
from fnx_xla_lite.backends.cpu.emit_extremum import OPS as EXTREMA
from fnx_xla_lite.backends.cpu.emit_extremum import extend, finish, is_partial, start
from fnx_xla_lite.backends.cpu.emit_scope import Accumulator, Scope
from fnx_xla_lite.backends.cpu.emit_types import (
    I32,
    constant_of,
    register_dtype,
    register_type,
    splat,
    vector_of,
)
from fnx_xla_lite.hlo.dtypes import highest, lowest
from fnx_xla_lite.loops import ir as loops

Key = str | tuple[str, int]  # an accumulator, or its partial results in so many lanes


def emit_init(scope: Scope, init: loops.Init) -> None:
    """Begin an accumulator at the current place."""
    value, vector = emit_expr(scope, init.value), scope.vector
    if vector is not None:
        value = splat(scope.builder, value, vector.count)
    scope.bind(init.name, value)
    scope.accumulators[init.name] = Accumulator(init.dtype, scope.current)


def emit_update(scope: Scope, update: loops.Update) -> None:
    """Combine a value into an accumulator, or into its partial results."""
    accumulator, vector = scope.accumulators[update.name], scope.vector
    value, dtype = emit_expr(scope, update.value), accumulator.dtype
    builder = scope.builder
    if vector is None or accumulator.level >= vector.level:
        scope.values[update.name] = apply(
            builder, update.op, [scope.values[update.name], value], [dtype, dtype], dtype
        )
        return
    value = splat(builder, value, vector.count)
    if vector.mask is not None:
        neutral = identity(update.op, dtype, vector.count)
        value = builder.select(vector.mask, value, neutral)
    key = (update.name, vector.count)
    if is_partial(scope.partials[key]):
        scope.partials[key] = extend(builder, update.op, scope.partials[key], value)
        return
    scope.partials[key] = apply(
        builder, update.op, [scope.partials[key], value], [dtype, dtype], dtype
    )


def identity(op: str, dtype: str, lanes: int = 0) -> ir.Constant:
    """The number that ``op`` leaves the other operand unchanged with."""
    number: float | int
    if op == "add":
        number = -0.0 if register_dtype(dtype) in ("f32", "f64") else 0
    else:
        number = {
            "multiply": lambda: 1, "or": lambda: 0, "xor": lambda: 0,
            "and": lambda: 1 if dtype == "i1" else -1,
            "maximum": lambda: lowest(dtype).item(), "minimum": lambda: highest(dtype).item(),
        }[op]()  # fmt: skip
    if op == "and" and dtype.startswith("ui"):
        number = highest(dtype).item()
    return constant_of(dtype, number, lanes)


@contextmanager
def partial_results(scope: Scope, loop: loops.Loop) -> Iterator[None]:
    """Around the outermost loop that updates an accumulator by lanes: one partial result a lane."""
    effects, opened = scope.facts.effects(loop), []
    for name, op, lanes in scope.facts.vector_updates(loop):
        known = scope.accumulators.get(name)
        if known is None or (name, lanes) in scope.partials or scope.vector is not None:
            continue
        if name in effects.reads and loop.kind != "vector":
            continue  # its value is looked at in between: combine after every vector loop
        is_extremum = op in EXTREMA and register_dtype(known.dtype) in ("f32", "f64")
        scope.partials[name, lanes] = (
            start(op, register_type(known.dtype, lanes), masks=scope.facts.target.mask_registers)
            if is_extremum
            else identity(op, known.dtype, lanes)
        )
        opened.append((name, op, lanes))
    yield
    for name, op, lanes in opened:
        dtype, value = scope.accumulators[name].dtype, scope.partials.pop((name, lanes))
        combine = finish if is_partial(value) else functools.partial(_combined, dtype=dtype)
        total = combine(scope.builder, op, value)
        scope.values[name] = apply(
            scope.builder, op, [scope.values[name], total], [dtype, dtype], dtype
        )


def _combined(builder: ir.IRBuilder, op: str, value: ir.Value, *, dtype: str) -> ir.Value:
    """All lanes combined: lane j with lane j + half, until one is left."""
    count = value.type.count
    while count > 1:
        count //= 2
        halves = [
            builder.shuffle_vector(
                value, ir.Constant(value.type, ir.Undefined),
                ir.Constant(vector_of(I32, count), list(range(first, first + count))),
            )
            for first in (0, count)
        ]  # fmt: skip
        value = apply(builder, op, halves, [dtype, dtype], dtype)
    return builder.extract_element(value, ir.Constant(I32, 0))


def carried(scope: Scope, statement: loops.Loop) -> dict[Key, ir.Value]:
    """The present values of the accumulators from outside that ``statement`` updates."""
    updates = scope.facts.effects(statement).updates
    values: dict[Key, ir.Value] = {
        name: scope.values[name] for name in sorted(updates) if name in scope.accumulators
    }
    values.update({key: v for key, v in scope.partials.items() if key[0] in updates})
    return values


def set_carried(scope: Scope, values: dict[Key, ir.Value]) -> None:
    """Make these the present values, of the accumulators that `carried` found."""
    for key, value in values.items():
        if isinstance(key, str):
            scope.values[key] = value
        else:
            scope.partials[key] = value
