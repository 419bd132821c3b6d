"""Inlining: run the equations of jitted functions in place of the calls."""

from __future__ import annotations

from typing import Any

from fnx.control.call import jit_p
from fnx.core.evaluate import literal_value
from fnx.core.ir import Jaxpr, Literal, Var
from fnx.core.sources import disinherit, inherit
from fnx.core.trace import bind


def evaluate_inlined(jaxpr: Jaxpr, *args: Any) -> tuple[Any, ...]:
    """`evaluate`, without ``jit`` equations at any depth of calls."""
    env: dict[Var, Any] = dict(jaxpr.consts)
    env.update(zip(jaxpr.inputs, args, strict=True))
    for eqn in jaxpr.eqns:
        values = [literal_value(a) if type(a) is Literal else env[a] for a in eqn.inputs]
        token = inherit(eqn.source)
        try:
            if eqn.primitive is jit_p:
                outs = evaluate_inlined(eqn.params["jaxpr"], *values)
            else:
                outs = bind(eqn.primitive, *values, **eqn.params)
        finally:
            disinherit(token)
        env.update(zip(eqn.outputs, outs, strict=True))
    return tuple([literal_value(a) if type(a) is Literal else env[a] for a in jaxpr.outputs])
