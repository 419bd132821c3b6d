"""Facts about a kernel's nodes that emission asks for: reads, effects, weights, lanes.

Input: ``loops.ir`` nodes. Everything is computed once per node and kept by identity for the life of
one ``Facts`` object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fnx_xla_lite.backends.cpu.emit_walk import (
    buffers_of,
    flattened,
    statements,
    values_of,
    variables,
)
from fnx_xla_lite.backends.cpu.target import Target
from fnx_xla_lite.hlo.dtypes import itemsize
from fnx_xla_lite.loops import ir as loops

# Rough instruction counts of operators that are not one instruction.
WEIGHTS = {
    "divide": 4, "remainder": 20, "sqrt": 5, "rsqrt": 6, "cbrt": 20, "power": 50, "atan2": 40,
    "exponential": 14, "exponential_minus_one": 22, "log": 18, "log_plus_one": 22, "logistic": 20,
    "tanh": 22, "sine": 30, "cosine": 30, "tan": 40, "erf": 30, "erfc": 40, "erf_inv": 40,
    "asin": 25, "acos": 25, "atan": 25, "sinh": 30, "cosh": 30, "asinh": 30, "acosh": 30,
    "atanh": 30, "lgamma": 80, "digamma": 80, "popcnt": 6, "count_leading_zeros": 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression depends on: names, and ``@buffer`` for a buffer that the kernel writes."""

    names: frozenset[str]
    has_load: bool


@dataclass(frozen=True, slots=True)
class Effects:
    """What a statement changes or looks at: accumulators, stored ``@buffers``, names read."""

    updates: frozenset[str]
    stores: frozenset[str]
    reads: frozenset[str]

    @property
    def changed(self) -> frozenset[str]:
        """Everything that an expression must not be moved across."""
        return self.updates | self.stores


_NOTHING = Effects(frozenset(), frozenset(), frozenset())
_NO_READS = Reads(frozenset(), False)


class Facts:
    """Facts about one kernel for one target."""

    def __init__(self, kernel: loops.Kernel, target: Target) -> None:
        self.target = target
        self.kernel = kernel  # keeps the nodes alive whose identities are our keys
        self.written = {f"@{b.name}" for b in kernel.buffers if b.role != "input"}
        self.buffers = {buffer.name: buffer for buffer in kernel.buffers}
        self._reads: dict[int, Reads] = {}
        self._effects: dict[int, Effects] = {}
        self._lanes: dict[int, int] = {}

    def reads(self, expr: loops.Expr) -> Reads:
        """What ``expr`` depends on."""
        found = self._reads.get(id(expr))
        if found is None:
            found = self._reads[id(expr)] = self._find_reads(expr)
        return found

    def _find_reads(self, expr: loops.Expr) -> Reads:
        match expr:
            case loops.Const():
                return _NO_READS
            case loops.Read(name=name):
                return Reads(frozenset({name}), False)
            case loops.Coord(index=index):
                return Reads(variables(index), False)
            case loops.Load(buffer=buffer, indices=indices):
                own = {f"@{buffer}"} & self.written
                parts = [self.index_reads(index) for index in indices]
                return Reads(frozenset(own).union(*(part.names for part in parts)), True)
            case loops.Guard(index=index, inside=inside, outside=outside):
                parts = [self.reads(inside), self.reads(outside)]
                return _joined(parts, variables(index))
            case loops.Apply(args=args):
                return _joined([self.reads(arg) for arg in args])
        raise AssertionError(expr)

    def index_reads(self, index: loops.Index) -> Reads:
        """What an index depends on."""
        if isinstance(index, loops.Affine):
            return Reads(variables(index), False)
        return _joined([self.reads(index.value)], variables(index.plus))

    def effects(self, statement: loops.Stmt) -> Effects:
        """What ``statement`` changes and reads, the statements inside it included."""
        found = self._effects.get(id(statement))
        if found is None:
            found = self._effects[id(statement)] = self._find_effects(statement)
        return found

    def body_effects(self, body: tuple[loops.Stmt, ...]) -> Effects:
        """The effects of a whole body."""
        parts = [self.effects(statement) for statement in body]
        own = {statement.name for statement in body if isinstance(statement, loops.Init)}
        return Effects(
            frozenset().union(*(part.updates for part in parts)) - own,
            frozenset().union(*(part.stores for part in parts)),
            frozenset().union(*(part.reads for part in parts)),
        )

    def _find_effects(self, statement: loops.Stmt) -> Effects:
        match statement:
            case loops.Let(value=value) | loops.Init(value=value):
                return Effects(frozenset(), frozenset(), self.reads(value).names)
            case loops.Update(name=name, value=value):
                return Effects(frozenset({name}), frozenset(), self.reads(value).names)
            case loops.Store(buffer=buffer, indices=indices, value=value):
                parts = [self.reads(value), *map(self.index_reads, indices)]
                names = frozenset().union(*(part.names for part in parts))
                return Effects(frozenset(), frozenset({f"@{buffer}"}), names)
            case loops.Loop(body=body):
                return self.body_effects(body)
        raise AssertionError(statement)

    def vector_updates(self, statement: loops.Stmt) -> Iterator[tuple[str, str, int]]:
        """(accumulator, op, lanes) of what vector loops update outside of themselves."""
        if not isinstance(statement, loops.Loop):
            return
        if statement.kind != "vector":
            for inner in statement.body:
                yield from self.vector_updates(inner)
            return
        lanes = self.lanes(statement)
        own = {s.name for s in statements(statement.body) if isinstance(s, loops.Init)}
        for inner in statements(statement.body):
            if lanes and isinstance(inner, loops.Update) and inner.name not in own:
                yield inner.name, inner.op, lanes

    def maskable(self, loop: loops.Loop) -> bool:
        """Whether the target has masked loads and stores for everything that ``loop`` touches."""
        sizes = {itemsize(self.buffers[name].dtype) for name in buffers_of(loop.body)}
        return sizes <= self.target.masked_bytes

    def lanes(self, loop: loops.Loop) -> int:
        """Lanes of a vector loop, or 0 where it is better run one element at a time."""
        found = self._lanes.get(id(loop))
        if found is None:
            found = self._lanes[id(loop)] = self._choose_lanes(loop)
        return found

    def weight(self, loop: loops.Loop) -> int:
        """About how many instructions one iteration of a vector loop takes."""
        return self._weigh(loop).total

    def _weigh(self, loop: loops.Loop) -> _Weight:
        weight = _Weight(self, loop.var)
        for statement in statements(loop.body):
            for expr in values_of(statement):
                weight.add(expr)
            if isinstance(statement, loops.Store):
                weight.see_memory(statement.buffer, statement.indices)
        return weight

    def _choose_lanes(self, loop: loops.Loop) -> int:
        weight = self._weigh(loop)
        unit = max(self.target.vector_bytes // weight.widest, 1)
        if loop.extent == 1 or unit == 1:
            return 0
        if weight.scattered and (weight.narrow_scatter or not self.target.gather):
            unit = min(unit, 8)
        room = 1 if weight.scattered else _unroll(weight.total, self.target.registers)
        return _fitting(loop, unit, room)


class _Weight:
    """Sums up the work of a vector loop's body."""

    def __init__(self, facts: Facts, var: str) -> None:
        self.facts, self.var = facts, var
        self.total, self.widest = 0, 1
        self.scattered = self.narrow_scatter = False

    def add(self, expr: loops.Expr) -> None:
        """Count ``expr`` and what is inside of it."""
        self.widest = max(self.widest, _register_bytes(expr.dtype))
        match expr:
            case loops.Load(buffer=buffer, indices=indices):
                self.total += 1
                self.see_memory(buffer, indices)
            case loops.Apply(op=op, args=args):
                self.total += WEIGHTS.get(op, 1)
                for arg in args:
                    self.add(arg)
            case loops.Guard(inside=inside, outside=outside):
                self.total += 2
                self.add(inside)
                self.add(outside)

    def see_memory(self, buffer: str, indices: tuple[loops.Index, ...]) -> None:
        """Note the element size of an access and whether it is more than one run of memory."""
        shape, dtype = self.facts.buffers[buffer].shape, self.facts.buffers[buffer].dtype
        self.widest = max(self.widest, _register_bytes(dtype))
        step = dict(flattened(shape, indices).terms).get(self.var, 0)
        dynamic = any(isinstance(index, loops.Dynamic) for index in indices)
        if dynamic or step not in (-1, 0, 1):
            self.scattered = True
            self.narrow_scatter = self.narrow_scatter or itemsize(dtype) < 4
        for index in indices:
            if isinstance(index, loops.Dynamic):
                self.add(index.value)


def _register_bytes(dtype: str) -> int:
    return 4 if dtype in ("bf16", "f16", "f8E4M3FN", "f8E5M2") else itemsize(dtype)


def _unroll(weight: int, registers: int) -> int:
    """Vectors per iteration: light bodies want more in flight, heavy ones cost compile time.

    With 16 registers constants are read from memory again and again; vectors that are computed
    together share these reads.
    """
    few = registers < 32
    if weight <= (40 if few else 8):
        return 4
    return 2 if weight <= (80 if few else 40) else 1


def _fitting(loop: loops.Loop, unit: int, room: int) -> int:
    """``unit`` times a power of two up to ``room``: one that divides the extent if there is one."""
    while room > 1 and unit * room > loop.extent:
        room //= 2
    if loop.bound is None:
        for candidate in (room, room // 2):
            if candidate and loop.extent % (unit * candidate) == 0:
                return unit * candidate
    while unit > 2 and unit // 2 >= loop.extent:
        unit //= 2
    return unit * room


def _joined(parts: list[Reads], more: frozenset[str] = frozenset()) -> Reads:
    names = more.union(*(part.names for part in parts))
    return Reads(names, any(part.has_load for part in parts))
