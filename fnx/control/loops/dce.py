"""Dead code of loops: results that nobody reads, and the carries that only those need."""

from __future__ import annotations

from collections.abc import Sequence

from fnx.control.loops.scan_parts import Scan, chosen
from fnx.control.loops.while_parts import While
from fnx.core.ir import Eqn, Jaxpr
from fnx.transforms.dce import dce_jaxpr


def dce_scan(eqn: Eqn, used: Sequence[bool]) -> Eqn:
    """Without the ys that nobody reads, and the carries that no needed result depends on."""
    scan = Scan(**eqn.params)
    carry_used, y_used = scan.outputs(used)
    last, ys = scan.outputs(scan.body.outputs)
    consts, carry, xs = scan.inputs(scan.body.inputs)
    while True:
        body = dce_jaxpr(
            Jaxpr(
                scan.body.inputs, scan.body.eqns, (*chosen(last, carry_used), *chosen(ys, y_used))
            )
        )
        read = {a for e in body.eqns for a in e.inputs} | set(body.outputs)
        joined = [u or v in read for u, v in zip(carry_used, carry, strict=True)]
        if joined == carry_used:
            break
        carry_used = joined
    const_used = [v in read or (scan.counted and i == 0) for i, v in enumerate(consts)]
    x_used = [v in read for v in xs]
    kept = [*const_used, *carry_used, *x_used]
    if all(kept) and all(y_used):
        return eqn
    made = Scan(
        Jaxpr(tuple(chosen(scan.body.inputs, kept)), body.eqns, body.outputs),
        sum(const_used), sum(carry_used), scan.length, scan.reverse, scan.unroll, scan.counted,
    )  # fmt: skip
    outputs = tuple(chosen(eqn.outputs, [*carry_used, *y_used]))
    return Eqn(eqn.primitive, tuple(chosen(eqn.inputs, kept)), outputs, made.params, eqn.source)


def dce_while(eqn: Eqn, used: Sequence[bool]) -> Eqn:
    """Without the ys that nobody reads, and the carries that neither results nor cond need."""
    loop = While(**eqn.params)
    carry_used, y_used = loop.outputs(used)
    last, ys = loop.outputs(loop.body.outputs)
    _, consts, carry = loop.inputs([None] * loop.num_cond_consts + list(loop.body.inputs))
    tested = set(a for e in loop.cond.eqns for a in e.inputs) | set(loop.cond.outputs)
    own = loop.cond.inputs[loop.num_cond_consts :]
    carry_used = [u or v in tested for u, v in zip(carry_used, own, strict=True)]
    while True:
        outputs = (*chosen(last, carry_used), *chosen(ys, y_used))
        body = dce_jaxpr(Jaxpr(loop.body.inputs, loop.body.eqns, outputs))
        read = {a for e in body.eqns for a in e.inputs} | set(body.outputs)
        joined = [u or v in read for u, v in zip(carry_used, carry, strict=True)]
        if joined == carry_used:
            break
        carry_used = joined
    const_used = [v in read for v in consts]
    kept = [*const_used, *carry_used]
    if all(kept) and all(y_used):
        return eqn
    cond_inputs = (*loop.cond.inputs[: loop.num_cond_consts], *chosen(own, carry_used))
    made = While(
        Jaxpr(cond_inputs, loop.cond.eqns, loop.cond.outputs),
        Jaxpr(tuple(chosen(loop.body.inputs, kept)), body.eqns, body.outputs),
        loop.num_cond_consts, sum(const_used), loop.max_steps,
    )  # fmt: skip
    inputs = chosen(eqn.inputs, [True] * loop.num_cond_consts + kept)
    outputs = tuple(chosen(eqn.outputs, [*carry_used, *y_used]))
    return Eqn(eqn.primitive, tuple(inputs), outputs, made.params, eqn.source)
