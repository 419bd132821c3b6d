"""Launch: run CUDA programs on a GPU through CuPy, which is imported here and nowhere else.

The import waits until a program is made, so that machines without CuPy can import everything.

CuPy's own compiler flushes subnormal numbers to zero whatever it is asked for, so NVRTC is called
here directly, without that option.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fnx_xla_lite.backends.cuda.blas import BlasCall
from fnx_xla_lite.backends.cuda.emit import CudaKernel
from fnx_xla_lite.backends.cuda.program import CudaProgram, Memory, emit_program, run_steps
from fnx_xla_lite.errors import BackendError
from fnx_xla_lite.hlo.dtypes import itemsize, to_numpy
from fnx_xla_lite.loops.program import Program
from fnx_xla_lite.runtime.cache import object_cache

OPTIONS = ("-std=c++17",)
_DEVICE_TO_HOST, _DEVICE_TO_DEVICE = 2, 3
_ALIGNMENT = 64  # of the arena, as loops.Program wants it

# cuBLAS: cudaDataType, cublasComputeType_t (no TF32), and the type of the factors alpha and beta
_DATA_TYPES = {"f32": 0, "f64": 1, "f16": 2, "bf16": 14}
_SUMS_IN_F32, _SUMS_IN_F64, _ANY_ALGORITHM = 68, 70, -1
_FACTORS = {kind: (np.ones((), kind), np.zeros((), kind)) for kind in ("float32", "float64")}


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


def compile_text(text: str, architecture: int) -> bytes:
    """A source as machine code for an architecture (``90`` is sm_90); needs NVRTC, but no device.

    An architecture that is newer than NVRTC gets PTX, which the driver compiles.

    Raises:
        BackendError: NVRTC refuses the source, which is a mistake of ours; its log is the message.
    """
    nvrtc = _cupy().cuda.nvrtc
    known = max(nvrtc.getSupportedArchs())
    native = architecture <= known
    target = f"sm_{architecture}" if native else f"compute_{known}"
    program = nvrtc.createProgram(text, "program.cu", (), ())
    try:
        nvrtc.compileProgram(program, (*OPTIONS, f"-arch={target}"))
        made: bytes = (nvrtc.getCUBIN if native else nvrtc.getPTX)(program)
    except nvrtc.NVRTCError as error:
        raise BackendError(f"NVRTC: {error}\n{nvrtc.getProgramLog(program)}") from error
    finally:
        nvrtc.destroyProgram(program)
    return made


def _machine_code(text: str) -> bytes:
    """A source compiled for the current device, by way of the cache on disk."""
    cupy, cache = _cupy(), object_cache()
    architecture = int(cupy.cuda.Device().compute_capability)
    content = repr((text, architecture, OPTIONS, cupy.cuda.nvrtc.getVersion()))
    key = "cuda-" + hashlib.sha256(content.encode()).hexdigest()
    made = cache.get(key) if cache else None
    if made is None:
        made = compile_text(text, architecture)
        if cache:
            cache.put(key, made)
    return made


class CupyDevice:
    """The current CUDA device and stream."""

    def __init__(self, text: str, kernels: Sequence[CudaKernel]) -> None:
        module = _cupy().cuda.function.Module()
        module.load(_machine_code(text))
        self._functions = {kernel.name: module.get_function(kernel.name) for kernel in kernels}

    def launch(self, kernel: CudaKernel, addresses: Sequence[int]) -> None:
        """Queue one function."""
        arguments = tuple(np.uint64(address) for address in addresses)
        self._functions[kernel.name](kernel.grid, (kernel.threads,), arguments)

    def product(self, call: BlasCall, addresses: Mapping[str, int]) -> bool:
        """Queue a product by cuBLAS."""
        wide = call.out_dtype == "f64"
        one, zero = (x.ctypes.data for x in _FACTORS["float64" if wide else "float32"])
        kinds = (call.operand_dtype, call.operand_dtype, call.out_dtype)
        a, b, c = (
            (addresses[x.buffer] + x.offset * itemsize(kind), _DATA_TYPES[kind], x.leading,
             x.batch_stride)
            for x, kind in zip((call.a, call.b, call.out), kinds, strict=True)
        )  # fmt: skip
        turns = (int(call.a.transposed), int(call.b.transposed))
        _cupy().cuda.cublas.gemmStridedBatchedEx(
            _cupy().cuda.device.get_cublas_handle(), *turns, call.m, call.n, call.k,
            one, *a, *b, zero, *c, call.batch,
            _SUMS_IN_F64 if wide else _SUMS_IN_F32, _ANY_ALGORITHM,
        )  # fmt: skip
        return True

    def copy(self, target: int, source: int, count: int) -> None:
        """Queue a copy."""
        stream = _cupy().cuda.get_current_stream().ptr
        _cupy().cuda.runtime.memcpyAsync(target, source, count, _DEVICE_TO_DEVICE, stream)

    def read(self, address: int, dtype: str) -> int:
        """Wait, and read one number."""
        stream = _cupy().cuda.get_current_stream()
        place = np.empty((), to_numpy(dtype))
        _cupy().cuda.runtime.memcpyAsync(
            place.ctypes.data, address, place.nbytes, _DEVICE_TO_HOST, stream.ptr
        )
        stream.synchronize()
        return int(place)


class CudaExecutable:
    """A compiled program that is called with NumPy or CuPy arrays and gives CuPy arrays."""

    def __init__(self, program: Program) -> None:
        self.made: CudaProgram = emit_program(program)
        self._device = CupyDevice(self.made.text, list(self.made.kernels.values()))
        self._constants = [_to_device(np.asarray(c)) for c in program.constants]
        _cupy().cuda.get_current_stream().synchronize()  # calls may come on other streams
        self._aliases = dict(program.aliases)

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Run the program on the current stream; it does not wait for the results.

        Element types that CuPy lacks (bfloat16, float8) come and go as unsigned integers of the
        same width; NumPy arrays of them are taken as they are.

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
        for parameter in self._aliases.values():
            inputs[parameter] = _owned(inputs, parameter)
        results = [
            inputs[self._aliases[n]]
            if n in self._aliases
            else _cupy().empty(kind.shape, _device_dtype(kind.dtype))
            for n, kind in enumerate(program.results)
        ]
        arena_bytes = _rounded(program.arena_bytes)
        arena = _cupy().empty(arena_bytes + self.made.scratch_bytes + _ALIGNMENT, np.uint8)
        base = _rounded(arena.data.ptr)
        pointers = [[x.data.ptr for x in xs] for xs in (inputs, results, self._constants)]
        memory = Memory(*pointers, base, base + arena_bytes)
        run_steps(self.made, program.steps, memory, self._device)
        return tuple(results)

    def _prepared(self, position: int, value: Any) -> Any:
        """An argument on the device, C-contiguous."""
        kind = self.made.program.parameters[position]
        what = f"{self.made.program.name}: argument {position} is"
        on_device = isinstance(value, _cupy().ndarray)
        array = value if on_device else np.asarray(value)
        native = array.dtype.newbyteorder("=")
        if native not in (to_numpy(kind.dtype), _device_dtype(kind.dtype)):
            raise TypeError(f"{what} of dtype {array.dtype}, expected {kind}")
        if tuple(array.shape) != kind.shape:
            raise ValueError(f"{what} of shape {tuple(array.shape)}, expected {kind}")
        if not on_device:
            return _to_device(array.astype(native, copy=False))
        return array if array.flags.c_contiguous else array.copy(order="C")


def _owned(arrays: Sequence[Any], position: int) -> Any:
    """A donated argument's memory; a copy where it is shared with another argument."""
    mine = arrays[position]
    start, end = _span(mine)
    for number, other in enumerate(arrays):
        first, last = _span(other)
        if number != position and first < end and start < last:
            return mine.copy()
    return mine


def _span(array: Any) -> tuple[int, int]:
    """Where a contiguous array's memory starts and ends."""
    return array.data.ptr, array.data.ptr + array.nbytes


def _rounded(count: int) -> int:
    return -(-count // _ALIGNMENT) * _ALIGNMENT


def _device_dtype(dtype: str) -> np.dtype:
    """The NumPy dtype that CuPy holds an element type in: types it lacks travel as their bits."""
    kind = to_numpy(dtype)
    return kind if _is_known(kind) else np.dtype(f"u{kind.itemsize}")


def _is_known(kind: np.dtype) -> bool:
    """Whether CuPy has a dtype."""
    return kind.kind in "biuf" and kind.isbuiltin == 1


def _to_device(array: np.ndarray) -> Any:
    """A copy on the device, C-contiguous: of the numbers, or of their bits where CuPy lacks them.

    Queued on the current stream.
    """
    kind = array.dtype
    plain = np.array(array, order="C", copy=None)
    raw = plain if _is_known(kind) else plain.view(f"u{kind.itemsize}")
    return _cupy().asarray(raw)
