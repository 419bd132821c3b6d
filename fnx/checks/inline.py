"""Inline: a jaxpr as one list of equations, without calls; control flow stays.

Input: a closed jaxpr. Output: `Flat`: the equations of jitted functions, checkpoints and functions
with custom rules stand in place of their calls, each with the checks that apply to it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fnx.checks.kinds import Kinds
from fnx.core.ir import Atom, Eqn, Jaxpr, Var
from fnx.core.sources import Source
from fnx.core.trace import trace

CONTROL = frozenset({"cond", "scan", "while"})  # these stay, and are looked into by themselves


@dataclass(frozen=True, slots=True)
class Step:
    """An equation, and the checks that apply to it."""

    eqn: Eqn
    kinds: Kinds


@dataclass(slots=True)
class Flat:
    """A function as one list of steps."""

    inputs: tuple[Var, ...]
    outputs: tuple[Atom, ...] = ()
    steps: list[Step] = field(default_factory=list)
    consts: dict[Var, Any] = field(default_factory=dict)


def inlined(jaxpr: Jaxpr, kinds: Kinds) -> Flat:
    """The steps of a jaxpr, to which these checks apply; to a jitted function also its own."""
    flat = Flat(jaxpr.inputs)
    flat.outputs = tuple(_add(flat, jaxpr, list(jaxpr.inputs), kinds, None))
    return flat


def _add(
    flat: Flat, jaxpr: Jaxpr, operands: Sequence[Atom], kinds: Kinds, call: Source | None
) -> list[Atom]:
    """Append the equations of a function that is called on these operands; its results."""
    env: dict[Var, Atom] = dict(zip(jaxpr.inputs, operands, strict=True))
    for var, value in jaxpr.consts:
        fresh = env[var] = Var(var.aval)
        flat.consts[fresh] = value
    for eqn in jaxpr.eqns:
        inputs = tuple([env.get(a, a) for a in eqn.inputs])
        source = _completed(eqn.source, call)
        own = kinds.union(eqn.params.get("check", ()))
        body = _body(eqn)
        results: Sequence[Atom]
        if body is None:
            results = outputs = tuple([Var(v.aval) for v in eqn.outputs])
            left_out = () if source is None else source.unchecked
            copy = replace(eqn, inputs=inputs, outputs=outputs, source=source)
            flat.steps.append(Step(copy, own.difference(left_out)))
        else:
            results = _add(flat, body, inputs, own, source)
        env.update(zip(eqn.outputs, results, strict=True))
    return [env.get(a, a) for a in jaxpr.outputs]


def _body(eqn: Eqn) -> Jaxpr | None:
    """The function that an equation calls, whatever else it says about it; None if it is no call.

    Functions that are given by Python code are traced, as their lowering does.
    """
    params = eqn.params
    if eqn.primitive.split is None or eqn.primitive.name in CONTROL:
        return None
    if isinstance(params.get("jaxpr"), Jaxpr):
        return params["jaxpr"]
    if "body" not in params and "backward" not in params:
        return None
    run = functools.partial(eqn.primitive.numpy, np, **params)
    return trace(run, [a.aval for a in eqn.inputs])


def _completed(source: Source | None, call: Source | None) -> Source | None:
    """The source of an equation inside of a call, with what only the call's source knows."""
    if source is None or call is None:
        return source or call
    origin, outer = source.origin, call.origin
    if outer is not None and (origin is None or origin.called is None):
        source = source._replace(
            origin=outer if origin is None else origin._replace(called=outer.called)
        )
    if call.unchecked:
        source = source._replace(unchecked=tuple(sorted({*source.unchecked, *call.unchecked})))
    return source


def has_checks(jaxpr: Jaxpr) -> bool:
    """Whether a jaxpr calls a function that was jitted with checks."""
    return any(calls_checked(eqn) for eqn in jaxpr.eqns)


def calls_checked(eqn: Eqn) -> bool:
    """Whether an equation is such a call, or there is one in its functions."""
    if eqn.primitive.split is None:
        return False
    return bool(eqn.params.get("check")) or any(has_checks(inner) for inner in _inner(eqn))


def _inner(eqn: Eqn) -> list[Jaxpr]:
    found = []
    for value in eqn.params.values():
        values = value if isinstance(value, tuple | list) else (value,)
        found += [x for x in values if isinstance(x, Jaxpr)]
    return found
