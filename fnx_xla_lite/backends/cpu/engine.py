"""Engine: LLVM IR text -> object code -> addresses in this process.

Objects are made once (and may come from the disk cache) and linked by LLVM's ORC just-in-time
linker. No mid-level pass pipeline runs: the emitters write the vectors, hoist and unroll by
themselves, and LLVM's code generator does the rest.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import ffi

from fnx_xla_lite.backends.cpu.target import Target
from fnx_xla_lite.errors import BackendError
from fnx_xla_lite.runtime.forking import guarded, renewed_in_child

_OPT = 2
_numbers = itertools.count()
_lock = threading.Lock()
_cores = threading.BoundedSemaphore(os.cpu_count() or 1)


def _renew_locks() -> None:
    global _lock, _cores
    _lock = threading.Lock()
    _cores = threading.BoundedSemaphore(os.cpu_count() or 1)


renewed_in_child(_renew_locks)


@dataclass(frozen=True, slots=True)
class Library:
    """Loaded code; its addresses are good as long as this object lives."""

    tracker: Any

    def address(self, symbol: str) -> int:
        """Where an exported symbol is."""
        return self.tracker[symbol]


def emit_object(text: str, target: Target) -> bytes:
    """Compile LLVM IR text to an object file's bytes; may run in several threads at once.

    Raises:
        BackendError: LLVM refuses the text, which is a bug of ours.
    """
    with guarded():
        return _emit_object(text, target)


def _emit_object(text: str, target: Target) -> bytes:
    context = llvm.create_context()
    module, machine = _parsed(text, context), target.machine(_OPT)
    message = ctypes.c_char_p()
    buffer = _unlocked("LLVMPY_TargetMachineEmitToMemory")(
        machine, module, 1, ctypes.byref(message)
    )
    if not buffer:
        raise BackendError(f"LLVM cannot make code of what was emitted for it: {message.value!r}")
    try:
        start, size = ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer)
        return ctypes.string_at(start, size)
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def emit_objects(modules: Iterable[object], target: Target) -> list[bytes]:
    """Compile modules to objects, side by side, while later ones are still being emitted."""
    jobs: list[_Compilation] = []
    for module in modules:
        jobs.append(_Compilation(str(module), target))
        jobs[-1].start()
    return [job.finished() for job in jobs]


class _Compilation(threading.Thread):
    """One module on its way to an object, in a thread of its own."""

    def __init__(self, text: str, target: Target) -> None:
        threading.Thread.__init__(self, name="fnx-compile", daemon=True)
        self._text, self._target = text, target
        self._object: bytes | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Compile, on one of the cores."""
        try:
            with _cores:
                self._object = emit_object(self._text, self._target)
        except BaseException as error:  # raised where the object is waited for
            self._error = error

    def finished(self) -> bytes:
        """The object, when it is made."""
        self.join()
        if self._error is not None:
            raise self._error
        assert self._object is not None
        return self._object


def _unlocked(name: str) -> Any:
    """An LLVM function without llvmlite's global lock: each call has a context of its own."""
    function = getattr(ffi.lib, name)
    return getattr(function, "_cfn", function)


def emit_assembly(text: str, target: Target) -> str:
    """The assembly that ``emit_object`` would encode."""
    with guarded():
        context = llvm.create_context()
        return target.machine(_OPT).emit_assembly(_parsed(text, context))


def _parsed(text: str, context: Any) -> Any:
    try:
        return llvm.parse_assembly(text, context)
    except RuntimeError as error:
        raise BackendError(f"LLVM does not accept the code emitted for it: {error}") from error


def load_objects(
    objects: Sequence[bytes], imports: Mapping[str, int], exports: Sequence[str]
) -> Library:
    """Link objects with each other and with ``imports``; ``exports`` become addressable.

    Raises:
        BackendError: the objects do not fit together (a damaged cache entry, for instance).
    """
    with guarded():
        return _load_objects(objects, imports, exports)


def _load_objects(
    objects: Sequence[bytes], imports: Mapping[str, int], exports: Sequence[str]
) -> Library:
    builder = llvm.JITLibraryBuilder()
    for data in objects:
        builder.add_object_img(data)
    for name, address in imports.items():
        builder.import_symbol(name, address)
    builder.add_current_process()
    for name in exports:
        builder.export_symbol(name)
    try:
        with _lock:
            return Library(builder.link(_jit(), f"fnx.{next(_numbers)}"))
    except RuntimeError as error:
        raise BackendError(f"the compiled code cannot be loaded: {error}") from error


def compile_text(text: str, target: Target, *, exports: Sequence[str]) -> Library:
    """Compile and load one module that needs nothing but the C library."""
    return load_objects([emit_object(text, target)], {}, exports)


@functools.cache
def _jit() -> Any:
    """The process's linker; it lives as long as the process."""
    target = llvm.Target.from_default_triple()
    return llvm.create_lljit_compiler(target.create_target_machine(jit=True))
