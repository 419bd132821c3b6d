"""Give arrays and tracers operators, methods and ``[]``: the one place where the core gets them.

`install` is called once for each class by `fnx.numpy`; the tables say which function is which.
"""

from __future__ import annotations

import itertools
import sys
from typing import Any

import numpy as np

from fnx.core.array import Array
from fnx.core.array_text import NO_HASH, NO_ITERATION, NO_LENGTH, WRITE_ATLEAST, WRITE_SIZE
from fnx.core.dtypes import as_dtype
from fnx.core.tracebacks import boundary, guard_methods, marked
from fnx.numpy import (
    arithmetic,
    elementwise,
    joining,
    logic,
    matrices,
    products,
    reductions,
    selection,
    shaping,
    statistics,
)
from fnx.numpy.conversion import astype
from fnx.numpy.indexing import getitem
from fnx.numpy.methods import (
    Method,
    as_method,
    as_operator,
    as_reduction,
    as_reflected,
    as_short_comparison,
    as_short_operator,
    as_unary,
)
from fnx.numpy.promotion import type_error
from fnx.numpy.updates import At
from fnx.ops import conversion

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
    ("matmul", products.matmul, None),
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
    "dot": products.dot,
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
_NUMPY_CALLS = frozenset({"all", "any", "max", "mean", "min", "prod", "std", "sum", "var"})


def install(cls: type) -> None:
    """Give a class (`Array` or `Tracer`) its operators and methods."""
    for name, function, ufunc in _ARITHMETIC:
        is_short = ufunc is not None and cls is Array
        forward = as_short_operator(function, ufunc) if is_short else as_operator(function)
        _define(cls, f"__{name}__", forward)
        _define(cls, f"__r{name}__", as_reflected(function))
    for name, function, ufunc in _COMPARISONS:
        short = as_short_comparison(function, ufunc) if cls is Array else as_operator(function)
        _define(cls, f"__{name}__", short)
    for name, function in _UNARY:
        _define(cls, f"__{name}__", as_unary(function))
    for name, function in _METHODS.items():
        _define(cls, name, as_reduction(function) if name in _NUMPY_CALLS else as_method(function))
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
