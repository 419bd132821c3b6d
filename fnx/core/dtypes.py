"""Dtypes: names, kinds, defaults of Python scalars, and the one promotion table.

Promotion follows the lattice of JAX's documentation ("Type promotion semantics"), with 64-bit
types always there. Python scalars are *weak*: they give way to any array dtype of their kind, and
default to ``int32`` and ``float32``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import ml_dtypes
import numpy as np

from fnx.errors import FnxOverflowError, FnxTypeError, did_you_mean

BOOL = np.dtype(np.bool_)
INT8, INT16, INT32, INT64 = (np.dtype(f"int{n}") for n in (8, 16, 32, 64))
UINT8, UINT16, UINT32, UINT64 = (np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
FLOAT16, FLOAT32, FLOAT64 = (np.dtype(f"float{n}") for n in (16, 32, 64))
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOAT8_E4M3FN = np.dtype(ml_dtypes.float8_e4m3fn)
FLOAT8_E5M2 = np.dtype(ml_dtypes.float8_e5m2)

_NAMES: dict[np.dtype, str] = {
    BOOL: "bool",
    INT8: "i8", INT16: "i16", INT32: "i32", INT64: "i64",
    UINT8: "u8", UINT16: "u16", UINT32: "u32", UINT64: "u64",
    FLOAT8_E4M3FN: "f8_e4m3fn", FLOAT8_E5M2: "f8_e5m2",
    BFLOAT16: "bf16", FLOAT16: "f16", FLOAT32: "f32", FLOAT64: "f64",
}  # fmt: skip
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}
_CANONICAL = {dtype: dtype for dtype in _NAMES}  # NumPy may have several equal dtype objects

SIGNED = frozenset({INT8, INT16, INT32, INT64})
UNSIGNED = frozenset({UINT8, UINT16, UINT32, UINT64})
INTS = SIGNED | UNSIGNED
BOOLS = frozenset({BOOL})
FLOATS8 = frozenset({FLOAT8_E4M3FN, FLOAT8_E5M2})
FLOATS = frozenset({BFLOAT16, FLOAT16, FLOAT32, FLOAT64}) | FLOATS8
NUMBERS = INTS | FLOATS
ALL = NUMBERS | BOOLS

# Each dtype and the dtypes right above it; "i*" and "f*" stand for Python's int and float.
_ABOVE: dict[str, tuple[str, ...]] = {
    "bool": ("i*",),
    "i*": ("u8", "i8"),
    "u8": ("i16", "u16"), "u16": ("i32", "u32"), "u32": ("i64", "u64"), "u64": ("f*",),
    "i8": ("i16",), "i16": ("i32",), "i32": ("i64",), "i64": ("f*",),
    "f*": ("f8_e4m3fn", "f8_e5m2", "bf16", "f16"),
    "f8_e4m3fn": (), "f8_e5m2": (),
    "bf16": ("f32",), "f16": ("f32",), "f32": ("f64",), "f64": (),
}  # fmt: skip

_CONVERT = "Convert the data first, for example with numpy.asarray(x, dtype=numpy.float32)."
_SIZES = (
    "Sizes belong together: fnx.numpy.ones((2, 3)) for ones(2, 3); x.reshape(-1) for x.view(-1)."
)
_KEEP_TWO = "Arrays are real: keep two, of the real and of the imaginary parts."


def dtype_name(dtype: object) -> str:
    """The short name of a dtype, as in ``f32[3,4]``.

    >>> dtype_name(np.float32), dtype_name(bool)
    ('f32', 'bool')
    """
    dtype = np.dtype(dtype)
    name = _NAMES.get(dtype)
    return name if name is not None else str(dtype)


def dtype_from_name(name: str) -> np.dtype:
    """The dtype with this short name; inverse of `dtype_name`.

    >>> dtype_from_name("i32")
    dtype('int32')
    """
    try:
        return _DTYPES[name]
    except KeyError:
        raise _unsupported(name, repr(name), _DTYPES) from None


@functools.lru_cache(maxsize=1024)
def as_dtype(dtype: object) -> np.dtype:
    """Any way of writing a dtype, as one of ours in native byte order.

    Accepts NumPy dtypes and scalar types, names as NumPy and ml_dtypes have them (``"float32"``,
    ``"bfloat16"``), and Python's ``bool``, ``int`` (int32) and ``float`` (float32).

    Raises:
        TypeError: if fnx does not have this dtype.

    >>> as_dtype(float), as_dtype("bfloat16"), as_dtype(">i8")
    (dtype('float32'), dtype(bfloat16), dtype('int64'))
    """
    if dtype is int or dtype is float or dtype is bool:
        return default_dtype(dtype)
    try:
        found = np.dtype(getattr(ml_dtypes, dtype, dtype) if isinstance(dtype, str) else dtype)
    except TypeError:
        if isinstance(dtype, int):
            raise FnxTypeError(f"a dtype was expected, got {dtype}.", hint=_SIZES) from None
        raise _unsupported(str(dtype), repr(dtype), _full_names()) from None
    ours = _CANONICAL.get(found.newbyteorder("="))
    if ours is None:
        raise _unsupported(str(found), str(found), _full_names(), found.kind)
    return ours


def _full_names() -> list[str]:
    return [str(dtype) for dtype in _NAMES]


def _unsupported(name: str, shown: str, known: Iterable[str], kind: str = "") -> FnxTypeError:
    names = list(known)
    return FnxTypeError(
        f"fnx has no dtype {shown}.",
        hint=f"{did_you_mean(name, names)}The dtypes are: {', '.join(names)}.\n"
        f"{_KEEP_TWO if kind == 'c' else _CONVERT}",
    )


def is_float(dtype: object) -> bool:
    """Whether this is a floating-point dtype, bfloat16 and float8 included."""
    return np.dtype(dtype) in FLOATS


def is_int(dtype: object) -> bool:
    """Whether this is an integer dtype, signed or unsigned; bool is none."""
    return np.dtype(dtype) in INTS


def is_signed(dtype: object) -> bool:
    """Whether this is a signed integer dtype."""
    return np.dtype(dtype) in SIGNED


def is_unsigned(dtype: object) -> bool:
    """Whether this is an unsigned integer dtype."""
    return np.dtype(dtype) in UNSIGNED


def is_bool(dtype: object) -> bool:
    """Whether this is the boolean dtype."""
    return np.dtype(dtype) == BOOL


def default_dtype(scalar_type: type) -> np.dtype:
    """The dtype of an array made from Python scalars: bool, int32 or float32."""
    return _DEFAULTS[scalar_type]


_DEFAULTS: dict[type, np.dtype] = {bool: BOOL, int: INT32, float: FLOAT32}


def scalar_dtype(value: bool | int | float) -> tuple[np.dtype, bool]:
    """Dtype and weakness of a Python scalar.

    An int that int32 cannot hold is an int64 (or, from 2**63 on, a uint64), still weak.

    Raises:
        OverflowError: if even 64 bits cannot hold the int.

    >>> scalar_dtype(1), scalar_dtype(2**40), scalar_dtype(True)
    ((dtype('int32'), True), (dtype('int64'), True), (dtype('bool'), False))
    """
    if isinstance(value, bool):
        return BOOL, False
    if isinstance(value, float):
        return FLOAT32, True
    if -(2**31) <= value < 2**31:
        return INT32, True
    if -(2**63) <= value < 2**63:
        return INT64, True
    if 0 <= value < 2**64:
        return UINT64, True
    bits = value.bit_length()
    text = f"the Python int {value}" if bits < 200 else f"a Python int of {bits} bits"
    raise FnxOverflowError(
        f"{text} does not fit any integer dtype: expected at most 64 bits.",
        hint="Write it as a float, 2.0**70 for 2**70, if that will do.",
    )


@functools.cache
def promote_types(a: np.dtype, a_weak: bool, b: np.dtype, b_weak: bool) -> tuple[np.dtype, bool]:
    """The dtype, and its weakness, in which values of two dtypes meet.

    Args:
        a: the dtype of the first operand.
        a_weak: whether it came from a Python scalar.
        b: the dtype of the second operand.
        b_weak: whether that one came from a Python scalar.

    Raises:
        TypeError: for an eight-bit float with another strong float: there is no common dtype.

    >>> promote_types(np.dtype("float16"), False, np.dtype("float32"), True)
    (dtype('float16'), False)
    """
    a, b = np.dtype(a), np.dtype(b)
    if a == b:
        return a, a_weak and b_weak
    if a_weak and b_weak:  # both from Python scalars: the join of their dtypes, still weak
        return _join(_NAMES[a], _NAMES[b], a, b)[0], True
    return _join(_place(a, a_weak), _place(b, b_weak), a, b)


def _place(dtype: np.dtype, weak: bool) -> str:
    if not weak or dtype == BOOL:
        return _NAMES[dtype]
    return "f*" if dtype in FLOATS else "i*"


def _join(x: str, y: str, a: np.dtype, b: np.dtype) -> tuple[np.dtype, bool]:
    """The least upper bound of two places of the lattice, as a dtype and its weakness."""
    common = _upwards(x) & _upwards(y)
    least = [place for place in common if common <= _upwards(place)]
    if not least:
        raise FnxTypeError(
            f"{a} and {b} have no common dtype: eight-bit floats are never promoted implicitly.",
            hint=f"Convert one of them, for example x.astype({a.name!r}).",
        )
    place = least[0]
    if place in _DTYPES:
        return _DTYPES[place], False
    if place == "i*":  # bool with a weak int
        return (b if a == BOOL else a), True
    weak_floats = [d for d, p in ((a, x), (b, y)) if p == "f*"]
    return (weak_floats[0] if weak_floats else FLOAT64), True  # else int64 with uint64


@functools.cache
def _upwards(place: str) -> frozenset[str]:
    return frozenset({place}).union(*(_upwards(above) for above in _ABOVE[place]))


def to_inexact(dtype: np.dtype, weak: bool) -> tuple[np.dtype, bool]:
    """The dtype in which a floating-point function is computed: integers and bools become float32.

    >>> to_inexact(np.dtype("int64"), False)
    (dtype('float32'), False)
    """
    return (dtype, weak) if dtype in FLOATS else (FLOAT32, weak)
