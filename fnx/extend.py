"""Extend: what a primitive of your own is made of. ``docs/extending.md`` shows it step by step.

`Primitive` is the class of our own primitives, with the same rules; those that are written outside
of fnx are checked when they run. Rules work on arrays and traced values alike, and may use
`fnx.numpy` and `fnx.lax`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx.control.call import lower_eqns
from fnx.core.array import as_buffer
from fnx.core.avals import Aval as Aval
from fnx.core.dtypes import BOOL, dtype_from_name
from fnx.core.primitive import Linear as Linear
from fnx.core.primitive import NotDifferentiable as NotDifferentiable
from fnx.core.primitive import NotLinear as NotLinear
from fnx.core.primitive import Primitive as Primitive
from fnx.core.trace import bind as _bind
from fnx.core.trace import trace as _trace
from fnx.core.tracebacks import publish as _publish
from fnx.ops.families import apply as _apply
from fnx.ops.families import constant_like as constant_like
from fnx.ops.families import elementwise as elementwise

__all__ = [
    "Aval",
    "Linear",
    "NotDifferentiable",
    "NotLinear",
    "Primitive",
    "apply",
    "bind",
    "constant_like",
    "elementwise",
    "lowered_by",
]


def bind(primitive: Primitive, *args: Any, **params: Any) -> tuple[Any, ...]:
    """Apply a primitive: now, or in the program that is being traced.

    Args:
        primitive: what to apply.
        *args: arrays, traced values and numbers.
        **params: its static parameters; hashable.

    Returns:
        A tuple with one array for each result.
    """
    return _bind(primitive, *args, **params)


def apply(primitive: Primitive, *args: Any) -> Any:
    """Apply an elementwise primitive to operands of one shape and dtype; numbers fit all."""
    return _apply(primitive, *args)


def lowered_by(function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """A ``lower`` rule that compiles a function of `fnx.numpy` and `fnx.lax`.

    For a primitive that exists for the sake of its other rules (a derivative, a batch rule) and
    computes what a composition of ours computes.

    Args:
        function: ``function(*arrays, **params)`` returns an array, or a tuple of them.
    """

    def lower(b: Any, *operands: Any, **params: Any) -> tuple[Any, ...]:
        def flat(*xs: Any) -> Sequence[Any]:
            out = function(*xs, **params)
            return out if isinstance(out, tuple | list) else (out,)

        jaxpr = _trace(flat, [_aval_of_operand(x) for x in operands])
        consts = [b.constant(np.asarray(as_buffer(value))) for _, value in jaxpr.consts]
        return tuple(lower_eqns(b, jaxpr, consts, operands))

    return functools.update_wrapper(lower, function, updated=())


def _aval_of_operand(x: Any) -> Aval:
    """The aval of an HLO value, whose element types are i1, ui32, f8E4M3FN ..."""
    if x.type.dtype == "i1":
        return Aval.of(x.type.shape, BOOL)
    name = x.type.dtype.lower().replace("ui", "u").replace("f8", "f8_")
    return Aval.of(x.type.shape, dtype_from_name(name))


_publish(globals())
