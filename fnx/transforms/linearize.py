"""Linearise: run a function at a point, and keep the jaxpr of its derivative there.

While ``f`` runs, two traces are open. The inner one follows it: its tracers carry a primal value,
computed in the surrounding trace, and a tangent. The outer one records what happens to tangents,
and forwards whatever depends on primals only. So the forward work is done once, Python sees
values, and the residuals, which are the ``consts`` of the recorded jaxpr, are exactly what the
linear half reads.

Reverse mode by linearisation and transposition: Radul et al., "You Only Linearize Once", POPL 2023.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fnx.core.eager import aval_of
from fnx.core.evaluate import evaluate, literal_value
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var
from fnx.core.primitive import NotDifferentiable, Primitive
from fnx.core.sources import disinherit, inherit
from fnx.core.trace import Trace, Tracer, Values, bind, current_trace, trace, trace_of
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.jvp import Flat, dual, jvp_rule, split_duals
from fnx.transforms.unknown import unknown_outputs
from fnx.transforms.zeros import drop_nonfloat, instantiate


class Linearized(NamedTuple):
    """A function at a point.

    Attributes:
        outs: its results.
        linear: the tangents of active inputs to the tangents of active results; ``consts`` are the
            residuals.
        active: which results depend on active inputs.
    """

    outs: list[Any]
    linear: Jaxpr
    active: list[bool]


def linearize_flat(f: Flat, primals: Sequence[Any], active: Sequence[bool]) -> Linearized:
    """Run ``f`` at ``primals`` and linearise it there.

    Args:
        f: flat arguments to a flat sequence of results.
        primals: where.
        active: which arguments have a tangent.
    """
    with Trace(stage_all=False) as tangents:
        with Trace(stage_all=False, interpret=_interpret) as t:
            outs = f(*[_input(t, tangents, x, a) for x, a in zip(primals, active, strict=True)])
            duals = [(x._value, x._payload) if t.owns(x) else (x, None) for x in outs]
        linear = tangents.finish([dy for _, dy in duals if dy is not None])
    return Linearized([y for y, _ in duals], dce_jaxpr(linear), [dy is not None for _, dy in duals])


def _input(t: Trace, tangents: Trace, x: Any, is_active: bool) -> Any:
    return dual(t, x, tangents.add_input(aval_of(x))) if is_active else x


def _interpret(t: Trace, primitive: Primitive, args: Values, params: dict[str, Any]) -> Values:
    primals, tangents = split_duals(t, args)
    outs, out_tangents = linearize_rule(primitive, primals, tangents, params)
    return tuple([dual(t, y, dy) for y, dy in zip(outs, out_tangents, strict=True)])


def linearize_rule(
    primitive: Primitive, primals: Values, tangents: Values, params: dict[str, Any]
) -> tuple[Values, Values]:
    """One operation: results from primals, and linear work on tangents, apart from each other."""
    if primitive.split is None or isinstance(primitive.jvp, NotDifferentiable):
        return jvp_rule(primitive, primals, tangents, params)
    if not any(dx is not None for dx in tangents):
        outs = bind(primitive, *primals, **params)
        return outs, (None,) * len(outs)
    outs, out_tangents = primitive.split(primals, tangents, **params)
    return outs, drop_nonfloat(out_tangents, [aval_of(y) for y in outs])


def split_by_jvp(
    rule: Callable[[Values, Values], tuple[Values, Values]], primals: Values, tangents: Values
) -> tuple[Values, Values]:
    """A ``split`` rule from a forward-mode rule: results from primals, linear work on tangents.

    A call (to a jitted function, say) that takes primals and tangents together would be recorded
    whole, as if all its results were linear. So if the rule makes one, what was recorded is
    linearised, as a function of the tangents at zero. The rule itself runs once.

    Args:
        rule: primals and tangents to results and their tangents; None is a zero tangent.
        primals: where to differentiate.
        tangents: not all None.
    """
    target = trace_of([dx for dx in tangents if dx is not None])
    before = len(target.eqns) if target is not None else 0
    outs, out_tangents = rule(primals, tangents)
    if target is None or not hides_linear(target.eqns[before:], {v for v, _ in target.consts}):
        return outs, out_tangents
    recorded = tuple(target.eqns[before:])
    del target.eqns[before:]
    return _linearize_recorded(target, recorded, outs, out_tangents)


def _linearize_recorded(
    target: Trace, eqns: Sequence[Eqn], outs: Values, out_tangents: Values
) -> tuple[Values, Values]:
    """Results and tangents that some equations of ``target`` gave, by linear work only."""
    owned = [y for y in (*outs, *out_tangents) if target.owns(y)]
    env: dict[Atom, Any] = dict(target.consts)
    defined = {v for eqn in eqns for v in eqn.outputs} | env.keys()
    read = [a for eqn in eqns for a in eqn.inputs] + [y._var for y in owned]
    free = tuple(dict.fromkeys(a for a in read if type(a) is Var and a not in defined))
    looks: list[Eqn] = []  # at tangents

    def replay(*values: Any) -> list[Any]:
        env.update(zip(free, values, strict=True))
        current, seen = current_trace(), []
        for eqn in eqns:
            args = [literal_value(a) if type(a) is Literal else env[a] for a in eqn.inputs]
            if eqn.primitive.effect and not eqn.outputs and current and current.owns_any(args):
                looks.append(eqn)
                seen += args
                continue
            token = inherit(eqn.source)
            try:
                env.update(zip(eqn.outputs, bind(eqn.primitive, *args, **eqn.params), strict=True))
            finally:
                disinherit(token)
        return [env[y._var] for y in owned] + seen

    zeros = [instantiate(None, v.aval) for v in free]
    values, linear, active = linearize_flat(replay, zeros, [True] * len(free))
    moved = iter(evaluate(linear, *[Tracer(target, v.aval, v) for v in free]))
    changes = [next(moved) if is_active else None for is_active in active]
    seen = iter(zip(values[len(owned) :], changes[len(owned) :], strict=True))
    for eqn in looks:
        pairs = [next(seen) for _ in eqn.inputs]
        bind(eqn.primitive, *[x if dx is None else dx for x, dx in pairs], **eqn.params)
    places = {id(y): i for i, y in enumerate(owned)}
    primal = [values[places[id(y)]] if id(y) in places else y for y in outs]
    tangents = [changes[places[id(dy)]] if id(dy) in places else dy for dy in out_tangents]
    return tuple(primal), tuple(tangents)


def hides_linear(eqns: Sequence[Eqn], known: set[Var]) -> bool:
    """Whether a call takes known and linear values together, so that its results look linear."""
    known = set(known)
    for eqn in eqns:
        are_known = [type(a) is Literal or a in known for a in eqn.inputs]
        unknown = unknown_outputs(eqn, [not is_known for is_known in are_known])
        known.update(v for v in eqn.outputs if v not in unknown)
        is_mixed = any(are_known) and not all(are_known)
        if is_mixed and eqn.outputs and eqn.primitive.split is not None:
            return True
    return False


class LinearizedJaxpr(NamedTuple):
    """A jaxpr cut in two.

    Attributes:
        forward: inputs to results followed by residuals.
        linear: residuals followed by the tangents of active inputs, to the tangents of active
            results.
        active: which results depend on active inputs.
        residuals: for each residual that ``linear`` takes, its position among the inputs and
            results (inputs first), or None where it is the next of the extra results of
            ``forward``.
    """

    forward: Jaxpr
    linear: Jaxpr
    active: list[bool]
    residuals: list[int | None]


def linearize_jaxpr(jaxpr: Jaxpr, active: Sequence[bool]) -> LinearizedJaxpr:
    """Cut a jaxpr into the part that runs at a point and the part that is linear in tangents.

    A residual that is an input or a result already is not returned a second time.

    Args:
        jaxpr: the function.
        active: which inputs have a tangent.
    """
    residuals: list[int | None] = []
    found: list[Linearized] = []

    def forward_f(*args: Any) -> list[Any]:
        result = linearize_flat(functools.partial(evaluate, jaxpr), args, active)
        found.append(result)
        places = list(enumerate((*args, *result.outs)))
        known = {id(x): i for i, x in reversed(places)}  # an argument, rather than a result
        values = [value for _, value in result.linear.consts]
        residuals.extend(known.get(id(value)) for value in values)
        extra = [v for v, position in zip(values, residuals, strict=True) if position is None]
        return result.outs + extra

    forward = trace(forward_f, [v.aval for v in jaxpr.inputs])
    linear = found[0].linear
    residual_vars = tuple([var for var, _ in linear.consts])
    linear = Jaxpr(residual_vars + linear.inputs, linear.eqns, linear.outputs)
    return LinearizedJaxpr(forward, linear, found[0].active, residuals)
