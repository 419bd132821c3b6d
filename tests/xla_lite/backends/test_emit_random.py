"""Random kernels: loops of all kinds, indices, guards, accumulators; native equals interpreted."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fnx_xla_lite.loops.ir import (
    Affine,
    Coord,
    Dynamic,
    Expr,
    Guard,
    Init,
    Kernel,
    Let,
    Loop,
    Stmt,
    Store,
    Update,
)
from tests.xla_lite.backends.harness import apply, check, const, kernel, load, read, v

EXTENTS = st.sampled_from([1, 2, 5, 16, 17, 40])
BINARY = ("add", "subtract", "multiply", "maximum", "minimum")


@dataclass
class Draft:
    """A kernel in the making: what is in scope, and which buffers have been declared."""

    draw: st.DrawFn
    dtype: str
    first_kind: str
    extents: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    buffers: dict[str, tuple[str, tuple[int, ...], str]] = field(default_factory=dict)

    def affine(self) -> tuple[Affine, int]:
        """An index over the loops in scope, moved to start at 0, and its greatest value."""
        chosen = {
            n: self.draw(st.integers(-2, 3)) for n in self.extents if self.draw(st.booleans())
        }
        terms = tuple(sorted((n, c) for n, c in chosen.items() if c))
        lowest = sum(c * (self.extents[n] - 1) for n, c in terms if c < 0)
        highest = sum(c * (self.extents[n] - 1) for n, c in terms if c > 0)
        return Affine(terms, -lowest), highest - lowest

    def declare(self, size: int, dtype: str) -> str:
        name = f"x{len(self.buffers)}"
        self.buffers[name] = ("in", (size,), dtype)
        return name

    def load(self) -> Expr:
        index, highest = self.affine()
        return load(self.declare(highest + 1, self.dtype), index, dtype=self.dtype)

    def take(self) -> Expr:
        """A load whose index is data, clamped."""
        index, highest = self.affine()
        at = load(self.declare(highest + 1, "i32"), index, dtype="i32")
        return load(self.declare(9, self.dtype), Dynamic(at, 0, 8), dtype=self.dtype)

    def number(self) -> Expr:
        least = 0 if self.dtype.startswith("u") else -3
        return const(self.draw(st.integers(least, 3)), self.dtype)

    def guard(self, depth: int) -> Expr:
        """A load that stays inside its buffer only where its guard holds."""
        index, highest = self.affine()
        lower = self.draw(st.integers(0, highest + 1))
        upper = self.draw(st.integers(lower, highest + 1))
        moved = Affine(index.terms, index.offset - lower)
        name = self.declare(max(upper - lower, 1), self.dtype)
        if upper == lower:
            return self.expr(depth - 1)
        inside = load(name, moved, dtype=self.dtype)
        return Guard(index, lower, upper, inside, self.expr(depth - 1), self.dtype)

    def expr(self, depth: int) -> Expr:
        leaves = [self.load, self.take, self.number]
        leaves.append(lambda: Coord(self.affine()[0], self.dtype))
        if self.names:
            leaves.append(lambda: read(self.draw(st.sampled_from(self.names)), self.dtype))
        if depth <= 0 or self.draw(st.integers(0, 3)) == 0:
            return self.draw(st.sampled_from(leaves))()
        if self.draw(st.integers(0, 3)) == 0:
            return self.guard(depth)
        x, y = self.expr(depth - 1), self.expr(depth - 1)
        if self.draw(st.booleans()):
            return apply(self.draw(st.sampled_from(BINARY)), x, y, dtype=self.dtype)
        less = apply("compare", x, y, dtype="i1", detail="LT")
        return apply("select", less, self.expr(depth - 1), y, dtype=self.dtype)

    def nest(self, kinds: list[str], level: int = 0) -> tuple[Stmt, ...]:
        """A body: a name, then a loop with an accumulator whose end is stored; or a store."""
        outer = list(self.names)
        body: list[Stmt] = []
        if kinds and kinds[0] != "parallel":
            body.append(Let(f"n{level}", self.expr(1)))
            self.names.append(f"n{level}")
        place = self.output()
        if not kinds:
            body.append(Store(*place, self.expr(2)))
        elif kinds[0] == "parallel":
            body = [self.loop(kinds, level)]
        else:
            total = f"t{level}"
            body.append(Init(total, self.expr(1), self.dtype))
            body.append(self.loop(kinds, level, total))
            body.append(Store(*place, read(total, self.dtype)))
        self.names = outer
        return tuple(body)

    def loop(self, kinds: list[str], level: int, total: str = "") -> Loop:
        var, extent = f"i{level}", self.draw(EXTENTS)
        self.extents[var] = extent
        inner = self.nest(kinds[1:], level + 1)
        if total:
            op = "maximum" if self.dtype == "f32" else "add"
            inner = (*inner, Update(total, op, self.expr(1)))
        bound = None
        if self.draw(st.integers(0, 3)) == 0 and kinds[0] != "parallel":
            # a bound may not differ from lane to lane
            uniform = level and self.first_kind != "vector"
            bound = v("i0", -3, extent + 2) if uniform else v("", 0, extent - 1)
        del self.extents[var]
        return Loop(var, extent, inner, kinds[0], bound)

    def output(self) -> tuple[str, tuple[Affine, ...]]:
        """A buffer of its own, indexed by every loop in scope: no two iterations meet."""
        name = f"o{len(self.buffers)}"
        self.buffers[name] = ("out", tuple(self.extents.values()), self.dtype)
        return name, tuple(v(n) for n in self.extents)


@st.composite
def kernels(draw: st.DrawFn) -> Kernel:
    """A kernel: a parallel prefix, perhaps a serial loop, a vector loop, perhaps a serial one."""
    kinds = ["parallel"] * draw(st.integers(0, 2)) + ["serial"] * draw(st.integers(0, 1))
    kinds += ["vector"] + ["serial"] * draw(st.integers(0, 1))
    draft = Draft(draw, draw(st.sampled_from(["i32", "i8", "f32", "ui16"])), kinds[0])
    body = draft.nest(kinds)
    return kernel(body, **draft.buffers)


@given(kernels(), st.integers(0, 3))
def test_random_kernels(made, seed):
    rng = np.random.default_rng(seed)
    wild = {
        b.name: rng.integers(-20, 20, b.shape).astype(np.int32)
        for b in made.parameters
        if b.role == "input" and b.dtype == "i32"
    }
    inputs = [wild.get(b.name) for b in made.parameters if b.role == "input"]
    check(made, *inputs, rtol=1e-5, seed=seed)
