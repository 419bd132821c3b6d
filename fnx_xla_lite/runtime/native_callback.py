"""Native callbacks: what compiled code calls, by address, to run one Python function.

Input: a callback and the types of its operands and results. Output: a callable of one number, the
address of a table of pointers: to the operands, then to the results. The table and what it points
to are the running program's, so the callback is given copies, and what it returns is copied.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import numpy as np

from fnx_xla_lite.hlo.callbacks import Callback, call_back
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.ir import TensorType


def native_callback(
    callback: Callback, inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> Callable[[int], None]:
    """The callable for one function at these types; it holds the function."""
    reads, writes = ([_View(kind) for kind in kinds] for kinds in (inputs, outputs))
    results = tuple(outputs)
    table = ctypes.c_void_p * (len(reads) + len(writes))

    def call(slots: int) -> None:
        addresses = table.from_address(slots)
        operands = [view.at(address) for view, address in zip(reads, addresses, strict=False)]
        found = call_back(callback, operands, results)
        for view, address, x in zip(writes, addresses[len(reads) :], found, strict=True):
            view.at(address)[...] = x

    return call


class _View:
    """Arrays of one type in memory that somebody else owns."""

    def __init__(self, kind: TensorType) -> None:
        self._dtype, self._shape = to_numpy(kind.dtype), kind.shape
        self._bytes = kind.size * self._dtype.itemsize
        self._block = ctypes.c_char * self._bytes

    def at(self, address: int | None) -> np.ndarray:
        """The array at an address, which is not looked at where there are no elements."""
        if not self._bytes:
            return np.empty(self._shape, self._dtype)
        assert address is not None
        flat = np.frombuffer(self._block.from_address(address), np.uint8)
        return flat.view(self._dtype).reshape(self._shape)
