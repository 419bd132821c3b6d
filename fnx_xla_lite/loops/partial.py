"""Split reductions: partial results of fixed chunks, then a reduction of those.

The chunks depend on the shape alone, so the result has the same bits for any number of threads.
"""

from __future__ import annotations

from fnx_xla_lite.fusion.cost import simple_reducers
from fnx_xla_lite.hlo.ir import Computation, Instruction, TensorType, Value
from fnx_xla_lite.hlo.opset import OPS
from fnx_xla_lite.loops.affine import add, scale, shift, variable
from fnx_xla_lite.loops.combiners import accumulator_dtype, convert
from fnx_xla_lite.loops.elementwise import declare
from fnx_xla_lite.loops.expressions import store, to_number, value_at
from fnx_xla_lite.loops.ir import Affine, Const, Init, Kernel, Read, Store, Update
from fnx_xla_lite.loops.nest import Nest
from fnx_xla_lite.loops.phases import full_results
from fnx_xla_lite.loops.reductions import Space, make_space
from fnx_xla_lite.loops.schedule import PARTIAL, PARTIAL_ROWS


def split_body(body: Computation) -> tuple[Computation, Computation] | None:
    """The two stages of a computation with all reductions in its first phase, or None.

    The first returns the partial results, shape (chunks, kept), then the unreduced results; the
    second the other results.
    """
    reduces = [i for i in body.instructions if i.op == "reduce"]
    if any(simple_reducers(i) is None for i in reduces):
        return None
    after = {r for i in reduces for r in i.results}
    second: list[Instruction] = []
    for instr in body.instructions:
        if instr not in reduces and not after.isdisjoint(instr.operands):
            second.append(instr)
            after.update(instr.results)
    full = full_results(body)
    if any(x in after for i in reduces for x in i.operands) or any(r in after for r in full):
        return None
    chunks = _chunk_count(body)
    kept = reduces[0].results[0].type.size
    partials = [
        Value(TensorType((chunks, kept), accumulator_dtype(r.type.dtype, op)))
        for i in reduces
        for r, op in zip(i.results, simple_reducers(i), strict=True)
    ]
    first = [i for i in body.instructions if i not in second]
    stage1 = Computation(body.parameters, tuple(first), (*partials, *full))
    return stage1, _second_stage(body, reduces, partials, second, full)


def _second_stage(
    body: Computation,
    reduces: list[Instruction],
    partials: list[Value],
    second: list[Instruction],
    full: list[Value],
) -> Computation:
    """Reduce the partial results over the chunks, then what follows."""
    instructions, parts = [], iter(partials)
    for instr in reduces:
        count = len(instr.results)
        inputs = tuple(next(parts) for _ in range(count))
        inits = instr.operands[count:]
        attributes = {"dimensions": (0,)}
        instructions.append(
            Instruction("reduce", inputs + inits, instr.results, attributes, instr.regions)
        )
    first = [i for i in body.instructions if i not in second and i not in reduces]
    needed = _needed([*instructions, *second], first)
    results = tuple(r for r in body.results if r not in full)
    return Computation((*partials, *body.parameters), (*needed, *instructions, *second), results)


def _needed(users: list[Instruction], candidates: list[Instruction]) -> list[Instruction]:
    """The candidates that the users read, directly or not, in order."""
    wanted = {x for i in users for x in i.operands}
    found = []
    for instr in reversed(candidates):
        if not wanted.isdisjoint(instr.results):
            found.append(instr)
            wanted.update(instr.operands)
    return found[::-1]


def _chunk_count(body: Computation) -> int:
    nest = Nest(body)
    space = make_space(nest, next(i for i in body.instructions if i.op == "reduce"))
    atom, step = _chunked_atom(nest, space)
    return -(-nest.extents[atom] // step)


def _chunked_atom(nest: Nest, space: Space) -> tuple[str, int]:
    """The longest reduced loop, and how many of its iterations make one chunk."""
    atom = max(space.reduced, key=nest.extents.__getitem__)
    others = [nest.extents[a] for a in (*space.kept, *space.reduced) if a != atom]
    inner = 1
    for extent in others:
        inner *= extent
    least = PARTIAL_ROWS if space.last_is_kept else 1
    return atom, min(max(least, PARTIAL // inner), nest.extents[atom])


def build_first_stage(body: Computation, name: str, location: str | None) -> Kernel:
    """The kernel of the first stage that ``split_body`` gives."""
    nest = Nest(body)
    declare(nest)
    reduces = [i for i in body.instructions if i.op == "reduce"]
    space = make_space(nest, reduces[0])
    long, step = _chunked_atom(nest, space)
    extent = nest.extents[long]
    chunk, inner = nest.new_atom(-(-extent // step)), nest.new_atom(step)
    nest.replacements[long] = add(variable(chunk, step), variable(inner))
    bound = shift(scale(variable(chunk), -step), extent) if extent % step else None
    nest.open_prefix(chunk)
    for atom in space.kept:
        nest.open_loop(atom)
    place = add(variable(chunk, reduces[0].results[0].type.size), space.kept_flat)
    atoms = {(inner if a == long else a): (bound if a == long else None) for a in space.reduced}
    _emit_chunk(nest, space, atoms, place)
    for number, atom in enumerate(reversed(space.kept)):
        nest.close_loop(atom, "vector" if space.last_is_kept and number == 0 else "serial")
    return nest.finish(name, location)


def _emit_chunk(nest: Nest, space: Space, atoms: dict[str, Affine | None], place: Affine) -> None:
    """Reduce the loops ``atoms`` (with their bounds) and store the partial results at ``place``."""
    reduces = [i for i in nest.body.instructions if i.op == "reduce"]
    started = [s for i in reduces for s in _start(nest, i)]
    for atom in atoms:
        nest.open_loop(atom)
    for atom in space.reduced:
        nest.depths[atom] = nest.affine_depth(nest.replacements.get(atom, variable(atom)))
    results = nest.body.results
    for number in range(len(started), len(results)):
        store(nest, f"out{number}", results[number], space.full)
    inputs = [x for i in reduces for x in i.operands[: len(i.results)]]
    for (name, op, dtype), x in zip(started, inputs, strict=True):
        nest.emit(Update(name, op, convert(value_at(nest, x, space.full).expr, dtype)))
    for number, atom in enumerate(reversed(atoms)):
        kind = "vector" if number == 0 and not space.last_is_kept else "serial"
        nest.close_loop(atom, kind, atoms[atom])
    for number, (name, _, dtype) in enumerate(started):
        indices = nest.indices(f"out{number}", results[number], place)
        nest.emit(Store(f"out{number}", indices, Read(name, dtype)))


def _start(nest: Nest, instr: Instruction) -> list[tuple[str, str, str]]:
    """Accumulators that start at the identity: the true start value enters in the second stage."""
    found = []
    for result, op in zip(instr.results, simple_reducers(instr), strict=True):
        name, dtype = f"a{nest.accumulators}", accumulator_dtype(result.type.dtype, op)
        nest.accumulators += 1
        identity = to_number(OPS[op].identity(dtype), dtype)
        nest.emit(Init(name, Const(identity, dtype), dtype))
        found.append((name, op, dtype))
    return found
