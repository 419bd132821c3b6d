"""Functional: a program that returns which of its checks failed first, instead of raising.

Input: a closed jaxpr, and kinds of checks. Output: its results, a code (0, or the number of a
`Site`), and for each site the values of its message. The first failure in the order of the program
wins; loops carry the code, and go on (a ``while`` stops).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fnx.checks.demand import EVERYTHING, NOTHING, Demand, Masks, demands
from fnx.checks.error_values import Site
from fnx.checks.failures import Mask, failures
from fnx.checks.flags import any_of, within
from fnx.checks.functional_control import CONTROL_RULES, Outcome
from fnx.checks.inline import CONTROL, Flat, Step, inlined
from fnx.checks.kinds import Kinds
from fnx.checks.sites import assertion_values, element_values, index_masks_by_axis
from fnx.core.dtypes import INT32
from fnx.core.evaluate import literal_value
from fnx.core.ir import Atom, Jaxpr, Literal, Var
from fnx.core.sources import disinherit, inherit
from fnx.core.trace import bind
from fnx.ops.comparison import eq, select
from fnx.ops.conversion import convert

Values = Sequence[Any]
ORDER = ("index", "div", "nan", "overflow")


def run_functional(jaxpr: Jaxpr, args: Values, kinds: Kinds, sites: list[Site]) -> Outcome:
    """Run a function in the current trace, with checks; its sites are appended to ``sites``."""
    run = _Run(inlined(jaxpr, kinds), sites)
    return run.run(args)


@dataclass(slots=True)
class _Item:
    """A check that was passed on the way: a mask with its site, or the code of a function."""

    number: int = 0
    mask: Mask | None = None
    step: Step | None = None
    demand: Demand = EVERYTHING
    ins: Values = ()
    code: Any = None


class _Run:
    """One run of a function."""

    def __init__(self, flat: Flat, sites: list[Site]) -> None:
        self.flat, self.sites = flat, sites
        self.wanted = demands(flat)
        self.env: dict[Var, Any] = {}
        self.items: list[_Item] = []
        self.values: dict[int, tuple[Any, ...]] = {}

    def read(self, atom: Atom) -> Any:
        return literal_value(atom) if type(atom) is Literal else self.env[atom]

    def run(self, args: Values) -> Outcome:
        self.env = {**self.flat.consts, **dict(zip(self.flat.inputs, args, strict=True))}
        for step in self.flat.steps:
            token = inherit(step.eqn.source)
            try:
                self.one(step)
            finally:
                disinherit(token)
        code: Any = np.int32(0)
        for item in self.items:
            code = _first(code, item.code if item.mask is None else self.code_of(item))
        outs = [self.read(a) for a in self.flat.outputs]
        return Outcome(outs, convert(code, dtype=INT32), self.values)

    def one(self, step: Step) -> None:
        """Run one equation, and note its checks."""
        eqn = step.eqn
        ins = [self.read(a) for a in eqn.inputs]
        if eqn.primitive.name in CONTROL:
            inner = functools.partial(run_functional, kinds=step.kinds, sites=self.sites)
            outcome = CONTROL_RULES[eqn.primitive.name](step, ins, inner)
            outs: Values = outcome.outs
            self.values.update(outcome.values)
            self.items.append(_Item(code=outcome.code))
        elif eqn.primitive.name == "check":
            outs = ()
            if "user" in step.kinds:
                self.assertion(step, ins)
        else:
            outs = bind(eqn.primitive, *ins, **eqn.params)
        self.env.update(zip(eqn.outputs, outs, strict=True))
        self.note(step, ins, outs)

    def site(self, site: Site) -> int:
        """The number of a new site."""
        self.sites.append(site)
        return len(self.sites)

    def assertion(self, step: Step, ins: Values) -> None:
        params, source = step.eqn.params, step.eqn.source
        site = Site("user", "check", params["message"], params["names"], None, source)
        number = self.site(site)
        failed, self.values[number] = assertion_values(ins, params["lanes"])
        self.items.append(_Item(number, Mask(failed), step))

    def note(self, step: Step, ins: Values, outs: Values) -> None:
        eqn = step.eqn
        demand = self.wanted.get(eqn.outputs[0], NOTHING) if eqn.outputs else NOTHING
        if demand.how == "none":
            return
        for kind in ORDER:
            if kind not in step.kinds:
                continue
            for mask in failures(kind, eqn, ins, outs, exact=True):
                for part, site in index_masks_by_axis(kind, eqn, mask, ins, outs):
                    self.items.append(_Item(self.site(site), part, step, demand, ins))

    def code_of(self, item: _Item) -> Any:
        """The number of a site where its check failed, else 0; its values are set."""
        assert item.mask is not None
        assert item.step is not None
        token = inherit(item.step.eqn.source)
        try:
            masks = Masks(self.read)
            mask = within(item.mask, item.step, masks.of(item.demand))
            if item.number not in self.values:
                self.values[item.number] = element_values(mask, item.mask.operand, item.ins)
            return select(any_of(mask), np.int32(item.number), np.int32(0))
        finally:
            disinherit(token)


def _first(code: Any, other: Any) -> Any:
    """The first code that is not 0."""
    return select(eq(code, np.int32(0)), other, code)
