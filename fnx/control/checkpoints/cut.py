"""Cut: a checkpointed jaxpr in two, so that the linear half reads no more than a policy keeps.

Input: a closed jaxpr. Output: its forward half with the kept values as further results, and the
linear half, which computes the other values that it reads again, from those and the inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fnx.control.checkpoints.checkpoint_policies import Policy
from fnx.control.effects.callback import debug_callback_p, happens_once
from fnx.control.inlining import evaluate_inlined
from fnx.core.evaluate import evaluate
from fnx.core.flatten import close
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var
from fnx.core.sources import raised_by_user
from fnx.core.trace import trace
from fnx.errors import FnxTypeError
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.linearize import linearize_flat


class Cut(NamedTuple):
    """A jaxpr cut in two.

    Attributes:
        forward: constants and inputs to results and kept values; None where nothing is kept: then
            the jaxpr itself is its forward half.
        consts: values of the constants.
        linear: residuals, then tangents of active inputs, to the tangents of active results.
        kept: where the residuals stand among constants, inputs and the results of ``forward``.
        active: which results have a tangent.
    """

    forward: Jaxpr | None
    consts: tuple[Any, ...]
    linear: Jaxpr
    kept: tuple[int, ...]
    active: tuple[bool, ...]


def cut(body: Jaxpr, active: Sequence[bool], policy: Policy | None) -> Cut:
    """Cut a closed jaxpr for reverse mode.

    Args:
        body: the function.
        active: which inputs have a tangent.
        policy: says what is kept; None keeps nothing.
    """
    joint, consts, out_active = _linearised(body, active)
    count = len(joint.inputs) - sum(active)
    operands, tangents = joint.inputs[:count], joint.inputs[count:]
    known, linear = _apart(joint.eqns, tangents)
    outs = joint.outputs[: len(body.outputs)]
    saved = _saved(known, policy)
    moving = {*tangents, *(v for eqn in linear for v in eqn.outputs)}
    read = [a for eqn in linear for a in eqn.inputs] + list(joint.outputs[len(outs) :])
    read = [a for a in read if a not in moving]
    again, residuals = _needed(known, read, saved)
    looks = [eqn for eqn in known if eqn.primitive is debug_callback_p]
    if again and looks:  # who looks at what the function computes sees it computed again
        shown = [a for eqn in looks for a in eqn.inputs]
        again, residuals = _needed(known, [*read, *shown], saved)
        again = [eqn for eqn in known if eqn in {*again, *looks}]
    eqns = (*again, *linear)
    half = dce_jaxpr(Jaxpr((*residuals, *tangents), eqns, joint.outputs[len(outs) :]))
    extra = [v for v in residuals if v not in operands and v not in outs]
    forward = dce_jaxpr(Jaxpr(operands, tuple(known), (*outs, *extra))) if extra else None
    places = {v: i for i, v in reversed(list(enumerate((*operands, *outs, *extra))))}
    return Cut(forward, consts, half, tuple([places[v] for v in residuals]), out_active)


def _linearised(
    body: Jaxpr, active: Sequence[bool]
) -> tuple[Jaxpr, tuple[Any, ...], tuple[bool, ...]]:
    """The jaxpr of primals and tangents to results and their tangents, with constants as inputs."""
    avals = [v.aval for v in body.inputs]
    moving = [aval for aval, is_active in zip(avals, active, strict=True) if is_active]
    found: list[bool] = []

    def both(*args: Any) -> list[Any]:
        run = lambda *primals: evaluate_inlined(body, *primals)
        outs, linear, out_active = linearize_flat(run, args[: len(avals)], active)
        found[:] = out_active
        return [*outs, *evaluate(linear, *args[len(avals) :])]

    joint, consts = close(dce_jaxpr(trace(both, avals + moving)))
    return joint, consts, tuple(found)


def _apart(eqns: Sequence[Eqn], tangents: Sequence[Var]) -> tuple[list[Eqn], list[Eqn]]:
    """Equations of primals only, and those that read tangents."""
    moving: set[Atom] = set(tangents)
    known, linear = [], []
    for eqn in eqns:
        if moving.isdisjoint(eqn.inputs):
            known.append(eqn)
        else:
            linear.append(eqn)
            moving.update(eqn.outputs)
    return known, linear


def _saved(known: Sequence[Eqn], policy: Policy | None) -> set[Var]:
    """What the policy keeps; and results of what must not happen twice."""
    return {
        v
        for eqn in known
        if happens_once(eqn) or (policy is not None and _keeps(policy, eqn))
        for v in eqn.outputs
    }


def _keeps(policy: Policy, eqn: Eqn) -> bool:
    try:
        answer = policy(eqn.primitive, *[a.aval for a in eqn.inputs], **eqn.params)
    except TypeError as error:
        if raised_by_user(error):
            raise
        answer = error  # it cannot be called so
    if not isinstance(answer, bool | np.bool_):
        raise FnxTypeError(
            f"checkpoint: a policy must answer True or False, got {answer!r:.60} for "
            f"{eqn.primitive}.",
            source=eqn.source,
            hint="It is called as policy(primitive, *avals, **params). Policies that take names\n"
            'are made first: fnx.checkpoint_policies.save_only_these_names("x").',
        )
    return bool(answer)


def _needed(
    known: Sequence[Eqn], read: Sequence[Atom], saved: set[Var]
) -> tuple[list[Eqn], list[Var]]:
    """The known equations to run again for what is read, and the residuals that are there."""
    makers = {v: eqn for eqn in known for v in eqn.outputs}
    wanted: dict[Var, None] = {}
    todo = list(reversed(read))
    repeated: set[Eqn] = set()
    while todo:
        atom = todo.pop()
        if type(atom) is Literal or atom in wanted:
            continue
        wanted[atom] = None
        eqn = makers.get(atom)
        if eqn is not None and atom not in saved and eqn not in repeated:
            repeated.add(eqn)
            todo += eqn.inputs
    again = [eqn for eqn in known if eqn in repeated]
    computed = {v for eqn in again for v in eqn.outputs}
    return again, [v for v in wanted if v not in computed]
