"""Demand: which elements of a value anything depends on.

A value that only feeds the side of a ``where`` that is not taken may be anything there. So a check
looks only at elements that are demanded: by a result, or by any operation but a ``select`` that
takes the other side, and the questions whether a value is NaN (``x != x``) or finite. Demand passes
backwards through elementwise operations, broadcasts, reshapes and transpositions; all other
operations demand all of their operands.

Input: the steps of one function (`Flat`). Output: for each variable a `Demand`; its masks are
computed from the values of the predicates, in compiled programs and on known values alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fnx.checks.classes import class_of
from fnx.checks.inline import Flat
from fnx.core.dtypes import FLOATS
from fnx.core.effects import has_effect
from fnx.core.ir import Atom, Eqn, Var
from fnx.ops.bitwise import and_, not_, or_
from fnx.ops.layout import broadcast_in_dim, reshape, transpose
from fnx.ops.reduction import reduce_or

_DEEPEST = 24  # selects on top of each other; beyond that, everything counts as demanded

Read = Callable[[Atom], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """Which elements are demanded.

    Attributes:
        how: "all", "none", "either" (of ``parts``), or through which operation ``parts[0]`` is.
        parts: other demands.
        eqn: the operation; for a select, ``side`` is the operand's position.
        side: see ``eqn``.
        depth: how many operations are on top of each other.
    """

    how: str
    parts: tuple[Demand, ...] = ()
    eqn: Eqn | None = None
    side: int = 0
    depth: int = 0


EVERYTHING = Demand("all")
NOTHING = Demand("none")


def demands(flat: Flat) -> dict[Var, Demand]:
    """The demand for each variable; for those that are not in it, there is none."""
    found: dict[Var, Demand] = {}
    for atom in flat.outputs:
        if type(atom) is Var and atom.aval.size:
            found[atom] = EVERYTHING
    for step in reversed(flat.steps):
        eqn = step.eqn
        is_read = any(v in found for v in eqn.outputs) or has_effect(eqn)
        if eqn.primitive.name == "debug_callback" or not is_read:
            continue  # dead code, or only looked at
        for position, atom in enumerate(eqn.inputs):
            if type(atom) is Var and atom.aval.size:
                added = _through(eqn, position, found)
                found[atom] = _either(found.get(atom, NOTHING), added)
    return found


def is_question(eqn: Eqn) -> bool:
    """Whether an equation asks if a value is NaN or finite, which NaNs are meant to reach."""
    if eqn.primitive.name == "is_finite":
        return True
    is_self = eqn.primitive.name in ("ne", "eq") and eqn.inputs[0] is eqn.inputs[1]
    return is_self and eqn.inputs[0].aval.dtype in FLOATS


def _through(eqn: Eqn, position: int, found: dict[Var, Demand]) -> Demand:
    """What an equation demands of an operand."""
    if eqn.primitive.name == "check" and position > 0:
        return NOTHING  # shown in a message
    if len(eqn.outputs) != 1 or eqn.primitive.split is not None:
        return EVERYTHING
    if is_question(eqn):
        return NOTHING
    name, out = eqn.primitive.name, eqn.outputs[0]
    inner = found.get(out, NOTHING)
    if inner.how == "none":
        return NOTHING
    if class_of(eqn.primitive).is_pointwise:
        if eqn.inputs[position].aval.shape != out.aval.shape:
            return EVERYTHING  # a scalar beside an array
        is_side = name == "select" and position > 0
        return _deeper("select", inner, eqn, position) if is_side else inner
    if inner.how == "all":
        return EVERYTHING
    if name in ("broadcast_in_dim", "reshape", "transpose"):
        return _deeper(name, inner, eqn, position)
    return EVERYTHING


def _deeper(how: str, inner: Demand, eqn: Eqn, side: int) -> Demand:
    if inner.depth >= _DEEPEST:
        return EVERYTHING
    return Demand(how, (inner,), eqn, side, inner.depth + 1)


def _either(a: Demand, b: Demand) -> Demand:
    if a.how == "all" or b.how == "none" or a is b:
        return a
    if b.how == "all" or a.how == "none":
        return b
    depth = max(a.depth, b.depth) + 1
    return EVERYTHING if depth > _DEEPEST else Demand("either", (a, b), depth=depth)


def predicates(wanted: Iterable[Demand]) -> set[Var]:
    """The variables that the masks of demands are computed from."""
    found: set[Var] = set()
    seen: set[Demand] = set()
    todo = list(wanted)
    while todo:
        demand = todo.pop()
        if demand in seen:
            continue
        seen.add(demand)
        todo += demand.parts
        if demand.how == "select" and demand.eqn is not None:
            found.update([a for a in demand.eqn.inputs[:1] if type(a) is Var])
    return found


class Masks:
    """Masks of demands, each computed once. Build one for a run of the function."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: dict[Demand, Any] = {}

    def of(self, demand: Demand) -> Any:
        """The elements demanded, as an array of booleans; None for all of them."""
        if demand.how == "all":
            return None
        if demand not in self._known:
            self._known[demand] = self._compute(demand)
        return self._known[demand]

    def _compute(self, demand: Demand) -> Any:
        if demand.how == "either":
            first, second = (self.of(part) for part in demand.parts)
            return None if first is None or second is None else or_(first, second)
        assert demand.eqn is not None
        eqn, inner = demand.eqn, self.of(demand.parts[0])
        if demand.how == "select":
            return self._selected(eqn, demand.side, inner)
        shape = eqn.inputs[0].aval.shape
        if demand.how == "reshape":
            return reshape(inner, shape=shape)
        if demand.how == "transpose":
            order = eqn.params["permutation"]
            return transpose(inner, permutation=tuple(int(i) for i in np.argsort(order)))
        kept = eqn.params["dimensions"]
        axes = [a for a in range(len(eqn.params["shape"])) if a not in kept]
        stretched = [d for n, d in zip(shape, kept, strict=True) if n == 1]
        return reshape(reduce_or(inner, axes=tuple(sorted({*axes, *stretched}))), shape=shape)

    def _selected(self, eqn: Eqn, side: int, inner: Any) -> Any:
        """Where a select takes its operand number ``side`` (1: where the predicate is true)."""
        predicate, shape = self._read(eqn.inputs[0]), eqn.outputs[0].aval.shape
        if eqn.inputs[0].aval.shape != shape:
            predicate = broadcast_in_dim(predicate, shape=shape, dimensions=())
        mask = predicate if side == 1 else not_(predicate)
        return mask if inner is None else and_(mask, inner)
