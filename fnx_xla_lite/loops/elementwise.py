"""Elementwise kernels: every result is computed at each index of one space.

The loops are as few and as long as the reads allow.
"""

from __future__ import annotations

from fnx_xla_lite.fusion.access import row_major
from fnx_xla_lite.fusion.cuts import extents_of, find_cuts, natural_cuts
from fnx_xla_lite.hlo.ir import Computation
from fnx_xla_lite.loops.affine import ZERO, add, scale, shift, variable
from fnx_xla_lite.loops.expressions import store
from fnx_xla_lite.loops.ir import Affine, Kernel
from fnx_xla_lite.loops.nest import Nest, NotAffineError
from fnx_xla_lite.loops.schedule import CHUNK, worth_chunking
from fnx_xla_lite.loops.tiling import Tiling, copy_tiles, find_tiling, open_side


def declare(nest: Nest) -> None:
    """Inputs for the parameters, outputs for the results, in calling order."""
    for number, parameter in enumerate(nest.body.parameters):
        nest.memory[parameter] = nest.add_buffer(f"in{number}", parameter, "input")
    for number, result in enumerate(nest.body.results):
        nest.add_buffer(f"out{number}", result, "output")


def build_elementwise(body: Computation, name: str, location: str | None) -> Kernel:
    """One kernel for a computation whose results have equal sizes.

    Raises:
        NotAffineError: an index cannot be written.
    """
    nest = Nest(body)
    declare(nest)
    size = body.results[0].type.size
    if size == 1:
        _store_all(nest, ZERO)
        return nest.finish(name, location)
    extents = _extents(body, size)
    atoms, flat = _atoms(nest, extents)
    for atom in atoms[:-1]:
        nest.open_prefix(atom)
    var, bound = open_vector(nest, atoms[-1], size // extents[-1])
    _store_all(nest, flat)
    nest.close_loop(var, "vector", bound)
    tiling = find_tiling(nest, atoms)
    if tiling is not None:
        return _build_tiled(body, extents, tiling).finish(name, location)
    return nest.finish(name, location)


def _atoms(nest: Nest, extents: tuple[int, ...]) -> tuple[list[str], Affine]:
    """Loops of the given extents, and the flat index that they walk."""
    atoms = [nest.new_atom(extent) for extent in extents]
    flat = ZERO
    for atom, step in zip(atoms, row_major(extents), strict=True):
        flat = add(flat, variable(atom, step))
    return atoms, flat


def _build_tiled(body: Computation, extents: tuple[int, ...], tiling: Tiling) -> Nest:
    """The same kernel in square tiles."""
    nest = Nest(body)
    declare(nest)
    atoms, flat = _atoms(nest, extents)
    last, across = atoms[-1], tiling.across
    for atom in atoms[:-1]:
        if atom != across:
            nest.open_prefix(atom)
    row, column = open_side(nest, across), open_side(nest, last)
    homes = copy_tiles(nest, tiling, last, row, column)
    nest.open_loop(row.var)
    nest.open_loop(column.var)
    nest.depths[across], nest.depths[last] = nest.depths[row.var], nest.scope.depth
    nest.scope.known.update(homes)
    _store_all(nest, flat)
    nest.close_loop(column.var, "vector", column.bound)
    nest.close_loop(row.var, "serial", row.bound)
    return nest


def _extents(body: Computation, size: int) -> tuple[int, ...]:
    cuts = find_cuts(body)
    wanted = frozenset().union(*(cuts.get(result, ()) for result in body.results))
    extents = extents_of(wanted, size)
    if extents is None:
        extents = extents_of(natural_cuts(body.results[0].type.shape), size)
    if extents is None:
        raise NotAffineError("the cuts of a fusion do not divide one another")
    return extents


def open_vector(nest: Nest, atom: str, outer: int) -> tuple[str, Affine | None]:
    """Open the vector loop over an atom, cut into parallel chunks if that is worth it.

    Returns its variable and bound.
    """
    extent = nest.extents[atom]
    if not worth_chunking(extent, outer):
        nest.open_loop(atom)
        return atom, None
    return open_chunked(nest, atom, CHUNK)


def open_chunked(nest: Nest, atom: str, step: int) -> tuple[str, Affine | None]:
    """Let ``atom = step * chunk + inner`` with a parallel loop over chunks.

    The loop over ``inner`` is opened.
    """
    extent = nest.extents[atom]
    chunk, inner = nest.new_atom(-(-extent // step)), nest.new_atom(step)
    nest.open_prefix(chunk)
    nest.open_loop(inner)
    nest.replacements[atom] = add(variable(chunk, step), variable(inner))
    nest.depths[atom] = nest.depths[inner]
    bound = shift(scale(variable(chunk), -step), extent) if extent % step else None
    return inner, bound


def _store_all(nest: Nest, flat: Affine) -> None:
    for number, result in enumerate(nest.body.results):
        store(nest, f"out{number}", result, flat)
