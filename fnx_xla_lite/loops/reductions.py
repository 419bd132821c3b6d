"""Reduction kernels: all reductions of one space into one kept space.

What feeds them and what follows stands in the same loop nest.

Two orders of loops:

* rows, when the innermost axis is reduced: parallel over kept axes; one pass over the row for each
  phase, its innermost loop a vector loop that reduces into accumulators;
* columns, when the innermost axis is kept: parallel over blocks of columns; a vector loop over the
  columns holds the accumulators; each phase is a serial loop over the reduced axes.

Values that a later phase needs and that are dear to compute again wait in a scratch row, or in the
output they belong to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from fnx_xla_lite.fusion.access import Access, cuts_needed, row_major
from fnx_xla_lite.fusion.cost import COLUMNS, SCRATCH_BYTES, simple_reducers
from fnx_xla_lite.fusion.cuts import NONE, extents_of, find_cuts, natural_cuts
from fnx_xla_lite.fusion.groups import spread_access
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.hlo.ir import Computation, Instruction, Value
from fnx_xla_lite.loops.affine import ZERO, add, variable
from fnx_xla_lite.loops.combiners import (
    finish_accumulators,
    start_accumulators,
    update_accumulators,
)
from fnx_xla_lite.loops.elementwise import declare, open_chunked
from fnx_xla_lite.loops.expressions import store, value_at
from fnx_xla_lite.loops.ir import Affine, Buffer, Kernel, Load, Store
from fnx_xla_lite.loops.nest import Nest, Term
from fnx_xla_lite.loops.phases import Phases, full_results, plan_phases


@dataclass(slots=True)
class Space:
    """The unreduced space of a fusion as loops.

    These are its atoms from the outside in, which of them are kept, and the two flat indices.
    """

    kept: list[str] = field(default_factory=list)
    reduced: list[str] = field(default_factory=list)
    last_is_kept: bool = False
    full: Affine = ZERO
    kept_flat: Affine = ZERO


def build_reduction(body: Computation, name: str, location: str | None) -> Kernel:
    """One kernel for a computation whose reductions all have one shape and one set of reduced axes.

    Raises:
        NotAffineError: an index cannot be written.
    """
    nest = Nest(body)
    declare(nest)
    reduce = next(i for i in body.instructions if i.op == "reduce")
    space = make_space(nest, reduce)
    plan = plan_phases(body, full_results(body))
    vector = _column_vector(nest, space, plan)
    row = _Pass(nest, space, plan, vector)
    for phase in range(plan.count):
        row.run(phase)
    row.store_kept()
    if vector is not None:
        nest.close_loop(vector[0], "vector", vector[1])
    return nest.finish(name, location)


def make_space(nest: Nest, reduce: Instruction) -> Space:
    """Divide the unreduced space into atoms, as the reads of the fusion need it."""
    shape, size = reduce.operands[0].type.shape, reduce.operands[0].type.size
    access = spread_access(shape, tuple(reduce.attributes["dimensions"]))
    extents = _extents(nest.body, shape, size, reduce.results[0].type.size, access)
    space, step = Space(), size
    for extent in extents:
        step //= extent
        if extent == 1:
            continue
        atom = nest.new_atom(extent)
        space.full = add(space.full, variable(atom, step))
        stride = _kept_stride(access, step)
        space.last_is_kept = bool(stride)
        (space.kept if stride else space.reduced).append(atom)
        space.kept_flat = add(space.kept_flat, variable(atom, stride))
    return space


def _extents(
    body: Computation, shape: tuple[int, ...], size: int, kept_size: int, access: Access
) -> tuple[int, ...]:
    cuts = find_cuts(body)
    full, kept = NONE, NONE
    for value in (
        *body.results,
        *(x for i in body.instructions if i.op == "reduce" for x in i.operands),
    ):
        if value.type.size == size:
            full |= cuts.get(value, NONE)
        elif value.type.size == kept_size:
            kept |= cuts.get(value, NONE)
    steps = row_major(access.runs)
    full |= frozenset(steps[:-1]) | (cuts_needed(access, kept) or NONE)
    extents = extents_of(full, size)
    if extents is None:
        extents = extents_of(natural_cuts(shape), size)
    assert extents is not None
    return extents


def _kept_stride(access: Access, step: int) -> int:
    """The stride in the kept space of the atom whose stride in the full space is ``step``."""
    for run_step, size, stride in zip(
        row_major(access.runs), access.runs, access.strides, strict=True
    ):
        if run_step <= step < run_step * size:
            return stride * (step // run_step)
    raise AssertionError("an atom lies in no run")


def _column_vector(nest: Nest, space: Space, plan: Phases) -> tuple[str, Affine | None] | None:
    """Open the kept loops; for columns also the vector loop over the last kept axis."""
    columns = bool(space.kept) and (space.last_is_kept or _has_general(plan))
    for atom in space.kept[:-1] if columns else space.kept:
        nest.open_prefix(atom)
    if not columns:
        return None
    last, step = space.kept[-1], _columns(nest, space, plan)
    if nest.extents[last] <= step:
        nest.open_loop(last)
        return last, None
    return open_chunked(nest, last, step)


def _has_general(plan: Phases) -> bool:
    return any(simple_reducers(i) is None for reduces in plan.reduces for i in reduces)


def _columns(nest: Nest, space: Space, plan: Phases) -> int:
    """Columns of one task: fewer where scratch would not stay in the cache."""
    reduced = math.prod(nest.extents[a] for a in space.reduced)
    column = reduced * sum(itemsize(v.type.dtype) for v in plan.stored)
    return COLUMNS if column * COLUMNS <= SCRATCH_BYTES else 16


class _Pass:
    """Emits the phases of one kernel, one after another."""

    def __init__(
        self, nest: Nest, space: Space, plan: Phases, vector: tuple[str, Affine | None] | None
    ):
        self.nest, self.space, self.plan, self.vector = nest, space, plan, vector
        full = full_results(nest.body)
        self.full_results = [(n, r) for n, r in enumerate(nest.body.results) if r in full]
        self.homes: dict[Value, Load] = {}

    def run(self, phase: int) -> None:
        """One pass over the reduced axes."""
        nest, reduces = self.nest, self.plan.reduces[phase]
        accumulators = [start_accumulators(nest, i, self._lane()) for i in reduces]
        for atom in self.space.reduced:
            nest.open_loop(atom)
        self._recall(phase)
        self._keep(phase)
        for number, result in self.full_results:
            if self.plan.phase[result] == phase and result not in self.homes:
                store(nest, f"out{number}", result, self.space.full)
        for instr, names in zip(reduces, accumulators, strict=True):
            terms = [value_at(nest, x, self.space.full) for x in instr.operands[: len(names)]]
            update_accumulators(nest, instr, names, terms, self._lane())
        general = _has_general(self.plan)
        for place, atom in enumerate(reversed(self.space.reduced)):
            innermost = place == 0 and self.vector is None and not general
            nest.close_loop(atom, "vector" if innermost else "serial")
        for instr, names in zip(reduces, accumulators, strict=True):
            found = finish_accumulators(nest, instr, names, self._lane())
            for result, expr in zip(instr.results, found, strict=True):
                nest.define(result, self.space.kept_flat, expr)

    def _lane(self) -> str | None:
        """The vector variable of a column kernel: general accumulators have one element a lane."""
        return self.vector[0] if self.vector else None

    def _recall(self, phase: int) -> None:
        """Values stored by earlier phases are loads in this one."""
        for value, load in self.homes.items():
            if self.plan.phase[value] < phase:
                self.nest.scope.known[value, self.space.full] = Term(load, self.nest.scope.depth, 1)

    def _keep(self, phase: int) -> None:
        """Store what this phase computes for later ones."""
        for value in self.plan.stored:
            if self.plan.phase[value] == phase:
                home = self._home(value)
                term = value_at(self.nest, value, self.space.full)
                self.nest.emit(Store(home.buffer, home.indices, term.expr))
                self.homes[value] = home

    def _home(self, value: Value) -> Load:
        """Where a stored value lives: its own output if it is one, else a scratch row."""
        nest, dtype = self.nest, value.type.dtype
        for number, result in self.full_results:
            if result is value:
                return Load(
                    f"out{number}", nest.indices(f"out{number}", value, self.space.full), dtype
                )
        names = list(self.space.reduced) + ([self.vector[0]] if self.vector else [])
        shape = tuple(nest.extents[a] for a in names)
        name = f"tmp{len(nest.buffers) - len(nest.body.parameters) - len(nest.body.results)}"
        nest.buffers[name] = Buffer(name, shape, dtype, "scratch")
        nest.mutable.add(name)
        return Load(name, tuple(variable(a) for a in names), dtype)

    def store_kept(self) -> None:
        """Store the results that have the kept shape."""
        full = {number for number, _ in self.full_results}
        for number, result in enumerate(self.nest.body.results):
            if number not in full:
                store(self.nest, f"out{number}", result, self.space.kept_flat)
