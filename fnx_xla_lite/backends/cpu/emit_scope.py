"""Scope: the state of emission inside one function: loop levels, named values, lanes, mask.

Every open loop is a level with a builder that stands at the end of what is already emitted there (a
builder is moved, never replaced). An expression is emitted at the outermost level on which all that
it reads is already fixed, so loop-invariant work leaves the loops without a pass over LLVM IR. A
``guarded`` level is one that may not run at all: loads stay inside of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from llvmlite import ir

from fnx_xla_lite.backends.cpu.emit_facts import Facts
from fnx_xla_lite.backends.cpu.emit_types import I64
from fnx_xla_lite.loops import ir as loops


@dataclass(slots=True, eq=False)
class Level:
    """One open loop (or guarded branch): where its code goes, and the values already there."""

    builder: ir.IRBuilder
    guarded: bool = False
    cache: dict[object, ir.Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lanes:
    """An open vector loop: its variable, lanes, level, and mask of live lanes (None: all)."""

    var: str
    count: int
    level: int
    mask: ir.Value | None


@dataclass(frozen=True, slots=True)
class Accumulator:
    """Where an Init stands: its type and its level."""

    dtype: str
    level: int


class Scope:
    """Emission inside one function."""

    def __init__(self, facts: Facts, builder: ir.IRBuilder) -> None:
        self.facts = facts
        self.levels = [Level(builder)]
        self.current = 0
        self.lanes: Lanes | None = None
        self.buffers: dict[str, ir.Value] = {}
        self.values: dict[str, ir.Value] = {}
        self.partials: dict[tuple[str, int], ir.Value] = {}
        self.level_of: dict[str, int] = {}
        self.extents: dict[str, int] = {}
        self.accumulators: dict[str, Accumulator] = {}
        self.ahead: dict[int, tuple[tuple[loops.Load, int], ...]] = {}
        self.streamed: frozenset[str] = frozenset()

    @property
    def builder(self) -> ir.IRBuilder:
        """Where the next instruction goes."""
        return self.levels[self.current].builder

    @property
    def vector(self) -> Lanes | None:
        """The open vector loop, if the current level is inside of it."""
        if self.lanes is not None and self.current >= self.lanes.level:
            return self.lanes
        return None

    @property
    def mask(self) -> ir.Value | None:
        """The mask of live lanes at the current level."""
        vector = self.vector
        return vector.mask if vector else None

    def home(self, names: frozenset[str], *, may_fault: bool) -> int:
        """The outermost level at which a value that reads ``names`` can be computed."""
        level = max((self.level_of.get(name, 0) for name in names), default=0)
        if may_fault:
            guarded = (i for i, open_level in enumerate(self.levels) if open_level.guarded)
            level = max(level, *guarded, 0)
        return min(level, self.current)

    @contextmanager
    def at(self, level: int) -> Iterator[None]:
        """Emit at an outer level for a while."""
        before, self.current = self.current, level
        yield
        self.current = before

    @contextmanager
    def opened(self, builder: ir.IRBuilder, *, guarded: bool = False) -> Iterator[None]:
        """A new level inside the current one; levels further in are set aside meanwhile."""
        aside, lanes = self.levels[self.current + 1 :], self.lanes
        del self.levels[self.current + 1 :]
        self.lanes = self.vector
        self.levels.append(Level(builder, guarded))
        self.current += 1
        yield
        self.levels.pop()
        self.current -= 1
        self.levels.extend(aside)
        self.lanes = lanes

    @contextmanager
    def changing(self, names: frozenset[str]) -> Iterator[None]:
        """Inside, ``names`` (accumulators, stored buffers) vary with the current level."""
        before = {name: self.level_of[name] for name in names if name in self.level_of}
        for name in names:
            self.level_of[name] = self.current
        yield
        for name in names:
            if name in before:
                self.level_of[name] = before[name]
            else:
                self.level_of.pop(name, None)

    @contextmanager
    def masked(self, mask: ir.Value) -> Iterator[None]:
        """Inside, lanes outside of ``mask`` are dead."""
        vector = self.vector
        assert vector is not None
        both = mask if vector.mask is None else self.builder.and_(vector.mask, mask)
        with self.opened(self.builder, guarded=True):
            self.lanes = replace(vector, mask=both)
            yield

    def bind(self, name: str, value: ir.Value) -> None:
        """Give ``name`` a value that is fixed at the current level."""
        self.values[name] = value
        self.level_of[name] = self.current

    def forget(self, buffer: str) -> None:
        """Drop the remembered loads of a buffer that has been stored to."""
        for level in self.levels:
            for key in [k for k in level.cache if isinstance(k, loops.Load) and k.buffer == buffer]:
                del level.cache[key]

    def sum_of(self, terms: tuple[tuple[str, int], ...], offset: int) -> ir.Value:
        """``offset + sum(coefficient * variable)`` as an i64, of the first lane."""
        total: ir.Value | None = None
        for name, coefficient in sorted(terms, key=lambda term: self.level_of[term[0]]):
            with self.at(min(self.level_of[name], self.current)):
                total = self._plus(total, name, coefficient)
        if total is None:
            return ir.Constant(I64, offset)
        return self.builder.add(total, ir.Constant(I64, offset)) if offset else total

    def _plus(self, total: ir.Value | None, name: str, coefficient: int) -> ir.Value:
        """``total + coefficient * name``, remembered at this level."""
        value = self.values[name]
        cache, key = self.levels[self.current].cache, ("plus", total, value, coefficient)
        found = cache.get(key)
        if found is None:
            found = value
            if coefficient != 1:
                found = self.builder.mul(found, ir.Constant(I64, coefficient))
            if total is not None:
                found = self.builder.add(total, found)
            cache[key] = found
        return found
