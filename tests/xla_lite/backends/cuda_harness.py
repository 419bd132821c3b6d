"""Run generated CUDA C on the host: g++ compiles it with a shim for CUDA's built-ins."""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fnx_xla_lite.backends.cuda.blas import BlasCall
from fnx_xla_lite.backends.cuda.emit import CudaKernel
from fnx_xla_lite.backends.cuda.program import CudaProgram, Memory, run_steps
from fnx_xla_lite.hlo.dtypes import to_numpy

SHIM = Path(__file__).with_name("cuda_shim.h")
HAS_COMPILER = shutil.which("g++") is not None


def compile_host(text: str, kernels: Sequence[CudaKernel]) -> ctypes.CDLL:
    """A library with ``launch_<name>(x, y, threads, arguments)`` for every kernel."""
    launchers = [
        f"static void call_{k.name}(void** a) {{ host::call({k.name}, a); }}\n"
        f'extern "C" int launch_{k.name}(unsigned x, unsigned y, unsigned t, void** a) '
        f"{{ return host::run(x, y, t, call_{k.name}, a); }}"
        for k in kernels
    ]
    source = "\n".join([f'#include "{SHIM}"', text, *launchers])
    folder = Path(tempfile.mkdtemp(prefix="fnx-cuda-"))
    name = hashlib.sha256(source.encode()).hexdigest()[:16]
    path = folder / f"{name}.cpp"
    path.write_text(source)
    library = folder / f"{name}.so"
    flags = ["-std=c++17", "-O0", "-shared", "-fPIC", "-ffp-contract=off", "-Wno-unused"]
    done = subprocess.run(
        ["g++", *flags, str(path), "-o", str(library)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:3000]
    loaded = ctypes.CDLL(str(library))
    shutil.rmtree(folder)
    return loaded


class HostDevice:
    """A device in this process's memory."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.launched: list[str] = []

    def launch(self, kernel: CudaKernel, addresses: Sequence[int]) -> None:
        """Run all blocks; threads that miss a barrier are an error."""
        self.launched.append(kernel.name)
        pointers = (ctypes.c_void_p * max(len(addresses), 1))(*addresses)
        launch = getattr(self.library, f"launch_{kernel.name}")
        assert launch(*kernel.grid, kernel.threads, pointers) == 0, "threads miss a barrier"

    def product(self, call: BlasCall, addresses: Mapping[str, int]) -> bool:
        """No library here."""
        return False

    def copy(self, target: int, source: int, count: int) -> None:
        """Copy bytes."""
        ctypes.memmove(target, source, count)

    def read(self, address: int, dtype: str) -> int:
        """One number."""
        kind = {"i1": ctypes.c_uint8, "i32": ctypes.c_int32}[dtype]
        return kind.from_address(address).value


def run_program(made: CudaProgram, *arrays: np.ndarray) -> list[np.ndarray]:
    """A program on the host; donated arrays are overwritten."""
    program = made.program
    device = HostDevice(compile_host(made.text, list(made.kernels.values())))
    aliases = dict(program.aliases)
    results = [
        arrays[aliases[n]] if n in aliases else np.empty(t.shape, to_numpy(t.dtype))
        for n, t in enumerate(program.results)
    ]
    constants = [np.ascontiguousarray(c) for c in program.constants]
    arena, scratch = (
        np.full(size + 16, 0xA5, np.uint8) for size in (program.arena_bytes, made.scratch_bytes)
    )
    memory = Memory(
        *([x.ctypes.data for x in xs] for xs in (arrays, results, constants)),
        arena.ctypes.data, scratch.ctypes.data,
    )  # fmt: skip
    run_steps(made, program.steps, memory, device)
    return results
