"""Forward mode: the derivative of a function along a direction, computed beside its value.

``jvp_flat`` follows a function while it runs; ``jvp_jaxpr`` is the same, traced: Jaxpr -> Jaxpr.
``None`` is a zero tangent throughout.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from fnx.core.eager import aval_of
from fnx.core.evaluate import evaluate
from fnx.core.ir import Jaxpr
from fnx.core.primitive import NotDifferentiable, Primitive
from fnx.core.sources import begin_step, current_source, end_step
from fnx.core.trace import Trace, Tracer, Values, bind, trace
from fnx.transforms.zeros import drop_nonfloat

Flat = Callable[..., Sequence[Any]]


def jvp_flat(
    f: Flat, primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """Run ``f`` on dual numbers.

    Args:
        f: flat arguments to a flat sequence of results.
        primals: where to differentiate.
        tangents: the direction; None where it is zero.

    Returns:
        The results, and their tangents, None where they are known to be zero.
    """
    with Trace(stage_all=False, interpret=_interpret) as t:
        outs = f(*[dual(t, x, dx) for x, dx in zip(primals, tangents, strict=True)])
        duals = [(x._value, x._payload) if t.owns(x) else (x, None) for x in outs]
    return [x for x, _ in duals], [dx for _, dx in duals]


def dual(t: Trace, x: Any, dx: Any) -> Any:
    """A tracer that carries a value and its tangent; the value itself, if its tangent is zero."""
    return x if dx is None else Tracer(t, aval_of(x), None, x, dx, current_source())


def _interpret(t: Trace, primitive: Primitive, args: Values, params: dict[str, Any]) -> Values:
    primals, tangents = split_duals(t, args)
    outs, out_tangents = jvp_rule(primitive, primals, tangents, params)
    return tuple([dual(t, x, dx) for x, dx in zip(outs, out_tangents, strict=True)])


def split_duals(t: Trace, args: Values) -> tuple[Values, Values]:
    """Values and tangents that a trace's own tracers carry; other values have tangent None."""
    own = [type(x) is Tracer and x._trace is t for x in args]
    primals = tuple([x._value if mine else x for x, mine in zip(args, own, strict=True)])
    tangents = tuple([x._payload if mine else None for x, mine in zip(args, own, strict=True)])
    return primals, tangents


def jvp_rule(
    primitive: Primitive, primals: Values, tangents: Values, params: dict[str, Any]
) -> tuple[Values, Values]:
    """One operation on dual numbers: its results and their tangents."""
    if isinstance(primitive.jvp, NotDifferentiable) or not any(dx is not None for dx in tangents):
        outs = bind(primitive, *primals, **params)
        return outs, (None,) * len(outs)
    if primitive.split is not None:  # higher-order: results and tangents come out of one call
        outs, out_tangents = primitive.jvp(primals, tangents, None, **params)
    else:
        outs = bind(primitive, *primals, **params)
        step = begin_step("derivative")
        try:
            out_tangents = primitive.jvp(primals, tangents, outs, **params)
        finally:
            end_step(step)
    return outs, drop_nonfloat(out_tangents, [aval_of(x) for x in outs])


def jvp_jaxpr(jaxpr: Jaxpr, active: Sequence[bool]) -> tuple[Jaxpr, list[bool]]:
    """The jaxpr of ``(x, dx) -> (y, dy)``.

    Args:
        jaxpr: computes y of x.
        active: which inputs have a tangent.

    Returns:
        A jaxpr of all primals followed by the tangents of active inputs, to all results followed
        by the tangents that are not zero; and which results have one.
    """
    avals = [v.aval for v in jaxpr.inputs]
    tangent_avals = [aval for aval, is_active in zip(avals, active, strict=True) if is_active]
    out_active: list[bool] = []

    def dual_f(*args: Any) -> list[Any]:
        rest = iter(args[len(avals) :])
        tangents = [next(rest) if is_active else None for is_active in active]
        outs, out_tangents = jvp_flat(
            functools.partial(evaluate, jaxpr), args[: len(avals)], tangents
        )
        out_active[:] = [dy is not None for dy in out_tangents]
        return outs + [dy for dy in out_tangents if dy is not None]

    return trace(dual_f, avals + tangent_avals), out_active
