"""Footprint: the memory that one call of a program takes, from its plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.loops.program import Program


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of one call. Threads' own buffers for packed matrices, kept between calls, are not in.

    Attributes:
        argument_size_in_bytes: of the arguments that the program takes.
        output_size_in_bytes: of the results.
        alias_size_in_bytes: of those results that take over the memory of donated arguments.
        temp_size_in_bytes: of the arena, which holds intermediate values.
        constant_size_in_bytes: of the constants that are part of the program.
        generated_code_size_in_bytes: of the machine code.
    """

    argument_size_in_bytes: int
    output_size_in_bytes: int
    alias_size_in_bytes: int
    temp_size_in_bytes: int
    constant_size_in_bytes: int
    generated_code_size_in_bytes: int

    @property
    def peak_memory_in_bytes(self) -> int:
        """The most memory that arguments, results and intermediate values take at once."""
        own = self.output_size_in_bytes - self.alias_size_in_bytes + self.temp_size_in_bytes
        return self.argument_size_in_bytes + own


def footprint(program: Program, code_bytes: int = 0) -> Footprint:
    """The footprint of a program whose machine code takes ``code_bytes``."""
    return Footprint(
        _total(program.parameters),
        _total(program.results),
        _total(program.results[result] for result, _ in program.aliases),
        program.arena_bytes,
        sum(value.nbytes for value in program.constants),
        code_bytes,
    )


def _total(types: Iterable[TensorType]) -> int:
    return sum(kind.size * itemsize(kind.dtype) for kind in types)
