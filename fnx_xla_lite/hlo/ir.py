"""HLO: a typed, pure, region-carrying let-list whose operations are StableHLO's.

Grammar::

    HloModule   ::= name Function+ callback*
                                            the first function is the entry, "main"
    Function    ::= name Computation donated*
                                            donated: positions of parameters that may be reused
    Computation ::= parameter* Instruction* result*
                                            parameters and results are Values
    Instruction ::= result* "=" op operand* attribute* Computation* location?
    Value       ::= TensorType              compared by identity
    TensorType  ::= dimension* element_type
                                            element types are StableHLO's: "f32", "i1", "ui8"

Operations carry no dialect prefix here (``add``, ``erf``); the op table knows which dialect prints
them. One operation is our own: ``fusion``, with one region, whose parameters are its operands.
Nodes are frozen; a pass builds new ones. ``hlo/verify.py`` lists the invariants, ``hlo/text.py``
prints and parses StableHLO's MLIR text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TensorType:
    """A static shape and an element type, for example ``TensorType((3, 4), "f32")``."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"tensor<{'x'.join([*map(str, self.shape), self.dtype])}>"


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """One result of one instruction, or a parameter; compared by identity."""

    type: TensorType


@dataclass(frozen=True, slots=True, eq=False)
class Instruction:
    """One operation applied to values.

    ``location`` is the user's line, as ``file:line in function``.
    """

    op: str
    operands: tuple[Value, ...]
    results: tuple[Value, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    regions: tuple[Computation, ...] = ()
    location: str | None = None

    @property
    def result(self) -> Value:
        """The only result of a single-result instruction."""
        (result,) = self.results
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Computation:
    """Parameters, instructions in dependency order, results.

    Regions may read values of enclosing computations.
    """

    parameters: tuple[Value, ...]
    instructions: tuple[Instruction, ...]
    results: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A named computation.

    ``donated`` are parameter positions whose buffers the results may take over.
    """

    name: str
    body: Computation
    donated: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class HloModule:
    """A program: functions, of which the first is the entry.

    ``callbacks`` are the Python functions that its ``custom_call`` instructions name by number
    (``hlo/callbacks.py``); a module read from text has none until `compile` is given them.
    """

    name: str
    functions: tuple[Function, ...]
    callbacks: tuple[Callable[..., Any], ...] = ()

    @property
    def main(self) -> Function:
        """The entry function."""
        return self.functions[0]

    def function(self, name: str) -> Function:
        """The function called ``name``.

        Raises:
            KeyError: no function has that name.
        """
        for function in self.functions:
            if function.name == name:
                return function
        raise KeyError(name)
