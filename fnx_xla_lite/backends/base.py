"""What every backend gives: a loops.Program compiled to a native entry, and its texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fnx_xla_lite.loops.program import Program


@dataclass(frozen=True, slots=True)
class NativeProgram:
    """A compiled program.

    Attributes:
        entry: address of ``int run(void** parameters, void** results, void* arena)``.
        texts: what the backend emitted, by stage name; made when asked for.
        nanoseconds: estimated time of one run on one thread.
        code_bytes: size of the object code.
        keep: objects that must live as long as ``entry`` is used.
    """

    entry: int
    texts: Mapping[str, Callable[[], str]]
    nanoseconds: float
    code_bytes: int
    keep: tuple[Any, ...] = ()


class Backend(Protocol):
    """Compiles programs for one kind of processor."""

    name: str

    def compile_program(self, program: Program) -> NativeProgram:
        """Compile all kernels of ``program`` and its entry function."""
        ...
