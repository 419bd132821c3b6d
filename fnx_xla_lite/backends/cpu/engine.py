"""Engine: LLVM IR text -> object code -> addresses in this process.

Objects are made once (and may come from the disk cache) and linked by LLVM's ORC just-in-time linker. No mid-level pass pipeline
runs: the emitters write the vectors, hoist and unroll by themselves, and LLVM's code generator does the rest.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm

from fnx_xla_lite.backends.cpu.target import Target
from fnx_xla_lite.errors import BackendError

_OPT = 2
_numbers = itertools.count()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Library:
    """Loaded code; its addresses are good as long as this object lives."""

    tracker: Any

    def address(self, symbol: str) -> int:
        """Where an exported symbol is."""
        return self.tracker[symbol]


def emit_object(text: str, target: Target, opt: int = _OPT) -> bytes:
    """Compile LLVM IR text to an object file's bytes.

    Raises:
        BackendError: LLVM refuses the text, which is a bug of ours.
    """
    context = llvm.create_context()
    module = _parsed(text, context)
    return target.machine(opt).emit_object(module)


def emit_assembly(text: str, target: Target, opt: int = _OPT) -> str:
    """The assembly that ``emit_object`` would encode."""
    context = llvm.create_context()
    return target.machine(opt).emit_assembly(_parsed(text, context))


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
