"""The CPU backend: Program -> NativeProgram, through the object cache.

Input: a verified program. Output: an entry in this process's memory. What is compiled depends on the program and the target only, so an
object made once serves every process on an equal machine.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.resources
from dataclasses import dataclass

import llvmlite
import numpy as np

from fnx_xla_lite.backends.base import NativeProgram
from fnx_xla_lite.backends.cpu.cost import program_nanoseconds
from fnx_xla_lite.backends.cpu.emit_types import constant_bytes
from fnx_xla_lite.backends.cpu.engine import Library, emit_assembly, emit_object, load_objects
from fnx_xla_lite.backends.cpu.program import (
    CONSTANTS,
    ENTRY,
    PARALLEL_FOR,
    SCRATCH,
    emit_program,
    program_text,
)
from fnx_xla_lite.backends.cpu.target import Target, host
from fnx_xla_lite.backends.cpu.threads import pool
from fnx_xla_lite.errors import BackendError
from fnx_xla_lite.loops.program import Program
from fnx_xla_lite.runtime.cache import ObjectCache, object_cache


@dataclass(frozen=True, slots=True)
class CpuBackend:
    """Compiles programs for ``target`` (default: this machine)."""

    target: Target
    cache: ObjectCache | None
    name: str = "cpu"

    def compile_program(self, program: Program) -> NativeProgram:
        """Compile all kernels of ``program`` and its entry function, or load them from the cache."""
        key = _key(program, self.target)
        data = self.cache.get(key) if self.cache else None
        library = _try_load(data) if data is not None else None
        if library is None:
            data = emit_object(str(emit_program(program, self.target)), self.target)
            library = _load(data)
            if self.cache:
                self.cache.put(key, data)
        assert data is not None
        constants = _fill_constants(library, program)
        texts = {"llvm": lambda: self.llvm_text(program), "assembly": lambda: self.assembly(program)}
        keep = (library, constants)
        cost = program_nanoseconds(program, self.target)
        return NativeProgram(library.address(ENTRY), texts, cost, len(data), keep)

    def llvm_text(self, program: Program) -> str:
        """The LLVM IR of ``program``."""
        return str(emit_program(program, self.target))

    def assembly(self, program: Program) -> str:
        """The assembly of ``program``."""
        return emit_assembly(self.llvm_text(program), self.target)


def cpu_backend() -> CpuBackend:
    """The backend for this machine, with the cache that the environment asks for."""
    return CpuBackend(host(), object_cache())


def _load(data: bytes) -> Library:
    symbols = pool().symbols
    imports = {name: symbols[name] for name in (PARALLEL_FOR, SCRATCH)}
    return load_objects([data], imports, (ENTRY, CONSTANTS))


def _try_load(data: bytes) -> Library | None:
    """A cached object loaded, or None where it is no object of ours."""
    try:
        return _load(data)
    except BackendError:
        return None


def _fill_constants(library: Library, program: Program) -> tuple[np.ndarray, ...]:
    """Write the constants' addresses into the object's table; the arrays must outlive it."""
    arrays = tuple(constant_bytes(value) for value in program.constants)
    table = (ctypes.c_void_p * max(len(arrays), 1)).from_address(library.address(CONSTANTS))
    for position, array in enumerate(arrays):
        table[position] = array.ctypes.data
    return arrays


def _key(program: Program, target: Target) -> str:
    """Hash of all that the object code depends on."""
    parts = (program_text(program), target.triple, target.cpu, target.features, target.name, _sources())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def _sources() -> str:
    """Hash of the code generator itself and of llvmlite's version: another compiler never meets our objects."""
    digest = hashlib.sha256(llvmlite.__version__.encode())
    root = importlib.resources.files("fnx_xla_lite.backends.cpu")
    for file in sorted(root.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith((".py", ".ll")):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
