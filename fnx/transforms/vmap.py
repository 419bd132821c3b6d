"""Vmap: give a function a batch axis.

``vmap_flat`` follows a function while it runs; ``vmap_jaxpr`` is the same, traced.

A tracer stands for one element of the batch and carries the whole batch, with the position of the
batch axis. What does not depend on mapped values is computed once, outside, and Python can look at
it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from fnx.core.avals import Aval
from fnx.core.eager import aval_of
from fnx.core.evaluate import evaluate
from fnx.core.ir import Jaxpr
from fnx.core.named_axes import NamedSize, name_of_axis
from fnx.core.primitive import Primitive
from fnx.core.sources import current_source, user_source
from fnx.core.trace import Trace, Tracer, Values, trace
from fnx.errors import AxisError
from fnx.ops.layout import expand, move_axis
from fnx.transforms.jvp import Flat

Axis = int | None


def vmap_flat(
    f: Flat, args: Sequence[Any], axes: Sequence[Axis], size: int
) -> tuple[list[Any], list[Axis]]:
    """Run ``f`` on batches.

    Args:
        f: flat arguments to a flat sequence of results.
        args: the batches, and values that are not mapped.
        axes: for each argument its batch axis, or None.
        size: the size of the batch; a `NamedSize`, if the axis has a name.

    Returns:
        The results, and where each has its batch axis; None if it is the same for the whole batch.
    """
    interpret = functools.partial(_interpret, size)
    named = size if type(size) is NamedSize else None
    with Trace(stage_all=False, interpret=interpret, axis=named) as t:
        outs = f(*[_element(t, x, axis) for x, axis in zip(args, axes, strict=True)])
        batches = [x._payload if t.owns(x) else (x, None) for x in outs]
    return [x for x, _ in batches], [axis for _, axis in batches]


def _element(t: Trace, x: Any, axis: Axis) -> Any:
    if axis is None:
        return x
    return Tracer(t, without_axis(aval_of(x), axis), None, None, (x, axis), current_source())


def without_axis(aval: Aval, axis: int) -> Aval:
    """The aval of one element of a batch."""
    return Aval.of(aval.shape[:axis] + aval.shape[axis + 1 :], aval.dtype, aval.weak)


def with_axis(aval: Aval, axis: Axis, size: int) -> Aval:
    """The aval of a batch of values of this aval."""
    if axis is None:
        return aval
    return Aval.of((*aval.shape[:axis], size, *aval.shape[axis:]), aval.dtype, aval.weak)


def _interpret(
    size: int, t: Trace, primitive: Primitive, args: Values, params: dict[str, Any]
) -> Values:
    own = [type(x) is Tracer and x._trace is t for x in args]
    inputs = tuple([x._payload[0] if mine else x for x, mine in zip(args, own, strict=True)])
    axes = tuple([x._payload[1] if mine else None for x, mine in zip(args, own, strict=True)])
    if primitive.collect is not None and params["axis_name"] == name_of_axis(size):
        outs, out_axes = primitive.collect(inputs, axes, size, **params)
    else:
        outs, out_axes = primitive.batch(inputs, axes, size, **params)
    return tuple([_element(t, x, axis) for x, axis in zip(outs, out_axes, strict=True)])


def place_axis(x: Any, axis: Axis, wanted: Axis, size: int) -> Any:
    """A batch with its axis where it is wanted; a value that is not mapped is repeated.

    Raises:
        AxisError: if a mapped value is wanted without a batch axis, or the axis does not exist.
    """
    if wanted is None:
        if axis is not None:
            raise AxisError(
                f"vmap: out_axes is None for a result ({aval_of(x)}) that differs over the batch.",
                source=user_source(),
                hint="Give its axis, for example out_axes=0, or reduce it inside of the function.",
            )
        return x
    rank = len(aval_of(x).shape) + (axis is None)
    if not -rank <= wanted < rank:
        raise AxisError(
            f"vmap: out_axes={wanted} does not exist in a result of {rank} axes, got "
            f"{aval_of(x)} for each element.",
            source=user_source(),
            hint=f"With the batch axis it has {rank}: write out_axes from {-rank} to {rank - 1}.",
        )
    wanted %= rank
    return expand(x, size, wanted) if axis is None else move_axis(x, axis, wanted)


def vmap_jaxpr(
    jaxpr: Jaxpr, axes: Sequence[Axis], size: int, out_axes: Sequence[Axis] | None = None
) -> tuple[Jaxpr, list[Axis]]:
    """The jaxpr of the batched function.

    Args:
        jaxpr: the function of one element.
        axes: for each input its batch axis, or None.
        size: the size of the batch.
        out_axes: where results should have their batch axes; where they come out, if not given.

    Returns:
        The jaxpr, and where each result has its batch axis.
    """
    avals = [with_axis(v.aval, axis, size) for v, axis in zip(jaxpr.inputs, axes, strict=True)]
    found: list[Axis] = []

    def batched(*args: Any) -> list[Any]:
        outs, placed = vmap_flat(functools.partial(evaluate, jaxpr), args, axes, size)
        if out_axes is not None:
            rows = zip(outs, placed, out_axes, strict=True)
            outs = [place_axis(x, axis, wanted, size) for x, axis, wanted in rows]
            placed = list(out_axes)
        found[:] = placed
        return outs

    return trace(batched, avals), found
