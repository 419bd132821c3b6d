"""Scan, known: the part of a scan that depends on no linear operand, such as a counter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fnx.control.loops.scan_parts import Application, Scan, Values, chosen, settled
from fnx.core.ir import Atom, Jaxpr
from fnx.transforms.dce import dce_jaxpr

Run = Callable[[Application], Values]


def unknown_carries(scan: Scan, marks: Sequence[bool]) -> list[bool]:
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


def run_known(
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
