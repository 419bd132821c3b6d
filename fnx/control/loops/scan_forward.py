"""Scan in forward mode, and batched: a `Scan` whose body carries tangents, or batches."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from fnx.control.derived import derived
from fnx.control.loops.lanes import keep
from fnx.control.loops.scan_parts import (
    Application,
    Scan,
    Values,
    chosen,
    close_behind,
    exactly,
    filled_in,
    settled,
)
from fnx.core.eager import aval_of
from fnx.core.evaluate import evaluate
from fnx.core.ir import Jaxpr
from fnx.core.trace import trace
from fnx.ops.comparison import lt
from fnx.ops.creation import iota, zeros_like
from fnx.ops.layout import broadcast_in_dim, move_axis
from fnx.ops.reduction import reduce_max
from fnx.transforms.jvp import jvp_flat
from fnx.transforms.vmap import place_axis, vmap_flat, with_axis
from fnx.transforms.zeros import instantiate


class DualBody(NamedTuple):
    """The body of a scan on dual numbers.

    Attributes:
        body: ``(*consts, *hoisted, *their tangents | *carry, *tangents | *xs, *tangents)`` to
            ``(*carry, *tangents | *ys, *tangents)``, tangents of active values only.
        hoisted: values that the body closes over.
        carry: which carries have a tangent.
        ys: which ys have one.
    """

    body: Jaxpr
    hoisted: Values
    carry: list[bool]
    ys: list[bool]


def jvp_scan(scan: Scan, primals: Values, tangents: Values) -> tuple[Application, list[bool]]:
    """The scan of ``(x, dx) -> (y, dy)``; and which results have a tangent.

    Its results are ``(*carry, *tangents | *ys, *tangents)``; `sort_duals` takes them apart.
    """
    active = tuple([t is not None for t in tangents])
    key = ("scan_jvp", active, scan.num_consts, scan.num_carry)
    dual = derived(scan.body, key, lambda: dual_body(scan, active))
    (consts, carry, xs), (dconsts, dcarry, dxs) = scan.inputs(primals), scan.inputs(tangents)
    dconsts = [t for t in dconsts if t is not None]
    avals = [v.aval.strong() for v in scan.inputs(scan.body.inputs)[1]]
    rows = zip(dcarry, avals, dual.carry, strict=True)
    dcarry = [instantiate(t, aval) for t, aval, is_active in rows if is_active]
    consts = [*consts, *dual.hoisted, *dconsts]
    made = Scan(
        dual.body, len(consts), len(carry) + len(dcarry),
        scan.length, scan.reverse, scan.unroll, scan.counted,
    )  # fmt: skip
    app = Application(made, consts, carry + dcarry, xs + [t for t in dxs if t is not None])
    return app, dual.carry + dual.ys


def sort_duals(scan: Scan, active: Sequence[bool], results: Sequence[Any]) -> tuple[Values, Values]:
    """Primal results and tangents of the scan that `jvp_scan` made of ``scan``."""
    carry_marks, y_marks = scan.outputs(active)
    rest = iter(results)
    take = lambda count: [next(rest) for _ in range(count)]
    carry, dcarry = take(len(carry_marks)), take(sum(carry_marks))
    ys, dys = take(len(y_marks)), take(sum(y_marks))
    return (*carry, *ys), (*filled_in(carry_marks, dcarry), *filled_in(y_marks, dys))


def dual_body(scan: Scan, active: tuple[bool, ...]) -> DualBody:
    """The body on dual numbers, with tangents for all carries that any step makes depend on one."""
    const_marks, carry_marks, x_marks = scan.inputs(active)
    avals = [[v.aval for v in group] for group in scan.inputs(scan.body.inputs)]
    out_carry = [v.aval.strong() for v in scan.outputs(scan.body.outputs)[0]]

    def attempt(marks: list[bool]) -> tuple[DualBody, list[bool]]:
        all_marks = (const_marks, marks, x_marks)
        found: list[list[bool]] = []

        def dual(*args: Any) -> list[Any]:
            rest = iter(args)
            primals, tangents = [], []
            for group, group_marks in zip(avals, all_marks, strict=True):
                primals += [next(rest) for _ in group]
                tangents += [next(rest) if is_active else None for is_active in group_marks]
            outs, dys = jvp_flat(functools.partial(evaluate, scan.body), primals, tangents)
            (carry, ys), (dcarry, dys) = scan.outputs(outs), scan.outputs(dys)
            found[:] = [[t is not None for t in dcarry], [t is not None for t in dys]]
            rows = chosen(list(zip(dcarry, out_carry, strict=True)), marks)
            dcarry = [exactly(instantiate(t, aval), aval) for t, aval in rows]
            return [*carry, *dcarry, *ys, *[t for t in dys if t is not None]]

        dual_avals = []
        for group, group_marks in zip(avals, all_marks, strict=True):
            dual_avals += group + [aval.strong() for aval in chosen(group, group_marks)]
        body, hoisted = close_behind(trace(dual, dual_avals), scan.num_consts)
        return DualBody(body, hoisted, marks, found[1]), found[0]

    return settled(carry_marks, attempt)


# Batches ------------------------------------------------------------------------------------------


def batch_scan(
    scan: Scan, inputs: Values, axes: tuple[int | None, ...], size: int
) -> tuple[Application, tuple[int | None, ...]]:
    """The scan of a batch; and where each result has its batch axis."""
    consts, carry, xs = scan.inputs(inputs)
    const_axes, carry_axes, x_axes = scan.inputs(axes)
    if scan.counted and const_axes[0] is not None:
        return _batch_counts(scan, inputs, axes, size)
    pairs = zip(xs, x_axes, strict=True)
    xs = [move_axis(x, axis, 1) if axis == 0 else x for x, axis in pairs]
    inner_x_axes = [None if axis is None else max(axis - 1, 0) for axis in x_axes]
    key = ("scan_vmap", axes, size, scan.num_consts, scan.num_carry)
    body, hoisted, marks, y_axes = derived(
        scan.body, key, lambda: batched_body(scan, const_axes, carry_axes, inner_x_axes, size)
    )
    rows = zip(carry, carry_axes, marks, strict=True)
    carry = [place_axis(x, axis, 0 if m else None, size) for x, axis, m in rows]
    consts = [*consts, *hoisted]
    made = Scan(
        body, len(consts), scan.num_carry, scan.length, scan.reverse, scan.unroll, scan.counted
    )
    out_axes = [0 if m else None for m in marks]
    out_axes += [None if axis is None else axis + 1 for axis in y_axes]
    return Application(made, consts, carry, xs), tuple(out_axes)


def batched_body(
    scan: Scan,
    const_axes: Sequence[int | None],
    carry_axes: Sequence[int | None],
    x_axes: Sequence[int | None],
    size: int,
) -> tuple[Jaxpr, Values, list[bool], list[int | None]]:
    """The body on batches; what it closes over; which carries are batched; axes of the ys."""

    def attempt(marks: list[bool]) -> tuple[Any, list[bool]]:
        axes = [*const_axes, *[0 if m else None for m in marks], *x_axes]
        y_axes: list[int | None] = []
        found: list[bool] = []

        def batched(*args: Any) -> list[Any]:
            outs, placed = vmap_flat(functools.partial(evaluate, scan.body), args, axes, size)
            (carry, ys), (placed_carry, y_axes[:]) = scan.outputs(outs), scan.outputs(placed)
            found[:] = [axis is not None for axis in placed_carry]
            rows = zip(carry, placed_carry, found, marks, strict=True)
            return [
                place_axis(x, axis, 0 if is_found or m else None, size)
                for x, axis, is_found, m in rows
            ] + ys

        avals = [
            with_axis(v.aval, axis, size) for v, axis in zip(scan.body.inputs, axes, strict=True)
        ]
        body, hoisted = close_behind(trace(batched, avals), scan.num_consts)
        return (body, hoisted, marks, y_axes), found

    return settled([axis is not None for axis in carry_axes], attempt)


def _batch_counts(
    scan: Scan, inputs: Values, axes: tuple[int | None, ...], size: int
) -> tuple[Application, tuple[int | None, ...]]:
    """Examples of different numbers of steps: as many as the longest has; the others wait."""
    consts, carry, xs = scan.inputs(inputs)
    const_axes, carry_axes, x_axes = scan.inputs(axes)
    pairs = zip(xs, x_axes, strict=True)
    xs = [move_axis(x, axis, 1) if axis == 0 else x for x, axis in pairs]
    x_axes = [None if axis is None else max(axis - 1, 0) for axis in x_axes]
    rows = zip(carry, carry_axes, strict=True)
    carry = [place_axis(x, axis, 0, size) for x, axis in rows]

    def batched(longest: Any, *args: Any) -> list[Any]:
        *values, index = args
        wanted = (*const_axes, *[0] * len(carry), *x_axes)
        outs, placed = vmap_flat(functools.partial(evaluate, scan.body), values, wanted, size)
        outs = [place_axis(x, axis, 0, size) for x, axis in zip(outs, placed, strict=True)]
        runs = lt(broadcast_in_dim(index, shape=(size,), dimensions=()), values[0])
        old = [*values[scan.num_consts : scan.num_consts + len(carry)]]
        old += [zeros_like(y) for y in outs[len(carry) :]]
        return [keep(runs, new, before) for new, before in zip(outs, old, strict=True)]

    index = iota(shape=(scan.length,), dtype=aval_of(consts[0]).dtype, dimension=0)
    longest = reduce_max(consts[0], axes=(0,)) if size else aval_of(consts[0]).dtype.type(0)
    steps = [aval_of(x).shape[0] for x in xs]
    assert all(n == scan.length for n in steps)
    avals = [aval_of(longest), *[aval_of(x) for x in (*consts, *carry)]]
    for x in (*xs, index):
        aval = aval_of(x)
        avals.append(type(aval).of(aval.shape[1:], aval.dtype, aval.weak))
    body, hoisted = close_behind(trace(batched, avals), 1 + len(consts))
    consts = [longest, *consts, *hoisted]
    made = Scan(body, len(consts), len(carry), scan.length, scan.reverse, scan.unroll, counted=True)
    num_ys = len(scan.body.outputs) - len(carry)
    return Application(made, consts, carry, [*xs, index]), (*[0] * len(carry), *[1] * num_ys)
