"""Launch: run CUDA programs on a GPU through CuPy, which is imported here and nowhere else.

The import waits until a program is made, so that machines without CuPy can import everything.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fnx_xla_lite.backends.cuda.emit import CudaKernel
from fnx_xla_lite.backends.cuda.gemm import Operand, PlainProduct
from fnx_xla_lite.backends.cuda.program import CudaProgram, Memory, emit_program, run_steps
from fnx_xla_lite.errors import BackendError
from fnx_xla_lite.hlo.dtypes import itemsize, to_numpy
from fnx_xla_lite.loops.program import Program

OPTIONS = ("-std=c++17",)
_DEVICE_TO_DEVICE = 3


@functools.cache
def _cupy() -> Any:
    """CuPy, or an error that says how to get it."""
    try:
        import cupy  # noqa: PLC0415
    except ImportError as error:
        raise BackendError(
            f"the CUDA backend needs CuPy: pip install 'fnx[gpu]' ({error})"
        ) from error
    return cupy


class CupyDevice:
    """The current CUDA device and stream."""

    def __init__(self, text: str, kernels: Sequence[CudaKernel]) -> None:
        module = _cupy().RawModule(code=text, options=OPTIONS)
        self._functions = {kernel.name: module.get_function(kernel.name) for kernel in kernels}

    def launch(self, kernel: CudaKernel, addresses: Sequence[int]) -> None:
        """Queue one function."""
        arguments = tuple(np.uint64(address) for address in addresses)
        self._functions[kernel.name](kernel.grid, (kernel.threads,), arguments)

    def product(self, product: PlainProduct, addresses: Mapping[str, int], dtype: str) -> bool:
        """Queue a product by cuBLAS."""
        lhs, rhs, out = (
            _view(operand, addresses[operand.buffer], dtype)
            for operand in (product.lhs, product.rhs, product.out)
        )
        _cupy().matmul(lhs, rhs, out=out)
        return True

    def copy(self, target: int, source: int, count: int) -> None:
        """Queue a copy."""
        stream = _cupy().cuda.get_current_stream().ptr
        _cupy().cuda.runtime.memcpyAsync(target, source, count, _DEVICE_TO_DEVICE, stream)

    def read(self, address: int, dtype: str) -> int:
        """Wait, and read one number."""
        return int(_view(Operand("", 0, (), ()), address, dtype).get())


def _view(operand: Operand, address: int, dtype: str) -> Any:
    """A CuPy array over memory that somebody else owns."""
    size = itemsize(dtype)
    span = 1 + sum(
        (n - 1) * stride for n, stride in zip(operand.shape, operand.strides, strict=True)
    )
    start = address + operand.offset * size
    memory = _cupy().cuda.UnownedMemory(start, span * size, None)
    strides = tuple(stride * size for stride in operand.strides)
    pointer = _cupy().cuda.MemoryPointer(memory, 0)
    return _cupy().ndarray(operand.shape, to_numpy(dtype), memptr=pointer, strides=strides)


class CudaExecutable:
    """A compiled program that is called with NumPy or CuPy arrays and gives CuPy arrays."""

    def __init__(self, program: Program) -> None:
        self.made: CudaProgram = emit_program(program)
        self._device = CupyDevice(self.made.text, list(self.made.kernels.values()))
        self._constants = [_cupy().asarray(_raw(np.asarray(c))) for c in program.constants]
        self._aliases = dict(program.aliases)

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Run the program on the current stream.

        Args:
            arrays: one array for each parameter, of its shape and element type. The memory of
                a donated one may become a result.

        Raises:
            TypeError: an argument's number or element type is wrong.
            ValueError: an argument's shape is wrong.
        """
        program = self.made.program
        if len(arrays) != len(program.parameters):
            raise TypeError(
                f"{program.name} takes {len(program.parameters)} arrays, got {len(arrays)}"
            )
        inputs = [self._prepared(i, x) for i, x in enumerate(arrays)]
        results = [
            inputs[self._aliases[n]]
            if n in self._aliases
            else _cupy().empty(kind.shape, _device_dtype(kind.dtype))
            for n, kind in enumerate(program.results)
        ]
        arena = _cupy().empty(program.arena_bytes + self.made.scratch_bytes + 64, _cupy().uint8)
        base = -(-arena.data.ptr // 64) * 64
        pointers = [[x.data.ptr for x in xs] for xs in (inputs, results, self._constants)]
        scratch = base + -(-program.arena_bytes // 16) * 16
        run_steps(self.made, program.steps, Memory(*pointers, base, scratch), self._device)
        return tuple(results)

    def _prepared(self, position: int, array: Any) -> Any:
        """An argument on the device, C-contiguous."""
        kind = self.made.program.parameters[position]
        what = f"{self.made.program.name}: argument {position} is"
        if np.dtype(array.dtype) not in (to_numpy(kind.dtype), _device_dtype(kind.dtype)):
            raise TypeError(f"{what} of dtype {array.dtype}, expected {kind}")
        if tuple(array.shape) != kind.shape:
            raise ValueError(f"{what} of shape {tuple(array.shape)}, expected {kind}")
        if isinstance(array, np.ndarray):
            return _cupy().asarray(_raw(array))
        return _cupy().ascontiguousarray(array)


def _device_dtype(dtype: str) -> np.dtype:
    """The NumPy dtype that CuPy holds an element type in: types it lacks travel as their bits."""
    kind = to_numpy(dtype)
    return kind if kind.kind in "biuf" and kind.isbuiltin == 1 else np.dtype(f"u{kind.itemsize}")


def _raw(array: np.ndarray) -> np.ndarray:
    """The array, or its bits where CuPy lacks its type."""
    kind = array.dtype
    known = kind.kind in "biuf" and kind.isbuiltin == 1
    return (
        np.ascontiguousarray(array)
        if known
        else np.ascontiguousarray(array).view(f"u{kind.itemsize}")
    )
