"""Markers: identities that say something to a transform or to the compiler."""

from __future__ import annotations

from typing import Any

from fnx.core.avals import Aval
from fnx.core.primitive import Primitive
from fnx.core.trace import bind

# name -------------------------------------------------------------------------------------------

name_p = Primitive(
    name="name",
    type=lambda x, *, name: (x,),
    numpy=lambda xp, x, *, name: (x,),
    jvp=lambda primals, ts, outs, *, name: ts,
    transpose=lambda cts, inputs, *, name: cts,
    batch=lambda inputs, axes, size, *, name: (bind(name_p, *inputs, name=name), axes),
    lower=lambda b, x, *, name: (x,),
    pointwise=True,
)


def named(x: Any, *, name: str) -> Any:
    """``x``, under a name that checkpoint policies know it by."""
    return bind(name_p, x, name=name)[0]


# optimization_barrier ---------------------------------------------------------------------------


def _barrier_type(*avals: Aval) -> tuple[Aval, ...]:
    return avals


def _barrier_of_some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """A barrier of the values that are not None."""
    found = iter(optimization_barrier(*[x for x in values if x is not None]))
    return tuple([None if x is None else next(found) for x in values])


optimization_barrier_p = Primitive(
    name="optimization_barrier",
    type=_barrier_type,
    numpy=lambda xp, *xs: xs,
    jvp=lambda primals, ts, outs: _barrier_of_some(ts),
    transpose=lambda cts, inputs: _barrier_of_some(cts),
    batch=lambda inputs, axes, size: (optimization_barrier(*inputs), axes),
    lower=lambda b, *xs: b.optimization_barrier(*xs),
)


def optimization_barrier(*xs: Any) -> tuple[Any, ...]:
    """The operands, which are all computed before any of the results is read."""
    return bind(optimization_barrier_p, *xs) if xs else ()
