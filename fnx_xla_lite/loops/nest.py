"""Nest: one kernel under construction.

It is a stack of open scopes (bodies of loops) and the buffers it touches.

What does not depend on the innermost loops gets a name in the outermost scope that knows its loop
variables, so an invariant value is computed once, where it can be. Flat indices are affine in
*atoms*: loop variables, or names that ``replacements`` defines by loop variables (the coordinate
inside a guard; a coordinate that is cut into chunks).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fnx_xla_lite.fusion.access import Access
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value
from fnx_xla_lite.loops.affine import add, coordinates, scale, substitute
from fnx_xla_lite.loops.ir import (
    Affine,
    Buffer,
    Const,
    Coord,
    Expr,
    Index,
    Kernel,
    Let,
    Load,
    Loop,
    Read,
    Stmt,
)


class NotAffineError(Exception):
    """An index of this fusion cannot be written with affine expressions."""


@dataclass(slots=True, eq=False)
class Scope:
    """The body of one open loop: its statements so far, and the values known in it."""

    depth: int
    stmts: list[Stmt] = field(default_factory=list)
    known: dict[tuple[Value, Affine], Term] = field(default_factory=dict)
    hoisted: dict[Expr, Term] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Term:
    """An expression, the depth of the scope that it needs, and its number of operations."""

    expr: Expr
    depth: int
    size: int = 0


class Nest:
    """One kernel under construction for one fused computation."""

    def __init__(self, body: Computation):
        self.body = body
        self.producers: dict[Value, Instruction] = {
            r: instr for instr in body.instructions for r in instr.results
        }
        self.uses = _use_counts(body)
        self.buffers: dict[str, Buffer] = {}
        self.memory: dict[Value, str] = {}  # values that may be loaded, and from which buffer
        self.mutable: set[str] = set()  # buffers written by this kernel
        self.loads: dict[tuple[Value, Affine], None] = {}  # what was read outside of guards
        self.extents: dict[str, int] = {}
        self.replacements: dict[str, Affine] = {}
        self.prefix: list[str] = []
        self.depths: dict[str, int] = {}
        self.scopes: list[Scope] = [Scope(0)]
        self.guarded = 0
        self.lets = self.atoms = self.accumulators = 0

    # Scopes and loops. Scope 0 is the body of the parallel prefix, whose variables have depth 0.

    @property
    def scope(self) -> Scope:
        """The innermost open scope."""
        return self.scopes[-1]

    def emit(self, stmt: Stmt) -> None:
        """Append a statement to the innermost scope."""
        self.scope.stmts.append(stmt)

    def open_loop(self, var: str) -> None:
        """Open the body of the loop that runs ``var``."""
        self.scopes.append(Scope(len(self.scopes)))
        self.depths[var] = self.scope.depth

    def open_prefix(self, var: str) -> None:
        """Add a parallel loop to the prefix."""
        self.prefix.append(var)
        self.depths[var] = 0

    def close_loop(self, var: str, kind: str, bound: Affine | None = None) -> None:
        """Close the innermost scope and emit it as a loop."""
        stmts = self.scopes.pop().stmts
        self.emit(Loop(var, self.extents[var], tuple(stmts), kind, bound))

    def finish(self, name: str, location: str | None) -> Kernel:
        """The kernel: scope 0 inside the parallel prefix."""
        body = tuple(self.scope.stmts)
        for var in reversed(self.prefix):
            body = (Loop(var, self.extents[var], body, "parallel"),)
        used = tuple(b for b in self.buffers.values() if b.shape is not None)
        return Kernel(name, used, body, location)

    def new_atom(self, extent: int, meaning: Affine | None = None) -> str:
        """A fresh atom with values ``range(extent)``.

        One that is not a loop variable has a ``meaning`` in terms of others.
        """
        name = f"i{self.atoms}" if meaning is None else f"g{self.atoms}"
        self.atoms += 1
        self.extents[name] = extent
        if meaning is not None:
            self.replacements[name] = substitute(meaning, self.replacements)
            self.depths[name] = self.affine_depth(meaning)
        return name

    def affine_depth(self, index: Affine) -> int:
        """Depth of the scope that knows all variables of ``index``."""
        return max((self.depths[v] for v, _ in index.terms), default=0)

    # Buffers.

    def add_buffer(self, name: str, value: Value, role: str) -> str:
        """Declare a buffer for ``value``; its shape is settled by the first access."""
        self.buffers[name] = Buffer(name, None, value.type.dtype, role)
        if role != "input":
            self.mutable.add(name)
        return name

    def indices(self, buffer: str, value: Value, flat: Affine) -> tuple[Index, ...]:
        """Coordinates in ``buffer`` of a flat index, along the array's axes if affine."""
        known = self.buffers[buffer]
        shape = known.shape
        if shape is None:
            shape = tuple(n for n in value.type.shape if n != 1)
            if coordinates(flat, shape, self.extents) is None:
                shape = (value.type.size,)
            self.buffers[buffer] = Buffer(buffer, shape, known.dtype, known.role)
        found = coordinates(flat, shape, self.extents)
        if found is None:
            raise NotAffineError(f"{buffer} is read both by axis and across axes")
        return tuple(substitute(i, self.replacements) for i in found)

    # Values.

    def define(self, value: Value, flat: Affine, expr: Expr) -> None:
        """Say what ``value`` is at ``flat`` from here to the end of the innermost scope."""
        term = Term(expr, self.scope.depth)
        self.scope.known[value, flat] = term if isinstance(expr, Read) else self.name(term)

    def lookup(self, key: tuple[Value, Affine]) -> Term | None:
        """What an open scope knows of a value at an index."""
        for scope in reversed(self.scopes):
            found = scope.known.get(key)
            if found is not None:
                return found
        return None

    def name(self, term: Term, key: tuple[Value, Affine] | None = None) -> Term:
        """Give a term a Let in the outermost scope that it can live in."""
        scope = self.scopes[term.depth]
        name = f"v{self.lets}"
        self.lets += 1
        scope.stmts.append(Let(name, term.expr))
        named = Term(Read(name, term.expr.dtype), term.depth)
        if key is not None:
            scope.known[key] = named
        return named

    def hoist(self, term: Term, depth: int) -> Term:
        """Name what does not vary in the scope ``depth``."""
        if self.guarded or term.depth >= depth or isinstance(term.expr, Const | Read | Coord):
            return term
        hoisted = self.scopes[term.depth].hoisted
        found = hoisted.get(term.expr)
        if found is None:
            found = hoisted[term.expr] = self.name(term)
        return found

    def load(self, buffer: str, value: Value, flat: Affine) -> Term:
        """Read memory; what this kernel writes is not hoisted."""
        indices = self.indices(buffer, value, flat)
        if not self.guarded:
            self.loads[value, flat] = None
        depth = self.scope.depth if buffer in self.mutable else self.affine_depth(flat)
        return Term(Load(buffer, indices, value.type.dtype), depth, 1)

    # Index arithmetic.

    def run_coordinates(self, runs: tuple[int, ...], flat: Affine) -> tuple[Affine, ...]:
        """The coordinates of ``flat`` in the runs of an access."""
        places = coordinates(flat, runs, self.extents)
        if places is None:
            raise NotAffineError(f"index {flat} has no coordinates in {runs}")
        return places

    def axis_coordinates(self, shape: tuple[int, ...], flat: Affine) -> list[Affine]:
        """The coordinates of ``flat`` along each axis of ``shape``; 0 where the size is 1."""
        places = iter(self.run_coordinates(tuple(n for n in shape if n != 1), flat))
        return [next(places) if n != 1 else Affine() for n in shape]

    def move(self, access: Access, flat: Affine) -> Affine:
        """The operand's flat index for the result's."""
        if not any(access.strides):
            return Affine((), access.offset)
        return combine(self.run_coordinates(access.runs, flat), access)


def combine(places: tuple[Affine, ...] | list[Affine], access: Access) -> Affine:
    """The operand's flat index at the given run coordinates."""
    index = Affine((), access.offset)
    for place, stride in zip(places, access.strides, strict=True):
        index = add(index, scale(place, stride))
    return index


def _use_counts(body: Computation) -> dict[Value, int]:
    uses: dict[Value, int] = dict.fromkeys(body.parameters, 0)
    for instr in body.instructions:
        for operand in instr.operands:
            uses[operand] = uses.get(operand, 0) + 1
        for result in instr.results:
            uses.setdefault(result, 0)
    for result in body.results:
        uses[result] = uses.get(result, 0) + 1
    return uses
