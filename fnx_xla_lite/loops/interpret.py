"""Interpret kernels in NumPy: what a kernel means, one lane vector at a time.

It is the oracle for backends.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.numerics import evaluate_scalar
from fnx_xla_lite.loops.ir import (
    Affine,
    Apply,
    Const,
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

Variables = dict[str, np.ndarray]


def interpret(kernel: Kernel, *arrays: np.ndarray) -> None:
    """Run ``kernel`` on arrays for ``kernel.parameters``; outputs are written in place.

    Args:
        kernel: a verified kernel.
        arrays: C-contiguous arrays of the parameters' element types and sizes, in any shape.
    """
    views = {}
    for buffer, array in zip(kernel.parameters, arrays, strict=True):
        assert array.dtype == to_numpy(buffer.dtype), (buffer, array.dtype)
        assert array.flags.c_contiguous, buffer
        views[buffer.name] = array.reshape(buffer.shape)
    for buffer in kernel.buffers:
        if buffer.role == "scratch":
            views[buffer.name] = np.zeros(buffer.shape, to_numpy(buffer.dtype))
    with np.errstate(all="ignore"):
        _Machine(views).body(kernel.body, {}, {})


class _Machine:
    """Runs statements; inside a vector loop every value is an array over its lanes."""

    def __init__(self, views: dict[str, np.ndarray]):
        self.views = views

    def body(
        self, body: Sequence[Stmt], variables: Variables, names: dict[str, np.ndarray]
    ) -> None:
        """Run statements in order; names defined here end with the body."""
        own: set[str] = set()
        for stmt in body:
            if isinstance(stmt, Loop):
                self.loop(stmt, variables, names)
            elif isinstance(stmt, Matmul):
                self.matmul(stmt, variables, names)
            elif isinstance(stmt, Let | Init):
                value = self.expr(stmt.value, variables, names)
                if isinstance(stmt, Init):  # inside a vector loop there is one accumulator a lane
                    value = np.broadcast_to(value, _lanes(variables))
                names[stmt.name] = value
                own.add(stmt.name)
            elif isinstance(stmt, Update):
                self.update(stmt, variables, names)
            else:
                self.store(stmt, variables, names)
        for name in own:
            del names[name]

    def loop(self, loop: Loop, variables: Variables, names: dict[str, np.ndarray]) -> None:
        """Iterate, or run all iterations at once as lanes."""
        count = loop.extent
        if loop.bound is not None:
            count = min(count, int(_affine(loop.bound, variables)))
        if count <= 0:
            return
        if loop.kind == "vector":
            inner = dict(names)
            self.body(loop.body, variables | {loop.var: np.arange(count)}, inner)
            names.update({name: inner[name] for name in names})
            return
        for step in range(count):
            self.body(loop.body, variables | {loop.var: np.array(step)}, names)

    def update(self, stmt: Update, variables: Variables, names: dict[str, np.ndarray]) -> None:
        """Combine; without an accumulator for each lane, lane after lane."""
        value, total = self.expr(stmt.value, variables, names), names[stmt.name]
        lanes = _lanes(variables)
        if lanes and not total.ndim:
            for lane in np.broadcast_to(value, lanes):
                total = evaluate_scalar(stmt.op, (total, lane), stmt.value.dtype)
        else:
            total = evaluate_scalar(stmt.op, (total, value), stmt.value.dtype)
        names[stmt.name] = total

    def store(self, stmt: Store, variables: Variables, names: dict[str, np.ndarray]) -> None:
        """Write memory."""
        value = self.expr(stmt.value, variables, names)
        self.views[stmt.buffer][self.place(stmt.indices, variables, names)] = value

    def matmul(self, stmt: Matmul, variables: Variables, names: dict[str, np.ndarray]) -> None:
        """All sums at once, then the epilogue for each row of columns."""
        loops = [*stmt.batch, stmt.m, stmt.n, stmt.k]
        grids = np.meshgrid(*(np.arange(n) for _, n in loops), indexing="ij", sparse=True)
        inside = variables | {var: grid for (var, _), grid in zip(loops, grids, strict=True)}
        wide = {"bf16": "f32", "f16": "f32"}.get(stmt.dtype, stmt.dtype)
        left = evaluate_scalar("convert", (self.expr(stmt.lhs, inside, names),), wide)
        right = evaluate_scalar("convert", (self.expr(stmt.rhs, inside, names),), wide)
        total = np.einsum("...k,...k->...", *np.broadcast_arrays(left, right))
        total = evaluate_scalar("convert", (total,), stmt.dtype)
        outer = [extent for _, extent in (*stmt.batch, stmt.m)]
        for place in np.ndindex(*outer):
            here = dict(
                zip((v for v, _ in (*stmt.batch, stmt.m)), map(np.array, place), strict=True)
            )
            one = stmt.n[1] == 1  # then indices need not mention it, and there are no lanes
            here[stmt.n[0]] = np.array(0) if one else np.arange(stmt.n[1])
            row = np.asarray(total[place][0]) if one else total[place]
            self.body(stmt.epilogue, variables | here, dict(names) | {stmt.acc: row})

    def place(self, indices: Sequence[Index], variables: Variables, names: dict) -> tuple:
        """NumPy indices."""
        return tuple(self.index(index, variables, names) for index in indices)

    def index(self, index: Index, variables: Variables, names: dict) -> np.ndarray:
        """One index."""
        if isinstance(index, Affine):
            return _affine(index, variables)
        value = self.expr(index.value, variables, names)
        clamped = np.clip(value.astype(np.int64), index.lower, index.upper)
        return clamped + _affine(index.plus, variables)

    def expr(self, expr: Expr, variables: Variables, names: dict) -> np.ndarray:
        """The value of an expression."""
        if isinstance(expr, Read):
            return names[expr.name]
        if isinstance(expr, Const):
            return np.array(expr.value).astype(to_numpy(expr.dtype))
        if isinstance(expr, Coord):
            return _affine(expr.index, variables).astype(to_numpy(expr.dtype))
        if isinstance(expr, Load):
            return np.asarray(self.views[expr.buffer][self.place(expr.indices, variables, names)])
        if isinstance(expr, Apply):
            args = tuple(self.expr(arg, variables, names) for arg in expr.args)
            return np.asarray(evaluate_scalar(expr.op, args, expr.dtype, expr.detail))
        return self.guard(expr, variables, names)

    def guard(self, expr: Guard, variables: Variables, names: dict) -> np.ndarray:
        """Lanes outside of the limits are not read."""
        outside = self.expr(expr.outside, variables, names)
        index = _affine(expr.index, variables)
        held = (index >= expr.lower) & (index < expr.upper)
        if not held.any():
            return outside
        if held.all():
            return self.expr(expr.inside, variables, names)
        lanes = np.broadcast_shapes(held.shape, *(np.shape(v) for v in variables.values()))
        result = np.broadcast_to(outside, lanes).copy()
        kept = {v: x[held] if np.ndim(x) else x for v, x in variables.items()}
        known = {n: x[held] if np.ndim(x) else x for n, x in names.items()}
        result[held] = self.expr(expr.inside, kept, known)
        return result


def _lanes(variables: Variables) -> tuple[int, ...]:
    """The shape of the lanes: empty outside of vector loops."""
    return np.broadcast_shapes(*(v.shape for v in variables.values()))


def _affine(index: Affine, variables: Variables) -> np.ndarray:
    total = np.array(index.offset)
    for name, coefficient in index.terms:
        total = total + coefficient * variables[name]
    return total
