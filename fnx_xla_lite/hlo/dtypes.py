"""Element types: StableHLO's names and the NumPy dtypes that hold them."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from fnx_xla_lite.errors import UnsupportedOpError

_NUMPY: dict[str, np.dtype] = {
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "ui8": np.dtype(np.uint8),
    "ui16": np.dtype(np.uint16),
    "ui32": np.dtype(np.uint32),
    "ui64": np.dtype(np.uint64),
    "f8E4M3FN": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
}
_NAMES: dict[np.dtype, str] = {dtype: name for name, dtype in _NUMPY.items()}

ELEMENT_TYPES = frozenset(_NUMPY)
FLOATS = frozenset({"f8E4M3FN", "f8E5M2", "f16", "bf16", "f32", "f64"})
SIGNED = frozenset({"i8", "i16", "i32", "i64"})
UNSIGNED = frozenset({"ui8", "ui16", "ui32", "ui64"})
INTS = SIGNED | UNSIGNED


def to_numpy(name: str) -> np.dtype:
    """The NumPy dtype of a StableHLO element type.

    >>> to_numpy("ui32")
    dtype('uint32')

    Raises:
        UnsupportedOpError: the element type is not one of ours (complex and quantised types).
    """
    dtype = _NUMPY.get(name)
    if dtype is None:
        known = " ".join(_NUMPY)
        raise UnsupportedOpError(f"element type {name!r} is not supported; we have: {known}")
    return dtype


def from_numpy(dtype: np.dtype | type | str) -> str:
    """The StableHLO name of a NumPy dtype, or of anything that ``np.dtype`` accepts.

    >>> from_numpy(np.bool_)
    'i1'

    Raises:
        UnsupportedOpError: no element type of ours holds that dtype.
    """
    dtype = np.dtype(dtype)
    name = _NAMES.get(dtype) or _NAMES.get(dtype.newbyteorder("="))
    if name is None:
        known = " ".join(map(str, _NAMES))
        raise UnsupportedOpError(f"dtype {dtype} is not supported; we have: {known}")
    return name


def element_name(dtype: str | np.dtype | type) -> str:
    """A StableHLO name from a StableHLO name or a NumPy dtype (builder arguments accept both)."""
    if isinstance(dtype, str) and dtype in _NUMPY:
        return dtype
    return from_numpy(dtype)


def itemsize(name: str) -> int:
    """Bytes that one element takes in memory (``i1`` takes one)."""
    return to_numpy(name).itemsize


def bit_width(name: str) -> int:
    """Bits of one element; 1 for ``i1``."""
    return 1 if name == "i1" else 8 * itemsize(name)


def is_float(name: str) -> bool:
    """Whether ``name`` is a floating-point type."""
    return name in FLOATS


def is_int(name: str) -> bool:
    """Whether ``name`` is a signed or unsigned integer type (``i1`` is neither)."""
    return name in INTS


def is_signed(name: str) -> bool:
    """Whether ``name`` is a signed integer type."""
    return name in SIGNED


def lowest(name: str) -> np.generic:
    """The identity of ``maximum``: -inf, or the smallest integer, or False."""
    dtype = to_numpy(name)
    if name == "i1":
        return np.False_
    if name in INTS:
        return dtype.type(np.iinfo(dtype).min)
    if name == "f8E4M3FN":  # has no infinity
        return ml_dtypes.finfo(dtype).min
    return dtype.type(-np.inf)


def highest(name: str) -> np.generic:
    """The identity of ``minimum``: +inf, or the largest integer, or True."""
    dtype = to_numpy(name)
    if name == "i1":
        return np.True_
    if name in INTS:
        return dtype.type(np.iinfo(dtype).max)
    if name == "f8E4M3FN":
        return ml_dtypes.finfo(dtype).max
    return dtype.type(np.inf)
