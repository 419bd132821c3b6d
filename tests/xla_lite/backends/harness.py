"""Run hand-written kernels natively and by the loop interpreter, and compare."""

from __future__ import annotations

import ctypes
import functools

import numpy as np

from fnx_xla_lite.backends.cpu.backend import CpuBackend
from fnx_xla_lite.backends.cpu.target import AVX2, Target, host
from fnx_xla_lite.fusion.outline import fuse
from fnx_xla_lite.hlo.dtypes import from_numpy, is_float, to_numpy
from fnx_xla_lite.hlo.ir import HloModule, TensorType
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.interpret import interpret
from fnx_xla_lite.loops.ir import (
    Affine,
    Apply,
    Buffer,
    Const,
    Expr,
    Index,
    Kernel,
    Load,
    Loop,
    Read,
    Stmt,
)
from fnx_xla_lite.loops.program import Launch, Program, Slot
from fnx_xla_lite.loops.verify import verify
from fnx_xla_lite.runtime.executable import Executable

GUARD = 0xA5  # what surrounds every buffer, and must be there afterwards
SIZES = (1, 7, 16, 17, 100)


@functools.cache
def targets() -> tuple[Target, ...]:
    """This machine's target, and the narrower one whose code it can also run."""
    return (host(), AVX2) if host().name == "avx512" else (host(),)


def v(name: str, coefficient: int = 1, offset: int = 0) -> Affine:
    """``coefficient * name + offset``."""
    return Affine(((name, coefficient),) if coefficient else (), offset)


def load(buffer: str, *indices: Index, dtype: str = "f32") -> Load:
    """``buffer[indices]``."""
    return Load(buffer, indices, dtype)


def apply(op: str, *args: Expr, dtype: str = "f32", detail: str = "") -> Apply:
    """A scalar operation."""
    return Apply(op, args, dtype, detail)


def const(value: float, dtype: str = "f32") -> Const:
    """A number."""
    return Const(value, dtype)


def read(name: str, dtype: str = "f32") -> Read:
    """A named value."""
    return Read(name, dtype)


def kernel(body: tuple[Stmt, ...], **buffers: tuple[str, tuple[int, ...], str]) -> Kernel:
    """A kernel; buffers are ``name=(role, shape, dtype)``, roles in, out and scratch."""
    roles = {"in": "input", "out": "output", "scratch": "scratch"}
    made = tuple(
        Buffer(n, shape, dtype, roles[role]) for n, (role, shape, dtype) in buffers.items()
    )
    return Kernel("test", made, body)


def serial(var: str, extent: int, *body: Stmt) -> Loop:
    """A serial loop."""
    return Loop(var, extent, body, "serial")


def vector(var: str, extent: int, *body: Stmt, bound: Affine | None = None) -> Loop:
    """A vector loop."""
    return Loop(var, extent, body, "vector", bound)


def parallel(var: str, extent: int, *body: Stmt) -> Loop:
    """A parallel loop."""
    return Loop(var, extent, body, "parallel")


def program_of(made: Kernel) -> Program:
    """The program that launches one kernel."""
    inputs = [b for b in made.parameters if b.role == "input"]
    outputs = [b for b in made.parameters if b.role == "output"]
    slots = []
    for b in made.parameters:
        place, group = ("parameter", inputs) if b.role == "input" else ("result", outputs)
        slots.append(Slot(place, group.index(b), TensorType(b.shape, b.dtype)))
    types = [tuple(TensorType(b.shape, b.dtype) for b in group) for group in (inputs, outputs)]
    return Program("test", *types, (), 0, (Launch(made, tuple(slots)),))


class Guarded:
    """An array between two runs of guard bytes."""

    def __init__(self, array: np.ndarray, misaligned: int = 0) -> None:
        self.size = array.nbytes
        self.raw = np.full(self.size + 512, GUARD, np.uint8)
        self.start = -self.raw.ctypes.data % 64 + 128 + misaligned * array.itemsize
        inner = self.raw[self.start : self.start + self.size]
        self.array = inner.view(array.dtype).reshape(array.shape)
        self.array[...] = array

    def check(self) -> None:
        """The guard bytes are as they were."""
        assert (self.raw[: self.start] == GUARD).all(), "written before the buffer"
        assert (self.raw[self.start + self.size :] == GUARD).all(), "written behind the buffer"


def run_native(made: Kernel, arrays: list[np.ndarray], target: Target) -> list[np.ndarray]:
    """All parameters after a native run; buffers are misaligned and surrounded by guard bytes."""
    program = program_of(made)
    native = CpuBackend(target, None).compile_program(program)
    entry = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(native.entry)
    guarded = [Guarded(x, misaligned=i % 3) for i, x in enumerate(arrays)]
    groups = []
    for role in ("input", "output"):
        chosen = [g for g, b in zip(guarded, made.parameters, strict=True) if b.role == role]
        groups.append(
            (ctypes.c_void_p * max(len(chosen), 1))(*[g.array.ctypes.data for g in chosen])
        )
    entry(*groups, None)
    for g in guarded:
        g.check()
    return [g.array for g in guarded]


def random_array(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers of moderate size; integers cover their range's middle."""
    kind = to_numpy(dtype)
    if dtype == "i1":
        return rng.integers(0, 2, shape).astype(kind)
    if is_float(dtype):
        return rng.normal(size=shape).astype(kind)
    low = 0 if dtype.startswith("u") else -50
    return rng.integers(low, 50, shape).astype(kind)


def check(
    made: Kernel,
    *inputs: np.ndarray | None,
    rtol: float = 1e-6,
    seed: int = 0,
    verified: bool = True,
) -> None:
    """Native results equal the interpreter's on every target; nearly, for floats."""
    if verified:
        verify(made)
    rng, arrays, given = np.random.default_rng(seed), [], list(inputs)
    for b in made.parameters:
        chosen = given.pop(0) if b.role == "input" and given else None
        arrays.append(random_array(rng, b.shape, b.dtype) if chosen is None else chosen.copy())
        assert from_numpy(arrays[-1].dtype) == b.dtype
    expected = [x.copy() for x in arrays]
    interpret(made, *expected)
    for target in targets():
        found = run_native(made, arrays, target)
        for b, x, y in zip(made.parameters, found, expected, strict=True):
            what = f"{target.name}: {b.name}"
            if is_float(b.dtype):
                x64, y64 = x.astype(np.float64), y.astype(np.float64)
                np.testing.assert_allclose(x64, y64, rtol=rtol, atol=rtol, err_msg=what)
            else:
                np.testing.assert_array_equal(x, y, err_msg=what)


def executable(made: Kernel) -> Executable:
    """An executable of one kernel, for this machine, outside of the disk cache."""
    return _executable(program_of(made), host())


def compiled_for(target: Target, module: HloModule) -> Executable:
    """A module compiled for a target that this machine can run, outside of the disk cache."""
    return _executable(build_program(fuse(module)), target)


def _executable(program: Program, target: Target) -> Executable:
    native = CpuBackend(target, None).compile_program(program)
    return Executable(
        program, native.entry, stages=native.texts, cost=native.nanoseconds,
        code_bytes=native.code_bytes, keep=native.keep,
    )  # fmt: skip
