"""The linear half of a checkpointed function: residuals and tangents to tangents.

``body`` computes what is not among the ``count`` residuals again. Its transpose does so only after
the cotangents are there: a barrier stands between the residuals and what is computed from them, so
that the compiler neither finds the values of the first run again, nor starts early.
"""

from __future__ import annotations

import functools
from typing import Any

from fnx.control.body import Values, call_body, lower_body, type_of_body
from fnx.control.derived import derived
from fnx.core.evaluate import evaluate
from fnx.core.flatten import close
from fnx.core.ir import Jaxpr
from fnx.core.primitive import Linear, Primitive
from fnx.core.trace import bind
from fnx.ops.markers import optimization_barrier
from fnx.transforms.jvp import jvp_flat
from fnx.transforms.linearize import split_by_jvp
from fnx.transforms.masks import Masks
from fnx.transforms.transpose import transpose_masked
from fnx.transforms.vmap import vmap_jaxpr


def _transpose(
    cts: Values, inputs: Values, *, masks: Masks, body: Jaxpr, count: int, prevent_cse: bool
) -> tuple[Values, Masks]:
    """Run the function again, now with residuals, and pull the cotangents back."""
    residuals = inputs[:count]
    assert not any(isinstance(x, Linear) for x in residuals)
    if prevent_cse and _runs_again(body, count):
        given = [ct for ct in cts if ct is not None]
        residuals = optimization_barrier(*residuals, *given)[:count]
    marks = [False] * count + [True] * (len(inputs) - count)
    found, found_masks = transpose_masked(body, marks, (*residuals, *inputs[count:]), cts, masks)
    return tuple(found), found_masks


def _runs_again(body: Jaxpr, count: int) -> bool:
    """Whether an equation reads no tangents: residuals alone, which are known."""
    moving = set(body.inputs[count:])
    for eqn in body.eqns:
        if moving.isdisjoint(eqn.inputs):
            return True
        moving.update(eqn.outputs)
    return False


def _jvp(
    primals: Values, tangents: Values, outs: None = None, *, body: Jaxpr, **_: Any
) -> tuple[Values, Values]:
    found, out_tangents = jvp_flat(functools.partial(evaluate, body), primals, tangents)
    return tuple(found), tuple(out_tangents)


def _split(primals: Values, tangents: Values, **params: Any) -> tuple[Values, Values]:
    return split_by_jvp(functools.partial(_jvp, **params), primals, tangents)


def _batch(
    inputs: Values,
    axes: tuple[int | None, ...],
    size: int,
    *,
    body: Jaxpr,
    count: int,
    prevent_cse: bool,
) -> tuple[Values, tuple[int | None, ...]]:
    (closed, consts), out_axes = derived(
        body, ("vmap", axes, size), functools.partial(_vmap_and_close, body, axes, size)
    )
    outs = bind(
        checkpoint_linear_p, *consts, *inputs,
        body=closed, count=len(consts) + count, prevent_cse=prevent_cse,
    )  # fmt: skip
    return outs, tuple(out_axes)


def _vmap_and_close(
    body: Jaxpr, axes: tuple[int | None, ...], size: int
) -> tuple[tuple[Jaxpr, Values], list[int | None]]:
    batched, out_axes = vmap_jaxpr(body, axes, size)
    return close(batched), out_axes


checkpoint_linear_p = Primitive(
    name="checkpoint_linear",
    type=type_of_body,
    numpy=lambda xp, *xs, body, **_: tuple(call_body(body, *xs)),
    jvp=_jvp,
    transpose=_transpose,
    carries_masks=True,
    batch=_batch,
    lower=lower_body,
    split=_split,
)
