"""Walk: the statements, values and loads inside of a loop, and what affine indices are made of."""

from __future__ import annotations

from collections.abc import Iterator

from fnx_xla_lite.loops import ir as loops


def variables(index: loops.Affine) -> frozenset[str]:
    """The loop variables of an affine index."""
    return frozenset(name for name, _ in index.terms)


def flattened(shape: tuple[int, ...], indices: tuple[loops.Index, ...]) -> loops.Affine:
    """The affine part of a row-major position; what a Dynamic index reads from data is left out."""
    assert len(shape) == len(indices), (shape, indices)
    terms: dict[str, int] = {}
    offset, stride = 0, 1
    for extent, index in zip(reversed(shape), reversed(indices), strict=True):
        affine = index if isinstance(index, loops.Affine) else index.plus
        offset += stride * affine.offset
        for name, coefficient in affine.terms:
            terms[name] = terms.get(name, 0) + stride * coefficient
        stride *= extent
    return loops.Affine(tuple(sorted((n, c) for n, c in terms.items() if c)), offset)


def statements(body: tuple[loops.Stmt, ...]) -> Iterator[loops.Stmt]:
    """Statements, those inside of a loop before it."""
    for statement in body:
        if isinstance(statement, loops.Loop):
            yield from statements(statement.body)
        yield statement


def buffers_of(body: tuple[loops.Stmt, ...]) -> Iterator[str]:
    """The buffers that statements load from or store to."""
    for statement in statements(body):
        if isinstance(statement, loops.Store):
            yield statement.buffer
    yield from loaded_buffers(body)


def loaded_buffers(body: tuple[loops.Stmt, ...]) -> Iterator[str]:
    """The buffers that statements load from, for their values or for their indices."""
    for statement in statements(body):
        if isinstance(statement, loops.Store):
            yield from _loaded_by_indices(statement.indices)
        for expr in values_of(statement):
            yield from _loaded(expr)


def expressions(body: tuple[loops.Stmt, ...]) -> Iterator[loops.Expr]:
    """The values that statements compute, those of inner loops included."""
    for statement in statements(body):
        yield from values_of(statement)


def loads_of(expr: loops.Expr) -> Iterator[loops.Load]:
    """The loads inside an expression, without those that indices or guards depend on."""
    if isinstance(expr, loops.Load):
        yield expr
    elif isinstance(expr, loops.Apply):
        for arg in expr.args:
            yield from loads_of(arg)


def _loaded(expr: loops.Expr) -> Iterator[str]:
    match expr:
        case loops.Load(buffer=buffer, indices=indices):
            yield buffer
            yield from _loaded_by_indices(indices)
        case loops.Apply(args=args):
            for arg in args:
                yield from _loaded(arg)
        case loops.Guard(inside=inside, outside=outside):
            yield from _loaded(inside)
            yield from _loaded(outside)


def _loaded_by_indices(indices: tuple[loops.Index, ...]) -> Iterator[str]:
    for index in indices:
        if isinstance(index, loops.Dynamic):
            yield from _loaded(index.value)


def values_of(statement: loops.Stmt) -> Iterator[loops.Expr]:
    """The value that a statement computes, if it does; not those of statements inside of it."""
    if isinstance(statement, loops.Let | loops.Init | loops.Update | loops.Store):
        yield statement.value
