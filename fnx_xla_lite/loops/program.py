"""Program: kernel launches in order over planned memory; it becomes one native entry function.

Grammar::

    Program ::= name Slot(parameters) Slot(results) arena_bytes constants Step*
    Step    ::= Launch(kernel, Slot*)          slots match kernel.parameters
              | Copy(source, target)           equal types
              | While(condition, body, flag)   condition writes ``flag`` (i1); then body; repeat
              | Case(index, branches)          an i32 scalar, clamped, picks a branch's Steps
              | Call(number, inputs, outputs)  a callback reads and writes Slots
    Slot    ::= place(parameter i | result i | constant i | arena offset) TensorType

Two slots may share memory: a donated parameter and a result, or arena slots whose lifetimes do not
overlap. A slot of a launch has the element type and the size of its kernel parameter; the shape may
be another. Arena offsets are multiples of 64 bytes. Values without elements have no steps, but can
be slots of a Call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.loops.ir import Kernel


@dataclass(frozen=True, slots=True)
class Slot:
    """A typed place in memory.

    ``index`` is the position of a parameter, result or constant, or a byte offset in the arena.
    """

    place: Literal["parameter", "result", "constant", "arena"]
    index: int
    type: TensorType


@dataclass(frozen=True, slots=True)
class Launch:
    """Run one kernel; ``slots[i]`` is the memory of ``kernel.parameters[i]``."""

    kernel: Kernel
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy the bytes of ``source`` to ``target``."""

    source: Slot
    target: Slot


@dataclass(frozen=True, slots=True)
class While:
    """Run ``condition``; while the flag that it wrote is 1, ``body`` and again ``condition``."""

    condition: tuple[Step, ...]
    flag: Slot
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """Run the branch that the i32 scalar in ``index`` names; out of range runs the last."""

    index: Slot
    branches: tuple[tuple[Step, ...], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """Run the program's callback ``number`` on ``inputs``; it fills ``outputs``, or fails.

    Calls happen in order. One that fails ends the whole run at once.
    """

    number: int
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]


Step = Launch | Copy | While | Case | Call


@dataclass(frozen=True, slots=True)
class Program:
    """A whole executable.

    ``aliases`` are (result, parameter) pairs: a donated parameter's memory becomes the result.
    ``callbacks`` are Python functions, by number (``hlo/callbacks.py``).
    """

    name: str
    parameters: tuple[TensorType, ...]
    results: tuple[TensorType, ...]
    constants: tuple[Any, ...]
    arena_bytes: int
    steps: tuple[Step, ...]
    aliases: tuple[tuple[int, int], ...] = ()
    callbacks: tuple[Callable[..., Any], ...] = ()


def calls(steps: Iterable[Step]) -> Iterator[Call]:
    """Every call in ``steps``, those of loops and branches included."""
    for step in steps:
        match step:
            case Call():
                yield step
            case While(condition=condition, body=body):
                yield from calls((*condition, *body))
            case Case(branches=branches):
                for branch in branches:
                    yield from calls(branch)


Signature = tuple[int, tuple[TensorType, ...], tuple[TensorType, ...]]


def signature(call: Call) -> Signature:
    """A callback's number, and the types that it is called with and for."""
    inputs, outputs = (tuple(slot.type for slot in slots) for slots in (call.inputs, call.outputs))
    return call.number, inputs, outputs


def signatures(steps: Iterable[Step]) -> tuple[Signature, ...]:
    """Every distinct signature of a call in ``steps``, in order; native code numbers these."""
    return tuple(dict.fromkeys(map(signature, calls(steps))))
