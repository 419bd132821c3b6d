"""Flags of control flow: branches and loop bodies return a flag too; loops carry it.

A ``while`` stops as soon as a check failed: its condition may never come true with a NaN.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx.checks.inline import Step
from fnx.control.branches.alike import close_together
from fnx.core.eager import aval_of
from fnx.core.trace import bind, trace
from fnx.ops.bitwise import and_, not_, or_

Values = Sequence[Any]
Run = Callable[..., list[Any]]  # (jaxpr, kinds, *args) -> (*results, flag)


def _cond(step: Step, ins: list[Any], inner: Run) -> tuple[Values, Any]:
    index, *operands = ins
    runs = [functools.partial(inner, branch, step.kinds) for branch in step.eqn.params["branches"]]
    traced = [trace(run, [aval_of(x) for x in operands]) for run in runs]
    branches, consts = close_together(traced)
    params = {**step.eqn.params, "branches": branches}
    *outs, flag = bind(step.eqn.primitive, index, *consts, *operands, **params)
    return outs, flag


def _scan(step: Step, ins: list[Any], inner: Run) -> tuple[Values, Any]:
    params = dict(step.eqn.params)
    body, num_consts, num_carry = params["body"], params["num_consts"], params["num_carry"]
    consts, rest = ins[:num_consts], ins[num_consts:]
    carry, xs = rest[:num_carry], rest[num_carry:]

    def run(*args: Any) -> list[Any]:
        last = num_consts + num_carry
        outs = inner(body, step.kinds, *args[:last], *args[last + 1 :])
        flag = or_(args[last], outs.pop())
        return [*outs[:num_carry], flag, *outs[num_carry:]]

    avals = [v.aval for v in body.inputs]
    last = num_consts + num_carry
    traced = trace(run, [*avals[:last], aval_of(np.False_), *avals[last:]])
    assert not traced.consts, "a closed body closes over no values"
    params.update(body=traced, num_carry=num_carry + 1)
    outs = bind(step.eqn.primitive, *consts, *carry, np.False_, *xs, **params)
    return [*outs[:num_carry], *outs[num_carry + 1 :]], outs[num_carry]


def _while(step: Step, ins: list[Any], inner: Run) -> tuple[Values, Any]:
    params = dict(step.eqn.params)
    cond, body = params["cond"], params["body"]
    first, second = params["num_cond_consts"], params["num_body_consts"]
    cond_consts, body_consts, carry = (
        ins[:first],
        ins[first : first + second],
        ins[first + second :],
    )
    count = len(carry)

    def run_cond(*args: Any) -> list[Any]:
        outs = inner(cond, step.kinds, *args[:-1])
        return [and_(outs[0], not_(args[-1]))]

    def run_body(*args: Any) -> list[Any]:
        own, others = args[:second], args[second : second + first]
        state, flag = args[second + first : -1], args[-1]
        decided = inner(cond, step.kinds, *others, *state)[-1]
        outs = inner(body, step.kinds, *own, *state)
        flag = or_(flag, or_(decided, outs.pop()))
        return [*outs[:count], flag, *outs[count:]]

    flag = aval_of(np.False_)
    avals = [v.aval for v in body.inputs]
    const_avals = [v.aval for v in cond.inputs[:first]]
    new_cond = trace(run_cond, [v.aval for v in cond.inputs] + [flag])
    new_body = trace(run_body, [*avals[:second], *const_avals, *avals[second:], flag])
    params.update(cond=new_cond, body=new_body, num_body_consts=second + first)
    outs = bind(
        step.eqn.primitive, *cond_consts, *body_consts, *cond_consts, *carry, np.False_, **params
    )
    ending = inner(cond, step.kinds, *cond_consts, *outs[:count])[-1]
    return [*outs[:count], *outs[count + 1 :]], or_(outs[count], ending)


CONTROL_RULES: dict[str, Callable[[Step, list[Any], Run], tuple[Values, Any]]] = {
    "cond": _cond,
    "scan": _scan,
    "while": _while,
}
