"""Checks: the questions that type rules ask of their operands, and the errors that answer them."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable
from typing import Any, NoReturn

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import BOOLS, FLOAT32, FLOATS, INTS, NUMBERS, dtype_name, scalar_dtype
from fnx.core.eager import aval_of
from fnx.core.sources import current_source
from fnx.errors import AbstractValueError, FnxTypeError

PYTHON_SCALARS = frozenset({bool, int, float})

_KINDS = (
    (FLOATS, "floating-point"),
    (INTS, "integer"),
    (BOOLS, "boolean"),
    (NUMBERS, "number"),
    (BOOLS | INTS, "boolean or integer"),
)


def fail(name: str, message: str, hint: str = "") -> NoReturn:
    """Raise the type error of the operation called ``name``, at the user's line."""
    raise FnxTypeError(f"{name}: {message}", source=current_source(), hint=hint)


def listed(avals: Iterable[Aval]) -> str:
    """Avals in words: ``f32[3] and i32[4]``."""
    texts = [repr(aval) for aval in avals]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def check_dtypes(name: str, allowed: Collection[np.dtype], *avals: Aval) -> None:
    """Every operand has one of the ``allowed`` dtypes."""
    for aval in avals:
        if aval.dtype not in allowed:
            kind = next((word for dtypes, word in _KINDS if dtypes == allowed), None)
            kind = kind or "/".join(sorted(map(dtype_name, allowed)))
            hint = "Convert first: fnx.lax.convert_element_type(x, dtype) or x.astype(dtype)."
            fail(name, f"takes {kind} operands, got {listed(avals)}", hint)


def check_equal_dtypes(name: str, *avals: Aval) -> None:
    """All operands have the same dtype."""
    if any(aval.dtype != avals[0].dtype for aval in avals[1:]):
        message = f"operands must have the same dtype, got {listed(avals)}"
        fail(name, message, "fnx.lax does not promote; the functions of fnx.numpy do.")


def check_equal_shapes(name: str, *avals: Aval) -> tuple[int, ...]:
    """All operands have one shape, which is returned; rank-0 operands (literals) fit any."""
    shape = next((aval.shape for aval in avals if aval.shape), ())
    if any(aval.shape and aval.shape != shape for aval in avals):
        fail_shapes(name, avals)
    return shape


def fail_shapes(name: str, avals: Iterable[Aval]) -> NoReturn:
    """Raise the error for operands of unequal shapes."""
    message = f"operands must have equal shapes, got {listed(avals)}"
    fail(name, message, "fnx.lax is strict about shapes; the functions of fnx.numpy broadcast.")


def check_axes(name: str, aval: Aval, axes: tuple[int, ...], what: str = "axes") -> None:
    """``axes`` are distinct axes of the operand, counted from 0."""
    if len(set(axes)) != len(axes) or not all(0 <= axis < aval.ndim for axis in axes):
        fail(name, f"{what} must be distinct and in range(0, {aval.ndim}), got {axes} for {aval}")


def check_per_axis(name: str, aval: Aval, **params: tuple[int, ...]) -> None:
    """Each of these parameters has one entry per axis of the operand."""
    for what, values in params.items():
        if len(values) != aval.ndim:
            fail(name, f"{what} needs one entry for each axis of {aval}, got {values}")


def check_shape(name: str, shape: tuple[int, ...]) -> None:
    """A shape has no negative size."""
    if any(size < 0 for size in shape):
        fail(name, f"sizes must not be negative, got shape {shape}")


def unknown_size(name: str, got: Any) -> AbstractValueError:
    """The error for a traced value where a size must be known."""
    return AbstractValueError(
        f"{name}: shapes must be known while tracing, got {got}.",
        source=current_source(),
        hint="Make it a static argument: fnx.jit(f, static_argnums=...), a program for each size.\n"
        "Or take the largest size there can be, and leave out what is too much by a mask:\n"
        "fnx.numpy.where(fnx.numpy.arange(largest) < n, x, 0).",
    )


def integers(name: str, what: str, values: Iterable[Any]) -> tuple[int, ...]:
    """A static parameter such as a shape or axes, as a tuple of Python ints."""
    try:
        return tuple(map(operator.index, values))
    except AbstractValueError:
        raise unknown_size(name, f"{what} {values!r}") from None
    except TypeError:
        fail(name, f"{what} must be a tuple of Python integers, got {values!r}")


def is_scalar(x: Any) -> bool:
    """Whether ``x`` becomes a literal under a trace: a NumPy or Python scalar."""
    return isinstance(x, np.generic) or type(x) in PYTHON_SCALARS


def as_operands(name: str, *xs: Any) -> tuple[Any, ...]:
    """Operands of an elementwise operation: Python scalars take the other operands' dtype.

    Raises:
        FnxTypeError: for values that are no arrays, and for rank-0 arrays beside arrays of higher
            rank (only scalars, which become literals, may stand there).
    """
    arrays = [x for x in xs if type(x) not in PYTHON_SCALARS]
    avals = [aval_of(x) for x in arrays]
    if len(arrays) < len(xs):
        dtype = avals[0].dtype if avals else _common_scalar_dtype(xs)
        xs = tuple(as_scalar(name, x, dtype) if type(x) in PYTHON_SCALARS else x for x in xs)
    if any(aval.shape for aval in avals):
        for x, aval in zip(arrays, avals, strict=True):
            if not aval.shape and not isinstance(x, np.generic):
                fail_shapes(name, avals)
    return xs


def _common_scalar_dtype(xs: tuple[Any, ...]) -> np.dtype:
    """Of Python scalars only: float32 if there is a float, else the widest integer, else bool."""
    dtypes = [scalar_dtype(x)[0] for x in xs]
    return max(dtypes, key=lambda dtype: (dtype in FLOATS, dtype in INTS, dtype.itemsize))


def as_scalar(name: str, x: bool | int | float, dtype: np.dtype) -> Any:
    """The scalar in another operand's dtype; still a Python scalar, so weak, if it can be."""
    if type(x) is float and dtype is FLOAT32:
        return x
    if (type(x) is float and dtype not in FLOATS) or (type(x) is int and dtype in BOOLS):
        fail(name, f"the Python {type(x).__name__} {x} does not fit the other operand: {dtype}")
    if dtype is FLOAT32:
        return float(x)
    if dtype in FLOATS:
        return dtype.type(x)
    return x if scalar_dtype(x)[0] == dtype else dtype.type(x)
