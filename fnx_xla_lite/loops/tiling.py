"""Tiling: kernels that read an input across its rows first copy a square tile of it.

Copying reads rows of the tile as they lie in memory; the transposed reads then hit the first-level
cache. The scratch rows are one element longer than the tile, so that a column does not fall on one
cache set.
"""

from __future__ import annotations

from dataclasses import dataclass

from fnx_xla_lite.hlo.ir import Value
from fnx_xla_lite.loops.affine import add, scale, shift, variable
from fnx_xla_lite.loops.ir import Affine, Buffer, Load, Store
from fnx_xla_lite.loops.nest import Nest, Term

TILE = 64
LEAST = 16  # shorter axes are not worth a tile


@dataclass(frozen=True, slots=True)
class Tiling:
    """Which atom lies along the rows of the transposed inputs, and what is copied.

    That is (value, flat index) pairs.
    """

    across: str
    reads: tuple[tuple[Value, Affine], ...]


def find_tiling(nest: Nest, atoms: list[str]) -> Tiling | None:
    """The tiling for a kernel that was built plainly, or None if it reads along its innermost loop.

    Args:
        nest: the finished kernel, which knows its loads.
        atoms: its loops from the outside in.
    """
    last, reads, found = atoms[-1], [], set()
    if nest.extents[last] < LEAST:
        return None
    for value, flat in nest.loads:
        strides = dict(flat.terms)
        along = [a for a in atoms[:-1] if strides.get(a) == 1 and nest.extents[a] >= LEAST]
        if abs(strides.get(last, 0)) > 1 and along and strides.keys() <= set(atoms):
            reads.append((value, flat))
            found.add(along[0])
    if len(found) != 1:
        return None
    return Tiling(found.pop(), tuple(reads))


@dataclass(frozen=True, slots=True)
class Side:
    """One axis of the tile: the variable inside the tile and its bound at the edge."""

    var: str
    bound: Affine | None


def open_side(nest: Nest, atom: str) -> Side:
    """Let ``atom = TILE * chunk + inner``, with a parallel loop over chunks."""
    extent = nest.extents[atom]
    step = min(TILE, extent)
    chunk, inner = nest.new_atom(-(-extent // step)), nest.new_atom(step)
    nest.open_prefix(chunk)
    nest.replacements[atom] = add(variable(chunk, step), variable(inner))
    bound = shift(scale(variable(chunk), -step), extent) if extent % step else None
    return Side(inner, bound)


def copy_tiles(nest: Nest, tiling: Tiling, last: str, row: Side, column: Side) -> dict:
    """Emit the copies; what each (value, flat index) is afterwards."""
    homes = {}
    for number, (value, flat) in enumerate(tiling.reads):
        name = f"tile{number}"
        shape = nest.extents[column.var], nest.extents[row.var] + 1
        nest.buffers[name] = Buffer(name, shape, value.type.dtype, "scratch")
        nest.mutable.add(name)
        nest.open_loop(column.var)
        nest.open_loop(row.var)
        nest.depths[last], nest.depths[tiling.across] = nest.depths[column.var], nest.scope.depth
        place = variable(column.var), variable(row.var)
        nest.emit(Store(name, place, nest.load(nest.memory[value], value, flat).expr))
        nest.close_loop(row.var, "vector", row.bound)
        nest.close_loop(column.var, "serial", column.bound)
        homes[value, flat] = Term(Load(name, place, value.type.dtype), 2, 1)
    return homes
