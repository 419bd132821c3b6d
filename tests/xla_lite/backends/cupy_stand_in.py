"""A stand-in for the parts of CuPy that the launcher uses: kernels run on the host, in order.

Its arrays are NumPy's, with CuPy's ``data.ptr`` and ``get``. cuBLAS is NumPy's product on views as
the BLAS standard reads them.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import numpy as np

from fnx_xla_lite.hlo.dtypes import to_numpy
from tests.xla_lite.backends.cuda_harness import compile_host

BLAS_TYPES = {0: "f32", 1: "f64", 2: "f16", 14: "bf16"}


class DeviceArray(np.ndarray):
    """What the launcher uses of ``cupy.ndarray``."""

    @property
    def data(self):
        return SimpleNamespace(ptr=self.ctypes.data)

    def get(self):
        return self.view(np.ndarray)


def on_device(array):
    """An array's copy on the device; CuPy has only these types."""
    array = np.asarray(array)
    assert array.dtype.kind in "biuf"
    assert array.dtype.isbuiltin == 1
    assert array.dtype.isnative
    return array.copy().view(DeviceArray)


class HostModule:
    """What the launcher uses of ``cupy.cuda.function.Module``: its code is the source."""

    def load(self, code):
        text = code.decode()
        names = [
            line.split("(")[0].split()[-1] for line in text.split("\n") if "__global__" in line
        ]
        self.library = compile_host(text, [SimpleNamespace(name=name) for name in names])

    def get_function(self, name):
        def run(grid, block, arguments):
            assert all(isinstance(argument, np.uint64) for argument in arguments)
            assert all(isinstance(x, int) and x > 0 for x in (*grid, *block))
            pointers = (ctypes.c_void_p * len(arguments))(*map(int, arguments))
            assert getattr(self.library, f"launch_{name}")(*grid, *block, pointers) == 0

        return run


def column_major(address, kind, turned, rows, columns, leading, step, batch):
    """A matrix as the BLAS standard reads it: element (i, j) at ``i + leading * j``."""
    if turned:
        rows, columns = columns, rows
    assert leading >= max(rows, 1)
    dtype = to_numpy(BLAS_TYPES[kind])
    shape, steps = (batch, rows, columns), (step, 1, leading)
    span = 1 + sum((n - 1) * s for n, s in zip(shape, steps, strict=True))
    raw = (ctypes.c_uint8 * (span * dtype.itemsize)).from_address(address)
    strides = [s * dtype.itemsize for s in steps]
    view = np.lib.stride_tricks.as_strided(np.frombuffer(raw, dtype), shape, strides)
    return np.swapaxes(view, 1, 2) if turned else view


class Blas:
    """What the launcher uses of cuBLAS; ``calls`` are the sizes that it was asked for."""

    def __init__(self):
        self.calls = []

    def gemmStridedBatchedEx(
        self, handle, turn_a, turn_b, m, n, k, alpha, a, a_type, lda, step_a, b, b_type, ldb,
        step_b, beta, c, c_type, ldc, step_c, batch, compute, algorithm,
    ):  # fmt: skip
        wide = np.float64 if c_type == 1 else np.float32
        assert (compute, algorithm) == ((70 if c_type == 1 else 68), -1)
        factor = ctypes.c_double if c_type == 1 else ctypes.c_float
        assert factor.from_address(alpha).value == 1
        assert factor.from_address(beta).value == 0
        left = column_major(a, a_type, turn_a, m, k, lda, step_a, batch)
        right = column_major(b, b_type, turn_b, k, n, ldb, step_b, batch)
        out = column_major(c, c_type, False, m, n, ldc, step_c, batch)
        out[...] = (left.astype(wide) @ right.astype(wide)).astype(out.dtype)
        self.calls.append((m, n, k, batch))


class Stream:
    """The one stream."""

    ptr = 0

    def __init__(self, non_blocking=False):
        pass

    def synchronize(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def stand_in():
    """A namespace in CuPy's place."""
    cuda = SimpleNamespace(
        runtime=SimpleNamespace(
            memcpyAsync=lambda to, source, n, kind, s: ctypes.memmove(to, source, n)
        ),
        get_current_stream=Stream,
        Stream=Stream,
        function=SimpleNamespace(Module=HostModule),
        cublas=Blas(),
        device=SimpleNamespace(get_cublas_handle=lambda: 0),
    )
    return SimpleNamespace(
        cuda=cuda,
        ndarray=DeviceArray,
        asarray=on_device,
        empty=lambda shape, dtype: on_device(np.empty(shape, dtype)),
    )
