"""While in forward mode, and batched.

The tangents of what a loop carries are carried too; the condition looks at primals only. A batch of
loops runs until all its examples have stopped. One that has stopped keeps its carry: the body is
computed for it at the carry of another example that still runs, so that nothing is computed at a
point that no example reaches, and the result is dropped.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from fnx.control.derived import derived
from fnx.control.loops.lanes import keep, of_running
from fnx.control.loops.scan_forward import batched_body, dual_body
from fnx.control.loops.scan_parts import Values, chosen, close_behind, filled_in
from fnx.control.loops.while_parts import Repetition, While
from fnx.core.avals import Aval
from fnx.core.eager import aval_of
from fnx.core.evaluate import evaluate
from fnx.core.ir import Jaxpr, Var
from fnx.core.trace import may_collect, trace
from fnx.ops.bitwise import and_
from fnx.ops.creation import zeros_like
from fnx.ops.reduction import reduce_or
from fnx.transforms.vmap import place_axis, vmap_flat, with_axis
from fnx.transforms.zeros import instantiate

Axes = tuple[int | None, ...]


def jvp_while(loop: While, primals: Values, tangents: Values) -> tuple[Repetition, list[bool]]:
    """The loop of ``(x, dx) -> (y, dy)``; and which results have a tangent.

    Its results are ``(*carry, *tangents | *ys, *tangents)``.
    """
    cond_consts, body_consts, carry = loop.inputs(primals)
    _, dconsts, dcarry = loop.inputs(tangents)
    steps = loop.steps()
    active = tuple([t is not None for t in (*dconsts, *dcarry)])
    key = ("scan_jvp", active, steps.num_consts, steps.num_carry)
    dual = derived(loop.body, key, lambda: dual_body(steps, active))
    avals = [v.aval.strong() for v in steps.inputs(loop.body.inputs)[1]]
    rows = zip(dcarry, avals, dual.carry, strict=True)
    dcarry = [instantiate(t, aval) for t, aval, is_active in rows if is_active]
    body_consts = [*body_consts, *dual.hoisted, *[t for t in dconsts if t is not None]]
    added = chosen(avals, dual.carry)
    cond = derived(loop.cond, ("with", tuple(added)), lambda: _ignoring(loop.cond, added))
    made = While(cond, dual.body, len(cond_consts), len(body_consts), loop.max_steps)
    return Repetition(made, cond_consts, body_consts, carry + dcarry), dual.carry + dual.ys


def _ignoring(cond: Jaxpr, avals: Sequence[Aval]) -> Jaxpr:
    """The condition with more inputs, which it does not read."""
    return Jaxpr((*cond.inputs, *[Var(aval) for aval in avals]), cond.eqns, cond.outputs)


def batch_while(
    loop: While, inputs: Values, axes: Axes, size: int
) -> tuple[Repetition, list[int | None], int]:
    """The loop of a batch; the axes of its results; and how many carries it has put in front."""
    cond_consts, body_consts, carry = loop.inputs(inputs)
    cond_axes, body_axes, carry_axes = loop.inputs(axes)
    key = ("while_vmap", axes, size, loop.cond)
    body, hoisted, marks, y_axes = derived(
        loop.body, key, lambda: batched_body(loop.steps(), body_axes, carry_axes, [], size)
    )
    marked = [0 if m else None for m in marks]
    cond, cond_hoisted, is_mapped = derived(
        loop.cond, (*key[:-1], tuple(marks)), lambda: _condition(loop, [*cond_axes, *marked], size)
    )
    if is_mapped:
        return _batch_apart(loop, inputs, axes, size)
    rows = zip(carry, carry_axes, marked, strict=True)
    carry = [place_axis(x, axis, wanted, size) for x, axis, wanted in rows]
    cond_consts, body_consts = [*cond_consts, *cond_hoisted], [*body_consts, *hoisted]
    made = While(cond, body, len(cond_consts), len(body_consts), loop.max_steps)
    out_axes = [*marked, *[None if axis is None else axis + 1 for axis in y_axes]]
    return Repetition(made, cond_consts, body_consts, carry), out_axes, 0


def _condition(loop: While, axes: Sequence[int | None], size: int) -> tuple[Jaxpr, Values, bool]:
    """The condition on a batch; and whether it differs over the batch."""
    placed: list[int | None] = []

    def batched(*args: Any) -> list[Any]:
        outs, placed[:] = vmap_flat(functools.partial(evaluate, loop.cond), args, axes, size)
        return outs

    avals = [with_axis(v.aval, axis, size) for v, axis in zip(loop.cond.inputs, axes, strict=True)]
    cond, hoisted = close_behind(trace(batched, avals), loop.num_cond_consts)
    return cond, hoisted, placed[0] is not None


def _batch_apart(
    loop: While, inputs: Values, axes: Axes, size: int
) -> tuple[Repetition, list[int | None], int]:
    """Examples that stop after different numbers of steps. Which of them run is carried too."""
    cond_consts, body_consts, carry = loop.inputs(inputs)
    cond_axes, body_axes, carry_axes = loop.inputs(axes)
    rows = zip(carry, carry_axes, strict=True)
    carry = [place_axis(x, axis, 0, size) for x, axis in rows]
    every = [0] * len(carry)
    test = functools.partial(_test, loop, [*cond_axes, *every], size)
    first, count = len(cond_consts), len(cond_consts) + len(body_consts)
    together = may_collect(loop.body)  # then examples read each other: no other's carry

    def step(*args: Any) -> list[Any]:
        consts, own, runs, state = args[:first], args[first:count], args[count], args[count + 1 :]
        safe = state if together else [of_running(runs, x) for x in state]
        outs, placed = vmap_flat(
            functools.partial(evaluate, loop.body), [*own, *safe], [*body_axes, *every], size
        )
        outs = [place_axis(x, axis, 0, size) for x, axis in zip(outs, placed, strict=True)]
        new, ys = loop.outputs(outs)
        state = [keep(runs, x, before) for x, before in zip(new, state, strict=True)]
        ys = [keep(runs, y, zeros_like(y)) for y in ys]
        return [and_(runs, test(*consts, *state)), *state, *ys]

    runs = test(*cond_consts, *carry)
    avals = [aval_of(x) for x in (*cond_consts, *body_consts, runs, *carry)]
    key = ("while_vmap_apart", axes, size, loop.cond)
    body, hoisted = derived(loop.body, key, lambda: close_behind(trace(step, avals), count))
    cond = derived(loop.cond, ("any", tuple(avals[count:])), lambda: _any(avals[count:]))
    consts = [*cond_consts, *body_consts, *hoisted]
    made = While(cond, body, 0, len(consts), loop.max_steps)
    out_axes: list[int | None] = [0] * (1 + len(carry))
    out_axes += [1] * (len(loop.body.outputs) - len(carry))
    return Repetition(made, [], consts, [runs, *carry]), out_axes, 1


def _test(loop: While, axes: Sequence[int | None], size: int, *args: Any) -> Any:
    (runs,), (axis,) = vmap_flat(functools.partial(evaluate, loop.cond), args, axes, size)
    return place_axis(runs, axis, 0, size)


def _any(avals: Sequence[Aval]) -> Jaxpr:
    return trace(lambda runs, *_: [reduce_or(runs, axes=(0,))], avals)


def sort_duals(loop: While, active: Sequence[bool], results: Values) -> tuple[Values, Values]:
    """Primal results and tangents of the loop that `jvp_while` made of ``loop``."""
    carry_marks, y_marks = loop.outputs(active)
    rest = iter(results)
    take = lambda count: [next(rest) for _ in range(count)]
    carry, dcarry = take(len(carry_marks)), take(sum(carry_marks))
    ys, dys = take(len(y_marks)), take(sum(y_marks))
    return (*carry, *ys), (*filled_in(carry_marks, dcarry), *filled_in(y_marks, dys))
