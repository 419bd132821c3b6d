"""Transpose: a linear jaxpr, backwards. With `linearize` in front of it, this is reverse mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fnx.core.eager import aval_of
from fnx.core.effects import has_effect
from fnx.core.evaluate import literal_value
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var
from fnx.core.primitive import Linear, NotLinear
from fnx.core.sources import begin_step, disinherit, end_step, inherit
from fnx.core.trace import bind, trace
from fnx.errors import DerivativeError
from fnx.ops.families import add
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.masks import (
    Mask,
    Masks,
    either,
    mask_aval,
    masks_of,
    pull_masks,
    read_masks,
)
from fnx.transforms.unknown import unknown_outputs
from fnx.transforms.zeros import instantiate


def transpose_flat(
    jaxpr: Jaxpr, linear: Sequence[bool], args: Sequence[Any], cts: Sequence[Any]
) -> list[Any]:
    """Pull cotangents of the results back to the inputs.

    Args:
        jaxpr: linear in the marked inputs.
        linear: marks those inputs.
        args: values of the other inputs; anything for the marked ones.
        cts: one cotangent for each result; None where it is zero.

    Returns:
        One cotangent for each input; None where it is zero, and for inputs that are not marked.
    """
    return transpose_masked(jaxpr, linear, args, cts, [None] * len(cts))[0]


def transpose_masked(
    jaxpr: Jaxpr,
    linear: Sequence[bool],
    args: Sequence[Any],
    cts: Sequence[Any],
    masks: Masks,
) -> tuple[list[Any], list[Mask | None]]:
    """`transpose_flat` of cotangents with masks; also the masks of the cotangents it returns."""
    unknown = {v for v, is_linear in zip(jaxpr.inputs, linear, strict=True) if is_linear}
    env: dict[Var, Any] = dict(jaxpr.consts)
    for v, x in zip(jaxpr.inputs, args, strict=True):
        if v not in unknown:
            env[v] = x
    eqns = _run_known(jaxpr, unknown, env)
    pending = _Pending(unknown)
    pending.add(jaxpr.outputs, cts, masks)
    step = begin_step("backward")
    try:
        _pull_all_back(eqns, pending, env)
    finally:
        end_step(step)
    return pending.take(jaxpr.inputs)


class _Pending:
    """Cotangents on their way back, with their masks, by variable."""

    def __init__(self, unknown: set[Var]) -> None:
        self.unknown = unknown
        self.cts: dict[Var, tuple[Any, Mask | None]] = {}

    def take(self, variables: Sequence[Var]) -> tuple[list[Any], list[Mask | None]]:
        """The sums for these variables; None where there is none."""
        found = [self.cts.pop(v, (None, None)) for v in variables]
        return [ct for ct, _ in found], [mask for _, mask in found]

    def add(self, atoms: Sequence[Atom], cts: Sequence[Any], masks: Masks) -> None:
        """Add cotangents to what there is."""
        for atom, ct, mask in zip(atoms, cts, masks, strict=True):
            if ct is None or atom not in self.unknown:
                continue
            assert aval_of(ct).shape == atom.aval.shape, f"cotangent {aval_of(ct)} of {atom.aval}"
            before = self.cts.get(atom)
            if before is not None:
                ct, mask = add(before[0], ct), either(before[1], mask)
            self.cts[atom] = ct, mask


def _pull_all_back(eqns: Sequence[Eqn], pending: _Pending, env: dict[Var, Any]) -> None:
    """Apply the transpose rules, the last equation first."""
    for eqn in reversed(eqns):
        out_cts, out_masks = pending.take(eqn.outputs)
        if any(ct is not None for ct in out_cts) or has_effect(eqn):
            token = inherit(eqn.source)
            try:
                found = _pull_back(eqn, out_cts, out_masks, pending.unknown, env)
                pending.add(eqn.inputs, *found)
            finally:
                disinherit(token)


def _run_known(jaxpr: Jaxpr, unknown: set[Var], env: dict[Var, Any]) -> list[Eqn]:
    """Evaluate the equations that depend on known values only; mark and return the others."""
    linear_eqns = []
    for eqn in jaxpr.eqns:
        if not unknown.isdisjoint(eqn.inputs):
            found = unknown_outputs(eqn, [a in unknown for a in eqn.inputs])
            if len(found) < len(eqn.outputs):  # a barrier's results are its operands
                pairs = zip(eqn.outputs, eqn.inputs, strict=True)
                env.update({v: _read(env, a) for v, a in pairs if v not in found})
            unknown.update(found)
            linear_eqns.append(eqn)
            continue
        token = inherit(eqn.source)
        try:
            outs = bind(eqn.primitive, *[_read(env, a) for a in eqn.inputs], **eqn.params)
        finally:
            disinherit(token)
        env.update(zip(eqn.outputs, outs, strict=True))
    return linear_eqns


def _read(env: dict[Var, Any], atom: Atom) -> Any:
    return literal_value(atom) if type(atom) is Literal else env[atom]


def _pull_back(
    eqn: Eqn, cts: list[Any], masks: Masks, unknown: set[Var], env: dict[Var, Any]
) -> tuple[Sequence[Any], Masks]:
    """The transpose rule of one equation: cotangents of its inputs, and their masks."""
    primitive = eqn.primitive
    if isinstance(primitive.transpose, NotLinear):
        raise DerivativeError(
            f"{primitive} cannot be transposed: {primitive.transpose.reason}.",
            source=eqn.source,
            hint="A derivative rule (custom_jvp) must be linear in the tangents.",
        )
    inputs = tuple([Linear(a.aval) if a in unknown else _read(env, a) for a in eqn.inputs])
    if primitive.carries_masks:
        return primitive.transpose(tuple(cts), inputs, masks=masks, **eqn.params)
    found = primitive.transpose(tuple(cts), inputs, **eqn.params)
    if len(cts) != 1:
        return found, [None] * len(found)
    return pull_masks(eqn, masks[0], found, inputs)


class TransposedJaxpr(NamedTuple):
    """A linear jaxpr backwards.

    Attributes:
        jaxpr: inputs that are not linear, cotangents of active results, and the masks of these
            that exist, to the cotangents of linear inputs that are not zero.
        nonzero: for each linear input, whether it has a cotangent.
        masks: the same inputs to the masks of these cotangents that exist; it does not read
            cotangents.
        masked: for each linear input, whether its cotangent has a mask.
    """

    jaxpr: Jaxpr
    nonzero: list[bool]
    masks: Jaxpr
    masked: list[bool]


def transpose_jaxpr(
    jaxpr: Jaxpr,
    linear: Sequence[bool],
    active: Sequence[bool] | None = None,
    masked: Sequence[bool] | None = None,
) -> TransposedJaxpr:
    """The jaxpr of the transposed function.

    Args:
        jaxpr: linear in the marked inputs.
        linear: marks those inputs.
        active: which results have a cotangent that is not zero; all, if not given.
        masked: which results' cotangents come with a mask; none, if not given.
    """
    active = [True] * len(jaxpr.outputs) if active is None else active
    masked = [False] * len(jaxpr.outputs) if masked is None else masked
    avals = [v.aval for v, is_linear in zip(jaxpr.inputs, linear, strict=True) if not is_linear]
    avals += [v.aval for v, is_active in zip(jaxpr.outputs, active, strict=True) if is_active]
    avals += [mask_aval(v.aval) for v, has in zip(jaxpr.outputs, masked, strict=True) if has]
    nonzero: list[bool] = []
    has_mask: list[bool] = []

    def both(*args: Any) -> tuple[list[Any], list[Mask | None]]:
        values = iter(args)
        inputs = [None if is_linear else next(values) for is_linear in linear]
        cts = [next(values) if is_active else None for is_active in active]
        found, masks = transpose_masked(jaxpr, linear, inputs, cts, masks_of([*values], masked))
        nonzero[:] = [ct is not None for ct, lin in zip(found, linear, strict=True) if lin]
        has_mask[:] = [mask is not None for mask, lin in zip(masks, linear, strict=True) if lin]
        return found, masks

    def backward(*args: Any) -> list[Any]:
        return [ct for ct in both(*args)[0] if ct is not None]

    back = trace(backward, avals)
    if not any(has_mask):
        nothing = Jaxpr(tuple([Var(aval) for aval in avals]), (), ())
        return TransposedJaxpr(back, nonzero, nothing, has_mask)
    masks_alone = trace(lambda *args: read_masks(both(*args)[1]), avals)
    masks_alone = dce_jaxpr(masks_alone, keep_effects=False)
    return TransposedJaxpr(back, nonzero, masks_alone, has_mask)


def pull_back(linear: Jaxpr, cts: Sequence[Any]) -> list[Any]:
    """Cotangents of all inputs of a jaxpr that is linear in all of them, zeros made arrays."""
    marks = [True] * len(linear.inputs)
    found = transpose_flat(linear, marks, [None] * len(marks), cts)
    return [instantiate(ct, v.aval) for ct, v in zip(found, linear.inputs, strict=True)]
