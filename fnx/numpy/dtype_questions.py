"""Questions about dtypes: promotion, kinds and limits, as the array API standard asks them."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from fnx.core import dtypes
from fnx.core.array import Array
from fnx.core.dtypes import BOOL, FLOAT32, FLOATS, INT32, INTS, SIGNED, UNSIGNED, as_dtype
from fnx.core.trace import Tracer
from fnx.numpy import promotion
from fnx.numpy.promotion import as_operand, aval_of, type_error

_KINDS = {
    "bool": frozenset({BOOL}),
    "signed integer": SIGNED,
    "unsigned integer": UNSIGNED,
    "integral": INTS,
    "real floating": FLOATS,
    "complex floating": frozenset(),
    "numeric": INTS | FLOATS,
}


def promote_types(type1: object, type2: object, /) -> np.dtype:
    """The dtype in which arrays of two dtypes meet.

    >>> promote_types("int8", "uint8"), promote_types("bfloat16", "float16")
    (dtype('int16'), dtype('float32'))
    """
    return dtypes.promote_types(as_dtype(type1), False, as_dtype(type2), False)[0]


def result_type(*arrays_and_dtypes: object) -> np.dtype:
    """The dtype in which these arrays, Python numbers and dtypes meet.

    >>> result_type(np.ones(3, np.float16), 2.0)
    dtype('float16')
    """
    avals = []
    for x in arrays_and_dtypes:
        if isinstance(x, Array | Tracer | np.ndarray | np.generic | bool | int | float):
            avals.append(aval_of(as_operand(x, "result_type")))
        else:
            avals.append(promotion.Aval.of((), as_dtype(x)))
    if not avals:
        raise type_error("result_type: at least one array or dtype is needed.")
    return promotion.result_dtype(*avals)[0]


def can_cast(from_: object, to: object, /) -> bool:
    """Whether promotion leads from one dtype (or array) to the other."""
    start = from_.dtype if isinstance(from_, Array | Tracer | np.ndarray) else as_dtype(from_)
    target = as_dtype(to)
    try:
        return dtypes.promote_types(start, False, target, False) == (target, False)
    except TypeError:
        return False


def isdtype(dtype: object, kind: str | object | tuple[Any, ...]) -> bool:
    """Whether a dtype is of a kind.

    Args:
        dtype: the dtype.
        kind: "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex
            floating", "numeric"; a dtype; or a tuple of these, of which one must fit.
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str) and kind in _KINDS:
        return as_dtype(dtype) in _KINDS[kind]
    return as_dtype(dtype) == as_dtype(kind)


def issubdtype(dtype: object, kind: Any) -> bool:
    """Whether a dtype is below an abstract NumPy type, such as ``numpy.floating``."""
    if kind in (np.floating, np.inexact, np.number) and as_dtype(dtype) in FLOATS:
        return True
    return np.issubdtype(as_dtype(dtype), kind)


def finfo(dtype: object, /) -> Any:
    """Limits of a floating-point dtype (or an array's): ``bits eps max min smallest_normal``."""
    dtype = dtype.dtype if isinstance(dtype, Array | Tracer | np.ndarray) else dtype
    return ml_dtypes.finfo(as_dtype(dtype))


def iinfo(dtype: object, /) -> np.iinfo:
    """Limits of an integer dtype (or an array's): ``bits max min``."""
    dtype = dtype.dtype if isinstance(dtype, Array | Tracer | np.ndarray) else dtype
    return np.iinfo(as_dtype(dtype))


class Info:
    """What the array API standard lets a program ask: see ``__array_namespace_info__``."""

    def capabilities(self) -> dict[str, bool | int | None]:
        """Boolean indexing and data-dependent shapes work outside of jit; ranks up to 64."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """The device of new arrays."""
        return "cpu"

    def devices(self) -> list[str]:
        """All devices."""
        return ["cpu"]

    def default_dtypes(self, *, device: str | None = None) -> dict[str, np.dtype]:
        """The dtypes of new arrays."""
        return {"real floating": FLOAT32, "integral": INT32, "indexing": INT32}

    def dtypes(
        self, *, device: str | None = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, np.dtype]:
        """All dtypes of the standard that there are, by name."""
        kinds = kind if isinstance(kind, tuple) else (kind or ("bool", "numeric"),)
        names = [BOOL, *(np.dtype(f"{k}{n}") for k in ("int", "uint") for n in (8, 16, 32, 64))]
        names += [np.dtype("float32"), np.dtype("float64")]
        return {d.name: d for d in names if any(isdtype(d, k) for k in kinds)}


def __array_namespace_info__() -> Info:
    """What a program can ask of this namespace."""
    return Info()
