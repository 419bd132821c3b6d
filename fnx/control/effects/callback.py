"""Callback: primitives that call Python functions of arrays while a program runs.

``callback`` is a function of NumPy arrays that is not traced. `pure_callback_p` computes something
(it may be dropped, and merged with another one); `io_callback_p` and `debug_callback_p` have an
effect. All of them happen in program order, and see read-only arrays that are theirs to keep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fnx.control.effects.user_callback import Callback, EachLane, UserCallback
from fnx.core.avals import Aval
from fnx.core.effects import inner_jaxprs
from fnx.core.ir import Eqn, Jaxpr
from fnx.core.primitive import NotLinear, Primitive
from fnx.core.sources import user_source
from fnx.core.trace import bind
from fnx.errors import DerivativeError, FnxValueError
from fnx.ops.layout import expand, expand_dims, move_axis
from fnx.transforms.vmap import with_axis
from fnx.transforms.zeros import is_differentiable

Values = tuple[Any, ...]
Axes = tuple[int | None, ...]

VMAP_METHODS = ("sequential", "expand_dims", "broadcast_all")
_NO_METHOD = """\
Say what the function does with a batch:
  vmap_method="sequential": call it once for each lane;
  vmap_method="expand_dims": call it once, with a leading axis, of size 1 where nothing is mapped;
  vmap_method="broadcast_all": call it once, with a leading axis of the size of the batch."""
_NO_DERIVATIVE = """\
Python code has no derivative that could be found. Give it one: wrap the call in fnx.custom_jvp or
fnx.custom_vjp; or, where there is none to take, pass fnx.lax.stop_gradient(x)."""


def _type(*avals: Aval, callback: Callback, **_: Any) -> tuple[Aval, ...]:
    return callback.results


def _numpy(xp: Any, *buffers: Any, callback: Callback, **_: Any) -> Values:
    found = callback(*map(_read_only, buffers))
    return tuple([np.array(x, order="C") for x in found])  # the function may keep what it returns


def _read_only(buffer: Any) -> np.ndarray:
    view = np.asarray(buffer).view()
    view.flags.writeable = False
    return view


def _lower(effect: bool) -> Callable[..., Values]:
    def lower(b: Any, *operands: Any, callback: Callback, **_: Any) -> Values:
        return b.custom_call(callback, operands, callback.results, has_side_effect=effect)

    return lower


def _leading(inputs: Values, axes: Axes) -> list[Any]:
    """Operands with their batch axes in front, where they have one."""
    pairs = zip(inputs, axes, strict=True)
    return [x if axis is None else move_axis(x, axis, 0) for x, axis in pairs]


def _sequential(
    primitive: Primitive, inputs: Values, axes: Axes, size: int, callback: Callback, **params: Any
) -> tuple[Values, Axes]:
    mapped = tuple([axis is not None for axis in axes])
    lanes = EachLane(callback, mapped, size)
    outs = bind(primitive, *_leading(inputs, axes), callback=lanes, **params)
    return outs, (0,) * len(outs)


def _derivative(primitive_of: Callable[[], Primitive]) -> Callable[..., tuple[Values, Values]]:
    """Zero tangents where all results are integers or booleans; else there is none."""

    def rule(primals: Values, tangents: Values, outs: Any = None, **params: Any) -> Any:
        callback: Callback = params["callback"]
        if not any(map(is_differentiable, callback.results)):
            return bind(primitive_of(), *primals, **params), (None,) * len(callback.results)
        raise DerivativeError(
            f"{callback.what}: {callback.__name__} is not differentiable.",
            source=user_source(),
            hint=_NO_DERIVATIVE,
        )

    return rule


def _pure_batch(
    inputs: Values, axes: Axes, size: int, *, callback: Callback, vmap_method: str | None
) -> tuple[Values, Axes]:
    if vmap_method is None:
        raise FnxValueError(
            f"{callback.what}: {callback.__name__} is called under vmap, without a vmap_method.",
            source=user_source(),
            hint=_NO_METHOD,
        )
    params = {"callback": callback, "vmap_method": vmap_method}
    if vmap_method == "sequential":
        return _sequential(pure_callback_p, inputs, axes, size, **params)
    assert isinstance(callback, UserCallback)
    batched = replace(
        callback, results=tuple([with_axis(aval, 0, size) for aval in callback.results])
    )
    operands = [
        x if axis is not None else _spread(x, size, vmap_method)
        for x, axis in zip(_leading(inputs, axes), axes, strict=True)
    ]
    outs = bind(pure_callback_p, *operands, callback=batched, vmap_method=vmap_method)
    return outs, (0,) * len(outs)


def _spread(x: Any, size: int, vmap_method: str) -> Any:
    """A value that is not mapped, with the leading axis that the method wants."""
    return expand_dims(x, axes=(0,)) if vmap_method == "expand_dims" else expand(x, size, 0)


pure_callback_p = Primitive(
    name="pure_callback",
    type=_type,
    numpy=_numpy,
    jvp=_derivative(lambda: pure_callback_p),
    transpose=NotLinear("Python code is linear in nothing"),
    batch=_pure_batch,
    lower=_lower(effect=False),
    split=_derivative(lambda: pure_callback_p),
)


def _io_batch(inputs: Values, axes: Axes, size: int, *, callback: Callback) -> tuple[Values, Axes]:
    return _sequential(io_callback_p, inputs, axes, size, callback)


io_callback_p = Primitive(
    name="io_callback",
    type=_type,
    numpy=_numpy,
    jvp=_derivative(lambda: io_callback_p),
    transpose=NotLinear("Python code is linear in nothing"),
    batch=_io_batch,
    lower=_lower(effect=True),
    split=_derivative(lambda: io_callback_p),
    effect=True,
)


def _with_primals(
    primals: Values, tangents: Values, outs: Any = None, *, callback: Callback
) -> tuple[Values, Values]:
    """Derivatives see nothing of it: it runs once, with the primals."""
    return bind(debug_callback_p, *primals, callback=callback), ()


def _debug_batch(
    inputs: Values, axes: Axes, size: int, *, callback: Callback
) -> tuple[Values, Axes]:
    return _sequential(debug_callback_p, inputs, axes, size, callback)


debug_callback_p = Primitive(
    name="debug_callback",
    type=_type,
    numpy=_numpy,
    jvp=_with_primals,
    transpose=NotLinear("it is given a tangent, which does not exist in reverse mode"),
    batch=_debug_batch,
    lower=_lower(effect=True),
    split=_with_primals,
    effect=True,
)


def has_callbacks(jaxpr: Jaxpr) -> bool:
    """Whether a jaxpr calls Python, itself or in a jaxpr among its equations' parameters."""
    return any(
        eqn.primitive in _CALLBACKS or any(map(has_callbacks, inner_jaxprs(eqn.params.values())))
        for eqn in jaxpr.eqns
    )


_CALLBACKS = frozenset({pure_callback_p, io_callback_p, debug_callback_p})


def happens_once(eqn: Eqn) -> bool:
    """Whether an equation changes the world, so that its results cannot be computed again."""
    inner = [e for jaxpr in inner_jaxprs(eqn.params.values()) for e in jaxpr.eqns]
    return eqn.primitive is io_callback_p or any(map(happens_once, inner))
