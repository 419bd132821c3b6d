"""Methods: how a function becomes an operator or a method of arrays.

Arrays have a short way for the commonest case, two arrays of one aval (or one array and a Python
number) while nothing is traced.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fnx.core import eager
from fnx.core.array import Array, wrap_as
from fnx.core.avals import _intern
from fnx.core.dtypes import BOOL
from fnx.core.trace import Tracer, current_trace
from fnx.core.tracebacks import trim
from fnx.numpy.promotion import type_error
from fnx.numpy.publishing import is_quiet

Method = Callable[..., Any]

_OPERANDS = (Array, Tracer, np.ndarray, np.generic, bool, int, float)
_NO_OUT = "{name}: fnx writes into no array that exists, so out must be None."


def as_operator(function: Method) -> Method:
    """``x + y``, of what is an operand."""

    def operator(self: Any, other: Any) -> Any:
        try:
            return function(self, other) if isinstance(other, _OPERANDS) else NotImplemented
        except BaseException as error:
            trim(error)
            raise

    return operator


def as_reflected(function: Method) -> Method:
    """``y + x``, where ``x`` is the array."""

    def operator(self: Any, other: Any) -> Any:
        try:
            return function(other, self) if isinstance(other, _OPERANDS) else NotImplemented
        except BaseException as error:
            trim(error)
            raise

    return operator


def as_short_operator(function: Method, ufunc: np.ufunc) -> Method:
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


def as_short_comparison(function: Method, ufunc: np.ufunc) -> Method:
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


def as_unary(function: Method) -> Method:
    """``-x``."""

    def operator(self: Any) -> Any:
        try:
            return function(self)
        except BaseException as error:
            trim(error)
            raise

    return operator


def as_method(function: Method) -> Method:
    """``x.f(...)``."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return function(self, *args, **kwargs)
        except BaseException as error:
            trim(error)
            raise

    return functools.update_wrapper(method, function)


def as_reduction(function: Method) -> Method:
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
