"""Scan, transposed: it runs backwards.

Cotangents of carries are carried, those of constants added up, and those of xs stacked. Carries
that are not linear (a counter, say) are computed first, by a scan of their own. Masks of cotangents
(`fnx.transforms.masks`) are carried along, as far as every step has them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fnx.control.derived import derived
from fnx.control.loops.scan_known import Run, run_known, unknown_carries
from fnx.control.loops.scan_parts import (
    Application,
    Scan,
    Values,
    chosen,
    close_behind,
    exactly,
    filled_in,
)
from fnx.core.avals import Aval
from fnx.core.ir import Jaxpr
from fnx.core.primitive import Linear
from fnx.core.trace import trace
from fnx.ops.bitwise import or_
from fnx.ops.families import add
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.masks import Masks, known_mask, mask_aval, read_masks, split_masks
from fnx.transforms.transpose import transpose_masked
from fnx.transforms.zeros import filled, instantiate, zeros

Marks = tuple[tuple[bool, ...], ...]  # of constants, carries and xs: which are linear


def transpose_scan(
    scan: Scan, cts: Values, inputs: Values, masks: Masks, run: Run
) -> tuple[Values, Masks]:
    """Cotangents of the linear operands of a scan, and their masks.

    Args:
        scan: linear in those operands.
        cts: cotangents of its results; None is zero.
        inputs: its operands; a ``Linear`` where it is linear.
        masks: of the cotangents.
        run: applies a scan.
    """
    marks = [isinstance(x, Linear) for x in inputs]
    const_marks, init_marks, x_marks = scan.inputs(marks)
    carry_marks = unknown_carries(scan, marks)
    consts, _, xs = scan.inputs(inputs)
    known = [not m for m in carry_marks]
    stacks = run_known(scan, inputs, marks, known, run) if any(known) else []
    linear = (tuple(const_marks), tuple(carry_marks), tuple(x_marks))
    back = _backward(scan, linear, cts, masks)
    known_consts = [x for x in consts if not isinstance(x, Linear)]
    known_xs = [x for x in xs if not isinstance(x, Linear)]
    (ct_carry, ct_ys), (carry_masks, y_masks) = scan.outputs(cts), scan.outputs(masks)
    avals = [x.aval for x in consts if isinstance(x, Linear)]
    start = [zeros(aval) for aval in avals]
    start += _arrays(chosen(ct_carry, carry_marks), _linear_avals(scan, linear)[1])
    flags = [_nothing(aval) for aval, m in zip(avals, back.consts, strict=True) if m]
    rows = zip(
        chosen(carry_masks, carry_marks), _linear_avals(scan, linear)[1], back.carry, strict=True
    )
    flags += [_nothing(aval) if mask is None else mask() for mask, aval, m in rows if m]
    fixed = [*known_consts, *back.hoisted]
    moving = [*known_xs, *stacks]
    ct_rows, mask_rows = [ct for ct in ct_ys if ct is not None], read_masks(y_masks)
    apply = functools.partial(_apply, scan, run)
    found = iter(apply(back.body, fixed, [*start, *flags], [*moving, *ct_rows, *mask_rows]))
    ct_consts, ct_carry = filled_from(const_marks, found), filled_from(carry_marks, found)
    _ = [next(found) for _ in flags]
    ct_xs = filled_from(x_marks, found)
    ct_carry = [ct if m else None for ct, m in zip(ct_carry, init_marks, strict=True)]
    fixed += [zeros(aval) for aval in back.idle]
    own = functools.cache(functools.partial(apply, back.masks, fixed, flags, [*moving, *mask_rows]))
    exist = [*_spread(const_marks, back.consts), *_spread(carry_marks, back.carry)]
    own_masks = split_masks(own, [m for m in [*exist, *_spread(x_marks, back.xs)] if m])
    masks = filled_from([*exist, *_spread(x_marks, back.xs)], own_masks)
    return (*ct_consts, *ct_carry, *ct_xs), masks


def _apply(
    scan: Scan,
    run: Run,
    body: Jaxpr,
    consts: Sequence[Any],
    carry: Sequence[Any],
    xs: Sequence[Any],
) -> Values:
    """Run a body over the steps of a scan, backwards."""
    made = Scan(
        body, len(consts), len(carry),
        scan.length, not scan.reverse, scan.unroll, scan.counted,
    )  # fmt: skip
    return run(Application(made, list(consts), list(carry), list(xs)))


class BackwardBody(NamedTuple):
    """The body of the backward scan.

    Attributes:
        body: ``(*known consts, *hoisted | *cts of consts, *cts of carries, *their masks | *known
            xs, *known carries, *cts of ys, *their masks)`` to ``(*cts of consts, *cts of carries,
            *their masks | *cts of xs)``.
        masks: the same without cotangents, to ``(*masks | *masks of cts of xs)``. A scan of its
            own, so that masks are no results of what is linear in the cotangents.
        idle: avals of cotangents that ``masks`` takes behind its constants, and makes no use of.
        hoisted: values that it closes over.
        consts: which of the linear constants' cotangents have a mask: in every step.
        carry: which of the linear carries' have one.
        xs: which of the linear xs' have one.
    """

    body: Jaxpr
    masks: Jaxpr
    idle: list[Aval]
    hoisted: Values
    consts: list[bool]
    carry: list[bool]
    xs: list[bool]


def _backward(scan: Scan, linear: Marks, cts: Values, masks: Masks) -> BackwardBody:
    ys = tuple([ct is not None for ct in scan.outputs(cts)[1]])
    y_masks = tuple([mask is not None for mask in scan.outputs(masks)[1]])
    is_masked = any(mask is not None for mask in masks)
    pairs = zip(scan.outputs(cts)[0], scan.outputs(masks)[0], strict=True)
    carry = [is_masked and (ct is None or mask is not None) for ct, mask in pairs]
    first = (tuple([is_masked] * sum(linear[0])), tuple(chosen(carry, linear[1])))
    key = ("scan_transpose", linear, ys, y_masks, first, scan.num_consts)
    return derived(scan.body, key, lambda: _backward_body(scan, linear, ys, y_masks, first))


def _backward_body(
    scan: Scan,
    linear: Marks,
    ys: Sequence[bool],
    y_masks: Sequence[bool],
    first: tuple[tuple[bool, ...], tuple[bool, ...]],
) -> BackwardBody:
    """The body, with as many masks as every step has."""
    flags = [*first[0], *first[1]]
    count = len(first[0])
    while True:
        found: list[bool] = []
        step = functools.partial(_step_back, scan, linear, ys, y_masks, flags, found)
        jaxpr = trace(step, _backward_avals(scan, linear, ys, y_masks, flags))
        joined = [a and b for a, b in zip(flags, found, strict=False)]
        if joined == flags:
            break
        flags = joined
    num_known = len(linear[0]) - count
    closed, hoisted = close_behind(jaxpr, num_known)
    xs = found[len(flags) :]
    body, masks, idle = _apart(
        closed, num_known + len(hoisted), flags, sum(ys), sum(y_masks), sum(xs)
    )
    return BackwardBody(body, masks, idle, hoisted, flags[:count], flags[count:], xs)


def _apart(
    jaxpr: Jaxpr, consts: int, flags: Sequence[bool], ys: int, y_masks: int, x_masks: int
) -> tuple[Jaxpr, Jaxpr, list[Aval]]:
    """The body without the masks of xs' cotangents; that without cotangents; and the idle ones."""
    inputs, outputs = jaxpr.inputs, jaxpr.outputs
    carried, masks = consts + len(flags), sum(flags)
    last_known, last_ct = len(inputs) - ys - y_masks, len(inputs) - y_masks
    last = len(outputs) - x_masks
    mask_outputs = (*outputs[len(flags) : len(flags) + masks], *outputs[last:])
    body = dce_jaxpr(Jaxpr(inputs, jaxpr.eqns, outputs[:last]))
    alone = dce_jaxpr(Jaxpr(inputs, jaxpr.eqns, mask_outputs), keep_effects=False)
    read = {a for eqn in alone.eqns for a in eqn.inputs}
    cts = (*inputs[consts:carried], *inputs[last_known:last_ct])
    idle = [v for v in cts if v in read]
    mask_inputs = (*inputs[:consts], *idle, *inputs[carried:last_known], *inputs[last_ct:])
    return body, Jaxpr(mask_inputs, alone.eqns, alone.outputs), [v.aval for v in idle]


def _linear_avals(scan: Scan, linear: Marks) -> list[list[Aval]]:
    groups = scan.inputs([v.aval.strong() for v in scan.body.inputs])
    return [chosen(group, marks) for group, marks in zip(groups, linear, strict=True)]


def _known_avals(scan: Scan, linear: Marks) -> list[list[Aval]]:
    groups = scan.inputs([v.aval for v in scan.body.inputs])
    return [
        chosen(group, [not m for m in marks]) for group, marks in zip(groups, linear, strict=True)
    ]


def _backward_avals(
    scan: Scan, linear: Marks, ys: Sequence[bool], y_masks: Sequence[bool], flags: Sequence[bool]
) -> list[Aval]:
    consts, carry, _ = _linear_avals(scan, linear)
    known_consts, known_carry, known_xs = _known_avals(scan, linear)
    y_avals = [a.aval.strong() for a in scan.outputs(scan.body.outputs)[1]]
    return [
        *known_consts, *consts, *carry, *map(mask_aval, chosen([*consts, *carry], flags)),
        *known_xs, *known_carry, *chosen(y_avals, ys), *map(mask_aval, chosen(y_avals, y_masks)),
    ]  # fmt: skip


def _step_back(
    scan: Scan,
    linear: Marks,
    ys: Sequence[bool],
    y_masks: Sequence[bool],
    flags: Sequence[bool],
    found: list[bool],
    *args: Any,
) -> list[Any]:
    """One step backwards; ``found`` becomes which cotangents have masks."""
    rest = iter(args)
    take = lambda count: [next(rest) for _ in range(count)]
    const_avals, carry_avals, x_avals = _linear_avals(scan, linear)
    known_consts, known_carry, known_xs = map(len, _known_avals(scan, linear))
    consts, sums, cts = take(known_consts), take(len(const_avals)), take(len(carry_avals))
    carried = filled_from(flags, rest)
    xs, carry, dys = take(known_xs), take(known_carry), take(sum(ys))
    row_masks = filled_from(y_masks, rest)
    values: list[Any] = []
    for given, marks in zip((consts, carry, xs), linear, strict=True):
        values += filled_in([not m for m in marks], given)
    out_masks = [*filled_in(linear[1], carried[len(sums) :]), *row_masks]
    all_linear = [m for marks in linear for m in marks]
    in_cts, in_masks = transpose_masked(
        scan.body, all_linear, values, [*filled_in(linear[1], cts), *filled_in(ys, dys)],
        [None if m is None else known_mask(m) for m in out_masks],
    )  # fmt: skip
    in_cts, in_masks = chosen(in_cts, all_linear), chosen(in_masks, all_linear)
    avals = [*const_avals, *carry_avals, *x_avals]
    new_masks = [
        _nothing(aval) if ct is None else mask and mask()
        for ct, mask, aval in zip(in_cts, in_masks, avals, strict=True)
    ]
    found[:] = [mask is not None for mask in new_masks]
    count = len(sums)
    totals = [x if ct is None else add(x, ct) for x, ct in zip(sums, in_cts, strict=False)]
    pairs = zip((*totals, *in_cts[count:]), avals, strict=True)
    outs = [exactly(instantiate(ct, aval), aval) for ct, aval in pairs]
    either = [
        m if before is None or m is None else or_(before, m)
        for before, m in zip(carried[:count], new_masks, strict=False)
    ]
    kept = [*either, *new_masks[count : len(flags)]]
    kept = [_nothing(a) if m is None else m for m, a in zip(kept, avals, strict=False)]
    return [
        *outs[: len(flags)], *chosen(kept, flags),
        *outs[len(flags) :], *[m for m in new_masks[len(flags) :] if m is not None],
    ]  # fmt: skip


def _nothing(aval: Aval) -> Any:
    """The mask of a cotangent that is zero everywhere."""
    return filled(mask_aval(aval), False)


def _arrays(cts: Sequence[Any], avals: Sequence[Aval]) -> list[Any]:
    return [instantiate(ct, aval) for ct, aval in zip(cts, avals, strict=True)]


def _spread(marks: Sequence[bool], own: Sequence[bool]) -> list[bool]:
    """Flags of the marked ones as flags of all."""
    return [bool(flag) for flag in filled_in(marks, own)]


def filled_from(marks: Sequence[bool], values: Iterator[Any]) -> list[Any]:
    """One entry for each mark: the next of ``values`` where it is set, else None."""
    return [next(values) if is_marked else None for is_marked in marks]
