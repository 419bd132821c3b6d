"""Program: a loops.Program as one CUDA C source, and as a sequence of launches on some device.

Identical kernels are emitted once. What a device must do is small (``Device``), so that the same
sequence runs on a GPU through CuPy and, in tests, on the host.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fnx_xla_lite.backends.cuda import gemm
from fnx_xla_lite.backends.cuda.blas import BlasCall, kernel_call
from fnx_xla_lite.backends.cuda.emit import CudaKernel
from fnx_xla_lite.backends.cuda.prelude import PRELUDE
from fnx_xla_lite.errors import UnsupportedOpError
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.loops.ir import Kernel
from fnx_xla_lite.loops.program import (
    Case,
    Copy,
    Launch,
    Program,
    Slot,
    Step,
    While,
    signatures,
)


@dataclass(frozen=True, slots=True)
class CudaProgram:
    """A program's CUDA C.

    Attributes:
        program: what it was made of.
        text: the whole source: the prelude, then one function per distinct kernel.
        kernels: the function of each kernel.
        products: kernels that are plain products, which cuBLAS may compute instead.
        scratch_bytes: the most that any launch needs.
    """

    program: Program
    text: str
    kernels: Mapping[Kernel, CudaKernel]
    products: Mapping[Kernel, BlasCall]
    scratch_bytes: int


class Device(Protocol):
    """Where a program runs; memory is named by addresses."""

    def launch(self, kernel: CudaKernel, addresses: Sequence[int]) -> None:
        """Run one function with these pointers."""
        ...

    def product(self, call: BlasCall, addresses: Mapping[str, int]) -> bool:
        """Run a plain product by a library, or say no."""
        ...

    def copy(self, target: int, source: int, count: int) -> None:
        """Copy bytes."""
        ...

    def read(self, address: int, dtype: str) -> int:
        """One integer or boolean, after everything before it is done."""
        ...


@dataclass(frozen=True, slots=True)
class Memory:
    """Addresses of everything that slots point into."""

    parameters: Sequence[int]
    results: Sequence[int]
    constants: Sequence[int]
    arena: int
    scratch: int

    def address(self, slot: Slot) -> int:
        """Where a slot is."""
        if slot.place == "arena":
            return self.arena + slot.index
        places = {"parameter": self.parameters, "result": self.results, "constant": self.constants}
        return places[slot.place][slot.index]


def emit_program(program: Program) -> CudaProgram:
    """All kernels of a program as CUDA C.

    Raises:
        UnsupportedOpError: the program calls Python.
    """
    if signatures(program.steps):
        raise UnsupportedOpError(
            f"{program.name}: callbacks (debug.print, pure_callback, io_callback) run on the cpu "
            "backend only; compile this function for it, or take the callback out"
        )
    kernels: dict[Kernel, CudaKernel] = {}
    products: dict[Kernel, BlasCall] = {}
    for launch in _launches(program.steps):
        kernel = launch.kernel
        if kernel in kernels:
            continue
        kernels[kernel] = gemm.emit(kernel, f"k{len(kernels)}_{_identifier(kernel.name)}")
        call = kernel_call(kernel)
        if call is not None:
            products[kernel] = call
    text = "\n\n".join([PRELUDE, *(kernel.text for kernel in kernels.values()), ""])
    scratch = max((kernel.scratch_bytes for kernel in kernels.values()), default=0)
    return CudaProgram(program, text, kernels, products, scratch)


def run_steps(made: CudaProgram, steps: Sequence[Step], memory: Memory, device: Device) -> None:
    """Run steps in order."""
    for step in steps:
        match step:
            case Launch():
                _run_launch(made, step, memory, device)
            case Copy(source=source, target=target):
                count = source.type.size * itemsize(source.type.dtype)
                if count:
                    device.copy(memory.address(target), memory.address(source), count)
            case While(condition=condition, flag=flag, body=body):
                run_steps(made, condition, memory, device)
                while device.read(memory.address(flag), "i1"):
                    run_steps(made, body, memory, device)
                    run_steps(made, condition, memory, device)
            case Case(index=index, branches=branches):
                chosen = device.read(memory.address(index), "i32")
                inside = 0 <= chosen < len(branches)
                run_steps(made, branches[chosen if inside else -1], memory, device)


def _run_launch(made: CudaProgram, launch: Launch, memory: Memory, device: Device) -> None:
    kernel = made.kernels[launch.kernel]
    addresses = [memory.address(slot) for slot in launch.slots]
    call = made.products.get(launch.kernel)
    if call is not None:
        names = [buffer.name for buffer in launch.kernel.parameters]
        if device.product(call, dict(zip(names, addresses, strict=True))):
            return
    if kernel.scratch_bytes:
        addresses.append(memory.scratch)
    device.launch(kernel, addresses)


def _launches(steps: Sequence[Step]) -> Iterator[Launch]:
    for step in steps:
        match step:
            case Launch():
                yield step
            case While(condition=condition, body=body):
                yield from _launches((*condition, *body))
            case Case(branches=branches):
                for branch in branches:
                    yield from _launches(branch)


def _identifier(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)
