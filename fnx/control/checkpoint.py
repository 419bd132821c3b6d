"""Checkpoint: save a function's inputs instead of its residuals, and compute those again later."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from fnx import tree
from fnx.control.body import Values, call_body, lower_body, transpose_body, type_of_body
from fnx.control.call import lower_eqns
from fnx.core.avals import Aval
from fnx.core.evaluate import evaluate
from fnx.core.flatten import FlatFunction, as_value, close, trace_closed
from fnx.core.ir import Jaxpr
from fnx.core.primitive import Linear, Primitive
from fnx.core.trace import bind
from fnx.transforms.jvp import jvp_flat
from fnx.transforms.linearize import linearize_flat, split_by_jvp
from fnx.transforms.masks import Masks
from fnx.transforms.transpose import transpose_masked
from fnx.transforms.vmap import vmap_flat, vmap_jaxpr
from fnx.transforms.zeros import instantiate, is_differentiable

F = Callable[..., Any]


def checkpoint(f: F) -> F:
    """The same function, of which reverse mode keeps the arguments only.

    Its forward pass runs a second time in the backward pass. The function is traced: inside of it,
    values are not known.

    >>> from fnx.api import grad
    >>> float(grad(checkpoint(lambda x: x * x))(3.0))
    6.0
    """

    @functools.wraps(f, updated=())
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        leaves, in_tree = tree.flatten((args, kwargs))
        values = [as_value(x) for x in leaves]
        flat = FlatFunction(f, in_tree)
        jaxpr, consts = trace_closed(flat, [x.aval for x in values])
        assert flat.out_tree is not None
        return tree.unflatten(flat.out_tree, bind(checkpoint_p, *consts, *values, body=jaxpr))

    return checkpointed


def _jvp(primals: Values, tangents: Values, outs: None, *, body: Jaxpr) -> tuple[Values, Values]:
    """In forward mode there is nothing to save."""
    found, out_tangents = jvp_flat(functools.partial(evaluate, body), primals, tangents)
    return tuple(found), tuple(out_tangents)


def _split(primals: Values, tangents: Values, *, body: Jaxpr) -> tuple[Values, Values]:
    outs = bind(checkpoint_p, *primals, body=body)
    active = tuple([t is not None for t in tangents])
    given = [t for t in tangents if t is not None]
    found = iter(bind(checkpoint_linear_p, *primals, *given, body=body, active=active))
    return outs, tuple([next(found) if is_differentiable(a.aval) else None for a in body.outputs])


def _batch(
    inputs: Values, axes: tuple[int | None, ...], size: int, *, body: Jaxpr
) -> tuple[Values, tuple[int | None, ...]]:
    batched, out_axes = vmap_jaxpr(body, axes, size)
    closed, consts = close(batched)
    return bind(checkpoint_p, *consts, *inputs, body=closed), tuple(out_axes)


checkpoint_p = Primitive(
    name="checkpoint",
    type=type_of_body,
    numpy=lambda xp, *xs, body: tuple(call_body(body, *xs)),
    jvp=_jvp,
    transpose=transpose_body,
    carries_masks=True,
    batch=_batch,
    lower=lower_body,
    split=_split,
)


# The linear half: (primals, tangents of active inputs) -> tangents of floating-point results


def _tangents(body: Jaxpr, active: tuple[bool, ...], *values: Any) -> list[Any]:
    """The linear half, computed in forward mode from the primals."""
    rest = iter(values[len(active) :])
    tangents = [next(rest) if a else None for a in active]
    _, found = jvp_flat(functools.partial(evaluate, body), values[: len(active)], tangents)
    pairs = zip(found, body.outputs, strict=True)
    return [instantiate(t, a.aval) for t, a in pairs if is_differentiable(a.aval)]


def _linear_type(*avals: Aval, body: Jaxpr, active: tuple[bool, ...]) -> tuple[Aval, ...]:
    return tuple([a.aval for a in body.outputs if is_differentiable(a.aval)])


def _linear_transpose(
    cts: Values, inputs: Values, *, masks: Masks, body: Jaxpr, active: tuple[bool, ...]
) -> tuple[Values, Masks]:
    """Run the function again, now with residuals, and pull the cotangents back."""
    primals = inputs[: len(active)]
    assert not any(isinstance(x, Linear) for x in primals)
    _, linear, out_active = linearize_flat(functools.partial(evaluate, body), primals, active)
    given = iter(zip(cts, masks, strict=True))
    nothing = (None, None)
    full = [next(given) if is_differentiable(a.aval) else nothing for a in body.outputs]
    used = [pair for pair, is_used in zip(full, out_active, strict=True) if is_used]
    marks, unknown = [True] * len(linear.inputs), [None] * len(linear.inputs)
    found, found_masks = transpose_masked(
        linear, marks, unknown, [ct for ct, _ in used], [mask for _, mask in used]
    )
    return (None,) * len(primals) + tuple(found), [None] * len(primals) + found_masks


def _linear_jvp(
    primals: Values, tangents: Values, outs: None = None, *, body: Jaxpr, active: tuple[bool, ...]
) -> tuple[Values, Values]:
    found, out_tangents = jvp_flat(functools.partial(_tangents, body, active), primals, tangents)
    return tuple(found), tuple(out_tangents)


def _linear_split(
    primals: Values, tangents: Values, *, body: Jaxpr, active: tuple[bool, ...]
) -> tuple[Values, Values]:
    rule = functools.partial(_linear_jvp, body=body, active=active)
    return split_by_jvp(rule, primals, tangents)


def _linear_batch(
    inputs: Values,
    axes: tuple[int | None, ...],
    size: int,
    *,
    body: Jaxpr,
    active: tuple[bool, ...],
) -> tuple[Values, tuple[int | None, ...]]:
    outs, out_axes = vmap_flat(functools.partial(_tangents, body, active), inputs, axes, size)
    return tuple(outs), tuple(out_axes)


def _linear_lower(b: Any, *operands: Any, body: Jaxpr, active: tuple[bool, ...]) -> Values:
    avals = [v.aval for v in body.inputs]
    avals += [aval for aval, is_active in zip(avals, active, strict=True) if is_active]
    jaxpr, consts = trace_closed(functools.partial(_tangents, body, active), avals)
    assert not consts, "a closed body closes over no values"
    return tuple(lower_eqns(b, jaxpr, (), operands))


checkpoint_linear_p = Primitive(
    name="checkpoint_linear",
    type=_linear_type,
    numpy=lambda xp, *xs, body, active: tuple(_tangents(body, active, *xs)),
    jvp=_linear_jvp,
    transpose=_linear_transpose,
    carries_masks=True,
    batch=_linear_batch,
    lower=_linear_lower,
    split=_linear_split,
)
