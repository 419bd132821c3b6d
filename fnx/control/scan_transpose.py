"""Scan, transposed: it runs backwards.

Cotangents of carries are carried, those of constants added up, and those of xs stacked. Carries
that are not linear (a counter, say) are computed first, by a scan of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fnx.control.derived import derived
from fnx.control.scan_parts import (
    Application,
    Scan,
    Values,
    chosen,
    close_behind,
    exactly,
    filled_in,
    settled,
)
from fnx.core.avals import Aval
from fnx.core.ir import Atom, Jaxpr
from fnx.core.primitive import Linear
from fnx.core.trace import trace
from fnx.ops.families import add
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.transpose import transpose_flat
from fnx.transforms.zeros import instantiate

Run = Callable[[Application], Values]


def transpose_scan(scan: Scan, cts: Values, inputs: Values, run: Run) -> Values:
    """Cotangents of the linear operands of a scan.

    Args:
        scan: linear in those operands.
        cts: cotangents of its results; None is zero.
        inputs: its operands; a ``Linear`` where it is linear.
        run: applies a scan.
    """
    marks = [isinstance(x, Linear) for x in inputs]
    const_marks, init_marks, x_marks = scan.inputs(marks)
    carry_marks = _unknown_carries(scan, marks)
    consts, _, xs = scan.inputs(inputs)
    ct_carry, ct_ys = scan.outputs(cts)
    known = [not m for m in carry_marks]
    stacks: list[Any] = []
    if any(known):
        stacks = _run_known(scan, inputs, marks, known, run)
    const_avals = [x.aval for x in consts if isinstance(x, Linear)]
    carry_avals = [v.aval for v in chosen(scan.inputs(scan.body.inputs)[1], carry_marks)]
    key = ("scan_transpose", tuple(marks), tuple([ct is not None for ct in ct_ys]), scan.num_consts)
    body = derived(
        scan.body, key, lambda: _backward_body(scan, (const_marks, carry_marks, x_marks), key[2])
    )
    start = [instantiate(None, aval) for aval in const_avals]
    pairs = zip(chosen(ct_carry, carry_marks), carry_avals, strict=True)
    start += [instantiate(ct, aval) for ct, aval in pairs]
    known_consts = [x for x in consts if not isinstance(x, Linear)]
    known_xs = [x for x in xs if not isinstance(x, Linear)]
    moving = [*known_xs, *stacks, *[ct for ct in ct_ys if ct is not None]]
    closed, hoisted = close_behind(body, len(known_consts))
    made = Scan(
        closed, len(known_consts) + len(hoisted), len(start),
        scan.length, not scan.reverse, scan.unroll, scan.counted,
    )  # fmt: skip
    found = run(Application(made, [*known_consts, *hoisted], start, moving))
    rest = iter(found)
    const_cts = [next(rest) if m else None for m in const_marks]
    carry_cts = [next(rest) if m else None for m in carry_marks]
    carry_cts = [ct if m else None for ct, m in zip(carry_cts, init_marks, strict=True)]
    return (*const_cts, *carry_cts, *[next(rest) if m else None for m in x_marks])


def _unknown_carries(scan: Scan, marks: Sequence[bool]) -> list[bool]:
    """Which carries depend on linear operands."""
    const_marks, carry_marks, x_marks = scan.inputs(marks)

    def attempt(carry: list[bool]) -> tuple[list[bool], list[bool]]:
        all_marks = [*const_marks, *carry, *x_marks]
        unknown: set[Atom] = set(chosen(scan.body.inputs, all_marks))
        for eqn in scan.body.eqns:
            if not unknown.isdisjoint(eqn.inputs):
                unknown.update(eqn.outputs)
        return carry, [a in unknown for a in scan.outputs(scan.body.outputs)[0]]

    return settled(carry_marks, attempt)


def _run_known(
    scan: Scan, inputs: Values, marks: Sequence[bool], known: Sequence[bool], run: Run
) -> list[Any]:
    """Run the part of a scan that depends on no linear operand; its carries before each step."""
    const_vars, carry_vars, x_vars = scan.inputs(scan.body.inputs)
    consts, carry, xs = scan.inputs(inputs)
    const_marks, _, x_marks = scan.inputs([not m for m in marks])
    own = chosen(carry_vars, known)
    new = chosen(scan.outputs(scan.body.outputs)[0], known)
    binders = (*chosen(const_vars, const_marks), *own, *chosen(x_vars, x_marks))
    body = dce_jaxpr(Jaxpr(binders, scan.body.eqns, (*new, *own)), keep_effects=False)
    made = Scan(
        body, sum(const_marks), len(own), scan.length, scan.reverse, scan.unroll, scan.counted
    )
    values = chosen(consts, const_marks), chosen(carry, known), chosen(xs, x_marks)
    return list(run(Application(made, *values)))[len(own) :]


def _backward_body(
    scan: Scan, marks: tuple[list[bool], list[bool], list[bool]], ys: Sequence[bool]
) -> Jaxpr:
    """``(*known consts | *cts of consts, *cts of carries | *known xs, *known carries, *cts of ys)``
    to ``(*cts of consts, *cts of carries | *cts of xs)``.
    """  # fmt: skip  # noqa: D205
    const_marks, carry_marks, x_marks = marks
    groups = scan.inputs([v.aval for v in scan.body.inputs])
    linear = [*const_marks, *carry_marks, *x_marks]
    known = [chosen(group, [not m for m in ms]) for group, ms in zip(groups, marks, strict=True)]
    ct_avals = [chosen(group, ms) for group, ms in zip(groups, marks, strict=True)]
    y_avals = [a.aval for a in chosen(scan.outputs(scan.body.outputs)[1], ys)]
    const_cts, carry_cts, x_cts = [[a.strong() for a in group] for group in ct_avals]

    def backward(*args: Any) -> list[Any]:
        rest = iter(args)
        take = lambda group: [next(rest) for _ in group]
        consts, sums, cts, xs, carry, dys = map(
            take, (known[0], const_cts, carry_cts, known[2], known[1], y_avals)
        )
        values = []
        for given, ms in ((consts, const_marks), (carry, carry_marks), (xs, x_marks)):
            values += filled_in([not m for m in ms], given)
        out_cts = [*filled_in(carry_marks, cts), *filled_in(ys, dys)]
        found = chosen(transpose_flat(scan.body, linear, values, out_cts), linear)
        n, m = len(const_cts), len(const_cts) + len(carry_cts)
        totals = [_plus(total, ct) for total, ct in zip(sums, found[:n], strict=True)]
        pairs = zip((*totals, *found[n:]), (*const_cts, *carry_cts, *x_cts), strict=True)
        assert len(found) == m + len(x_cts)
        return [exactly(instantiate(ct, aval), aval) for ct, aval in pairs]

    avals: list[Aval] = [
        *known[0], *const_cts, *carry_cts, *known[2], *known[1], *[a.strong() for a in y_avals]
    ]  # fmt: skip
    return trace(backward, avals)


def _plus(total: Any, ct: Any) -> Any:
    return total if ct is None else add(total, ct)
