"""Make façade functions from primitives: promote, broadcast, apply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fnx.core import eager
from fnx.core.array import Array, wrap
from fnx.core.dtypes import BOOL, FLOATS, NUMBERS
from fnx.core.primitive import Primitive
from fnx.core.trace import Tracer, bind, current_trace
from fnx.numpy.promotion import (
    ArrayLike,
    aval_of,
    broadcast,
    broadcast_shapes,
    is_scalar,
    promote,
    type_error,
)

Operation = Callable[..., Any]


def float_function(name: str, op: Operation, meaning: str) -> Callable[[ArrayLike], Array]:
    """A function of floats: integers and bools are taken as float32."""

    def function(x: ArrayLike, /) -> Array:
        if (type(x) is Array or type(x) is Tracer) and x.aval.dtype in FLOATS:
            return op(x)
        return op(*promote(name, x, inexact=True))

    return published(function, name, f"{meaning} Integers are taken as float32.")


def number_function(name: str, op: Operation, meaning: str) -> Callable[[ArrayLike], Array]:
    """A function of numbers, in the dtype of its operand; bools are refused."""

    def function(x: ArrayLike, /) -> Array:
        if (type(x) is Array or type(x) is Tracer) and x.aval.dtype in NUMBERS:
            return op(x)
        operands = promote(name, x)
        refuse_bools(name, *operands)
        return op(*operands)

    return published(function, name, meaning)


def binary_function(
    name: str,
    primitive: Primitive,
    meaning: str,
    *,
    inexact: bool = False,
    bools: Primitive | None = None,
) -> Callable[[ArrayLike, ArrayLike], Array]:
    """A function of two broadcast operands in their common dtype.

    Args:
        name: its public name.
        primitive: the elementwise primitive that it applies.
        meaning: the first sentence of its documentation.
        inexact: whether integers and bools are taken as float32.
        bools: the primitive for two bools; None refuses them.
    """

    def function(x1: ArrayLike, x2: ArrayLike, /) -> Array:
        operands = promote(name, x1, x2, inexact=inexact)
        if aval_of(operands[0]).dtype != BOOL:
            return apply(name, primitive, *operands)
        if bools is None:
            refuse_bools(name, *operands)
        return apply(name, bools, *operands)

    suffix = " Integers are taken as float32." if inexact else ""
    return published(function, name, f"{meaning} Promotes and broadcasts.{suffix}")


def apply(name: str, primitive: Primitive, *operands: Any) -> Any:
    """Broadcast operands of one dtype and apply an elementwise primitive to them."""
    if current_trace() is None:
        shapes = {x.aval.shape for x in operands if not is_scalar(x)}
        if len(shapes) > 1:
            broadcast_shapes(*shapes, name=name)  # raises if they do not
            return _broadcast_eagerly(primitive, operands)
    return bind(primitive, *broadcast(name, *operands))[0]


def _broadcast_eagerly(primitive: Primitive, operands: tuple[Any, ...]) -> Array:
    # NumPy broadcasts as it computes; a broadcast of its own would write and read the operand again.
    arrays = [eager.as_array(x) for x in operands]
    (result,) = run_quietly(primitive.numpy, np, *[x._buffer for x in arrays])
    same = [x.aval.weak for x in arrays if x.aval.dtype == result.dtype]
    return wrap(result, bool(same) and all(same))


def run_quietly(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function of NumPy arrays without NumPy's floating-point warnings."""
    if eager._is_quiet.get():
        return function(*args)
    return eager._quiet.context.run(function, *args)


def refuse_bools(name: str, *operands: Any) -> None:
    """Raise unless the (promoted) operands are numbers."""
    if aval_of(operands[0]).dtype == BOOL:
        hint = "Write x.astype(int), or logical_not, logical_xor and the like."
        raise type_error(f"{name}: expected numbers, got bools.", hint)


def published(function: Callable[..., Any], name: str, doc: str) -> Callable[..., Any]:
    """The function under its public name."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    function.__module__ = "fnx.numpy"
    return function
