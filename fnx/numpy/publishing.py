"""Make façade functions from primitives: promote, broadcast, apply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fnx.core import eager
from fnx.core.array import Array, wrap, wrap_as
from fnx.core.avals import Aval
from fnx.core.dtypes import BOOL, FLOATS, NUMBERS, to_inexact
from fnx.core.infer import infer
from fnx.core.primitive import Primitive
from fnx.core.trace import Tracer, bind, current_trace
from fnx.core.tracebacks import boundary, marked, trim
from fnx.core.tracer import leaked
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    aval_of,
    broadcast,
    broadcast_operand,
    broadcast_shapes,
    cast,
    is_scalar,
    promote,
    result_dtype,
    type_error,
    with_large_ints,
)

Operation = Callable[..., Any]


def float_function(
    name: str, op: Operation | Primitive, meaning: str
) -> Callable[[ArrayLike], Array]:
    """A function of floats (a primitive or a composite); integers and bools become float32."""
    op = _applied(op)

    def function(x: ArrayLike, /) -> Array:
        try:
            if (type(x) is Array or type(x) is Tracer) and x.aval.dtype in FLOATS:
                return op(x)
            return op(*promote(name, x, inexact=True))
        except BaseException as error:
            trim(error)
            raise

    return published(marked(function), name, f"{meaning} Integers are taken as float32.")


def number_function(
    name: str, op: Operation | Primitive, meaning: str
) -> Callable[[ArrayLike], Array]:
    """A function of numbers (a primitive, or a composite), in their dtype; bools are refused."""
    op = _applied(op)

    def function(x: ArrayLike, /) -> Array:
        try:
            if (type(x) is Array or type(x) is Tracer) and x.aval.dtype in NUMBERS:
                return op(x)
            operands = promote(name, x)
            refuse_bools(name, *operands)
            return op(*operands)
        except BaseException as error:
            trim(error)
            raise

    return published(marked(function), name, meaning)


def _applied(op: Operation | Primitive) -> Operation:
    return (lambda x: bind(op, x)[0]) if isinstance(op, Primitive) else op


class Meeting(NamedTuple):
    """What happens when operands of two avals meet: how they are converted, and what comes out."""

    primitive: Primitive
    dtype: np.dtype
    weak: bool
    result: Aval


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
    meetings: dict[tuple[Aval, Aval], Meeting] = {}

    def meet(x: Any, y: Any) -> Meeting:
        if len(meetings) > _MOST_MEETINGS:
            meetings.clear()
        a, b = aval_of(x), aval_of(y)
        dtype, weak = result_dtype(a, b)
        dtype, weak = to_inexact(dtype, weak) if inexact else (dtype, weak)
        if dtype == BOOL and bools is None:
            refuse_bools(name, x if a.shape else y)
        chosen = bools if dtype == BOOL else primitive
        operand = Aval.of(broadcast_shapes(a.shape, b.shape, name=name), dtype, weak)
        (result,) = infer(chosen, (operand, operand), {})
        meetings[a, b] = meeting = Meeting(chosen, dtype, weak, result)
        return meeting

    def function(x1: ArrayLike, x2: ArrayLike, /) -> Array:
        try:
            x, y = as_operand(x1, name), as_operand(x2, name)
            try:
                meeting = meetings.get((aval_of(x), aval_of(y))) or meet(x, y)
            except OverflowError:
                x, y = with_large_ints([x, y])
                meeting = meetings.get((aval_of(x), aval_of(y))) or meet(x, y)
            if current_trace() is None and not is_quiet():
                return _met_now(meeting, x, y)
            return _met(name, meeting, x, y)
        except BaseException as error:
            trim(error)
            raise

    suffix = " Integers are taken as float32." if inexact else ""
    return published(marked(function), name, f"{meaning} Promotes and broadcasts.{suffix}")


_MOST_MEETINGS = 10_000
is_quiet = eager._is_quiet.get
_quiet = eager._quiet


def _met_now(meeting: Meeting, x: Any, y: Any) -> Array:
    # NumPy broadcasts as it computes: broadcasting first would write and read an operand again.
    primitive, dtype, _, aval = meeting
    x, y = _buffer_in(x, dtype), _buffer_in(y, dtype)
    (result,) = _quiet.context.run(primitive.numpy, np, x, y)
    if type(result) is np.ndarray and result.dtype is aval.dtype and result.flags.c_contiguous:
        return wrap_as(result, aval)
    return wrap_as(np.array(result, aval.dtype, order="C"), aval)


def _buffer_in(x: Any, dtype: np.dtype) -> Any:
    if type(x) is Array:
        if x.aval.dtype is dtype:
            return x._buffer
        return cast(x, dtype)._buffer
    if isinstance(x, Tracer):
        raise leaked(x)
    return _quiet.context.run(dtype.type, x)  # a number too large for the dtype is infinite in it


def _met(name: str, meeting: Meeting, x: Any, y: Any) -> Any:
    primitive, dtype, weak, aval = meeting
    if is_scalar(x) and is_scalar(y):
        x = as_array(x)
    x, y = (cast(v, dtype, weak) for v in (x, y))
    x, y = (v if is_scalar(v) else broadcast_operand(v, aval.shape) for v in (x, y))
    return bind(primitive, x, y)[0]


def apply(name: str, primitive: Primitive, *operands: Any) -> Any:
    """Broadcast operands, and apply an elementwise primitive to them."""
    if current_trace() is None:
        shapes = {x.aval.shape for x in operands if not is_scalar(x)}
        if len(shapes) > 1:
            broadcast_shapes(*shapes, name=name)  # raises if they do not
            return _broadcast_eagerly(primitive, operands)
    return bind(primitive, *broadcast(name, *operands))[0]


def _broadcast_eagerly(primitive: Primitive, operands: tuple[Any, ...]) -> Array:
    arrays = [eager.as_array(x) for x in operands]
    (result,) = run_quietly(primitive.numpy, np, *[x._buffer for x in arrays])
    same = [x.aval.weak for x in arrays if x.aval.dtype == result.dtype]
    return wrap(result, bool(same) and all(same))


def run_quietly(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function of NumPy arrays without NumPy's floating-point warnings."""
    if is_quiet():
        return function(*args)
    return _quiet.context.run(function, *args)


def refuse_bools(name: str, *operands: Any) -> None:
    """Raise unless the (promoted) operands are numbers."""
    if aval_of(operands[0]).dtype == BOOL:
        hint = "Write ~x for the opposite, x.astype(int) for numbers, logical_xor and the like."
        raise type_error(f"{name}: expected numbers, got {aval_of(operands[0])}.", hint)


def published(function: Callable[..., Any], name: str, doc: str) -> Callable[..., Any]:
    """The function under its public name."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    function.__module__ = "fnx.numpy"
    return boundary(function)
