"""Stepwise: linearise a loop step by step, where values are known and its body must see them.

A body with a `while_loop` of its own that has no bound can be differentiated backwards only if it
is known how many steps that one takes. So an un-jitted gradient runs such a loop in Python.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from fnx.control.loops.scan_parts import Scan, Values, filled_in, row_of
from fnx.core.evaluate import evaluate
from fnx.core.ir import Jaxpr
from fnx.ops.creation import full
from fnx.ops.joining import concatenate
from fnx.ops.layout import expand
from fnx.transforms.linearize import linearize_flat
from fnx.transforms.zeros import instantiate


def has_unbounded_loop(jaxpr: Jaxpr) -> bool:
    """Whether there is a ``while`` without ``max_steps`` inside, at any depth."""
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "while" and eqn.params["max_steps"] is None:
            return True
        if any(has_unbounded_loop(inner) for inner in _jaxprs(list(eqn.params.values()))):
            return True
    return False


def _jaxprs(values: Sequence[Any]) -> list[Jaxpr]:
    found: list[Jaxpr] = []
    for value in values:
        if isinstance(value, Jaxpr):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += _jaxprs(value)
    return found


def split_step(body: Jaxpr, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Values, Any]:
    """One step: results from primals, and their tangents from tangents (None is zero)."""
    active = [t is not None for t in tangents]
    outs, linear, out_active = linearize_flat(functools.partial(evaluate, body), primals, active)
    moved = evaluate(linear, *[t for t in tangents if t is not None])
    return tuple(outs), filled_in(out_active, moved)


def split_scan(scan: Scan, primals: Values, tangents: Values) -> tuple[Values, Values]:
    """A scan, step by step: results from primals, and linear work on tangents."""
    (consts, carry, xs), (dconsts, dcarry, dxs) = scan.inputs(primals), scan.inputs(tangents)
    rows: list[tuple[Sequence[Any], Sequence[Any]]] = []
    for i in scan.indices:
        row = [row_of(x, i) for x in xs]
        drow = [None if t is None else row_of(t, i) for t in dxs]
        outs, douts = split_step(scan.body, [*consts, *carry, *row], [*dconsts, *dcarry, *drow])
        (carry, ys), (dcarry, dys) = scan.outputs(outs), scan.outputs(douts)
        rows.append((ys, dys))
    rows = rows[::-1] if scan.reverse else rows
    avals = [a.aval for a in scan.outputs(scan.body.outputs)[1]]
    ys, dys = [], []
    for k, aval in enumerate(avals):
        moving = [ts[k] for _, ts in rows]
        ys.append(_stack([values[k] for values, _ in rows], aval))
        is_still = all(t is None for t in moving)
        dys.append(None if is_still else _stack([instantiate(t, aval) for t in moving], aval))
    return (*carry, *ys), (*dcarry, *dys)


def _stack(values: Sequence[Any], aval: Any) -> Any:
    if not values:
        return full(shape=(0, *aval.shape), value=0, dtype=aval.dtype)
    return concatenate(*[expand(x, 1, 0) for x in values], dimension=0)
