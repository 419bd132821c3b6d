"""Numbers and ``dense<...>`` literals in MLIR's spelling, both ways.

Floats follow MLIR's printer: six digits in scientific notation where they read back exactly, else
enough digits, else the bits in hexadecimal; non-splat arrays of more than 100 elements are one
hexadecimal string of little-endian bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from fnx_xla_lite.errors import ParseError
from fnx_xla_lite.hlo.constants import as_constant, make_splat, splat_of
from fnx_xla_lite.hlo.dtypes import is_float, to_numpy
from fnx_xla_lite.hlo.ir import TensorType

_HEX_LIMIT = 100  # MLIR prints larger arrays as bytes
# Digits that APFloat deems enough for a type: 2 + precision * 59 // 196.
_DIGITS = {"f64": 17, "f32": 9, "f16": 5, "bf16": 4, "f8E4M3FN": 3, "f8E5M2": 2}


def format_float(x: np.generic, dtype: str) -> str:
    """One float as MLIR prints it.

    >>> format_float(np.float32(0.5), "f32"), format_float(np.float32(np.inf), "f32")
    ('5.000000e-01', '0x7F800000')
    """
    number = float(x)
    if np.isfinite(number):
        text = _scientific(number)
        if _reads_back(text, x):
            return text
        text = _natural(number, _DIGITS[dtype])
        if "." in text:
            return text
    bits = int.from_bytes(np.asarray(x).tobytes(), "little")
    return f"0x{bits:X}"


def _reads_back(text: str, x: np.generic) -> bool:
    return np.asarray(float(text)).astype(x.dtype).tobytes() == np.asarray(x).tobytes()


def _scientific(number: float) -> str:
    """Six significant digits, padded to six after the point."""
    if number == 0.0:
        return f"{number:.6e}"
    digits, exponent = _decimal(abs(number), 6)
    first = exponent + len(digits) - 1
    sign = "-" if number < 0 else ""
    return (
        f"{sign}{digits[0]}.{digits[1:].ljust(6, '0')}e{'-' if first < 0 else '+'}{abs(first):02d}"
    )


def _natural(number: float, precision: int) -> str:
    """``precision`` significant digits without trailing zeros.

    An exponent only where MLIR gives one.
    """
    digits, exponent = _decimal(abs(number), precision)
    minus = "-" if number < 0 else ""
    first = exponent + len(digits) - 1  # decimal exponent of the first digit
    is_long = exponent > 3 or len(digits) + exponent > precision
    if is_long if exponent >= 0 else first < -3:
        return f"{minus}{digits[0]}.{digits[1:] or '0'}E{'-' if first < 0 else '+'}{abs(first)}"
    if exponent >= 0:
        return minus + digits + "0" * exponent
    if first >= 0:
        return f"{minus}{digits[: first + 1]}.{digits[first + 1 :]}"
    return f"{minus}0.{'0' * (-first - 1)}{digits}"


def _decimal(number: float, precision: int) -> tuple[str, int]:
    """Decimal digits and exponent as llvm::APFloat::toString finds them.

    Cut by powers of ten, then rounded half up.
    """
    significand, denominator = number.as_integer_ratio()
    exponent = 1 - denominator.bit_length()  # number = significand * 2**exponent
    significand *= 5**-exponent  # = significand * 10**exponent
    needed = (precision * 196 + 58) // 59  # bits; 196/59 is just above log2(10)
    removable = max(significand.bit_length() - needed, 0) * 59 // 196
    significand //= 10**removable
    text, exponent = str(significand), exponent + removable
    if len(text) > precision:
        dropped = len(text) - precision
        text = str(int(text[:precision]) + (text[precision] >= "5"))
        exponent += dropped
    stripped = text.rstrip("0")
    return stripped, exponent + len(text) - len(stripped)


def format_element(x: Any, dtype: str) -> str:
    """One element of any type."""
    if dtype == "i1":
        return "true" if x else "false"
    return format_float(x, dtype) if is_float(dtype) else str(int(x))


def format_dense(value: np.ndarray, dtype: str) -> str:
    """An array as ``dense<...>``."""
    value = as_constant(value)
    scalar = splat_of(value)
    if scalar is not None:
        return f"dense<{format_element(scalar[()], dtype)}>"
    if value.size == 0:
        return "dense<>"
    if value.size > _HEX_LIMIT:
        little = np.asarray(value, order="C")
        return f'dense<"0x{little.tobytes().hex().upper()}">'
    return f"dense<{_nested(value, dtype)}>"


def _nested(value: np.ndarray, dtype: str) -> str:
    if value.ndim == 0:
        return format_element(value[()], dtype)
    return f"[{', '.join(_nested(row, dtype) for row in value)}]"


def parse_dense(literal: str, type_: TensorType) -> np.ndarray:
    """The array of ``dense<...>`` with its type; splats keep one element."""
    body = literal[len("dense<") : -1].strip()
    dtype = to_numpy(type_.dtype)
    if body.startswith('"'):
        return _parse_bytes(body, type_)
    items = list(_items(body))
    try:
        with np.errstate(all="ignore"):
            array = _parse_items(items, type_.dtype)
    except (ValueError, OverflowError) as error:
        raise ParseError(f"{literal[:60]}: {error}") from None
    if not body.startswith("["):
        if len(items) > 1 or (not items and type_.size):
            raise ParseError(f"{literal[:60]}: {len(items)} elements do not fill {type_}")
        return make_splat(array[0], type_.shape) if items else _frozen(np.empty(type_.shape, dtype))
    if array.size != type_.size or _nesting(body) != max(type_.rank, 1):
        raise ParseError(f"{literal[:60]}: {array.size} elements do not fill {type_}")
    return as_constant(_frozen(array.reshape(type_.shape)))


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _nesting(body: str) -> int:
    compact = body.replace(" ", "")
    return len(compact) - len(compact.lstrip("["))


def _items(body: str) -> Iterator[str]:
    return (item for item in re.split(r"[\[\],\s]+", body) if item)


def _parse_items(items: list[str], dtype: str) -> np.ndarray:
    target = to_numpy(dtype)
    if dtype == "i1":
        return np.array([_parse_bool(item) for item in items], target)
    if not is_float(dtype):
        return np.array([int(item, 0) for item in items], object).astype(target)
    bits = np.dtype(f"u{target.itemsize}")
    if not any(item.startswith("0x") for item in items):
        return np.array([float(item) for item in items], np.float64).astype(target)
    return np.array(
        [
            np.asarray(int(item, 16), bits).view(target) if item.startswith("0x")
            else np.asarray(float(item)).astype(target)
            for item in items
        ],
        target,
    )  # fmt: skip


def _parse_bool(item: str) -> bool:
    if item not in ("true", "false", "0", "1"):
        raise ParseError(f"{item!r} is not a boolean")
    return item in ("true", "1")


def _parse_bytes(body: str, type_: TensorType) -> np.ndarray:
    dtype = to_numpy(type_.dtype)
    digits = body.strip('"')
    try:
        data = bytes.fromhex(digits.removeprefix("0x"))
    except ValueError as error:
        raise ParseError(f"dense<{body[:40]}...>: not hexadecimal bytes") from error
    if len(data) == dtype.itemsize and type_.size != 1:
        return make_splat(np.frombuffer(data, dtype)[0], type_.shape)
    if len(data) != dtype.itemsize * type_.size:
        raise ParseError(f"dense<{body[:40]}...>: {len(data)} bytes do not fill {type_}")
    flat = np.frombuffer(data, np.uint8) != 0 if type_.dtype == "i1" else np.frombuffer(data, dtype)
    return as_constant(_frozen(flat.reshape(type_.shape).copy()))
