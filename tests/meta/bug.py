"""Bug: one edit of one text of the system."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bug:
    """A text of a source file, and what is planted in its place.

    Attributes:
        layer: checks, jvp, transpose, batch, transform, loop, lower, text, pass, loops, memory, cpu
            or gemm.
        what: the bug in words; unique.
        file: relative to the repository.
        old: occurs once in the file.
        new: is planted.
        through: primitives whose programs are tried first.
    """

    layer: str
    what: str
    file: str
    old: str
    new: str
    through: tuple[str, ...] = ()
