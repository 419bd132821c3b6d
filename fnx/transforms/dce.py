"""Dead code: drop equations and constants that no result depends on; effects stay."""

from __future__ import annotations

from dataclasses import replace

from fnx.core.effects import has_effect
from fnx.core.ir import Atom, Jaxpr


def dce_jaxpr(jaxpr: Jaxpr, keep_effects: bool = True) -> Jaxpr:
    """The same function without the equations and constants that nobody reads. Inputs stay.

    Loops and branches lose the results that nobody reads, with what only those need.

    Args:
        jaxpr: the function.
        keep_effects: whether equations with an effect stay in any case; not where another program
            has them.
    """
    needed: set[Atom] = set(jaxpr.outputs)
    kept = []
    for eqn in reversed(jaxpr.eqns):
        if needed.isdisjoint(eqn.outputs) and not (keep_effects and has_effect(eqn)):
            continue
        if eqn.primitive.dce is not None:
            eqn = eqn.primitive.dce(eqn, [var in needed for var in eqn.outputs])
        kept.append(eqn)
        needed.update(eqn.inputs)
    consts = tuple([(var, value) for var, value in jaxpr.consts if var in needed])
    is_same = all(a is b for a, b in zip(jaxpr.eqns, reversed(kept), strict=False))
    if is_same and len(kept) == len(jaxpr.eqns) and len(consts) == len(jaxpr.consts):
        return jaxpr
    return replace(jaxpr, eqns=tuple(reversed(kept)), consts=consts)
