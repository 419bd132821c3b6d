"""Statements: loops, named values, accumulators and stores, as LLVM control flow in SSA form.

A vector loop becomes a main loop of full vectors and a tail of masked lanes (of single elements
where the target has no masked memory). Loops run at least once where they are entered, so the test
stands at the end.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit_accumulators import (
    Key,
    carried,
    emit_init,
    emit_update,
    partial_results,
    set_carried,
)
from fnx_xla_lite.backends.cpu.emit_expr import emit_expr
from fnx_xla_lite.backends.cpu.emit_memory import emit_store, lane_numbers
from fnx_xla_lite.backends.cpu.emit_prefetch import emit_prefetches
from fnx_xla_lite.backends.cpu.emit_scope import Lanes, Scope
from fnx_xla_lite.backends.cpu.emit_types import I1, I32, I64, splat, vector_of
from fnx_xla_lite.backends.cpu.emit_walk import variables
from fnx_xla_lite.loops import ir as loops


def emit_body(scope: Scope, body: tuple[loops.Stmt, ...]) -> None:
    """Emit statements in order at the current place."""
    for statement in body:
        match statement:
            case loops.Let(name=name, value=value):
                scope.values[name] = emit_expr(scope, value)
                reads = scope.facts.reads(value)
                scope.level_of[name] = scope.home(reads.names, may_fault=reads.has_load)
            case loops.Init():
                emit_init(scope, statement)
            case loops.Update():
                emit_update(scope, statement)
            case loops.Store(value=value):
                emit_store(scope, statement, emit_expr(scope, value), emit_expr)
            case loops.Loop():
                _emit_loop(scope, statement)
            case _:
                raise AssertionError(statement)


def _emit_loop(scope: Scope, loop: loops.Loop) -> None:
    if loop.extent == 0:
        return
    scope.extents[loop.var] = loop.extent
    with partial_results(scope, loop):
        if loop.kind == "vector" and scope.facts.lanes(loop):
            _emit_vector_loop(scope, loop)
        elif loop.bound is None:
            iterate(scope, loop, _number(0), _number(loop.extent), once=loop.extent == 1)
        else:
            stop = _stop(scope, loop)
            some = scope.builder.icmp_signed(">", stop, _number(0))
            _when(scope, some, loop, lambda: iterate(scope, loop, _number(0), stop))


def iterate(
    scope: Scope,
    loop: loops.Loop,
    start: ir.Value,
    stop: ir.Value,
    *,
    step: int = 1,
    lanes: int = 0,
    mask: ir.Value | None = None,
    once: bool = False,
) -> None:
    """The loop's body for start, start + step, ... below stop; at least once, or just once."""
    outer = scope.builder
    if once:
        with scope.opened(outer):
            _enter(scope, loop, start, lanes, mask)
        return
    head = outer.append_basic_block(loop.var)
    builder = ir.IRBuilder(head)
    index = builder.phi(I64)
    before = carried(scope, loop)
    with scope.opened(builder):
        phis = {key: builder.phi(value.type) for key, value in before.items()}
        set_carried(scope, phis)
        _enter(scope, loop, index, lanes, mask)
        following = builder.add(index, ir.Constant(I64, step))
        again = builder.icmp_signed("<", following, stop)
        after, latch = builder.append_basic_block("after"), builder.block
        builder.cbranch(again, head, after)
    index.add_incoming(start, outer.block)
    index.add_incoming(following, latch)
    for key, value in carried(scope, loop).items():
        phis[key].add_incoming(before[key], outer.block)
        phis[key].add_incoming(value, latch)
    outer.branch(head)
    outer.position_at_end(after)


def _enter(
    scope: Scope, loop: loops.Loop, index: ir.Value, lanes: int, mask: ir.Value | None
) -> None:
    """The body, once, at a level that is open."""
    if lanes:
        scope.lanes = Lanes(loop.var, lanes, scope.current, mask)
    scope.bind(loop.var, index)
    if lanes and mask is None and id(loop) in scope.ahead:
        emit_prefetches(scope, scope.ahead[id(loop)], lanes)
    with scope.changing(scope.facts.body_effects(loop.body).changed):
        emit_body(scope, loop.body)


def _when(scope: Scope, condition: ir.Value, loop: loops.Loop, emit: Callable[[], None]) -> None:
    """``if condition: emit()``, with the accumulators of ``loop`` joined afterwards."""
    outer, before = scope.builder, carried(scope, loop)
    block = outer.append_basic_block("then")
    inner = ir.IRBuilder(block)
    with scope.opened(inner, guarded=True):
        emit()
    after = outer.append_basic_block("after")
    skipped, taken = outer.block, inner.block
    outer.cbranch(condition, block, after)
    inner.branch(after)
    outer.position_at_end(after)
    joined: dict[Key, ir.Value] = {}
    for key, value in carried(scope, loop).items():
        joined[key] = outer.phi(value.type)
        joined[key].add_incoming(before[key], skipped)
        joined[key].add_incoming(value, taken)
    set_carried(scope, joined)


def _number(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


def _stop(scope: Scope, loop: loops.Loop) -> ir.Value:
    """min(extent, bound)."""
    assert loop.bound is not None
    vector = scope.vector
    assert vector is None or vector.var not in variables(loop.bound), "a bound differs by lane"
    bound = scope.sum_of(loop.bound.terms, loop.bound.offset)
    less = scope.builder.icmp_signed("<", bound, _number(loop.extent))
    return scope.builder.select(less, bound, _number(loop.extent))


def _emit_vector_loop(scope: Scope, loop: loops.Loop) -> None:
    if loop.bound is None:
        _emit_static(scope, loop, scope.facts.lanes(loop))
    else:
        _emit_bounded(scope, loop, scope.facts.lanes(loop))


def _emit_static(scope: Scope, loop: loops.Loop, lanes: int) -> None:
    """Extent known: full vectors, then one tail whose mask is a constant."""
    rest = loop.extent % lanes
    whole = loop.extent - rest
    if whole:
        iterate(
            scope, loop, _number(0), _number(whole), step=lanes, lanes=lanes, once=whole == lanes
        )
    if not rest:
        return
    if rest == 1 or not scope.facts.maskable(loop):
        iterate(scope, loop, _number(whole), _number(loop.extent), once=rest == 1)
        return
    # A partial result has the main loop's lanes; otherwise the tail may be as short as it is.
    short = 1 << (rest - 1).bit_length()
    tail = lanes if any(True for _ in scope.facts.vector_updates(loop)) else short
    mask = ir.Constant(vector_of(I1, tail), [int(lane < rest) for lane in range(tail)])
    iterate(
        scope, loop, _number(whole), _number(loop.extent), lanes=tail,
        mask=None if tail == rest else mask, once=True,
    )  # fmt: skip


def _emit_bounded(scope: Scope, loop: loops.Loop, lanes: int) -> None:
    """Extent known at run time only: full vectors if any, then a masked tail if needed."""
    stop = _stop(scope, loop)
    whole = scope.builder.and_(stop, _number(-lanes))
    some = scope.builder.icmp_signed(">", whole, _number(0))
    _when(
        scope, some, loop,
        lambda: iterate(scope, loop, _number(0), whole, step=lanes, lanes=lanes),
    )  # fmt: skip
    if _divides(lanes, loop):
        return
    whole = scope.builder.select(some, whole, _number(0))
    left = scope.builder.icmp_signed("<", whole, stop)

    def tail() -> None:
        if not scope.facts.maskable(loop):
            iterate(scope, loop, whole, stop)
            return
        builder = scope.builder
        rest = builder.trunc(builder.sub(stop, whole), I32)
        mask = builder.icmp_signed("<", lane_numbers(I32, lanes), splat(builder, rest, lanes))
        iterate(scope, loop, whole, stop, lanes=lanes, mask=mask, once=True)

    _when(scope, left, loop, tail)


def _divides(lanes: int, loop: loops.Loop) -> bool:
    """Whether min(extent, bound) is a multiple of ``lanes`` whatever the outer variables are."""
    assert loop.bound is not None
    numbers = [loop.extent, loop.bound.offset, *(c for _, c in loop.bound.terms)]
    return all(number % lanes == 0 for number in numbers)
