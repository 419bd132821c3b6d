"""Dead code: drop equations and constants that no result depends on."""

from __future__ import annotations

from dataclasses import replace

from fnx.core.ir import Atom, Jaxpr


def dce_jaxpr(jaxpr: Jaxpr) -> Jaxpr:
    """The same function without the equations and constants that nobody reads. Inputs stay."""
    needed: set[Atom] = set(jaxpr.outputs)
    kept = []
    for eqn in reversed(jaxpr.eqns):
        if needed.isdisjoint(eqn.outputs):
            continue
        kept.append(eqn)
        needed.update(eqn.inputs)
    consts = tuple([(var, value) for var, value in jaxpr.consts if var in needed])
    if len(kept) == len(jaxpr.eqns) and len(consts) == len(jaxpr.consts):
        return jaxpr
    return replace(jaxpr, eqns=tuple(reversed(kept)), consts=consts)
