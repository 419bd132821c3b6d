"""Independence: prove that no two iterations of parallel or vector loops write one element.

A store keeps iterations apart if its indices determine the loops' variables (scratch is private to
one iteration of the parallel loops, so there only the vector variable counts). That is shown one
axis at a time: ``sum(c_i * v_i)`` determines its variables if, in the order of growing ``|c_i|``,
each exceeds what the ones before can reach together. An index that is read from data counts only if
it reads the same in every iteration.
"""

from __future__ import annotations

from collections.abc import Mapping

from fnx_xla_lite.loops.ir import (
    Affine,
    Apply,
    Coord,
    Dynamic,
    Expr,
    Guard,
    Index,
    Init,
    Kernel,
    Let,
    Load,
    Loop,
    Matmul,
    Read,
    Stmt,
    Store,
    Update,
)

Names = dict[str, frozenset[str]]


def find_race(kernel: Kernel) -> str | None:
    """The name of a buffer of which two iterations might write one element, or None."""
    extents: dict[str, int] = {}
    body = kernel.body
    while len(body) == 1 and isinstance(body[0], Loop) and body[0].kind == "parallel":
        extents[body[0].var] = body[0].extent
        body = body[0].body
    scratch = {b.name for b in kernel.buffers if b.role == "scratch"}
    return _Walk(frozenset(extents), scratch).body(body, extents, {}, frozenset())


class _Walk:
    """Looks at every store of a kernel."""

    def __init__(self, parallel: frozenset[str], scratch: set[str]):
        self.parallel, self.scratch = parallel, scratch

    def body(
        self,
        body: tuple[Stmt, ...],
        extents: Mapping[str, int],
        names: Names,
        lanes: frozenset[str],
    ) -> str | None:
        """The first store that cannot be proved; ``lanes`` is the variable of a vector loop."""
        names = dict(names)
        for stmt in body:
            if isinstance(stmt, Loop):
                inner = lanes | {stmt.var} if stmt.kind == "vector" else lanes
                found = self.body(stmt.body, {**extents, stmt.var: stmt.extent}, names, inner)
            elif isinstance(stmt, Matmul):
                axes = dict((*stmt.batch, stmt.m, stmt.n))
                names[stmt.acc] = frozenset(axes)
                found = self.body(stmt.epilogue, {**extents, **axes}, names, frozenset(axes))
            else:
                found = self.plain(stmt, extents, names, lanes)
            if found is not None:
                return found
        return None

    def plain(
        self, stmt: Stmt, extents: Mapping[str, int], names: Names, lanes: frozenset[str]
    ) -> str | None:
        """A statement without a body: remember what names depend on, judge stores."""
        if isinstance(stmt, Let | Init):
            names[stmt.name] = variables_of(stmt.value, names)
        elif isinstance(stmt, Update):
            names[stmt.name] |= variables_of(stmt.value, names)
        elif isinstance(stmt, Store):
            needed = lanes if stmt.buffer in self.scratch else lanes | self.parallel
            needed = {var for var in needed if extents.get(var, 1) > 1}
            known: frozenset[str] = frozenset()
            for index in stmt.indices:
                known |= determined(index, extents, names)
            if not needed <= known:
                return stmt.buffer
        return None


def determined(index: Index, extents: Mapping[str, int], names: Names) -> frozenset[str]:
    """The variables whose values follow from the value of an index."""
    if isinstance(index, Dynamic):
        if variables_of(index.value, names):
            return frozenset()
        index = index.plus
    reach, moving = 0, [(var, c) for var, c in index.terms if extents.get(var, 1) > 1]
    for var, coefficient in sorted(moving, key=lambda term: abs(term[1])):
        if abs(coefficient) <= reach:
            return frozenset()
        reach += abs(coefficient) * (extents[var] - 1)
    return frozenset(var for var, _ in index.terms)


def variables_of(expr: Expr, names: Names) -> frozenset[str]:
    """The loop variables that a value may depend on."""
    found: set[str] = set()
    todo: list[Expr | Index] = [expr]
    while todo:
        part = todo.pop()
        if isinstance(part, Affine):
            found.update(var for var, _ in part.terms)
        elif isinstance(part, Load):
            todo += part.indices
        elif isinstance(part, Dynamic):
            todo += [part.value, part.plus]
        elif isinstance(part, Read):
            found |= names[part.name]
        elif isinstance(part, Coord):
            todo.append(part.index)
        elif isinstance(part, Apply):
            todo += part.args
        elif isinstance(part, Guard):
            todo += [part.index, part.inside, part.outside]
    return frozenset(found)
