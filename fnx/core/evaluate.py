"""Evaluate: (Jaxpr, values) -> values, by binding each equation again, in the current trace."""

from __future__ import annotations

from typing import Any

from fnx.core.array import wrap
from fnx.core.eager import aval_of
from fnx.core.ir import Atom, Jaxpr, Literal, Var
from fnx.core.sources import disinherit, inherit
from fnx.core.trace import bind


def evaluate(jaxpr: Jaxpr, *args: Any) -> tuple[Any, ...]:
    """Run a jaxpr. Under a trace, the equations are recorded there, with their own sources.

    A value is let go after its last use, so a run takes no more memory than it must.
    """
    assert len(args) == len(jaxpr.inputs), f"{len(args)} arguments for {len(jaxpr.inputs)} inputs"
    env: dict[Var, Any] = dict(jaxpr.consts)
    env.update(zip(jaxpr.inputs, args, strict=True))
    for eqn, dead in zip(jaxpr.eqns, _last_uses(jaxpr), strict=True):
        token = inherit(eqn.source)
        try:
            outs = bind(eqn.primitive, *[_read(env, a) for a in eqn.inputs], **eqn.params)
        finally:
            disinherit(token)
        env.update(zip(eqn.outputs, outs, strict=True))
        for var in dead:
            del env[var]
    return tuple([_read(env, a) for a in jaxpr.outputs])


def _read(env: dict[Var, Any], atom: Atom) -> Any:
    return literal_value(atom) if type(atom) is Literal else env[atom]


def literal_value(literal: Literal) -> Any:
    """The value of a literal as `bind` takes it: a Python scalar where the dtype is weak."""
    if not literal.aval.weak:
        return literal.value
    scalar = literal.value.item()
    return scalar if aval_of(scalar) is literal.aval else wrap(literal.value, weak=True)


def _last_uses(jaxpr: Jaxpr) -> list[list[Var]]:
    """For each equation, the variables that nobody reads after it."""
    seen: set[Atom] = set(jaxpr.outputs)
    dead: list[list[Var]] = []
    for eqn in reversed(jaxpr.eqns):
        last = {a for a in (*eqn.inputs, *eqn.outputs) if type(a) is Var and a not in seen}
        seen |= last
        dead.append(list(last))
    dead.reverse()
    return dead
