"""Give arrays and tracers operators, methods and ``[]``: the one place where the core gets them.

`install` is called once for each class by `fnx.numpy`. Arrays have a short way for the commonest
case, two arrays of one aval (or one array and a Python number) while nothing is traced.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from fnx.core import eager
from fnx.core.array import (
    NO_HASH,
    NO_ITERATION,
    NO_LENGTH,
    WRITE_ATLEAST,
    WRITE_SIZE,
    Array,
    wrap_as,
)
from fnx.core.avals import _intern
from fnx.core.dtypes import BOOL, as_dtype
from fnx.core.trace import Tracer, current_trace
from fnx.core.tracebacks import boundary, guard_methods, marked, trim
from fnx.numpy import (
    arithmetic,
    elementwise,
    joining,
    linalg,
    logic,
    matrices,
    reductions,
    selection,
    shaping,
    statistics,
)
from fnx.numpy.conversion import astype
from fnx.numpy.indexing import getitem
from fnx.numpy.promotion import type_error
from fnx.numpy.publishing import is_quiet
from fnx.numpy.updates import At
from fnx.ops import conversion

Method = Callable[..., Any]

_OPERANDS = (Array, Tracer, np.ndarray, np.generic, bool, int, float)

# Python's name, the façade's function, and NumPy's for the short way (if NumPy means the same)
_ARITHMETIC = (
    ("add", arithmetic.add, np.add),
    ("sub", arithmetic.subtract, np.subtract),
    ("mul", arithmetic.multiply, np.multiply),
    ("truediv", arithmetic.divide, np.true_divide),
    ("floordiv", arithmetic.floor_divide, None),
    ("mod", arithmetic.remainder, None),
    ("divmod", arithmetic.divmod, None),
    ("pow", arithmetic.power, None),
    ("matmul", linalg.matmul, None),
    ("and", logic.bitwise_and, None),
    ("or", logic.bitwise_or, None),
    ("xor", logic.bitwise_xor, None),
    ("lshift", logic.bitwise_left_shift, None),
    ("rshift", logic.bitwise_right_shift, None),
)
_COMPARISONS = (
    ("eq", logic.equal, np.equal),
    ("ne", logic.not_equal, np.not_equal),
    ("lt", logic.less, np.less),
    ("le", logic.less_equal, np.less_equal),
    ("gt", logic.greater, np.greater),
    ("ge", logic.greater_equal, np.greater_equal),
)
_UNARY = (
    ("neg", elementwise.negative),
    ("pos", elementwise.positive),
    ("abs", elementwise.abs),
    ("invert", logic.bitwise_invert),
)
_METHODS = {
    "all": reductions.all,
    "any": reductions.any,
    "argmax": reductions.argmax,
    "argmin": reductions.argmin,
    "astype": astype,
    "clip": selection.clip,
    "conj": elementwise.conj,
    "cumprod": statistics.cumprod,
    "cumsum": statistics.cumsum,
    "diagonal": matrices.diagonal,
    "dot": linalg.dot,
    "flatten": shaping.ravel,
    "max": reductions.max,
    "mean": statistics.mean,
    "min": reductions.min,
    "prod": reductions.prod,
    "ravel": shaping.ravel,
    "repeat": joining.repeat,
    "round": elementwise.round,
    "squeeze": shaping.squeeze,
    "std": statistics.std,
    "sum": reductions.sum,
    "swapaxes": shaping.swapaxes,
    "take": selection.take,
    "trace": matrices.trace,
    "var": statistics.var,
}
_NO_OUT = "{name}: fnx writes into no array that exists, so out must be None."
_NUMPY_CALLS = frozenset({"all", "any", "max", "mean", "min", "prod", "std", "sum", "var"})


def install(cls: type) -> None:
    """Give a class (`Array` or `Tracer`) its operators and methods."""
    for name, function, ufunc in _ARITHMETIC:
        is_short = ufunc is not None and cls is Array
        forward = _short_operator(function, ufunc) if is_short else _operator(function)
        _define(cls, f"__{name}__", forward)
        _define(cls, f"__r{name}__", _reflected(function))
    for name, function, ufunc in _COMPARISONS:
        short = _short_comparison(function, ufunc) if cls is Array else _operator(function)
        _define(cls, f"__{name}__", short)
    for name, function in _UNARY:
        _define(cls, f"__{name}__", _unary(function))
    for name, function in _METHODS.items():
        _define(cls, name, _reduction(function) if name in _NUMPY_CALLS else _method(function))
    own = _OWN if cls is Array else _OWN | _OF_TRACERS
    for name, method in own.items():
        _define(cls, name, boundary(method))
    for name, (function, meaning) in _PROPERTIES.items():
        setattr(cls, name, property(boundary(function), doc=meaning))
    guard_methods(cls)


def _define(cls: type, name: str, method: Method) -> None:
    method.__name__ = name
    method.__qualname__ = f"{cls.__name__}.{name}"
    setattr(cls, name, marked(method))


def _operator(function: Method) -> Method:
    def operator(self: Any, other: Any) -> Any:
        try:
            return function(self, other) if isinstance(other, _OPERANDS) else NotImplemented
        except BaseException as error:
            trim(error)
            raise

    return operator


def _reflected(function: Method) -> Method:
    def operator(self: Any, other: Any) -> Any:
        try:
            return function(other, self) if isinstance(other, _OPERANDS) else NotImplemented
        except BaseException as error:
            trim(error)
            raise

    return operator


def _short_operator(function: Method, ufunc: np.ufunc) -> Method:
    """An operator of arrays that skips everything where NumPy's result is the one we mean."""

    def operator(self: Array, other: Any) -> Any:
        try:
            aval = self.aval
            kind = type(other)
            if kind is Array:
                is_short = other.aval is aval
            elif kind is float or kind is int:
                is_short = aval.dtype.kind == "f"
            elif isinstance(other, _OPERANDS):
                is_short = False
            else:
                return NotImplemented
            if is_short and aval.shape and current_trace() is None and not is_quiet():
                result = _apply_now(ufunc, self._buffer, other._buffer if kind is Array else other)
                if result is not None and result.dtype is aval.dtype:
                    return wrap_as(result, aval)
            return function(self, other)
        except BaseException as error:
            trim(error)
            raise

    return operator


_quiet = eager._quiet


def _apply_now(ufunc: np.ufunc, x: np.ndarray, y: Any) -> Any:
    try:
        return _quiet.context.run(ufunc, x, y)
    except (TypeError, OverflowError):  # no such loop in NumPy: the long way says why
        return None


def _short_comparison(function: Method, ufunc: np.ufunc) -> Method:
    """A comparison of arrays that skips everything where both have one aval."""

    def operator(self: Array, other: Any) -> Any:
        try:
            aval = self.aval
            if type(other) is Array:
                if other.aval is aval and aval.shape and current_trace() is None:
                    result = ufunc(self._buffer, other._buffer)
                    return wrap_as(result, _intern(aval.shape, BOOL, False))
            elif not isinstance(other, _OPERANDS):
                return NotImplemented
            return function(self, other)
        except BaseException as error:
            trim(error)
            raise

    return operator


def _unary(function: Method) -> Method:
    def operator(self: Any) -> Any:
        try:
            return function(self)
        except BaseException as error:
            trim(error)
            raise

    return operator


def _method(function: Method) -> Method:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return function(self, *args, **kwargs)
        except BaseException as error:
            trim(error)
            raise

    return functools.update_wrapper(method, function)


def _reduction(function: Method) -> Method:
    """A method that NumPy's function of this name calls, with ``out`` and ``dtype``."""

    def method(self: Any, *args: Any, out: None = None, **kwargs: Any) -> Any:
        try:
            if out is not None:
                raise type_error(_NO_OUT.format(name=function.__name__), "Use the result.")
            if kwargs.get("dtype", self) is None:
                del kwargs["dtype"]
            return function(self, *args, **kwargs)
        except BaseException as error:
            trim(error)
            raise

    return functools.update_wrapper(method, function)


def _reshape(self: Any, *shape: Any, order: str = "C") -> Any:
    """The same elements in another shape: ``x.reshape(2, -1)`` or ``x.reshape((2, -1))``."""
    sizes = shape[0] if len(shape) == 1 else shape
    return shaping.reshape(self, sizes, order=order)


def _transpose(self: Any, *axes: Any) -> Any:
    """The axes in another order; reversed, if none is given."""
    order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    return shaping.permute_dims(self, order or None)


def _copy(self: Any) -> Any:
    """The array itself: nobody can write to it."""
    return self


def _view(self: Any, dtype: object) -> Any:
    """The same bits as another dtype of the same size."""
    return conversion.bitcast(self, dtype=as_dtype(dtype))


def _iterate(self: Any) -> Any:
    if not self.aval.shape:
        raise type_error(NO_ITERATION.format(aval=self.aval), WRITE_ATLEAST)
    get = boundary(getitem)
    return map(get, itertools.repeat(self), range(self.aval.shape[0]))


def _length(self: Any) -> int:
    if not self.aval.shape:
        raise type_error(NO_LENGTH.format(aval=self.aval), WRITE_SIZE)
    return self.aval.shape[0]


def _contains(self: Any, value: Any) -> bool:
    return bool(reductions.any(logic.equal(self, value)))


def _namespace(self: Any, *, api_version: str | None = None) -> Any:
    """The module whose functions take this array: ``fnx.numpy``."""
    return sys.modules["fnx.numpy"]


def _hash(self: Any) -> int:
    raise type_error(
        NO_HASH.format(aval=self.aval),
        "Arrays compare element by element: keys of dicts and static arguments must be Python\n"
        "values.",
    )


_OWN: dict[str, Method] = {
    "__array_namespace__": _namespace,
    "__contains__": _contains,
    "__getitem__": lambda self, index: getitem(self, index),
    "copy": _copy,
    "reshape": _reshape,
    "transpose": _transpose,
    "view": _view,
}
_OF_TRACERS: dict[str, Method] = {
    "__hash__": _hash,
    "__iter__": _iterate,
    "__len__": _length,
}
_PROPERTIES: dict[str, tuple[Method, str]] = {
    "T": (shaping.permute_dims, "The array with its axes in reverse order."),
    "at": (At, "Changed copies: ``x.at[index].set(y)``, ``.add(y)``, ``.multiply(y)`` ..."),
    "imag": (elementwise.imag, "Zeros: there are no complex dtypes."),
    "mT": (shaping.matrix_transpose, "The array with its last two axes swapped."),
    "real": (elementwise.real, "The array itself: there are no complex dtypes."),
}
