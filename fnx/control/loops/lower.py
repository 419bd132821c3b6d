"""Loops, lowered: one HLO ``while`` each, which reads xs and writes ys by a counter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx.control.call import lower_eqns
from fnx.control.loops.invariants import split_invariants
from fnx.control.loops.scan_parts import Scan, Values
from fnx.control.loops.while_parts import While
from fnx.core.effects import has_effect

_FEW, _STEPS = 8, 8  # equations of a body whose steps cost less than a launch; steps written out

Step = Callable[[Any, Any, Sequence[Any]], list[Any]]  # (builder, steps done, state) -> state


def lower_scan(b: Any, *operands: Any, **params: Any) -> Values:
    """The lower rule of ``scan``."""
    scan = Scan(**params)
    consts, carry, xs = scan.inputs(operands)
    ys = [
        b.broadcast_in_dim(b.constant(0, dtype=a.aval.dtype), (scan.length, *a.aval.shape), ())
        for a in scan.outputs(scan.body.outputs)[1]
    ]
    if not scan.length:
        return (*carry, *ys)
    zero, one = (b.constant(n, dtype=np.dtype(np.int32)) for n in (0, 1))
    count = b.constant(scan.length, dtype=np.dtype(np.int32))
    if scan.counted:
        count = b.minimum(b.maximum(consts[0], zero), count)
    step = _scan_step(b, scan, consts, xs, b.subtract(count, one))
    return _repeat(b, scan, count, step, [*carry, *ys])


def _scan_step(b: Any, scan: Scan, consts: list[Any], xs: list[Any], last: Any) -> Step:
    """What a scan does in one step; its costly invariants are computed here, by ``b``."""
    zero = b.constant(0, dtype=np.dtype(np.int32))
    body = scan.body
    if not scan.counted and scan.length > 1:
        before, body = split_invariants(body, scan.num_consts)
        consts = [*consts, *lower_eqns(b, before, (), consts)]

    def step(inner: Any, done: Any, state: Sequence[Any]) -> list[Any]:
        at = inner.subtract(last, done) if scan.reverse else done
        row = [_row(inner, x, at, zero) for x in xs]
        values = [*consts, *state[: scan.num_carry], *row]
        new, found = scan.outputs(lower_eqns(inner, body, (), values))
        stacks = zip(state[scan.num_carry :], found, strict=True)
        return [*new, *[_write(inner, stack, y, at, zero) for stack, y in stacks]]

    return step


def _repeat(b: Any, scan: Scan, count: Any, step: Step, state: list[Any]) -> Values:
    """So many steps, some of them written out: in each round of the loop, and before it."""
    one = b.constant(1, dtype=np.dtype(np.int32))
    unroll = 1 if scan.counted else max(scan.unroll, _steps_in_a_kernel(scan))
    first = scan.length % unroll
    is_straight = not scan.counted and scan.length - first in (0, unroll)
    for done in range(scan.length if is_straight else first):
        state = step(b, b.constant(done, dtype=np.dtype(np.int32)), state)
    if is_straight:
        return tuple(state)

    def body(inner: Any, done: Any, *state: Any) -> list[Any]:
        values: Sequence[Any] = state
        for _ in range(unroll):
            values = step(inner, done, values)
            done = inner.add(done, one)
        return [done, *values]

    start = b.constant(first, dtype=np.dtype(np.int32))
    outs = b.while_([start, *state], lambda inner, i, *_: inner.compare(i, count, "LT"), body)
    return tuple(outs[1:])


def _steps_in_a_kernel(scan: Scan) -> int:
    """How many steps of a loop over a few numbers to write out: together they are one kernel."""
    is_small = len(scan.body.eqns) <= _FEW and len(scan.body.outputs) == scan.num_carry
    atoms = (*scan.body.inputs, *[v for eqn in scan.body.eqns for v in eqn.outputs])
    if not is_small or any(atom.aval.shape for atom in atoms):
        return 1
    plain = all(eqn.primitive.split is None and not has_effect(eqn) for eqn in scan.body.eqns)
    return _STEPS if plain and scan.length >= _FEW * _STEPS else 1


def _row(b: Any, x: Any, at: Any, zero: Any) -> Any:
    """Element ``at`` of ``x`` along its leading axis."""
    shape = x.type.shape[1:]
    starts = [at, *[zero] * len(shape)]
    return b.reshape(b.dynamic_slice(x, starts, (1, *shape)), shape)


def _write(b: Any, stack: Any, y: Any, at: Any, zero: Any) -> Any:
    """``stack`` with ``y`` as element ``at``."""
    shape = stack.type.shape[1:]
    return b.dynamic_update_slice(stack, b.reshape(y, (1, *shape)), [at, *[zero] * len(shape)])


def lower_while(b: Any, *operands: Any, **params: Any) -> Values:
    """The lower rule of ``while``."""
    loop = While(**params)
    cond_consts, body_consts, carry = loop.inputs(operands)
    if loop.max_steps is None:
        return tuple(
            b.while_(
                carry,
                lambda inner, *state: lower_eqns(inner, loop.cond, (), [*cond_consts, *state])[0],
                lambda inner, *state: lower_eqns(inner, loop.body, (), [*body_consts, *state]),
            )
        )
    zero, one, most = (b.constant(n, dtype=np.dtype(np.int32)) for n in (0, 1, loop.max_steps))
    ys = [
        b.broadcast_in_dim(b.constant(0, dtype=a.aval.dtype), (loop.max_steps, *a.aval.shape), ())
        for a in loop.outputs(loop.body.outputs)[1]
    ]

    def goes_on(inner: Any, done: Any, *state: Any) -> Any:
        values = [*cond_consts, *state[: len(carry)]]
        (holds,) = lower_eqns(inner, loop.cond, (), values)
        return inner.and_(inner.compare(done, most, "LT"), holds)

    def step(inner: Any, done: Any, *state: Any) -> list[Any]:
        values = [*body_consts, *state[: len(carry)]]
        new, found = loop.outputs(lower_eqns(inner, loop.body, (), values))
        stacks = zip(state[len(carry) :], found, strict=True)
        rows = [_write(inner, stack, y, done, zero) for stack, y in stacks]
        return [inner.add(done, one), *new, *rows]

    return tuple(b.while_([zero, *carry, *ys], goes_on, step)[1:])
