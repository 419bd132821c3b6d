"""Loops: a kernel is a loop nest over row-major buffers, with affine indices and scalar values.

Grammar::

    Kernel ::= name Buffer* Stmt*                  buffers: inputs, outputs, then scratch
    Stmt   ::= Loop(var, extent, body, kind, bound?)     kind: parallel | serial | vector
             | Let(name, Expr)                     a value for the rest of the enclosing body
             | Init(name, Expr)                    an accumulator
             | Update(name, op, Expr)              accumulator = op(accumulator, value)
             | Store(buffer, Index*, Expr)
             | Matmul(batch, m, n, k, lhs, rhs, acc, epilogue)
    Expr   ::= Load(buffer, Index*) | Const | Read(name) | Coord(Affine)
             | Apply(op, Expr*) | Guard(Affine, lower, upper, inside, outside)
    Index  ::= Affine | Dynamic                    Affine = sum of coefficient * variable + offset

Meaning. ``parallel`` loops form a perfect prefix of a kernel's body (the body is then exactly that
one loop); their iterations are independent, whatever the number of threads. ``vector`` loops are
innermost apart from ``serial`` loops inside them, and their iterations are independent except
through Update, whose partial results a backend combines in an order fixed by the extent alone. An
``Update`` belongs to the nearest enclosing ``Init`` of its name; an accumulator that starts inside
a vector loop is one for each iteration. A ``scratch`` buffer is private to one iteration of the
parallel prefix; outputs and scratch may be read after they are written. An in-place kernel (one
that writes some elements of its output, as a scatter does) finds the output filled by the
program. ``Matmul`` computes acc[batch, m, n] = sum_k lhs * rhs and then runs its epilogue (Let and
Store statements) once for every (batch, m, n), where ``Read(acc)`` is the sum.

Element types are StableHLO's names. ``i1`` takes one byte in memory and holds 0 or 1. Operators of
``Apply`` and ``Update`` are scalar op names of the HLO op table (``add``, ``exponential``,
``compare`` with ``detail="LT"``, ``convert`` to ``dtype``, ``select``). ``loops/verify.py`` proves
that every index stays inside its buffer; nothing reaches a backend without that proof.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Buffer:
    """A row-major array that a kernel reads or writes."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: Literal["input", "output", "scratch"]

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Affine:
    """``offset + sum(coefficient * variable)``; sorted by variable, no zero coefficients."""

    terms: tuple[tuple[str, int], ...] = ()
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Dynamic:
    """``clamp(value, lower, upper) + plus``: an index read from data, kept inside by the clamp.

    The value is taken as an i64 first.
    """

    value: Expr
    lower: int
    upper: int
    plus: Affine = Affine()


Index = Affine | Dynamic


@dataclass(frozen=True, slots=True)
class Load:
    """``buffer[indices]``."""

    buffer: str
    indices: tuple[Index, ...]
    dtype: str


@dataclass(frozen=True, slots=True, eq=False)
class Const:
    """A number of type ``dtype``; floats and ints as Python numbers, booleans as 0 or 1.

    Equal means same to the last bit: 0.0 and -0.0 differ, NaN equals itself.
    """

    value: float | int
    dtype: str

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Const)
            and self.dtype == other.dtype
            and repr(self.value) == repr(other.value)
        )

    def __hash__(self) -> int:
        return hash((repr(self.value), self.dtype))


@dataclass(frozen=True, slots=True)
class Read:
    """The value of a Let, or the present value of an accumulator."""

    name: str
    dtype: str


@dataclass(frozen=True, slots=True)
class Coord:
    """A loop coordinate as a number (``iota``)."""

    index: Affine
    dtype: str


@dataclass(frozen=True, slots=True)
class Apply:
    """A scalar operation; ``dtype`` is the result's, ``detail`` the direction of a comparison."""

    op: str
    args: tuple[Expr, ...]
    dtype: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Guard:
    """``inside`` where lower <= index < upper, and not read elsewhere; else ``outside``."""

    index: Affine
    lower: int
    upper: int
    inside: Expr
    outside: Expr
    dtype: str


Expr = Load | Const | Read | Coord | Apply | Guard


@dataclass(frozen=True, slots=True)
class Let:
    """Name a value for the rest of the enclosing body."""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Init:
    """Start an accumulator of type ``dtype``."""

    name: str
    value: Expr
    dtype: str


@dataclass(frozen=True, slots=True)
class Update:
    """``name = op(name, value)``, where ``op`` is associative and commutative.

    That is: add, multiply, maximum, minimum, and, or, xor.
    """

    name: str
    op: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Store:
    """``buffer[indices] = value``."""

    buffer: str
    indices: tuple[Index, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class Loop:
    """``for var in range(min(extent, bound))``; ``bound`` (if any) is affine in outer variables."""

    var: str
    extent: int
    body: tuple[Stmt, ...]
    kind: Literal["parallel", "serial", "vector"] = "serial"
    bound: Affine | None = None


@dataclass(frozen=True, slots=True)
class Matmul:
    """A batched matrix product with an epilogue.

    Each of batch, m, n, k is a loop variable with its extent. ``lhs`` indices are affine in batch,
    m and k; ``rhs`` indices in batch, k and n. ``dtype`` is the accumulator's type.
    """

    batch: tuple[tuple[str, int], ...]
    m: tuple[str, int]
    n: tuple[str, int]
    k: tuple[str, int]
    lhs: Load
    rhs: Load
    acc: str
    dtype: str
    epilogue: tuple[Let | Store, ...]


Stmt = Loop | Let | Init | Update | Store | Matmul


@dataclass(frozen=True, slots=True)
class Kernel:
    """One loop nest: the unit that a backend compiles.

    Inputs and outputs are passed in the order of ``buffers``.
    """

    name: str
    buffers: tuple[Buffer, ...]
    body: tuple[Stmt, ...]
    location: str | None = None

    def buffer(self, name: str) -> Buffer:
        """The buffer called ``name``."""
        return next(buffer for buffer in self.buffers if buffer.name == name)

    @property
    def parameters(self) -> tuple[Buffer, ...]:
        """Inputs and outputs, in calling order."""
        return tuple(buffer for buffer in self.buffers if buffer.role != "scratch")
