"""Indexing by data: loads whose place is read from memory, clamped as StableHLO says."""

from __future__ import annotations

from collections.abc import Callable

from fnx_xla_lite.fusion.access import row_major
from fnx_xla_lite.hlo.ir import Instruction, Value
from fnx_xla_lite.hlo.opset import attribute
from fnx_xla_lite.loops.affine import ZERO, add, scale, substitute
from fnx_xla_lite.loops.ir import Affine, Buffer, Dynamic, Index, Load
from fnx_xla_lite.loops.nest import Nest, NotAffineError, Term

ValueAt = Callable[[Nest, Value, Affine], Term]


def load_slice(nest: Nest, instr: Instruction, flat: Affine, value_at: ValueAt) -> Term:
    """An element of a ``dynamic_slice``."""
    operand, *starts = instr.operands
    sizes = instr.attributes["slice_sizes"]
    places: list[Index] = nest.axis_coordinates(instr.result.type.shape, flat)
    depth = nest.affine_depth(flat)
    for axis, start in enumerate(starts):
        room = operand.type.shape[axis] - sizes[axis]
        if room:
            places[axis], depth = _moved(
                nest, value_at(nest, start, ZERO), room, places[axis], depth
            )
    return _load(nest, operand, places, depth)


def load_window(nest: Nest, instr: Instruction, flat: Affine, value_at: ValueAt) -> Term:
    """An element of a ``gather``."""
    operand, indices = instr.operands
    attrs, shape = instr.attributes, operand.type.shape
    coordinates = nest.axis_coordinates(instr.result.type.shape, flat)
    offset_dims = attrs["offset_dims"]
    batch = [c for d, c in enumerate(coordinates) if d not in offset_dims]
    places, depth = window_places(instr, coordinates, batch), nest.affine_depth(flat)
    for part, axis in enumerate(attrs["start_index_map"]):
        room = shape[axis] - attrs["slice_sizes"][axis]
        if room:
            place = index_place(indices, attrs["index_vector_dim"], batch, part)
            places[axis], depth = _moved(
                nest, value_at(nest, indices, place), room, places[axis], depth
            )
    return _load(nest, operand, places, depth)


def window_places(
    instr: Instruction, coordinates: list[Affine], batch: list[Affine]
) -> list[Index]:
    """The operand's coordinates of a gather before its starts are added."""
    attrs, rank = instr.attributes, instr.operands[0].type.rank
    batching = attribute(instr, "operand_batching_dims")
    hidden = {*attrs["collapsed_slice_dims"], *batching}
    window = iter(attrs["offset_dims"])
    places = [ZERO if axis in hidden else coordinates[next(window)] for axis in range(rank)]
    add_batching(places, batching, attribute(instr, "start_indices_batching_dims"), attrs, batch)
    return places


def add_batching(
    places: list, batching: tuple, index_batching: tuple, attrs: dict, batch: list
) -> None:
    """A batching axis of the operand follows a batch axis of the indices."""
    for axis, source in zip(batching, index_batching, strict=True):
        places[axis] = batch[source - (source > attrs["index_vector_dim"])]


def index_place(indices: Value, vector_axis: int, batch: list[Affine], part: int) -> Affine:
    """The flat index of component ``part`` of the index vector at a batch position."""
    places = list(batch)
    if vector_axis < indices.type.rank:
        places.insert(vector_axis, Affine((), part))
    flat = ZERO
    for place, stride in zip(places, row_major(indices.type.shape), strict=True):
        flat = add(flat, scale(place, stride))
    return flat


def _moved(nest: Nest, start: Term, room: int, place: Affine, depth: int) -> tuple[Index, int]:
    """``clamp(start, 0, room) + place``; the start gets a name, since a load may repeat it."""
    start = nest.hoist(start, nest.scope.depth + 1)
    plus = substitute(place, nest.replacements)
    return Dynamic(start.expr, 0, room, plus), max(depth, start.depth)


def _load(nest: Nest, operand: Value, places: list[Index], depth: int) -> Term:
    """Load from the operand's own axes."""
    buffer = nest.memory[operand]
    indices = axis_indices(nest, buffer, operand, places)
    if buffer in nest.mutable:
        depth = nest.scope.depth
    return Term(Load(buffer, indices, operand.type.dtype), depth, 1)


def axis_indices(nest: Nest, buffer: str, value: Value, places: list[Index]) -> tuple[Index, ...]:
    """Indices along the value's own axes (those of size 1 are left out).

    The buffer takes these axes as its shape.
    """
    shape = tuple(n for n in value.type.shape if n != 1)
    known = nest.buffers[buffer]
    if known.shape is None:
        nest.buffers[buffer] = Buffer(buffer, shape, known.dtype, known.role)
    elif known.shape != shape:
        raise NotAffineError(f"{buffer} is read both by axis and across axes")
    kept = [p for p, n in zip(places, value.type.shape, strict=True) if n != 1]
    return tuple(p if isinstance(p, Dynamic) else substitute(p, nest.replacements) for p in kept)
