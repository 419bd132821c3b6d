"""Jaxpr: a typed, pure let-list.

Grammar, in JAX's notation (constants stand before the ";")::

    jaxpr  ::= "{" "lambda" binder* ";" binder* "." "let" eqn* "in" "(" atom* ")" "}"
    eqn    ::= binder* "=" primitive "[" param* "]" atom*
    binder ::= name ":" aval
    atom   ::= name | literal ":" aval
    aval   ::= dtype "[" size* "]"       for example f32[3,4]

All nodes are frozen. Variables are compared by identity, jaxprs by structure (names do not matter).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fnx.core.avals import Aval
from fnx.core.printing import to_text

if TYPE_CHECKING:
    from fnx.core.primitive import Primitive
    from fnx.core.sources import Source


@dataclass(frozen=True, slots=True, eq=False)
class Var:
    """A variable: bound once, by a jaxpr's binders or by one equation."""

    aval: Aval


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A NumPy scalar written into the program; rank 0."""

    value: Any
    aval: Aval


Atom = Var | Literal


@dataclass(frozen=True, slots=True, eq=False)
class Eqn:
    """``outputs = primitive[params] inputs``, written by the user at ``source``."""

    primitive: Primitive
    inputs: tuple[Atom, ...]
    outputs: tuple[Var, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Jaxpr:
    """A function: ``inputs`` to ``outputs`` by ``eqns``.

    ``consts`` binds variables to values: arrays, or tracers of an outer trace. ``memo`` is where
    `fnx.control.derived` and `fnx.lowering.compiled` keep what they made of this jaxpr: they die
    together, even where what was made holds a function that holds the jaxpr.
    """

    inputs: tuple[Var, ...]
    eqns: tuple[Eqn, ...]
    outputs: tuple[Atom, ...]
    consts: tuple[tuple[Var, Any], ...] = ()
    memo: dict[Hashable, Any] = field(default_factory=dict, init=False)

    def __str__(self) -> str:
        return to_text(self)

    __repr__ = __str__
