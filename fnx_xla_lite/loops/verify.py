"""Verify kernels: prove that no index leaves its buffer, and the structural rules.

Nothing is emitted without it.

Invariants:

1. Names of buffers are distinct; a loop variable, Let or Init is not redefined inside its scope.
2. ``parallel`` loops form a perfect prefix of the body.
3. Loops inside a ``vector`` loop are ``serial``.
4. A Read names a Let or Init of an enclosing body, of the same type; an Update names an enclosing
   Init.
5. Stores go to outputs and scratch; element types of loads, stores and buffers agree.
6. Every index lies inside its buffer: by interval arithmetic, with loop bounds and guards
   substituted.
7. No two iterations of parallel or vector loops write one element (``loops.independence``).
8. A Matmul's operands are affine in its variables; its epilogue consists of Let and Store.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.loops.affine import Interval
from fnx_xla_lite.loops.independence import find_race
from fnx_xla_lite.loops.ir import (
    Affine,
    Apply,
    Buffer,
    Coord,
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
from fnx_xla_lite.loops.reach import bounded, guarded

UPDATE_OPS = frozenset({"add", "multiply", "maximum", "minimum", "and", "or", "xor"})


def verify(kernel: Kernel) -> Kernel:
    """Return ``kernel`` if it keeps the invariants.

    Raises:
        VerifyError: one is broken; the message names the kernel and the rule.
    """
    buffers = {buffer.name: buffer for buffer in kernel.buffers}
    check = _Checker(kernel.name, buffers)
    check.require(len(buffers) == len(kernel.buffers), "two buffers share a name")
    check.parallel_prefix(kernel.body)
    check.body(_serial_part(kernel.body, check), _Scope(check.ranges_of_prefix, check.bounds))
    race = find_race(kernel)
    check.require(race is None, f"two iterations might write one element of {race}")
    return kernel


def _serial_part(body: tuple[Stmt, ...], check: _Checker) -> tuple[Stmt, ...]:
    """The body inside the parallel prefix, whose variables enter the checker's ranges."""
    while len(body) == 1 and isinstance(body[0], Loop) and body[0].kind == "parallel":
        check.enter_loop(body[0], check.ranges_of_prefix, check.bounds)
        body = body[0].body
    return body


@dataclass(slots=True)
class _Scope:
    """What is known at one place.

    That is ranges and bounds of loop variables, names, guards, whether a vector loop encloses.
    """

    ranges: dict[str, Interval]
    bounds: dict[str, Affine]
    names: dict[str, str] = field(default_factory=dict)
    accumulators: set[str] = field(default_factory=set)
    guards: tuple[tuple[Affine, int, int], ...] = ()
    in_vector: bool = False

    def inner(self) -> _Scope:
        return _Scope(
            dict(self.ranges),
            dict(self.bounds),
            dict(self.names),
            set(self.accumulators),
            self.guards,
            self.in_vector,
        )


class _Checker:
    """Walks one kernel."""

    def __init__(self, name: str, buffers: dict[str, Buffer]):
        self.name, self.buffers = name, buffers
        self.ranges_of_prefix: dict[str, Interval] = {}
        self.bounds: dict[str, Affine] = {}

    def require(self, condition: bool, message: str) -> None:
        """Raise unless ``condition``."""
        if not condition:
            raise VerifyError(f"kernel {self.name}: {message}")

    def parallel_prefix(self, body: tuple[Stmt, ...]) -> None:
        """Rule 2."""
        while len(body) == 1 and isinstance(body[0], Loop) and body[0].kind == "parallel":
            body = body[0].body
        for loop in _loops(body):
            self.require(
                loop.kind != "parallel",
                f"parallel loop {loop.var} is outside of the perfect prefix",
            )

    def enter_loop(
        self, loop: Loop, ranges: dict[str, Interval], bounds: dict[str, Affine]
    ) -> None:
        """Bring a loop's variable into scope."""
        self.require(loop.var not in ranges, f"loop variable {loop.var} is redefined")
        self.require(loop.extent > 0, f"loop {loop.var} has extent {loop.extent}")
        if loop.bound is not None:
            self.require(
                all(v in ranges for v, _ in loop.bound.terms),
                f"bound of {loop.var} reads an unknown variable",
            )
            bounds[loop.var] = loop.bound
        ranges[loop.var] = (0, loop.extent - 1)

    def body(self, body: tuple[Stmt, ...], scope: _Scope) -> None:
        """Check statements in order."""
        for stmt in body:
            _CHECKS[type(stmt)](self, stmt, scope)

    def loop(self, loop: Loop, scope: _Scope) -> None:
        """Rule 3, then the loop's body."""
        self.require(
            loop.kind == "serial" or not scope.in_vector,
            f"{loop.kind} loop {loop.var} inside a vector loop",
        )
        inner = scope.inner()
        self.enter_loop(loop, inner.ranges, inner.bounds)
        inner.in_vector |= loop.kind == "vector"
        self.body(loop.body, inner)

    def define(self, name: str, dtype: str, scope: _Scope) -> None:
        """Rule 1 for Let and Init."""
        self.require(name not in scope.names, f"{name} is redefined")
        scope.names[name] = dtype

    def let(self, stmt: Let, scope: _Scope) -> None:
        """Check a Let."""
        self.expr(stmt.value, scope)
        self.define(stmt.name, stmt.value.dtype, scope)

    def init(self, stmt: Init, scope: _Scope) -> None:
        """Check an Init."""
        self.expr(stmt.value, scope)
        self.require(
            stmt.value.dtype == stmt.dtype, f"accumulator {stmt.name} starts with another type"
        )
        self.define(stmt.name, stmt.dtype, scope)
        scope.accumulators.add(stmt.name)

    def update(self, stmt: Update, scope: _Scope) -> None:
        """Check an Update."""
        self.expr(stmt.value, scope)
        self.require(stmt.op in UPDATE_OPS, f"update of {stmt.name} by {stmt.op}")
        self.require(stmt.name in scope.accumulators, f"{stmt.name} is not an accumulator here")
        self.require(
            stmt.value.dtype == scope.names[stmt.name], f"update of {stmt.name} has another type"
        )

    def store(self, stmt: Store, scope: _Scope) -> None:
        """Rules 5 and 6 for a Store."""
        self.expr(stmt.value, scope)
        buffer = self.access(stmt.buffer, stmt.indices, scope)
        self.require(buffer.role != "input", f"store to input {buffer.name}")
        self.require(
            buffer.dtype == stmt.value.dtype,
            f"store of {stmt.value.dtype} to {buffer.name}: {buffer.dtype}",
        )

    def matmul(self, stmt: Matmul, scope: _Scope) -> None:
        """Rule 8."""
        self.require(not scope.in_vector, "Matmul inside a vector loop")
        inner = scope.inner()
        for var, extent in (*stmt.batch, stmt.m, stmt.n, stmt.k):
            self.enter_loop(Loop(var, extent, ()), inner.ranges, inner.bounds)
        for load, own in ((stmt.lhs, stmt.m[0]), (stmt.rhs, stmt.n[0])):
            allowed = {own, stmt.k[0], *(var for var, _ in stmt.batch)}
            for index in load.indices:
                self.require(isinstance(index, Affine), "Matmul operands have affine indices")
                self.require(
                    {v for v, _ in index.terms} <= allowed,
                    "Matmul operand reads a foreign variable",
                )
            self.expr(load, inner)
        del inner.ranges[stmt.k[0]]
        self.define(stmt.acc, stmt.dtype, inner)
        for part in stmt.epilogue:
            self.require(
                isinstance(part, Let | Store), "a Matmul's epilogue holds Let and Store only"
            )
        self.body(stmt.epilogue, inner)

    def access(self, name: str, indices: tuple[Index, ...], scope: _Scope) -> Buffer:
        """Rule 6."""
        buffer = self.buffers.get(name)
        self.require(buffer is not None, f"no buffer is called {name}")
        self.require(
            len(indices) == len(buffer.shape), f"{name} has {len(buffer.shape)} dimensions"
        )
        for index, size in zip(indices, buffer.shape, strict=True):
            low, high = self.index(index, scope)
            self.require(
                low >= 0 and high < size,
                f"index of {name} reaches {low}..{high}, its size is {size}",
            )
        return buffer

    def index(self, index: Index, scope: _Scope) -> Interval:
        """The values that an index can take."""
        if isinstance(index, Affine):
            return self.reach(index, scope)
        self.expr(index.value, scope)
        self.require(index.lower <= index.upper, "a Dynamic index has an empty clamp")
        low, high = self.reach(index.plus, scope)
        return index.lower + low, index.upper + high

    def reach(self, index: Affine, scope: _Scope) -> Interval:
        """Interval of an affine index, using bounds and guards."""
        for name, _ in index.terms:
            self.require(name in scope.ranges, f"loop variable {name} is not in scope")
        found = bounded(index, scope.ranges, scope.bounds)
        for candidate in guarded(index, scope.guards):
            low, high = bounded(candidate[0], scope.ranges, scope.bounds)
            found = max(found[0], low + candidate[1]), min(found[1], high + candidate[2])
        return found

    def expr(self, expr: Expr, scope: _Scope) -> None:
        """Check an expression."""
        if isinstance(expr, Load):
            buffer = self.access(expr.buffer, expr.indices, scope)
            self.require(
                buffer.dtype == expr.dtype,
                f"load of {expr.dtype} from {buffer.name}: {buffer.dtype}",
            )
        elif isinstance(expr, Read):
            self.require(expr.name in scope.names, f"{expr.name} is read before it is defined")
            self.require(
                scope.names[expr.name] == expr.dtype, f"{expr.name} is read as {expr.dtype}"
            )
        elif isinstance(expr, Apply):
            for arg in expr.args:
                self.expr(arg, scope)
        elif isinstance(expr, Coord):
            self.reach(expr.index, scope)
        elif isinstance(expr, Guard):
            self.guard(expr, scope)

    def guard(self, expr: Guard, scope: _Scope) -> None:
        """Inside a guard its index is known to lie between its limits."""
        self.reach(expr.index, scope)
        self.require(
            expr.inside.dtype == expr.outside.dtype == expr.dtype, "a Guard's sides differ in type"
        )
        self.expr(expr.outside, scope)
        outer, scope.guards = scope.guards, (*scope.guards, (expr.index, expr.lower, expr.upper))
        self.expr(expr.inside, scope)
        scope.guards = outer


_CHECKS = {
    Loop: _Checker.loop,
    Let: _Checker.let,
    Init: _Checker.init,
    Update: _Checker.update,
    Store: _Checker.store,
    Matmul: _Checker.matmul,
}


def _loops(body: tuple[Stmt, ...]) -> Iterator[Loop]:
    for stmt in body:
        if isinstance(stmt, Loop):
            yield stmt
            yield from _loops(stmt.body)
