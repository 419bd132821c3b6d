"""Loop invariants: costly work of a body that is the same in every step, moved before the loop.

Only operations that always end are moved, and only out of loops that take a step.
"""

from __future__ import annotations

from fnx.core.effects import has_effect
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var
from fnx.transforms.dce import dce_jaxpr

# What is cheaper is fused into the kernels that read it, and needs no memory there.
_COSTLY = frozenset(
    {"dot_general", "gather", "reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "scatter"}
)


def split_invariants(body: Jaxpr, num_consts: int) -> tuple[Jaxpr, Jaxpr]:
    """What depends on constants only, and the body without it.

    Args:
        body: a closed jaxpr; its first inputs are the constants.
        num_consts: how many.

    Returns:
        A jaxpr of the constants, and the body, which takes its results behind the constants.
    """
    consts, moving = body.inputs[:num_consts], body.inputs[num_consts:]
    known: set[Atom] = set(consts)
    found: list[Eqn] = []
    for eqn in body.eqns:
        is_known = all(type(a) is Literal or a in known for a in eqn.inputs)
        if not is_known or eqn.primitive.split is not None or has_effect(eqn):
            continue
        known.update(eqn.outputs)
        if eqn.primitive.name in _COSTLY:
            found.append(eqn)
    values: list[Var] = [var for eqn in found for var in eqn.outputs]
    before = dce_jaxpr(Jaxpr(consts, body.eqns, tuple(values)), keep_effects=False)
    rest = tuple([eqn for eqn in body.eqns if all(eqn is not other for other in found)])
    return before, dce_jaxpr(Jaxpr((*consts, *values, *moving), rest, body.outputs))
