"""Program: an ordered list of kernel launches over planned memory; what a backend turns into one native entry function.

Grammar::

    Program ::= name Slot(parameters) Slot(results) arena_bytes constants Step*
    Step    ::= Launch(kernel, Slot*)                 slots match kernel.parameters
              | Copy(source, target)                  equal types
              | While(condition, body, flag)          condition Steps write ``flag`` (i1); then body Steps; repeat
              | Case(index, branches)                 index: an i32 scalar slot, clamped; runs one branch's Steps
    Slot    ::= place(parameter i | result i | constant i | arena offset) TensorType

Two slots may share memory: a donated parameter and a result, or arena slots whose lifetimes do not overlap. Arena
offsets are multiples of 64 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.loops.ir import Kernel


@dataclass(frozen=True, slots=True)
class Slot:
    """A typed place in memory: a parameter, a result, a constant (``index`` = position) or the arena (``index`` = byte offset)."""

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
    """Run ``condition``; while the flag that it wrote is 1, run ``body`` and again ``condition``."""

    condition: tuple[Step, ...]
    flag: Slot
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """Run the branch that the i32 scalar in ``index`` names; out of range runs the last, as StableHLO says."""

    index: Slot
    branches: tuple[tuple[Step, ...], ...]


Step = Launch | Copy | While | Case


@dataclass(frozen=True, slots=True)
class Program:
    """A whole executable: ``aliases[result] = parameter`` where a donated parameter's memory becomes the result."""

    name: str
    parameters: tuple[TensorType, ...]
    results: tuple[TensorType, ...]
    constants: tuple[Any, ...]
    arena_bytes: int
    steps: tuple[Step, ...]
    aliases: tuple[tuple[int, int], ...] = ()
