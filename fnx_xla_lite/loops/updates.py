"""In-place kernels: dynamic_update_slice, scatter, and pads with interior.

They write some elements of their result.

The result's memory holds the operand before the kernel runs (``Call.in_place``); an interior pad
fills it first. Writes whose place is read from memory are clamped into the buffer; a scatter's
element outside of its operand writes back what was there.
"""

from __future__ import annotations

from collections.abc import Callable

from fnx_xla_lite.fusion.access import has_interior_padding, row_major
from fnx_xla_lite.fusion.cost import COLUMNS
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value
from fnx_xla_lite.hlo.opset import attribute
from fnx_xla_lite.loops.affine import ZERO, add, scale, shift, variable
from fnx_xla_lite.loops.elementwise import declare, open_chunked
from fnx_xla_lite.loops.expressions import inline_scalars, value_at
from fnx_xla_lite.loops.indexing import add_batching, axis_indices, index_place
from fnx_xla_lite.loops.ir import (
    Affine,
    Apply,
    Const,
    Coord,
    Dynamic,
    Expr,
    Index,
    Kernel,
    Load,
    Store,
)
from fnx_xla_lite.loops.nest import Nest, Term

Built = tuple[Kernel, tuple[tuple[Value, Value], ...]]


def is_update(instr: Instruction) -> bool:
    """Whether an instruction is built by this module."""
    return instr.op in ("dynamic_update_slice", "scatter") or has_interior_padding(instr)


def build_update(body: Computation, name: str, location: str | None) -> Built:
    """The kernel of a computation that ends with one in-place instruction.

    Beside it, which value its result starts from.
    """
    instr = next(i for i in body.instructions if is_update(i))
    nest = Nest(body)
    declare(nest)
    if instr.op == "pad":
        _spread(nest, instr)
        return nest.finish(name, location), ()
    build = _scatter if instr.op == "scatter" else _update_slice
    build(nest, instr)
    return nest.finish(name, location), ((instr.result, instr.operands[0]),)


def _loops(
    nest: Nest,
    shape: tuple[int, ...],
    parallel: int,
    emit: Callable[[list[Affine]], None],
    vector: bool = True,
) -> None:
    """Loops over ``shape``: the first ``parallel`` axes are the prefix (or in it already).

    The last axis is a vector loop.
    """
    atoms = [nest.new_atom(n) if n != 1 else None for n in shape]
    inner = []
    for axis, atom in enumerate(atoms):
        if atom is None:
            continue
        if axis < parallel:
            nest.open_prefix(atom)
        else:
            nest.open_loop(atom)
            inner.append(atom)
    emit([variable(a) if a else ZERO for a in atoms])
    for place, atom in enumerate(reversed(inner)):
        nest.close_loop(atom, "vector" if vector and place == 0 else "serial")


def _flat(shape: tuple[int, ...], places: list[Affine]) -> Affine:
    flat = ZERO
    for place, stride in zip(places, row_major(shape), strict=True):
        flat = add(flat, scale(place, stride))
    return flat


def _update_slice(nest: Nest, instr: Instruction) -> None:
    operand, update, *starts = instr.operands
    shape = update.type.shape

    def emit(places: list[Affine]) -> None:
        term = value_at(nest, update, _flat(shape, places))
        indices: list[Index] = list(places)
        for axis, start in enumerate(starts):
            room = operand.type.shape[axis] - shape[axis]
            if room:
                value = nest.hoist(value_at(nest, start, ZERO), nest.scope.depth + 1)
                indices[axis] = Dynamic(value.expr, 0, room, places[axis])
        nest.emit(Store("out0", axis_indices(nest, "out0", operand, indices), term.expr))

    _loops(nest, shape, len(shape) - 1, emit)


def _spread(nest: Nest, instr: Instruction) -> None:
    """Fill with the padding value, then store the operand's elements ``interior + 1`` apart."""
    shape, source = instr.result.type.shape, instr.operands[0].type.shape
    attrs = instr.attributes
    steps = [k + 1 for k in attrs["interior_padding"]]
    lows = attrs["edge_padding_low"]
    first = [max(0, -(low // step)) for low, step in zip(lows, steps, strict=True)]
    last = [
        min(n, -(-(out - low) // step))
        for n, out, low, step in zip(source, shape, lows, steps, strict=True)
    ]
    counts = tuple(max(0, b - a) for a, b in zip(first, last, strict=True))
    parallel = 0
    while parallel < len(shape) - 1 and counts[parallel] == shape[parallel] == source[parallel]:
        parallel += 1
    rows = [nest.new_atom(n) if n != 1 else None for n in shape[:parallel]]
    for atom in rows:
        if atom:
            nest.open_prefix(atom)
    outer = [variable(a) if a else ZERO for a in rows]
    padding = value_at(nest, instr.operands[1], ZERO)

    def fill(places: list[Affine]) -> None:
        flat = _flat(shape, [*outer, *places])
        nest.emit(Store("out0", nest.indices("out0", instr.result, flat), padding.expr))

    def spread(places: list[Affine]) -> None:
        inner = [shift(p, a) for p, a in zip(places, first[parallel:], strict=True)]
        term = value_at(nest, instr.operands[0], _flat(source, [*outer, *inner]))
        targets = [
            shift(scale(p, step), low)
            for p, step, low in zip(inner, steps[parallel:], lows[parallel:], strict=True)
        ]
        flat = _flat(shape, [*outer, *targets])
        nest.emit(Store("out0", nest.indices("out0", instr.result, flat), term.expr))

    _loops(nest, shape[parallel:], 0, fill)
    if all(counts):
        _loops(nest, counts[parallel:], 0, spread)


def _scatter(nest: Nest, instr: Instruction) -> None:
    """Serial over the updates; a vector along the window, in parallel chunks if it is long."""
    shape, window = instr.operands[2].type.shape, instr.attributes["update_window_dims"]
    last = len(shape) - 1
    vector = (
        last in window
        and shape[last] != 1
        and _kept_axes(instr)[window.index(last)] not in _indexed(instr)
    )
    if not vector or shape[last] <= 2 * COLUMNS:
        _loops(nest, shape, 0, lambda places: _scatter_element(nest, instr, places), vector)
        return

    def emit(places: list[Affine]) -> None:
        column = nest.new_atom(shape[last])
        inner, bound = open_chunked(nest, column, COLUMNS)
        _scatter_element(nest, instr, [*places, variable(column)])
        nest.close_loop(inner, "vector", bound)

    _loops(nest, shape[:last], 0, emit, vector=False)


def _indexed(instr: Instruction) -> tuple[int, ...]:
    return tuple(instr.attributes["scatter_dims_to_operand_dims"])


def _kept_axes(instr: Instruction) -> list[int]:
    """The operand's axes that the update window covers."""
    hidden = {*instr.attributes["inserted_window_dims"], *attribute(instr, "input_batching_dims")}
    return [axis for axis in range(instr.operands[0].type.rank) if axis not in hidden]


def _scatter_element(nest: Nest, instr: Instruction, places: list[Affine]) -> None:
    """``if inside: out[place] = body(out[place], update)``, by a clamp and a select."""
    operand, indices, updates = instr.operands
    attrs, window = instr.attributes, instr.attributes["update_window_dims"]
    batch = [p for d, p in enumerate(places) if d not in window]
    target: list[Index] = [ZERO] * operand.type.rank
    for axis, d in zip(_kept_axes(instr), window, strict=True):
        target[axis] = places[d]
    batching = attribute(instr, "input_batching_dims")
    add_batching(target, batching, attribute(instr, "scatter_indices_batching_dims"), attrs, batch)
    inside: Expr | None = None
    for part, axis in enumerate(_indexed(instr)):
        place = index_place(indices, attrs["index_vector_dim"], batch, part)
        start = _as_i64(nest, value_at(nest, indices, place), target[axis])
        start = nest.name(start).expr
        size = operand.type.shape[axis]
        inside = _both(inside, _within(start, size))
        target[axis] = Dynamic(start, 0, size - 1)
    value = value_at(nest, updates, _flat(updates.type.shape, places))
    home = axis_indices(nest, "out0", operand, target)
    old = nest.name(Term(Load("out0", home, operand.type.dtype), nest.scope.depth)).expr
    (new,) = inline_scalars(nest, instr.regions[0], [old, value.expr])
    if inside is not None:
        new = Apply("select", (inside, new, old), new.dtype)
    nest.emit(Store("out0", home, new))


def _as_i64(nest: Nest, start: Term, plus: Affine) -> Term:
    """``start + plus`` without overflow."""
    expr = start.expr
    if expr.dtype != "i64":
        expr = Apply("convert", (expr,), "i64")
    if plus.terms or plus.offset:
        expr = Apply("add", (expr, Coord(plus, "i64")), "i64")
    return Term(expr, max(start.depth, nest.affine_depth(plus)))


def _within(start: Expr, size: int) -> Expr:
    low = Apply("compare", (start, Const(0, "i64")), "i1", "GE")
    return _both(low, Apply("compare", (start, Const(size, "i64")), "i1", "LT"))


def _both(x: Expr | None, y: Expr) -> Expr:
    return y if x is None else Apply("and", (x, y), "i1")
