"""The CPU backend: Program -> NativeProgram, through the object cache.

Input: a verified program. Output: an entry in this process's memory. What is compiled depends on
the program and the target only, so an object made once serves every process on an equal machine.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import hashlib
import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite
import numpy as np

from fnx_xla_lite.backends.base import NativeProgram
from fnx_xla_lite.backends.cpu.cost import program_nanoseconds
from fnx_xla_lite.backends.cpu.emit_types import constant_bytes
from fnx_xla_lite.backends.cpu.engine import Library, emit_assembly, emit_objects, load_objects
from fnx_xla_lite.backends.cpu.program import (
    CALL_BACK,
    CALLBACKS,
    CONSTANTS,
    ENTRY,
    PARALLEL_FOR,
    SCRATCH,
    emit_modules,
    program_text,
)
from fnx_xla_lite.backends.cpu.target import Target, host
from fnx_xla_lite.backends.cpu.threads import pool
from fnx_xla_lite.errors import BackendError
from fnx_xla_lite.loops.program import Program, signatures
from fnx_xla_lite.runtime import native_pool
from fnx_xla_lite.runtime.cache import ObjectCache, object_cache
from fnx_xla_lite.runtime.native_callback import native_callback


@dataclass(frozen=True, slots=True)
class CpuBackend:
    """Compiles programs for ``target`` (default: this machine)."""

    target: Target
    cache: ObjectCache | None
    name: str = "cpu"

    def compile_program(self, program: Program) -> NativeProgram:
        """Compile all kernels of ``program`` and its entry, or load them from the cache."""
        key = _key(program, self.target)
        packed = self.cache.get(key) if self.cache else None
        library = _try_load(packed, program) if packed is not None else None
        if library is None:
            objects = emit_objects(emit_modules(program, self.target), self.target)
            library, packed = _load(objects, program), pack(objects)
            if self.cache:
                self.cache.put(key, packed)
        assert packed is not None
        constants = _fill_constants(library, program)
        callbacks = _fill_callbacks(library, program)
        texts = {
            "llvm": lambda: "\n".join(self.llvm_texts(program)),
            "assembly": lambda: "\n".join(self.assembly_texts(program)),
        }
        cost = program_nanoseconds(program, self.target)
        keep = (library, constants, callbacks)
        return NativeProgram(library.address(ENTRY), texts, cost, len(packed), keep)

    def llvm_texts(self, program: Program) -> list[str]:
        """The LLVM IR of ``program``, module by module; the entry stands in the last."""
        return [str(module) for module in emit_modules(program, self.target)]

    def assembly_texts(self, program: Program) -> list[str]:
        """The assembly of ``program``, module by module."""
        return [emit_assembly(text, self.target) for text in self.llvm_texts(program)]


def cpu_backend() -> CpuBackend:
    """The backend for this machine, with the cache that the environment asks for."""
    return CpuBackend(host(), object_cache())


def _load(objects: Sequence[bytes], program: Program) -> Library:
    symbols = pool().symbols
    imports = {name: symbols[name] for name in (PARALLEL_FOR, SCRATCH)}
    if signatures(program.steps):
        imports[CALL_BACK] = native_pool.support().call_back
    return load_objects(objects, imports, (ENTRY, CONSTANTS, CALLBACKS))


def _try_load(packed: bytes, program: Program) -> Library | None:
    """A cached program loaded, or None where it is none of ours."""
    try:
        return _load(unpack(packed), program)
    except (BackendError, ValueError):
        return None


def pack(objects: Sequence[bytes]) -> bytes:
    """Objects as one run of bytes: each with its length before it."""
    return b"".join(len(data).to_bytes(8, "little") + data for data in objects)


def unpack(packed: bytes) -> list[bytes]:
    """The objects that were packed.

    Raises:
        ValueError: they were not.
    """
    objects, place = [], 0
    while place < len(packed):
        size = int.from_bytes(packed[place : place + 8], "little")
        objects.append(packed[place + 8 : place + 8 + size])
        if len(objects[-1]) != size:
            raise ValueError("the packed objects are cut off")
        place += 8 + size
    return objects


def _fill_constants(library: Library, program: Program) -> tuple[np.ndarray, ...]:
    """Write the constants' addresses into the object's table; the arrays must outlive it."""
    arrays = tuple(constant_bytes(value) for value in program.constants)
    table = (ctypes.c_void_p * max(len(arrays), 1)).from_address(library.address(CONSTANTS))
    for position, array in enumerate(arrays):
        table[position] = array.ctypes.data
    return arrays


def _fill_callbacks(library: Library, program: Program) -> tuple[Any, ...]:
    """Write the addresses of this program's own Python callables into the object's table.

    The object may have come from the cache, where it was put by a program that called others.
    """
    made = tuple(
        native_callback(program.callbacks[number], inputs, outputs)
        for number, inputs, outputs in signatures(program.steps)
    )
    table = (ctypes.c_void_p * max(len(made), 1)).from_address(library.address(CALLBACKS))
    for place, callback in enumerate(made):
        table[place] = id(callback)
    return made


def _key(program: Program, target: Target) -> str:
    """Hash of all that the object code depends on."""
    # Every field of a target steers its code; a set's order is no part of it.
    fields = sorted(
        f"{f.name}={_text(getattr(target, f.name))}" for f in dataclasses.fields(target)
    )
    parts = (program_text(program), *fields, _sources())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _text(field: object) -> str:
    return repr(sorted(field)) if isinstance(field, frozenset) else repr(field)


@functools.cache
def _sources() -> str:
    """Hash of the code generator's own sources and of llvmlite's version."""
    digest = hashlib.sha256(llvmlite.__version__.encode())
    root = importlib.resources.files("fnx_xla_lite.backends.cpu")
    for file in sorted(root.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith((".py", ".ll")):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
