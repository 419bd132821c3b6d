"""Window reductions: parallel over the output, serial over the window.

A place in the padding counts as the initial value.
"""

from __future__ import annotations

from fnx_xla_lite.fusion.access import row_major
from fnx_xla_lite.hlo.ir import Computation, Instruction
from fnx_xla_lite.hlo.regions import monoid_of
from fnx_xla_lite.loops.affine import ZERO, add, scale, shift, substitute, variable
from fnx_xla_lite.loops.combiners import accumulator_dtype, convert
from fnx_xla_lite.loops.elementwise import declare
from fnx_xla_lite.loops.expressions import inline_scalars, value_at
from fnx_xla_lite.loops.ir import (
    Affine,
    Buffer,
    Expr,
    Guard,
    Init,
    Kernel,
    Load,
    Read,
    Store,
    Update,
)
from fnx_xla_lite.loops.nest import Nest


def build_windows(body: Computation, name: str, location: str | None) -> Kernel:
    """The kernel of one ``reduce_window`` without base dilation."""
    (instr,) = (i for i in body.instructions if i.op == "reduce_window")
    nest = Nest(body)
    declare(nest)
    shape = instr.result.type.shape
    atoms = [nest.new_atom(n) if n != 1 else None for n in shape]
    loops = [a for a in atoms if a]
    for atom in loops[:-1]:
        nest.open_prefix(atom)
    if loops:
        nest.open_loop(loops[-1])
    places = [variable(a) if a else ZERO for a in atoms]
    result = _window(nest, instr, places, loops[-1] if loops else None)
    flat = ZERO
    for place, stride in zip(places, row_major(shape), strict=True):
        flat = add(flat, scale(place, stride))
    nest.emit(Store("out0", nest.indices("out0", instr.result, flat), result))
    if loops:
        nest.close_loop(loops[-1], "vector")
    return nest.finish(name, location)


def _window(nest: Nest, instr: Instruction, places: list[Affine], lane: str | None) -> Expr:
    """Emit the loops over one window; its reduction."""
    monoid, dtype = monoid_of(instr.regions[0]), instr.result.type.dtype
    start = nest.hoist(value_at(nest, instr.operands[1], ZERO), nest.scope.depth + 1).expr
    index = (variable(lane),) if lane else ()
    if monoid is not None:
        wide = accumulator_dtype(dtype, monoid)
        nest.emit(Init("a0", convert(start, wide), wide))
    else:
        shape = (nest.extents[lane],) if lane else ()
        nest.buffers["state0"] = Buffer("state0", shape, dtype, "scratch")
        nest.mutable.add("state0")
        nest.emit(Store("state0", index, start))
    sizes = instr.attributes["window_dimensions"]
    atoms = [nest.new_atom(n) if n != 1 else None for n in sizes]
    for atom in filter(None, atoms):
        nest.open_loop(atom)
    element = _element(nest, instr, places, [variable(a) if a else ZERO for a in atoms], start)
    if monoid is not None:
        nest.emit(Update("a0", monoid, convert(element, accumulator_dtype(dtype, monoid))))
    else:
        state = Load("state0", index, dtype)
        (new,) = inline_scalars(nest, instr.regions[0], [state, element])
        nest.emit(Store("state0", index, new))
    for atom in reversed(list(filter(None, atoms))):
        nest.close_loop(atom, "serial")
    if monoid is None:
        return Load("state0", index, dtype)
    return convert(Read("a0", accumulator_dtype(dtype, monoid)), dtype)


def _element(
    nest: Nest, instr: Instruction, places: list[Affine], window: list[Affine], start: Expr
) -> Expr:
    """The padded input at one place of a window."""
    attrs, source = instr.attributes, instr.operands[0]
    flat, guards = ZERO, []
    for axis, stride in enumerate(row_major(source.type.shape)):
        low = attrs["padding"][axis][0]
        place = scale(places[axis], attrs["window_strides"][axis])
        place = add(place, scale(window[axis], attrs["window_dilations"][axis]))
        place, size = shift(place, -low), source.type.shape[axis]
        if any(attrs["padding"][axis]):
            guards.append((substitute(place, nest.replacements), size))
            place = variable(nest.new_atom(size, place)) if size != 1 else ZERO
        flat = add(flat, scale(place, stride))
    nest.guarded += bool(guards)
    expr = value_at(nest, source, flat).expr
    nest.guarded -= bool(guards)
    for place, size in reversed(guards):
        expr = Guard(place, 0, size, expr, start, expr.dtype)
    return expr
