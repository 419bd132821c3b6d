"""Branches: jaxprs that stand for each other, given the same inputs, results and residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from fnx import tree
from fnx.core.avals import Aval
from fnx.core.evaluate import evaluate
from fnx.core.ir import Jaxpr, Var
from fnx.core.sources import user_source
from fnx.core.trace import trace
from fnx.errors import FnxTypeError
from fnx.transforms.linearize import LinearizedJaxpr, linearize_jaxpr
from fnx.transforms.masks import mask_aval
from fnx.transforms.transpose import TransposedJaxpr, transpose_jaxpr
from fnx.transforms.zeros import filled, instantiate, zeros

Values = tuple[Any, ...]


def same_results(what: str, trees: Sequence[tree.TreeDef | None], jaxprs: Sequence[Jaxpr]) -> None:
    """Check that branches return the same structure, shapes and dtypes.

    Raises:
        FnxTypeError: with both results.
    """
    results = [[a.aval.strong() for a in jaxpr.outputs] for jaxpr in jaxprs]
    for other_tree, other in zip(trees, results, strict=True):
        if other_tree != trees[0] or other != results[0]:
            pairs = ((trees[0], results[0]), (other_tree, other))
            first, second = (tree.unflatten(t, avals) for t, avals in pairs)
            hint = "Convert with .astype(...), reshape or broadcast in one of them."
            if first is None or second is None:
                hint = "Does every path through both functions end in return?"
            elif trees[0] != other_tree:
                hint = "Return the same containers with the same keys from both."
            raise FnxTypeError(
                f"{what}: branches must return the same structure, shapes and dtypes, got "
                f"{first} and {second}.",
                source=user_source(),
                hint=hint,
            )


def close_together(jaxprs: Sequence[Jaxpr]) -> tuple[tuple[Jaxpr, ...], Values]:
    """Make the constants of all branches leading inputs of each. Returns also their values."""
    values: list[Any] = []
    closed = []
    avals = [[var.aval for var, _ in jaxpr.consts] for jaxpr in jaxprs]
    for position, jaxpr in enumerate(jaxprs):
        binders: list[Var] = []
        for other, other_avals in enumerate(avals):
            own = [var for var, _ in jaxpr.consts]
            binders += own if other == position else [Var(aval) for aval in other_avals]
        closed.append(replace(jaxpr, inputs=(*binders, *jaxpr.inputs), consts=()))
        values += [value for _, value in jaxpr.consts]
    return tuple(closed), tuple(values)


class LinearizedBranches(NamedTuple):
    """Branches cut in two, all with the same residuals.

    Attributes:
        forward: ``(*consts, *inputs)`` to results, then the residuals of all branches.
        consts: values of the constants.
        linear: ``(*kept, *tangents)`` to the tangents of active results.
        kept: positions, among inputs and the results of ``forward``, of what ``linear`` takes.
        active: which results have a tangent in any branch.
    """

    forward: tuple[Jaxpr, ...]
    consts: Values
    linear: tuple[Jaxpr, ...]
    kept: list[int]
    active: list[bool]


def linearize_branches(branches: Sequence[Jaxpr], active: Sequence[bool]) -> LinearizedBranches:
    """Cut branches into the part that runs at a point and the part that is linear in tangents.

    The forward part of a branch returns zeros for the residuals of the others.
    """
    parts = [linearize_jaxpr(branch, active) for branch in branches]
    extras = [_extra_avals(part, len(branches[0].outputs)) for part in parts]
    found = [part.active for part in parts]
    out_active = [any(marks) for marks in zip(*found, strict=True)]
    forward, consts = close_together([_forward(k, parts, extras) for k in range(len(parts))])
    places = [_places(k, parts, extras, branches[0]) for k in range(len(parts))]
    kept = sorted({place for own in places for place in own})
    avals = [v.aval for v in branches[0].inputs]
    avals += [a.aval for a in branches[0].outputs] + [a for own in extras for a in own]
    kept_avals = [avals[place] for place in kept]
    tangents = [
        v.aval for v, is_active in zip(branches[0].inputs, active, strict=True) if is_active
    ]
    linear = [
        _linear(
            part, [kept.index(place) for place in own], kept_avals, tangents, out_active, branch
        )
        for part, own, branch in zip(parts, places, branches, strict=True)
    ]
    closed, linear_consts = close_together(linear)
    assert not linear_consts
    return LinearizedBranches(forward, consts, closed, kept, out_active)


def _extra_avals(part: LinearizedJaxpr, count: int) -> list[Aval]:
    return [a.aval for a in part.forward.outputs[count:]]


def _forward(k: int, parts: Sequence[LinearizedJaxpr], extras: Sequence[list[Aval]]) -> Jaxpr:
    """The forward part of branch ``k``, with a place for every branch's residuals."""
    jaxpr = parts[k].forward
    count = len(jaxpr.outputs) - len(extras[k])

    def run(*args: Any) -> list[Any]:
        results = evaluate(jaxpr, *args)
        filled: list[Any] = []
        for other, avals in enumerate(extras):
            filled += results[count:] if other == k else [zeros(aval) for aval in avals]
        return [*results[:count], *filled]

    return trace(run, [v.aval for v in jaxpr.inputs])


def _places(
    k: int, parts: Sequence[LinearizedJaxpr], extras: Sequence[list[Aval]], branch: Jaxpr
) -> list[int]:
    """Where branch ``k`` finds its residuals, among inputs, results, and all extra results."""
    first = len(branch.inputs) + len(branch.outputs) + sum(len(avals) for avals in extras[:k])
    extra = iter(range(first, first + len(extras[k])))
    return [next(extra) if place is None else place for place in parts[k].residuals]


def _linear(
    part: LinearizedJaxpr,
    places: Sequence[int],
    kept: Sequence[Aval],
    tangents: Sequence[Aval],
    out_active: Sequence[bool],
    branch: Jaxpr,
) -> Jaxpr:
    """The linear part of a branch, of what all keep; zeros where only others are active."""

    def run(*args: Any) -> list[Any]:
        residuals = [args[place] for place in places]
        found = iter(evaluate(part.linear, *residuals, *args[len(kept) :]))
        rows = zip(part.active, out_active, branch.outputs, strict=True)
        return [
            instantiate(next(found) if is_own else None, a.aval)
            for is_own, is_wanted, a in rows
            if is_wanted
        ]

    return trace(run, [*kept, *tangents])


class TransposedBranches(NamedTuple):
    """Branches backwards, all with the same results.

    Attributes:
        backward: ``(*consts, *known inputs, *cotangents, *masks)`` to the cotangents of all linear
            inputs.
        consts: values of the constants.
        masks: ``(*mask_consts, *the same)`` to the masks of these cotangents that exist.
        mask_consts: values of their constants.
        masked: for each linear input, whether its cotangent has a mask.
    """

    backward: tuple[Jaxpr, ...]
    consts: Values
    masks: tuple[Jaxpr, ...]
    mask_consts: Values
    masked: list[bool]


def transpose_branches(
    branches: Sequence[Jaxpr],
    linear: Sequence[bool],
    active: Sequence[bool],
    masked: Sequence[bool],
) -> TransposedBranches:
    """Transpose branches that are linear in the same inputs; arguments as of `transpose_jaxpr`."""
    parts = [transpose_jaxpr(branch, linear, active, masked) for branch in branches]
    avals = [v.aval for v, is_linear in zip(branches[0].inputs, linear, strict=True) if is_linear]
    any_masked = [any(marks) for marks in zip(*[p.masked for p in parts], strict=True)]
    backward, consts = close_together([_with_all_cotangents(part, avals) for part in parts])
    masks, mask_consts = close_together([_with_all_masks(p, avals, any_masked) for p in parts])
    return TransposedBranches(backward, consts, masks, mask_consts, any_masked)


def _with_all_cotangents(part: TransposedJaxpr, avals: Sequence[Aval]) -> Jaxpr:
    def run(*args: Any) -> list[Any]:
        found = iter(evaluate(part.jaxpr, *args))
        pairs = zip(part.nonzero, avals, strict=True)
        return [instantiate(next(found) if exists else None, aval) for exists, aval in pairs]

    return trace(run, [v.aval for v in part.jaxpr.inputs])


def _with_all_masks(part: TransposedJaxpr, avals: Sequence[Aval], wanted: Sequence[bool]) -> Jaxpr:
    """A branch without a cotangent masks all of it, one without a mask nothing."""

    def run(*args: Any) -> list[Any]:
        found = iter(evaluate(part.masks, *args))
        masks = [next(found) if exists else None for exists in part.masked]
        rows = zip(masks, part.nonzero, avals, wanted, strict=True)
        return [
            filled(mask_aval(aval), has_ct) if mask is None else mask
            for mask, has_ct, aval, is_wanted in rows
            if is_wanted
        ]

    return trace(run, [v.aval for v in part.masks.inputs])
