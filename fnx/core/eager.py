"""Eager: apply a primitive now, by its NumPy rule.

Input: arrays and scalars. Output: Arrays that match the type rule.

The type rule is checked here as it is under a trace, so a program means the same in both.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.core.array import Array, as_buffer, wrap, wrap_as
from fnx.core.avals import Aval, _intern
from fnx.core.dtypes import scalar_dtype
from fnx.core.infer import infer
from fnx.core.primitive import Linear, Primitive
from fnx.core.sources import current_source, raised_by_user, user_source
from fnx.core.tracer import Tracer, leaked
from fnx.errors import DerivativeError, FnxMemoryError, FnxTypeError, RuleError

_is_quiet: contextvars.ContextVar[bool] = contextvars.ContextVar("fnx_quiet", default=False)


class _Quiet(threading.local):
    """A context, one per thread, in which NumPy does not warn: 1/0 is inf, as in compiled code.

    Entering a context takes a fortieth of the time of ``with numpy.errstate``.
    """

    def __init__(self) -> None:
        self.context = contextvars.Context()
        self.context.run(np.seterr, all="ignore")
        self.context.run(_is_quiet.set, True)


_quiet = _Quiet()


def bind_eagerly(
    primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]
) -> tuple[Any, ...]:
    """The results of a primitive on concrete values: the hot path of what is not jitted."""
    buffers: list[Any] = []
    operands: list[Aval] = []
    for x in args:
        if type(x) is not Array:
            return _bind_foreign(primitive, args, params)
        buffers.append(x._buffer)
        operands.append(x.aval)
    avals = infer(primitive, tuple(operands), params)
    module = np if type(buffers[0] if buffers else None) is np.ndarray else _array_module(buffers)
    try:
        if primitive.split is None and not _is_quiet.get():
            results = _quiet.context.run(primitive.numpy, module, *buffers, **params)
        else:  # a rule that binds, and gets to the quiet context by itself
            results = primitive.numpy(module, *buffers, **params)
    except MemoryError as error:
        if isinstance(error, FnxMemoryError) or raised_by_user(error):
            raise
        raise no_memory(primitive.name, avals) from None
    if len(avals) == 1:
        return (_as_result(results[0], avals[0], primitive),)
    return tuple([_as_result(x, aval, primitive) for x, aval in zip(results, avals, strict=True)])


def no_memory(name: str, avals: Sequence[Aval], scratch: int = 0) -> FnxMemoryError:
    """The error for results that do not fit into memory."""
    needed = sum(a.size * a.dtype.itemsize for a in avals) + scratch
    return FnxMemoryError(
        f"{name}: no memory for {', '.join(map(str, avals))}: {needed / 2**30:.3g} GiB.",
        source=user_source(),
        hint="Choose a smaller shape or dtype, or work on one part after the other; inside of a\n"
        "compiled function, intermediate results need not exist in memory.",
    )


def _array_module(buffers: list[Any]) -> Any:
    for buffer in buffers:
        if type(buffer) is not np.ndarray:
            return buffer.__array_namespace__()
    return np


def _bind_foreign(
    primitive: Primitive, args: tuple[Any, ...], params: dict[str, Any]
) -> tuple[Any, ...]:
    """The same for other operands than Arrays. No result shares memory with a user's array."""
    results = bind_eagerly(primitive, tuple([as_array(x) for x in args]), params)
    foreign = [x for x in args if isinstance(x, np.ndarray)]
    return tuple([_owned(x, foreign) for x in results]) if foreign else results


def _owned(x: Array, foreign: list[np.ndarray]) -> Array:
    buffer = x._buffer
    if type(buffer) is np.ndarray and any(np.may_share_memory(buffer, other) for other in foreign):
        return wrap_as(buffer.copy(), x.aval)
    return x


def as_array(x: object) -> Array:
    """Any value that `bind` takes, as an Array; Python scalars become weak ones.

    Raises:
        LeakedTracerError: for a tracer, whose trace must be over.
        FnxTypeError: for anything that is no array and no number.
    """
    if isinstance(x, Array):
        return x
    if isinstance(x, Tracer):
        raise leaked(x)
    if isinstance(x, np.ndarray | np.generic):
        return wrap(x)
    if isinstance(x, bool | int | float):
        return wrap(as_buffer(x), weak=scalar_dtype(x)[1])
    raise not_a_value(x)


def aval_of(x: object) -> Aval:
    """The aval of any value that `bind` takes.

    >>> aval_of(1.5), aval_of(np.ones((2, 3)))
    (f32~[], f64[2,3])
    """
    if isinstance(x, Array | Tracer):
        return x.aval
    if isinstance(x, np.ndarray | np.generic):
        kind = x.dtype if x.dtype.isnative else x.dtype.newbyteorder("=")
        return Aval.of(x.shape, kind)
    if isinstance(x, bool | int | float):
        return _intern((), *scalar_dtype(x))
    raise not_a_value(x)


def is_value(x: object) -> bool:
    """Whether `bind` takes this: an array, a tracer, or a number."""
    return isinstance(x, Array | Tracer | np.ndarray | np.generic | bool | int | float)


def not_a_value(x: object) -> FnxTypeError:
    """The error for an operand that is neither an array nor a number."""
    if isinstance(x, Linear):  # a transpose rule has met a second unknown operand
        return DerivativeError(
            "a derivative rule must be linear in its tangents: an operation was given two operands "
            f"that depend on them, one of them {x.aval}.",
            source=current_source(),
            hint="Multiply a tangent by primals and constants only.",
        )
    return FnxTypeError(
        f"expected an array or a number, got {type(x).__name__}: {_shorten(repr(x))}",
        source=user_source(),
        hint="Lists and the arrays of other libraries are converted by fnx.numpy.asarray(x).",
    )


def _shorten(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _as_result(x: Any, aval: Aval, primitive: Primitive) -> Array:
    """Wrap one result of a NumPy rule, in the dtype and layout that the type rule promised."""
    if (
        type(x) is np.ndarray
        and x.dtype is aval.dtype
        and x.shape == aval.shape
        and x.flags.c_contiguous
    ):
        return wrap_as(x, aval)
    if type(x) is Array:  # from a compiled program, or a rule that binds
        if x.aval is aval:
            return x
        x = x._buffer
    if isinstance(x, np.generic) or not hasattr(x, "__array_namespace__"):
        x = np.asarray(x)
    if x.dtype != aval.dtype:
        x = x.astype(aval.dtype)
    if x.shape != aval.shape:  # ours are right by law; of a user's own, some are not wrapped
        raise RuleError(
            f"{primitive}: the numpy rule returns shape {list(x.shape)}, the type rule {aval}.",
            source=current_source(),
            hint="An elementwise rule makes one element of each element of its operands.",
        )
    if not x.flags.c_contiguous:
        x = x.copy(order="C")
    return wrap_as(x, aval)
