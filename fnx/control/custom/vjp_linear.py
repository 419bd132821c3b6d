"""The linear half of a custom VJP: tangents of float inputs to tangents of float results.

Its transpose is the user's backward rule; run forwards, it is the transpose of that rule.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx.control.body import Values
from fnx.control.call import lower_eqns
from fnx.core.array import as_buffer
from fnx.core.avals import Aval
from fnx.core.evaluate import evaluate
from fnx.core.ir import Atom, Jaxpr
from fnx.core.primitive import Linear, Primitive
from fnx.core.trace import has_tracers, trace
from fnx.errors import DerivativeError
from fnx.transforms.jvp import jvp_flat
from fnx.transforms.linearize import linearize_flat, split_by_jvp
from fnx.transforms.transpose import transpose_flat
from fnx.transforms.vmap import vmap_flat
from fnx.transforms.zeros import instantiate, is_differentiable

Avals = tuple[Aval, ...]
Backward = Callable[..., Sequence[Any]]  # (*residuals, *cts) -> a cotangent or None for each input


def _push(
    *values: Any, backward: Backward, residual_avals: Avals, in_avals: Avals, out_avals: Avals
) -> tuple[Any, ...]:
    """The linear half in forward mode, as the transpose of the backward rule."""
    residuals, tangents = values[: len(residual_avals)], iter(values[len(residual_avals) :])
    given = [next(tangents) if is_differentiable(aval) else None for aval in in_avals]
    nonzero: list[bool] = []

    def pull(*cts: Any) -> list[Any]:
        found = _pull(backward, out_avals, residuals, cts)
        nonzero[:] = [ct is not None for ct in found]
        return [ct for ct in found if ct is not None]

    float_avals = [aval for aval in out_avals if is_differentiable(aval)]
    jaxpr, active = _linear_jaxpr(pull, float_avals)
    used = [t for t, is_used in zip(given, nonzero, strict=True) if is_used]
    used = [t for t, is_active in zip(used, active, strict=True) if is_active]
    found = transpose_flat(jaxpr, [True] * len(float_avals), [None] * len(float_avals), used)
    return tuple([instantiate(t, aval) for t, aval in zip(found, float_avals, strict=True)])


def _linear_jaxpr(f: Callable[..., list[Any]], avals: list[Aval]) -> tuple[Jaxpr, list[bool]]:
    """The jaxpr of a linear function, and which results it has.

    Calls that take residuals and cotangents together hide what is linear: then it is linearised.
    """
    jaxpr = trace(f, avals)
    _check_looks(jaxpr)
    if all(eqn.primitive.split is None or not eqn.outputs for eqn in jaxpr.eqns):
        return jaxpr, [True] * len(jaxpr.outputs)
    zeros = [instantiate(None, a) for a in avals]
    _, linear, active = linearize_flat(
        functools.partial(evaluate, jaxpr), zeros, [True] * len(avals)
    )
    return linear, active


def _check_looks(jaxpr: Jaxpr) -> None:
    """Check that nothing looks at a cotangent: forward mode has none."""
    unknown: set[Atom] = set(jaxpr.inputs)
    for eqn in jaxpr.eqns:
        if unknown.isdisjoint(eqn.inputs):
            continue
        if eqn.primitive.effect:
            raise DerivativeError(
                "custom_vjp: in forward mode the backward rule is transposed, so that "
                f"{eqn.primitive} has no cotangent to look at.",
                source=eqn.source,
                hint="Take it out of the backward rule, or use reverse mode.",
            )
        unknown.update(eqn.outputs)


def _pull(
    backward: Backward, out_avals: Avals, residuals: Sequence[Any], cts: Sequence[Any]
) -> list[Any]:
    """The backward rule, with zeros for results that have no cotangent."""
    given = iter(cts)
    full = [
        instantiate(next(given) if is_differentiable(aval) else None, aval) for aval in out_avals
    ]
    return list(backward(*residuals, *full))


def _linear_type(*avals: Aval, out_avals: Avals, **_: Any) -> Avals:
    return tuple([aval for aval in out_avals if is_differentiable(aval)])


def _linear_transpose(
    cts: Values,
    inputs: Values,
    *,
    backward: Backward,
    residual_avals: Avals,
    in_avals: Avals,
    out_avals: Avals,
) -> Values:
    residuals = inputs[: len(residual_avals)]
    assert not any(isinstance(x, Linear) for x in residuals)
    found = _pull(backward, out_avals, residuals, cts)
    pairs = zip(found, in_avals, strict=True)
    return (None,) * len(residuals) + tuple([ct for ct, aval in pairs if is_differentiable(aval)])


def _linear_jvp(
    primals: Values, tangents: Values, outs: None = None, **params: Any
) -> tuple[Values, Values]:
    found, out_tangents = jvp_flat(functools.partial(_push, **params), primals, tangents)
    return tuple(found), tuple(out_tangents)


def _linear_split(primals: Values, tangents: Values, **params: Any) -> tuple[Values, Values]:
    return split_by_jvp(functools.partial(_linear_jvp, **params), primals, tangents)


def _linear_batch(
    inputs: Values, axes: tuple[int | None, ...], size: int, **params: Any
) -> tuple[Values, tuple[int | None, ...]]:
    outs, out_axes = vmap_flat(functools.partial(_push, **params), inputs, axes, size)
    return tuple(outs), tuple(out_axes)


def _linear_lower(b: Any, *operands: Any, **params: Any) -> Values:
    tangent_avals = [aval for aval in params["in_avals"] if is_differentiable(aval)]
    avals = [*params["residual_avals"], *tangent_avals]
    jaxpr = trace(functools.partial(_push, **params), avals)
    values = [value for _, value in jaxpr.consts]
    assert not has_tracers(values), "a backward rule in a compiled program closes over no tracers"
    consts = [b.constant(np.asarray(as_buffer(value))) for value in values]
    return tuple(lower_eqns(b, jaxpr, consts, operands))


custom_vjp_linear_p = Primitive(
    name="custom_vjp_linear",
    type=_linear_type,
    numpy=lambda xp, *xs, **params: _push(*xs, **params),
    jvp=_linear_jvp,
    transpose=_linear_transpose,
    batch=_linear_batch,
    lower=_linear_lower,
    split=_linear_split,
)
