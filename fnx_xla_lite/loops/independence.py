"""Independence: prove that no two iterations of parallel or vector loops write one element.

A store keeps iterations apart if its indices determine the loops' variables (scratch is private to
one iteration of the parallel loops, so there only the vector variable counts). That is shown one
axis at a time: ``sum(c_i * v_i)`` determines its variables if, in the order of growing ``|c_i|``,
each exceeds what the ones before can reach together. A loop that is cut into chunks, ``inner <
extent - step * chunk``, counts as the one loop that it was. An index that is read from data counts
only if it reads the same in every iteration.
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
Bounds = Mapping[str, Affine]


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
        self.bounds: dict[str, Affine] = {}

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
                self.bounds.pop(stmt.var, None)
                if stmt.bound is not None:
                    self.bounds[stmt.var] = stmt.bound
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
                known |= determined(index, extents, names, self.bounds)
            if not needed <= known:
                return stmt.buffer
        return None


def determined(
    index: Index, extents: Mapping[str, int], names: Names, bounds: Bounds
) -> frozenset[str]:
    """The variables whose values follow from the value of an index."""
    if isinstance(index, Dynamic):
        if variables_of(index.value, names):
            return frozenset()
        index = index.plus
    moving = {var: c for var, c in index.terms if extents.get(var, 1) > 1}
    ranges: list[tuple[int, int]] = []  # coefficient and number of values
    for var, bound in bounds.items():
        whole = _uncut(var, bound, moving, extents)
        if whole is not None:
            ranges.append((moving[var], bound.offset))
            moving = {v: c for v, c in moving.items() if v not in whole}
    ranges += [(c, extents[var]) for var, c in moving.items()]
    return frozenset(var for var, _ in index.terms) if _apart(ranges) else frozenset()


def _uncut(
    var: str, bound: Affine, moving: Mapping[str, int], extents: Mapping[str, int]
) -> dict[str, int] | None:
    """The terms of ``var - (bound - bound.offset)``, the loop before it was cut.

    None if the index has no multiple of it.
    """
    whole = {var: 1, **{v: -c for v, c in bound.terms if extents.get(v, 1) > 1}}
    factor = moving.get(var)
    if factor is None or any(c < 0 or moving.get(v) != factor * c for v, c in whole.items()):
        return None
    return whole if _apart([(c, extents[v]) for v, c in whole.items()]) else None


def _apart(ranges: list[tuple[int, int]]) -> bool:
    """Whether a sum of coefficients times numbers below these counts determines the numbers."""
    reach = 0
    for coefficient, count in sorted(ranges, key=lambda r: abs(r[0])):
        if abs(coefficient) <= reach:
            return False
        reach += abs(coefficient) * (count - 1)
    return True


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
