"""Promotion and broadcasting: what every function of the façade does first to its operands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.core.array import Array, wrap
from fnx.core.avals import Aval
from fnx.core.dtypes import (
    BOOL,
    FLOAT32,
    FLOATS,
    INT32,
    as_dtype,
    promote_types,
    scalar_dtype,
    to_inexact,
)
from fnx.core.sources import current_source
from fnx.core.trace import Tracer, current_trace
from fnx.errors import FnxTypeError, FnxValueError
from fnx.ops import conversion, shape

ArrayLike = Array | Tracer | np.ndarray | np.generic | bool | int | float

_NOT_AN_OPERAND = "{name}: expected an array or a Python number, got {kind}."
_WRITE_ASARRAY = "Write fnx.numpy.asarray(x) first, so that the conversion is seen."
_WRITE_VALUE = "A value is missing here: give a number or an array, or leave the operation out."
_NOT_BROADCASTABLE = "{name}: shapes {shapes} do not broadcast: axis {axis} has sizes {a} and {b}."
_INSERT_AXES = (
    "Counted from the right, sizes must be equal or 1: insert axes with x[:, None], or reshape."
)
_AXIS = "Axes have no names; for several axes at once, reshape them into one, or reduce twice."
_JOINED = "Arrays that belong together are one argument, a list: fnx.numpy.concatenate([x, y])."
_WEAK_BOOL = Aval.of((), BOOL)
_WEAK_INT = Aval.of((), INT32, True)
_WEAK_FLOAT = Aval.of((), FLOAT32, True)


def as_operand(x: object, name: str) -> Any:
    """The value as an Array, a Tracer, a NumPy scalar or a Python number.

    Args:
        x: the user's value. A NumPy array is wrapped without a copy, except under a trace, which
            may keep it for longer than the caller leaves it alone.
        name: the function that the user called, for the message.

    Raises:
        FnxTypeError: for anything else, lists and tuples included.
    """
    kind = type(x)
    if kind is Array or kind is Tracer or kind is float or kind is int or kind is bool:
        return x
    if isinstance(x, np.ndarray | np.generic):
        if x.dtype.kind in "cOSUMm" or x.dtype.names:
            hint = "Arrays are of real numbers or bools: x.astype(numpy.float32), x.real, x.imag."
            raise type_error(f"{name}: fnx has no arrays of dtype {x.dtype}.", hint)
        if isinstance(x, np.ndarray):
            return wrap(x if current_trace() is None else np.array(x, order="C"))
        return x
    if isinstance(x, Tracer):
        return x
    if isinstance(x, bool | int | float):
        return x + 0
    if isinstance(x, list | tuple | str | dict | None) or not _is_arraylike(x):
        hint = _WRITE_VALUE if x is None else _WRITE_ASARRAY
        raise type_error(_NOT_AN_OPERAND.format(name=name, kind=describe(x)), hint)
    return wrap(np.asarray(x))


def _is_arraylike(x: object) -> bool:
    return getattr(type(x), "__array__", None) is not None


def type_error(message: str, hint: str = "") -> FnxTypeError:
    """The error to raise, with the user's line."""
    return FnxTypeError(message, source=current_source(), hint=hint)


def value_error(message: str, hint: str = "") -> FnxValueError:
    """The error to raise, with the user's line."""
    return FnxValueError(message, source=current_source(), hint=hint)


def describe(x: object) -> str:
    """The type of a value, and the value itself as far as it is short."""
    text = repr(x)
    return f"{type(x).__name__} {text if len(text) <= 40 else text[:37] + '...'}"


def as_owned(x: object, name: str) -> Any:
    """The value as an Array or Tracer that shares no memory with an array the user may write to.

    For functions whose result may be a view of their operand.
    """
    if type(x) is Array or isinstance(x, Tracer):
        return x
    x = as_operand(x, name)
    if isinstance(x, Array):
        return wrap(x._buffer.copy(), x.aval.weak)
    return x if isinstance(x, Tracer) else as_array(x)


def as_array(x: Any) -> Any:
    """An operand with its scalars made arrays of rank 0."""
    if isinstance(x, Array | Tracer):
        return x
    aval = aval_of(x)
    return wrap(np.asarray(x, dtype=aval.dtype), aval.weak)


def aval_of(x: Any) -> Aval:
    """The aval of an operand (see `as_operand`)."""
    kind = type(x)
    if kind is Array or kind is Tracer:
        return x.aval
    if kind is float:
        return _WEAK_FLOAT
    if kind is bool:
        return _WEAK_BOOL
    if kind is int:
        if -(2**31) <= x < 2**31:
            return _WEAK_INT
        dtype, weak = scalar_dtype(x)
        return Aval.of((), dtype, weak)
    if isinstance(x, np.generic):
        return Aval.of((), as_dtype(x.dtype))
    return x.aval


def is_scalar(x: object) -> bool:
    """Whether an operand is a Python number or a NumPy scalar: a literal of the program."""
    return isinstance(x, bool | int | float | np.generic)


def result_dtype(*avals: Aval) -> tuple[np.dtype, bool]:
    """The dtype, and its weakness, in which values with these avals meet."""
    dtype, weak = avals[0].dtype, avals[0].weak
    for aval in avals[1:]:
        dtype, weak = promote_types(dtype, weak, aval.dtype, aval.weak)
    return dtype, weak


def promote(name: str, *xs: object, inexact: bool = False, keep_scalars: bool = False) -> list[Any]:
    """The operands in their common dtype; scalars stay scalars, unless there is nothing else.

    Args:
        name: the function that the user called.
        *xs: its operands.
        inexact: whether integers and bools become float32.
        keep_scalars: whether scalars stay scalars even if there is nothing else.
    """
    if all([type(x) is Array or type(x) is Tracer for x in xs]):  # the commonest case, quickly
        aval = xs[0].aval
        is_done = not inexact or aval.dtype in FLOATS
        if is_done and all([x.aval.dtype is aval.dtype and not x.aval.weak for x in xs]):
            return list(xs)
    operands = with_large_ints([as_operand(x, name) for x in xs])
    dtype, weak = result_dtype(*map(aval_of, operands))
    if inexact:
        dtype, weak = to_inexact(dtype, weak)
    if not keep_scalars and all(map(is_scalar, operands)):
        operands = [as_array(x) for x in operands]
    return [cast(x, dtype, weak) for x in operands]


def with_large_ints(operands: list[Any]) -> list[Any]:
    """Ints that no integer dtype holds are floats, where another operand is one."""
    large = [type(x) is int and not -(2**63) <= x < 2**64 for x in operands]
    if not any(large):
        return operands
    others = [x for x, is_large in zip(operands, large, strict=True) if not is_large]
    if not any(aval_of(x).dtype in FLOATS for x in others):
        return operands
    return [float(x) if is_large else x for x, is_large in zip(operands, large, strict=True)]


def cast(x: Any, dtype: np.dtype, weak: bool = False) -> Any:
    """The operand in this dtype. A scalar stays one: a Python number where the result is weak."""
    if is_scalar(x):
        return _cast_scalar(x, dtype, weak)
    aval = x.aval
    if aval.dtype == dtype and aval.weak == weak:
        return x
    return conversion.convert(x, dtype=dtype, weak=weak)


def _cast_scalar(x: Any, dtype: np.dtype, weak: bool) -> Any:
    scalar = dtype.type(x)
    if not weak:
        return scalar
    number = scalar.item()
    is_own = aval_of(number).dtype == dtype  # else a weak f64, say: no Python number is that
    return number if is_own else wrap(np.asarray(scalar), True)


def broadcast_shapes(*shapes: Sequence[int], name: str = "broadcast_shapes") -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to.

    Raises:
        FnxValueError: if they do not, naming the axis.

    >>> broadcast_shapes((3, 1), (4,), ())
    (3, 4)
    """
    ndim = max(map(len, shapes), default=0)
    result = [1] * ndim
    for shape_ in shapes:
        for axis, size in enumerate(shape_, ndim - len(shape_)):
            if size != 1 and result[axis] != 1 and result[axis] != size:
                message = _NOT_BROADCASTABLE.format(
                    name=name,
                    shapes=" and ".join(map(shape_text, shapes)),
                    axis=axis - ndim,
                    a=result[axis],
                    b=size,
                )
                raise value_error(message, _INSERT_AXES)
            if size != 1:
                result[axis] = size
    return tuple(result)


def shape_text(sizes: Sequence[int]) -> str:
    """The shape as avals print it: ``[3,4]``."""
    return f"[{','.join(map(str, sizes))}]"


def broadcast_operand(x: Any, sizes: tuple[int, ...]) -> Any:
    """The array broadcast to a shape that is known to fit."""
    ndim = len(x.aval.shape)
    if x.aval.shape == sizes:
        return x
    dimensions = tuple(range(len(sizes) - ndim, len(sizes)))
    return shape.broadcast_in_dim(x, shape=sizes, dimensions=dimensions)


def broadcast(name: str, *xs: Any) -> list[Any]:
    """Operands broadcast against each other; scalars are left as they are."""
    shapes = [x.aval.shape for x in xs if not is_scalar(x)]
    if all(s == shapes[0] for s in shapes):
        return list(xs)
    sizes = broadcast_shapes(*shapes, name=name)
    return [x if is_scalar(x) else broadcast_operand(x, sizes) for x in xs]


def canonical_axis(axis: int, ndim: int, name: str) -> int:
    """The axis counted from the left, ``0 <= axis < ndim``.

    Raises:
        FnxValueError: if there is no such axis.
    """
    if getattr(axis, "shape", ()):
        got = getattr(axis, "aval", None) or describe(axis)
        raise type_error(f"{name}: an axis is an int, got {got}.", _JOINED)
    try:
        position = axis.__index__()
    except AttributeError:
        raise type_error(f"{name}: an axis is an int, got {describe(axis)}.", _AXIS) from None
    if not -ndim <= position < ndim:
        allowed = f"expected an int from {-ndim} to {ndim - 1}" if ndim else "it has no axes"
        raise value_error(
            f"{name}: axis {position} is out of range for an array of rank {ndim}: {allowed}.",
            "Axes count from 0; axis=-1 is the last one.",
        )
    return position % ndim


def canonical_axes(axis: int | Sequence[int] | None, ndim: int, name: str) -> tuple[int, ...]:
    """The axes counted from the left, sorted; all of them for ``None``.

    Raises:
        FnxValueError: if there is no such axis, or one is named twice.
    """
    if axis is None:
        return tuple(range(ndim))
    given = tuple(axis) if isinstance(axis, Sequence) and not isinstance(axis, str) else (axis,)
    axes = tuple(canonical_axis(a, ndim, name) for a in given)
    if len(set(axes)) != len(axes):
        raise value_error(
            f"{name}: expected different axes of an array of rank {ndim}, got {given}.",
            f"Negative axes count from the end: write {tuple(sorted(set(axes)))}.",
        )
    return tuple(sorted(axes))
