"""Cond: run one of several branches, chosen by a value that is known only when the program runs.

Where the value is known already, the branch is simply called. The primitive's ``branches`` are
closed jaxprs of the same inputs and results; its operands are the branch's index and the inputs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx import tree
from fnx.control.branches.alike import (
    close_together,
    linearize_branches,
    same_results,
    transpose_branches,
)
from fnx.control.call import lower_eqns
from fnx.control.is_known import is_known
from fnx.control.loops.lanes import keep, of_running
from fnx.control.loops.one_by_one import one_by_one
from fnx.control.loops.stepwise import split_step
from fnx.core.array import wrap_as
from fnx.core.avals import Aval
from fnx.core.dtypes import BOOL, INTS
from fnx.core.eager import aval_of
from fnx.core.effects import has_effects
from fnx.core.evaluate import evaluate
from fnx.core.flatten import FlatFunction, as_value
from fnx.core.ir import Jaxpr
from fnx.core.key_uses import run_apart
from fnx.core.primitive import Linear, Primitive
from fnx.core.sources import user_source
from fnx.core.trace import bind, may_collect, trace
from fnx.errors import FnxTypeError
from fnx.ops.arithmetic import clamp
from fnx.ops.comparison import eq
from fnx.ops.conversion import convert
from fnx.ops.layout import move_axis
from fnx.ops.reduction import reduce_or
from fnx.transforms.jvp import jvp_flat, jvp_jaxpr
from fnx.transforms.masks import Masks, read_masks, split_masks
from fnx.transforms.vmap import vmap_jaxpr
from fnx.transforms.zeros import instantiate, zeros

Values = tuple[Any, ...]
Branches = tuple[Jaxpr, ...]
F = Callable[..., Any]

_INDEX = np.dtype(np.int32)


def cond(pred: Any, true_fun: F, false_fun: F, *operands: Any) -> Any:
    """``true_fun(*operands)`` if ``pred`` is true, else ``false_fun(*operands)``; only one runs.

    Args:
        pred: a boolean of rank 0.
        true_fun: takes and returns pytrees.
        false_fun: must return the same structure, shapes and dtypes.
        *operands: arguments of both.

    Raises:
        FnxTypeError: if ``pred`` is no boolean scalar, or the branches' results differ.

    >>> float(cond(True, lambda x: x + 1.0, lambda x: x - 1.0, 2.0))
    3.0
    """
    value = as_value(pred)
    if value.aval.shape or value.aval.dtype != BOOL:
        raise FnxTypeError(
            f"cond: the predicate must be a boolean of rank 0, got {value.aval}.",
            source=user_source(),
            hint="Compare first, for example x > 0; reduce arrays with .any() or .all().",
        )
    for f in (true_fun, false_fun):
        if not callable(f):
            got = str(getattr(f, "aval", f))
            raise FnxTypeError(
                f"cond: the branches must be functions, got {got:.60} ({type(f).__name__}).",
                source=user_source(),
                hint="Write lambda: value for a value; fnx.numpy.where(pred, a, b) chooses values.",
            )
    if is_known(value):
        return _call_now(true_fun if bool(value) else false_fun, operands)
    return _switch("cond", convert(value, dtype=_INDEX), (false_fun, true_fun), operands)


def switch(index: Any, branches: Sequence[F], *operands: Any) -> Any:
    """``branches[index](*operands)``; an index out of range is brought into it.

    >>> float(switch(1, [lambda x: x, lambda x: 2.0 * x], 3.0))
    6.0
    """
    value = as_value(index)
    if value.aval.shape or value.aval.dtype not in INTS or not branches:
        raise FnxTypeError(
            f"switch: needs an integer index of rank 0 and at least one branch, got {value.aval} "
            f"and {len(branches)} branches.",
            source=user_source(),
            hint="Write fnx.lax.switch(i, [f, g], x) with an int i; fnx.lax.cond takes a boolean.",
        )
    last = len(branches) - 1
    if is_known(value):
        return _call_now(branches[min(max(int(value), 0), last)], operands)
    counted = min(last, int(np.iinfo(value.aval.dtype).max))  # an int8 counts to 127
    index = convert(clamp(0, value, counted), dtype=_INDEX)
    return _switch("switch", index, tuple(branches), operands)


def _call_now(branch: F, operands: Values) -> Any:
    """The branch that is taken, of the values and with the results that it has under a trace."""
    leaves, in_tree = tree.flatten((operands, {}))
    flat = FlatFunction(branch, in_tree)
    outs = flat(*[as_value(x) for x in leaves])
    assert flat.out_tree is not None
    return tree.unflatten(flat.out_tree, [as_value(x) for x in outs])


def _switch(what: str, index: Any, branches: Sequence[F], operands: Values) -> Any:
    leaves, in_tree = tree.flatten((operands, {}))
    values = [as_value(x) for x in leaves]
    functions = [FlatFunction(f, in_tree) for f in branches]
    avals = [x.aval for x in values]
    jaxprs = run_apart([functools.partial(trace, f, avals) for f in functions])
    same_results(what, [f.out_tree for f in functions], jaxprs)
    closed, consts = close_together(jaxprs)
    outs = bind(cond_p, index, *consts, *values, branches=closed)
    return tree.unflatten(functions[0].out_tree, outs)


def _type(index: Aval, *avals: Aval, branches: Branches) -> tuple[Aval, ...]:
    assert index.shape == ()
    for branch in branches:
        assert [v.aval.shape for v in branch.inputs] == [a.shape for a in avals]
    return tuple([a.aval for a in branches[0].outputs])


def _numpy(xp: Any, index: Any, *buffers: Any, branches: Branches) -> Values:
    branch = branches[int(index)]
    pairs = zip(buffers, branch.inputs, strict=True)
    return evaluate(branch, *[wrap_as(x, v.aval) for x, v in pairs])


def _jvp(
    primals: Values, tangents: Values, outs: None, *, branches: Branches
) -> tuple[Values, Values]:
    active = [t is not None for t in tangents[1:]]
    found = [jvp_jaxpr(branch, active)[1] for branch in branches]
    wanted = [any(marks) for marks in zip(*found, strict=True)]
    avals = [v.aval for v in branches[0].inputs]
    dual_avals = avals + [a for a, is_active in zip(avals, active, strict=True) if is_active]

    def dual(branch: Jaxpr, *args: Any) -> list[Any]:
        rest = iter(args[len(avals) :])
        given = [next(rest) if is_active else None for is_active in active]
        ys, dys = jvp_flat(functools.partial(evaluate, branch), args[: len(avals)], given)
        rows = zip(ys, dys, wanted, strict=True)
        return ys + [instantiate(dy, aval_of(y)) for y, dy, is_wanted in rows if is_wanted]

    duals = [trace(functools.partial(dual, branch), dual_avals) for branch in branches]
    closed, consts = close_together(duals)
    given = [t for t in tangents[1:] if t is not None]
    results = bind(cond_p, primals[0], *consts, *primals[1:], *given, branches=closed)
    rest = iter(results[len(wanted) :])
    return results[: len(wanted)], tuple(
        [next(rest) if is_wanted else None for is_wanted in wanted]
    )


def _split(primals: Values, tangents: Values, *, branches: Branches) -> tuple[Values, Values]:
    if is_known(primals[0]):  # in a loop that runs step by step: the branch may have one of its own
        return split_step(branches[int(primals[0])], primals[1:], tangents[1:])
    active = tuple([t is not None for t in tangents[1:]])
    parts = linearize_branches(branches, active)
    results = bind(cond_p, primals[0], *parts.consts, *primals[1:], branches=parts.forward)
    count = len(branches[0].outputs)
    known = (*primals[1:], *results)
    residuals = [known[i] for i in parts.kept]
    given = [t for t in tangents[1:] if t is not None]
    found = iter(bind(cond_p, primals[0], *residuals, *given, branches=parts.linear))
    return results[:count], tuple([next(found) if a else None for a in parts.active])


def _transpose(
    cts: Values, inputs: Values, *, masks: Masks, branches: Branches
) -> tuple[Values, Masks]:
    index, *operands = inputs
    linear = [isinstance(x, Linear) for x in operands]
    active = [ct is not None for ct in cts]
    masked = [mask is not None for mask in masks]
    parts = transpose_branches(branches, linear, active, masked)
    given = [x for x in operands if not isinstance(x, Linear)]
    given += [ct for ct in cts if ct is not None] + read_masks(masks)
    found = iter(bind(cond_p, index, *parts.consts, *given, branches=parts.backward))
    own = functools.cache(
        functools.partial(bind, cond_p, index, *parts.mask_consts, *given, branches=parts.masks)
    )
    own_masks = split_masks(own, parts.masked)
    return (
        (None, *[next(found) if is_linear else None for is_linear in linear]),
        [None, *[next(own_masks) if is_linear else None for is_linear in linear]],
    )


def _batch(
    inputs: Values, axes: tuple[int | None, ...], size: int, *, branches: Branches
) -> tuple[Values, tuple[int | None, ...]]:
    index, *operands = inputs
    if axes[0] is not None and any(map(has_effects, branches)):
        run = functools.partial(bind, cond_p, branches=branches)
        return one_by_one(run, inputs, axes, size)
    found = [vmap_jaxpr(branch, axes[1:], size)[1] for branch in branches]
    is_mapped = [any(axis is not None for axis in column) for column in zip(*found, strict=True)]
    if axes[0] is not None:
        is_mapped = [True] * len(is_mapped)
    out_axes = tuple([0 if mapped else None for mapped in is_mapped])
    batched = [vmap_jaxpr(branch, axes[1:], size, out_axes)[0] for branch in branches]
    if axes[0] is None:
        closed, consts = close_together(batched)
        return bind(cond_p, index, *consts, *operands, branches=closed), out_axes
    are_together = [may_collect(branch) for branch in branches]
    return _batch_apart(index, operands, axes[1:], batched, are_together), out_axes


def _batch_apart(
    index: Any,
    operands: Sequence[Any],
    axes: Sequence[int | None],
    branches: Branches,
    are_together: Sequence[bool],
) -> Values:
    """Examples that take different branches: each branch runs if any of them takes it.

    For the examples that do not take it, it is computed where one that does is, and dropped; but
    for a branch in which examples read each other (``are_together``), where they are themselves.
    """
    outs = tuple([zeros(a.aval) for a in branches[0].outputs])
    is_mapped = [axis is not None for axis in axes]
    lanes = [
        x if axis is None else move_axis(x, axis, 0) for x, axis in zip(operands, axes, strict=True)
    ]
    for number, (branch, together) in enumerate(zip(branches, are_together, strict=True)):
        takes = eq(index, number)
        moves = [m and not together for m in is_mapped]
        run = functools.partial(_run_lanes, branch, axes, moves)
        arguments = (takes, *lanes, *outs)
        avals = [aval_of(x) for x in arguments]
        skip = trace(lambda *args: list(args[1 + len(lanes) :]), avals)
        closed, consts = close_together([skip, trace(run, avals)])
        taken = convert(reduce_or(takes, axes=(0,)), dtype=_INDEX)
        outs = bind(cond_p, taken, *consts, *arguments, branches=closed)
    return outs


def _run_lanes(
    branch: Jaxpr, axes: Sequence[int | None], moves: Sequence[bool], takes: Any, *args: Any
) -> list[Any]:
    """The results of a branch for the examples that take it, and earlier results for others."""
    lanes, before = args[: len(axes)], args[len(axes) :]
    operands = [of_running(takes, x) if m else x for x, m in zip(lanes, moves, strict=True)]
    moved = [
        x if axis is None else move_axis(x, 0, axis) for x, axis in zip(operands, axes, strict=True)
    ]
    pairs = zip(evaluate(branch, *moved), before, strict=True)
    return [keep(takes, y, old) for y, old in pairs]


def _lower(b: Any, index: Any, *operands: Any, branches: Branches) -> Values:
    def body(branch: Jaxpr) -> Callable[[Any], tuple[Any, ...]]:
        return lambda inner: tuple(lower_eqns(inner, branch, (), operands))

    results = b.case(index, [body(branch) for branch in branches])
    return results if isinstance(results, tuple) else (results,)


cond_p = Primitive(
    name="cond",
    type=_type,
    numpy=_numpy,
    jvp=_jvp,
    transpose=_transpose,
    batch=_batch,
    lower=_lower,
    split=_split,
    carries_masks=True,
)
