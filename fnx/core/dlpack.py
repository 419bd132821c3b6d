"""DLPack, with bfloat16: NumPy knows no code for it, so its uint16 capsules are relabelled.

The DLPack specification lays out the struct behind a capsule: the type code is a byte of
``DLTensor``, after ``data`` (8 bytes), ``device`` (8) and ``ndim`` (4); a versioned capsule has a
header of 32 bytes in front.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from fnx.core.dtypes import BFLOAT16, UINT16

_UINT, _BFLOAT = 1, 4  # DLDataTypeCode
_CODE_AT = {b"dltensor": 20, b"dltensor_versioned": 32 + 20}

_name_of = ctypes.pythonapi.PyCapsule_GetName
_name_of.argtypes, _name_of.restype = [ctypes.py_object], ctypes.c_char_p
_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.argtypes, _pointer_of.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p


def to_dlpack(buffer: np.ndarray, **options: Any) -> Any:
    """The DLPack capsule of a buffer; ``options`` are those of ``__dlpack__``."""
    if buffer.dtype != BFLOAT16:
        return buffer.__dlpack__(**options)
    return _relabelled(buffer.view(UINT16).__dlpack__(**options), _UINT, _BFLOAT)


def from_dlpack(x: Any) -> np.ndarray:
    """A NumPy array that shares the memory of another library's array.

    Raises:
        BufferError: for a dtype or a device that NumPy does not read.
    """
    try:
        return np.from_dlpack(x)
    except (BufferError, RuntimeError) as error:
        try:
            return np.from_dlpack(_Words(x)).view(BFLOAT16)
        except BufferError:
            raise error from None


class _Words:
    """An array of bfloat16 that shows itself as one of uint16."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __dlpack__(self, **options: Any) -> Any:
        return _relabelled(self._array.__dlpack__(**options), _BFLOAT, _UINT)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


def _relabelled(capsule: Any, old: int, new: int) -> Any:
    name = _name_of(capsule)
    if name not in _CODE_AT:
        raise BufferError(f"not a fresh DLPack capsule: {name!r}")
    code = ctypes.c_uint8.from_address(_pointer_of(capsule, name) + _CODE_AT[name])
    if code.value != old:
        raise BufferError(f"DLPack type code {code.value} is not {old}")
    code.value = new
    return capsule
