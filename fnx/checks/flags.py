"""Flags: a program with one more result: whether any check failed, as cheaply as it can be told.

Input: a closed jaxpr, and checks. Output: a closed jaxpr with one more result, a boolean. It may be
true although nothing failed (`replay` decides), but never false where something did.

NaNs spread: a NaN that matters shows up in a result of the program, or where it turns into
something else: a comparison, an integer, a part that is cut off. So only those places are looked
at, which costs next to nothing. Overflows and indices are looked at where they happen.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.checks.classes import class_of
from fnx.checks.demand import EVERYTHING, NOTHING, Demand, Masks, demands, is_question
from fnx.checks.failures import Mask, failures, is_nan
from fnx.checks.flag_control import CONTROL_RULES
from fnx.checks.inline import CONTROL, Flat, Step, calls_checked, inlined
from fnx.checks.kinds import Kinds
from fnx.checks.recording import Log, recorded
from fnx.core.dtypes import BOOL, FLOATS
from fnx.core.eager import aval_of
from fnx.core.effects import has_effect
from fnx.core.evaluate import literal_value
from fnx.core.ir import Atom, Jaxpr, Literal, Var
from fnx.core.sources import disinherit, inherit
from fnx.core.trace import bind, trace
from fnx.ops.bitwise import and_, not_, or_
from fnx.ops.conversion import convert
from fnx.ops.layout import broadcast_in_dim
from fnx.ops.reduction import reduce_or

Values = Sequence[Any]

_WHERE_IT_HAPPENS = ("overflow", "index", "div")


def with_flag(jaxpr: Jaxpr, kinds: Kinds, log: Log) -> Jaxpr:
    """The program of the same inputs that returns the flag as its last result.

    What ordered callbacks return is noted in ``log``.
    """
    run = functools.partial(run_with_flag, jaxpr, kinds, log=log)
    return trace(run, [v.aval for v in jaxpr.inputs])


def run_with_flag(
    jaxpr: Jaxpr, kinds: Kinds, *args: Any, log: Log, is_inner: bool = False
) -> list[Any]:
    """Run a function in the current trace; its results, and whether a check failed.

    Args:
        jaxpr: the function.
        kinds: the checks.
        *args: its arguments.
        log: notes what ordered callbacks return.
        is_inner: whether it is a branch or the body of a loop: then NaNs may come in, and those in
            results are seen where the results are used.
    """
    flat = inlined(jaxpr, kinds)
    run = _Run(flat, dict(zip(flat.inputs, args, strict=True)), log, is_inner)
    run.steps()
    outs = [run.read(a) for a in flat.outputs]
    run.look_for_nans()
    return [*outs, run.flag()]


class _Run:
    """One run of a function with checks."""

    def __init__(self, flat: Flat, env: dict[Var, Any], log: Log, is_inner: bool) -> None:
        self.flat, self.log, self.is_inner = flat, log, is_inner
        self.wanted = demands(flat)
        self.env = {**flat.consts, **env}
        self.masks = Masks(self.read)
        self.found: list[Any] = []  # scalars
        self.pending: list[tuple[Step, Mask, Demand]] = []

    def read(self, atom: Atom) -> Any:
        return literal_value(atom) if type(atom) is Literal else self.env[atom]

    def demand_of(self, atom: Atom) -> Demand:
        return EVERYTHING if type(atom) is Literal else self.wanted.get(atom, NOTHING)

    def steps(self) -> None:
        """Run the equations, and the checks of what happens in them."""
        inner = functools.partial(run_with_flag, log=self.log, is_inner=True)
        for step in self.flat.steps:
            eqn = step.eqn
            token = inherit(eqn.source)
            try:
                ins = [self.read(a) for a in eqn.inputs]
                if eqn.primitive.name in CONTROL:
                    outs, flag = CONTROL_RULES[eqn.primitive.name](step, ins, inner)
                    self.found.append(flag)
                elif eqn.primitive.name == "check":
                    outs = self.assertion(step, ins)
                else:
                    outs = bind(eqn.primitive, *ins, **recorded(eqn, self.log))
                self.env.update(zip(eqn.outputs, outs, strict=True))
                self.look_at(step, ins, outs)
            finally:
                disinherit(token)

    def assertion(self, step: Step, ins: list[Any]) -> tuple[Any, ...]:
        """A user's assertion: checked, or left to whoever else asks for it."""
        if "user" in step.kinds:
            self.found.append(any_of(not_(ins[0])))
            return ()
        return bind(step.eqn.primitive, *ins, **step.eqn.params)

    def look_at(self, step: Step, ins: Values, outs: Values) -> None:
        """Check what happened in an equation; if that depends on later predicates, afterwards."""
        if not outs:
            return
        demand = self.demand_of(step.eqn.outputs[0])
        for kind in _WHERE_IT_HAPPENS:
            if kind not in step.kinds:
                continue
            for mask in failures(kind, step.eqn, ins, outs, exact=False):
                if demand.how == "all":
                    self.found.append(any_of(mask.value))
                elif demand.how != "none":
                    self.pending.append((step, mask, demand))

    def look_for_nans(self) -> None:
        """Check values whose NaNs do not show up in another one that is checked."""
        for step, mask, demand in self.pending:
            token = inherit(step.eqn.source)
            self.found.append(any_of(within(mask, step, self.masks.of(demand))))
            disinherit(token)
        for var, step in _nan_places(self.flat, self.wanted, self.is_inner):
            token = inherit(None if step is None else step.eqn.source)
            x, demanded = self.env[var], self.masks.of(self.wanted[var])
            mask = is_nan(x) if demanded is None else and_(is_nan(x), demanded)
            self.found.append(any_of(mask))
            disinherit(token)

    def flag(self) -> Any:
        """Whether anything was found."""
        if not self.found:
            return broadcast_in_dim(np.False_, shape=(), dimensions=())
        return convert(functools.reduce(or_, self.found), dtype=BOOL)


def any_of(mask: Any) -> Any:
    """Whether any element is true, as a scalar."""
    ndim = aval_of(mask).ndim
    return reduce_or(mask, axes=tuple(range(ndim))) if ndim else mask


def within(mask: Mask, step: Step, demanded: Any) -> Any:
    """A mask without the elements that are not demanded.

    The demand is of the result. That of an index is not told apart by elements, but for a gather.
    """
    if demanded is None:
        return mask.value
    if mask.operand is None:
        return and_(mask.value, demanded)
    if step.eqn.primitive.name != "gather":
        return and_(any_of(mask.value), any_of(demanded))
    rows = reduce_or(demanded, axes=step.eqn.params["offset_dims"])
    shape = aval_of(mask.value).shape
    dimensions = tuple(range(len(shape) - 1))
    return and_(mask.value, broadcast_in_dim(rows, shape=shape, dimensions=dimensions))


def _nan_places(
    flat: Flat, wanted: dict[Var, Demand], is_inner: bool
) -> list[tuple[Var, Step | None]]:
    """The variables at which to look for NaNs, each with the step that makes it, if one does."""
    inputs = [v for v in flat.inputs if is_inner and _may_hold_nan(v)]
    made = _may_be_nan(flat, set(inputs))
    shown = _shown(flat, wanted)
    if not is_inner:
        shown.difference_update([a for a in flat.outputs if type(a) is Var])
    places: list[tuple[Var, Step | None]] = [(v, None) for v in inputs]
    places += [(v, step) for step in flat.steps for v in step.eqn.outputs]
    return [
        (v, step)
        for v, step in places
        if v in made and v not in shown and wanted.get(v, NOTHING).how != "none"
    ]


def _may_hold_nan(var: Var) -> bool:
    return var.aval.dtype in FLOATS and var.aval.size > 0


def _may_be_nan(flat: Flat, made: set[Var]) -> set[Var]:
    """Variables that depend on these, or on an equation that may make a NaN and is checked."""
    for step in flat.steps:
        eqn = step.eqn
        if eqn.primitive.name in CONTROL:
            is_maker = "nan" in step.kinds or calls_checked(eqn)
        else:
            is_maker = "nan" in step.kinds and "nan" in class_of(eqn.primitive).fails
        if is_maker or not made.isdisjoint(eqn.inputs):
            made.update([v for v in eqn.outputs if _may_hold_nan(v)])
    return made


def _shown(flat: Flat, wanted: dict[Var, Demand]) -> set[Var]:
    """Variables whose NaNs, where they matter, show up in what is made of them.

    That is so if one operation shows them all, or if each operation shows those that it lets
    through. Functions look at their own arguments.
    """
    shows_all: set[Var] = set()
    hides: set[Var] = set()
    read: set[Var] = {a for a in flat.outputs if type(a) is Var}
    for step in flat.steps:
        eqn = step.eqn
        is_read = any(wanted.get(v, NOTHING).how != "none" for v in eqn.outputs) or (
            has_effect(eqn) and eqn.primitive.name != "debug_callback"
        )
        for position, atom in enumerate(eqn.inputs):
            if type(atom) is not Var or is_question(eqn) or not is_read:
                continue
            read.add(atom)
            if eqn.primitive.name in CONTROL:
                continue
            if not _passes(eqn, position):
                hides.add(atom)
            elif eqn.primitive.name != "select" and _all(wanted, eqn.outputs[0]):
                shows_all.add(atom)
    return (read - hides) | shows_all


def _all(wanted: dict[Var, Demand], var: Var) -> bool:
    return wanted.get(var, NOTHING).how == "all"


def _passes(eqn: Any, position: int) -> bool:
    """Whether NaNs of an operand, where demanded, are NaNs of the one result."""
    name = eqn.primitive.name
    if eqn.outputs and eqn.outputs[0].aval.size == 0:
        return False
    if name == "select":
        return position > 0 and eqn.inputs[position].aval.shape == eqn.outputs[0].aval.shape
    if name == "convert":
        return eqn.outputs[0].aval.dtype in FLOATS
    if name == "integer_pow":
        return eqn.params["exponent"] != 0
    passes = class_of(eqn.primitive).passes_nan
    return passes is None or position in passes
