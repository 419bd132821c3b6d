"""While loop: repeat a body as long as a condition holds.

The primitive ``while``::

    inputs   (*cond_consts, *body_consts, *carry)
    results  (*carry, *ys)
    cond     a closed jaxpr: (*cond_consts, *carry) to a boolean of rank 0
    body     a closed jaxpr: (*body_consts, *carry) to (*carry, *y)
    num_cond_consts, num_body_consts   how many inputs are constants of each
    max_steps  None, or a number of steps after which the loop stops, whatever the condition says

A body has ``y`` only if ``max_steps`` is given (reverse mode makes such loops): they are stacked
in arrays of ``max_steps`` rows, of which rows that were not reached are zeros.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx import tree
from fnx.control.is_known import is_known
from fnx.control.loops.bodies import check_callable, known_body, trace_body
from fnx.control.loops.dce import dce_while
from fnx.control.loops.lower import lower_while
from fnx.control.loops.one_by_one import one_by_one
from fnx.control.loops.scan import run as run_scan
from fnx.control.loops.scan_parts import (
    MOST_STEPS,
    Values,
    chosen,
    close_behind,
    constant_carries,
    exactly,
    filled_in,
    stacked,
)
from fnx.control.loops.units import run_unit, steps_at_once
from fnx.control.loops.while_forward import batch_while, jvp_while, sort_duals
from fnx.control.loops.while_parts import Repetition, While
from fnx.control.loops.while_tape import split_while
from fnx.core.array import as_buffer, wrap_as
from fnx.core.avals import Aval
from fnx.core.dtypes import BOOL, FLOATS
from fnx.core.effects import has_effects
from fnx.core.evaluate import evaluate
from fnx.core.flatten import FlatFunction, as_value, name_of
from fnx.core.ir import Jaxpr
from fnx.core.primitive import Primitive
from fnx.core.sources import current_source, user_source
from fnx.core.trace import bind, trace
from fnx.errors import DerivativeError, FnxTypeError, FnxValueError
from fnx.ops.arithmetic import mul
from fnx.ops.comparison import select
from fnx.ops.layout import broadcast_in_dim
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.masks import Masks

F = Callable[..., Any]


def while_loop(cond_fun: F, body_fun: F, init_val: Any, *, max_steps: int | None = None) -> Any:
    """Repeat ``value = body_fun(value)`` while ``cond_fun(value)`` is true.

    Forward mode, `vmap` and `jit` always work. Reverse mode needs a tape with a row for each step:
    an un-jitted gradient lets it grow; under `jit` its size must be given as ``max_steps``.

    Args:
        cond_fun: a pytree to a boolean of rank 0.
        body_fun: a pytree to one of the same structure, shapes and dtypes.
        init_val: the first value; a Python scalar takes the dtype that ``body_fun`` gives it.
        max_steps: the most steps that the loop can take. A loop that wants to take more raises an
            error if values are known; compiled, it stops there, and its floating-point results are
            NaN.

    Returns:
        The first value for which the condition does not hold.

    Raises:
        FnxTypeError: if the functions do not return what they should.
        FnxValueError: if ``max_steps`` is exceeded, and values are known.

    >>> int(while_loop(lambda x: x < 100, lambda x: 2 * x, 3))
    192
    """
    check_callable("while_loop", "cond_fun", cond_fun)
    check_callable("while_loop", "body_fun", body_fun)
    check_bound("while_loop", max_steps)
    leaves, carry_tree = tree.flatten(init_val)
    carry = [as_value(x) for x in leaves]
    in_tree = tree.structure(((init_val,), {}))
    body = trace_body("while_loop", body_fun, in_tree, carry_tree, [x.aval for x in carry])
    carry = [exactly(x, aval) for x, aval in zip(carry, body.carry, strict=True)]
    cond, cond_consts = _condition(cond_fun, in_tree, body.carry)
    loop = While(cond, body.jaxpr, len(cond_consts), len(body.hoisted), max_steps)
    outs = run(Repetition(loop, list(cond_consts), list(body.hoisted), carry))
    if max_steps is not None:
        outs = checked("while_loop", loop, cond_consts, outs)
    return tree.unflatten(carry_tree, outs)


def check_bound(what: str, max_steps: Any) -> None:
    """Raise unless this is a number of steps, or None."""
    is_number = isinstance(max_steps, int | np.integer) and not isinstance(max_steps, bool)
    if max_steps is not None and not (is_number and max_steps >= 0):
        raise FnxTypeError(
            f"{what}: max_steps must be a whole number that is not negative, got {max_steps!r:.60}",
            source=user_source(),
            hint="It is the size of the tape, so it is known when the loop is traced.",
        )
    if max_steps is not None and max_steps > MOST_STEPS:
        raise FnxValueError(
            f"{what}: steps are counted in an int32, got max_steps={max_steps}.",
            source=user_source(),
            hint="Leave the bound out: only reverse mode under jit needs one.",
        )


def _condition(cond_fun: F, in_tree: tree.TreeDef, avals: Sequence[Aval]) -> tuple[Jaxpr, Values]:
    flat = FlatFunction(cond_fun, in_tree)
    jaxpr = trace(flat, avals)
    found = [a.aval for a in jaxpr.outputs]
    is_leaf = flat.out_tree is not None and flat.out_tree.kind is None
    if not is_leaf or found[0].shape or found[0].dtype != BOOL:
        got = str(found[0]) if is_leaf else f"{flat.out_tree} with leaves {found}"
        raise FnxTypeError(
            f"while_loop: {name_of(cond_fun)} must return a boolean of rank 0, got {got}.",
            source=user_source(),
            hint="Compare, for example x > 0; reduce arrays with .any() or .all().",
        )
    closed, consts = close_behind(jaxpr, 0)
    return known_body(closed), consts


def checked(what: str, loop: While, cond_consts: Values, outs: Values) -> Values:
    """The results of a bounded loop, if its condition holds no more."""
    again = dce_jaxpr(loop.cond, keep_effects=False)  # they have happened
    (goes_on,) = evaluate(again, *cond_consts, *outs)
    if is_known(goes_on):
        if bool(goes_on):
            raise FnxValueError(
                f"{what}: the condition still holds after max_steps={loop.max_steps} steps.",
                source=user_source(),
                hint="Give a larger bound; or make it a part of the condition: carry a counter.",
            )
        return outs
    avals = [a.aval for a in loop.body.outputs]
    return tuple([_or_nan(goes_on, x, a) for x, a in zip(outs, avals, strict=True)])


def _or_nan(goes_on: Any, x: Any, aval: Aval) -> Any:
    """``x``; NaN, and so are its derivatives, if the loop wanted to go on."""
    if aval.dtype not in FLOATS:
        return x
    one = aval.dtype.type(1)
    factor = select(goes_on, aval.dtype.type(np.nan), one)
    return exactly(mul(x, broadcast_in_dim(factor, shape=aval.shape, dimensions=())), aval)


def run(app: Repetition) -> Values:
    """Apply a while loop. A carry that no step changes becomes a constant."""
    loop, cond_consts, body_consts, carry = app
    scan = loop.steps()
    _, binders, _ = scan.inputs(loop.body.inputs)
    last, ys = loop.outputs(loop.body.outputs)
    constant = constant_carries(binders, last)
    if not any(constant):
        return bind(while_p, *cond_consts, *body_consts, *carry, **loop.params)
    moving = [not c for c in constant]
    fixed, moved = chosen(carry, constant), chosen(carry, moving)
    body = _reordered(loop.body, loop.num_body_consts, constant, (*chosen(last, moving), *ys))
    cond = _reordered(loop.cond, loop.num_cond_consts, constant, loop.cond.outputs)
    made = While(
        cond, body, len(cond_consts) + len(fixed), len(body_consts) + len(fixed), loop.max_steps
    )
    outs = bind(while_p, *cond_consts, *fixed, *body_consts, *fixed, *moved, **made.params)
    after = filled_in(moving, outs[: len(moved)])
    rows = zip(constant, carry, after, strict=True)
    return (*[x if is_constant else y for is_constant, x, y in rows], *outs[len(moved) :])


def _reordered(jaxpr: Jaxpr, count: int, constant: Sequence[bool], outputs: Sequence[Any]) -> Jaxpr:
    """A jaxpr whose constant carries stand with the constants."""
    consts, carry = jaxpr.inputs[:count], jaxpr.inputs[count:]
    moving = chosen(carry, [not c for c in constant])
    return Jaxpr((*consts, *chosen(carry, constant), *moving), jaxpr.eqns, tuple(outputs))


# Rules --------------------------------------------------------------------------------------------


def _type(*avals: Aval, **params: Any) -> tuple[Aval, ...]:
    loop = While(**params)
    cond_consts, body_consts, carry = loop.inputs(avals)
    for group, jaxpr in ((cond_consts, loop.cond), (body_consts, loop.body)):
        wanted = [(v.aval.shape, v.aval.dtype) for v in jaxpr.inputs]
        assert [(a.shape, a.dtype) for a in (*group, *carry)] == wanted
    last, ys = loop.outputs([a.aval for a in loop.body.outputs])
    assert not ys or loop.max_steps is not None
    return (*last, *[stacked(y, loop.max_steps or 0) for y in ys])


def _operand_avals(loop: While) -> list[Aval]:
    consts = [v.aval for v in loop.cond.inputs[: loop.num_cond_consts]]
    return [*consts, *[v.aval for v in loop.body.inputs]]


def _numpy(xp: Any, *buffers: Any, **params: Any) -> Values:
    """The first steps one by one, and the others compiled; all compiled, if there is a bound."""
    loop = While(**params)
    avals = _operand_avals(loop)
    if xp is np and loop.max_steps is not None and not steps_at_once(loop.body, loop.max_steps):
        return run_unit(while_p, loop.body, avals, buffers, params)
    values = [wrap_as(x, a) for x, a in zip(buffers, avals, strict=True)]
    cond_consts, body_consts, carry = loop.inputs(values)
    carry_avals = avals[len(avals) - len(carry) :]
    rows = loop.max_steps or 0
    stacks = [xp.zeros((rows, *a.aval.shape), a.aval.dtype) for a in loop.body.outputs]
    ys = loop.outputs(stacks)[1]
    done = 0
    unit_may_follow = loop.max_steps is None and xp is np and not has_effects(loop.cond)
    while done != loop.max_steps and bool(evaluate(loop.cond, *cond_consts, *carry)[0]):
        if unit_may_follow and not steps_at_once(loop.body, 1):
            moved = [x._buffer for x in (*cond_consts, *body_consts, *carry)]
            return run_unit(while_p, loop.body, avals, moved, params)
        last, found = loop.outputs(evaluate(loop.body, *body_consts, *carry))
        carry = [wrap_as(as_buffer(x), a) for x, a in zip(last, carry_avals, strict=True)]
        for stack, y in zip(ys, found, strict=True):
            stack[done] = as_buffer(y)
        done += 1
    return (*carry, *ys)


def _jvp(primals: Values, tangents: Values, outs: None, **params: Any) -> tuple[Values, Values]:
    loop = While(**params)
    app, active = jvp_while(loop, primals, tangents)
    return sort_duals(loop, active, run(app))


def _split(primals: Values, tangents: Values, **params: Any) -> tuple[Values, Values]:
    return split_while(While(**params), primals, tangents, run, run_scan)


def _transpose(cts: Values, inputs: Values, *, masks: Masks, **params: Any) -> tuple[Values, Masks]:
    raise DerivativeError(
        "while_loop: reverse mode needs the values of every step, and under jit (or vmap) there is "
        "no bound to the number of steps.",
        source=current_source(),
        hint="Write while_loop(..., max_steps=N) with the most steps that it can take; or\n"
        "fori_loop or scan, if the number of steps is known when the function is traced; or do\n"
        "not jit the gradient: grad(f) without jit records as many steps as there are.",
    )


def _batch(
    inputs: Values, axes: tuple[int | None, ...], size: int, **params: Any
) -> tuple[Values, tuple[int | None, ...]]:
    if has_effects(params["cond"]) or has_effects(params["body"]):
        return one_by_one(functools.partial(bind, while_p, **params), inputs, axes, size)
    app, out_axes, extra = batch_while(While(**params), inputs, axes, size)
    return run(app)[extra:], tuple(out_axes[extra:])


while_p = Primitive(
    name="while",
    type=_type,
    numpy=_numpy,
    jvp=_jvp,
    transpose=_transpose,
    batch=_batch,
    lower=lower_while,
    split=_split,
    dce=dce_while,
    carries_masks=True,
)
