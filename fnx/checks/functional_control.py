"""Functional control flow: branches return a code and values too; loops carry them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fnx.checks.inline import Step
from fnx.control.branches.alike import close_together
from fnx.core.avals import Aval
from fnx.core.eager import aval_of
from fnx.core.evaluate import evaluate
from fnx.core.ir import Jaxpr
from fnx.core.trace import bind, trace
from fnx.ops.bitwise import and_
from fnx.ops.comparison import eq, select
from fnx.ops.layout import broadcast_in_dim
from fnx.transforms.zeros import zeros

Values = Sequence[Any]


class Outcome(NamedTuple):
    """What a function with checks returned.

    Attributes:
        outs: its results.
        code: 0, or the number of the site that failed first.
        values: by the number of a site, the values of its message.
    """

    outs: list[Any]
    code: Any
    values: dict[int, tuple[Any, ...]]


class _Body(NamedTuple):
    """A traced function: ``args`` to its results, a code, and the values of its sites.

    Attributes:
        jaxpr: the function.
        count: the number of its own results.
        numbers: of each site, and how many values it has.
    """

    jaxpr: Jaxpr
    count: int
    numbers: list[tuple[int, int]]

    @property
    def extra(self) -> list[Aval]:
        """The avals of the values."""
        return [a.aval for a in self.jaxpr.outputs[self.count + 1 :]]

    def by_number(self, values: Values) -> dict[int, tuple[Any, ...]]:
        """The values of each site."""
        rest = iter(values)
        return {number: tuple([next(rest) for _ in range(n)]) for number, n in self.numbers}


Run = Callable[..., Outcome]  # (jaxpr, args)


def _trace_body(jaxpr: Jaxpr, inner: Run) -> _Body:
    found: list[Outcome] = []

    def run(*args: Any) -> list[Any]:
        outcome = inner(jaxpr, args)
        found.append(outcome)
        return [*outcome.outs, outcome.code, *[x for v in outcome.values.values() for x in v]]

    traced = trace(run, [v.aval for v in jaxpr.inputs])
    numbers = [(number, len(values)) for number, values in found[0].values.items()]
    return _Body(traced, len(found[0].outs), numbers)


def _keep_first(code: Any, new_code: Any, old: Values, new: Values) -> tuple[Any, list[Any]]:
    """Code and values of whatever failed first."""
    is_fine = eq(code, np.int32(0))
    pairs = zip(old, new, strict=True)
    return select(is_fine, new_code, code), [_choose(is_fine, y, x) for x, y in pairs]


def _choose(pred: Any, x: Any, y: Any) -> Any:
    shape = aval_of(x).shape
    return select(broadcast_in_dim(pred, shape=shape, dimensions=()) if shape else pred, x, y)


def _cond(step: Step, ins: Values, inner: Run) -> Outcome:
    bodies = [_trace_body(branch, inner) for branch in step.eqn.params["branches"]]

    def run(k: int, *args: Any) -> list[Any]:
        outs = evaluate(bodies[k].jaxpr, *args)
        first = bodies[k].count + 1
        filled = list(outs[:first])
        for other, body in enumerate(bodies):
            filled += outs[first:] if other == k else [zeros(aval) for aval in body.extra]
        return filled

    avals = [aval_of(x) for x in ins[1:]]
    traced = [trace(functools.partial(run, k), avals) for k in range(len(bodies))]
    branches, consts = close_together(traced)
    params = {**step.eqn.params, "branches": branches}
    outs = bind(step.eqn.primitive, ins[0], *consts, *ins[1:], **params)
    count = bodies[0].count
    values, rest = {}, list(outs[count + 1 :])
    for body in bodies:
        values.update(body.by_number(rest[: len(body.extra)]))
        rest = rest[len(body.extra) :]
    return Outcome(list(outs[:count]), outs[count], values)


def _scan(step: Step, ins: Values, inner: Run) -> Outcome:
    params = dict(step.eqn.params)
    consts, carry = params["num_consts"], params["num_carry"]
    body = _trace_body(params["body"], inner)
    state, more = consts + carry, 1 + len(body.extra)

    def run(*args: Any) -> list[Any]:
        code, *old = args[state : state + more]
        outs = evaluate(body.jaxpr, *args[:state], *args[state + more :])
        code, new = _keep_first(code, outs[body.count], old, outs[body.count + 1 :])
        return [*outs[:carry], code, *new, *outs[carry : body.count]]

    avals = [v.aval for v in params["body"].inputs]
    start = [np.int32(0), *[zeros(aval) for aval in body.extra]]
    start_avals = [aval_of(x) for x in start]
    traced = trace(run, [*avals[:state], *start_avals, *avals[state:]])
    assert not traced.consts, "a closed body closes over no values"
    params.update(body=traced, num_carry=carry + more)
    outs = bind(step.eqn.primitive, *ins[:state], *start, *ins[state:], **params)
    code, *values = outs[carry : carry + more]
    return Outcome([*outs[:carry], *outs[carry + more :]], code, body.by_number(values))


def _while(step: Step, ins: Values, inner: Run) -> Outcome:
    params = dict(step.eqn.params)
    first, second = params["num_cond_consts"], params["num_body_consts"]
    cond, body = (_trace_body(params[name], inner) for name in ("cond", "body"))
    count = len(ins) - first - second
    extra = [*cond.extra, *body.extra]
    split = len(cond.extra)

    def run_cond(*args: Any) -> list[Any]:
        own, code = args[: first + count], args[first + count]
        return [and_(evaluate(cond.jaxpr, *own)[0], eq(code, np.int32(0)))]

    def run_body(*args: Any) -> list[Any]:
        own, others = args[:second], args[second : second + first]
        state = args[second + first : second + first + count]
        code, *old = args[second + first + count :]
        decided = evaluate(cond.jaxpr, *others, *state)
        outs = evaluate(body.jaxpr, *own, *state)
        code, kept = _keep_first(code, decided[1], old[:split], decided[2:])
        code, new = _keep_first(code, outs[body.count], old[split:], outs[body.count + 1 :])
        return [*outs[:count], code, *kept, *new, *outs[count : body.count]]

    start = [np.int32(0), *[zeros(aval) for aval in extra]]
    more = [aval_of(x) for x in start]
    cond_avals = [v.aval for v in params["cond"].inputs]
    avals = [v.aval for v in params["body"].inputs]
    new_cond = trace(run_cond, [*cond_avals, *more])
    new_body = trace(run_body, [*avals[:second], *cond_avals[:first], *avals[second:], *more])
    params.update(cond=new_cond, body=new_body, num_body_consts=second + first)
    given = (*ins[: first + second], *ins[:first], *ins[first + second :], *start)
    outs = bind(step.eqn.primitive, *given, **params)
    code, *values = outs[count : count + len(start)]
    ending = evaluate(cond.jaxpr, *ins[:first], *outs[:count])
    code, kept = _keep_first(code, ending[1], values[:split], ending[2:])
    by_number = {**cond.by_number(kept), **body.by_number(values[split:])}
    return Outcome([*outs[:count], *outs[count + len(start) :]], code, by_number)


CONTROL_RULES: dict[str, Callable[[Step, Values, Run], Outcome]] = {
    "cond": _cond,
    "scan": _scan,
    "while": _while,
}
