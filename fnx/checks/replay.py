"""Replay: run a program again, equation by equation, to find the first that fails a check.

Input: the jaxpr, its arguments (kept, as a sanitiser build overwrites nothing) and the checks.
Output: the `Failure`, or None: the flag of a compiled program may be true too often. Branches and
loops are followed as the values say, and nothing is said to the outside a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fnx.checks.classes import class_of
from fnx.checks.demand import EVERYTHING, NOTHING, Demand, Masks, demands, predicates
from fnx.checks.failures import Mask, failures
from fnx.checks.flags import within
from fnx.checks.inline import CONTROL, Flat, Step, inlined
from fnx.checks.integers import exactly
from fnx.checks.kinds import Kinds
from fnx.checks.recording import results_of
from fnx.checks.written import chains, producers_of, written_as
from fnx.core.array import Array
from fnx.core.evaluate import literal_value
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var
from fnx.core.sources import disinherit, inherit
from fnx.core.trace import bind

Values = Sequence[Any]
Apply = Callable[[Eqn, Values], Values]
Log = Iterator[list[np.ndarray]]
ORDER = ("index", "div", "nan", "overflow")  # of the checks of one equation


@dataclass(slots=True)
class Failure:
    """An equation that failed a check, with its values.

    Attributes:
        kind: the check.
        eqn: the equation.
        mask: the elements that failed, an array of booleans.
        operand: of which operand they are elements; None: of the result.
        ins: values of the operands.
        outs: values of the results.
        path: iterations of the loops around it, the outermost first.
        written: for an index, the value that the user wrote, where that is another one.
    """

    kind: str
    eqn: Eqn
    mask: np.ndarray
    operand: int | None
    ins: Values
    outs: Values
    path: tuple[int, ...] = ()
    written: int | None = None

    @property
    def index(self) -> tuple[int, ...]:
        """The first element that failed."""
        mask = self.mask
        place = np.unravel_index(int(np.argmax(mask)), mask.shape) if mask.ndim else ()
        return tuple([int(i) for i in place])


def apply_now(eqn: Eqn, ins: Values) -> Values:
    """The results of an equation by its NumPy rule."""
    return bind(eqn.primitive, *ins, **eqn.params)


def first_failure(
    jaxpr: Jaxpr, kinds: Kinds, args: Values, log: Log, apply: Apply = apply_now
) -> Failure | None:
    """The first equation, in the order of the program, that fails a check.

    Args:
        jaxpr: the program.
        kinds: the checks.
        args: its arguments.
        log: what ordered callbacks returned.
        apply: runs an equation.
    """
    return _Replay(_plan(jaxpr, kinds), apply, log, ()).run(args, to_the_end=False)[1]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of a function before it runs.

    Attributes:
        flat: its steps.
        wanted: the demand for each variable.
        last: for each step, the variables that nobody reads after it, demands included.
        producers: the equation that makes each variable.
    """

    flat: Flat
    wanted: dict[Var, Demand]
    last: list[list[Var]]
    producers: dict[Var, Eqn]


def _plan(jaxpr: Jaxpr, kinds: Kinds) -> _Plan:
    flat = inlined(jaxpr, kinds)
    wanted = demands(flat)
    kept: set[Any] = {*flat.outputs, *predicates(wanted.values()), *chains(flat)}
    last: list[list[Var]] = []
    for step in reversed(flat.steps):
        atoms = (*step.eqn.inputs, *step.eqn.outputs)
        own = {a for a in atoms if type(a) is Var and a not in kept}
        kept |= own
        last.append(list(own))
    last.reverse()
    return _Plan(flat, wanted, last, producers_of(flat))


@dataclass(slots=True)
class _Candidate:
    """A failure, if the elements that failed are demanded."""

    failure: Failure
    step: Step
    demand: Demand


class _Replay:
    """A run of one function on known values."""

    def __init__(self, plan: _Plan, apply: Apply, log: Log, path: tuple[int, ...]) -> None:
        self.plan, self.apply, self.log, self.path = plan, apply, log, path
        self.env: dict[Var, Any] = {}
        self.found: list[_Candidate] = []

    def read(self, atom: Atom) -> Any:
        return literal_value(atom) if type(atom) is Literal else self.env[atom]

    def run(self, args: Values, *, to_the_end: bool) -> tuple[list[Any], Failure | None]:
        """The results, and the first failure; without results if that came before the end.

        Args:
            args: the arguments.
            to_the_end: whether the results are wanted whatever happens.
        """
        flat = self.plan.flat
        self.env = {**flat.consts, **dict(zip(flat.inputs, args, strict=True))}
        for step, dead in zip(flat.steps, self.plan.last, strict=True):
            token = inherit(step.eqn.source)
            try:
                self.one(step, to_the_end)
            finally:
                disinherit(token)
            if self.found and self.found[0].demand is EVERYTHING and not to_the_end:
                return [], self.with_index(self.found[0].failure)
            for var in dead:
                self.env.pop(var, None)
        return [self.read(a) for a in flat.outputs], self.decided()

    def one(self, step: Step, to_the_end: bool) -> None:
        """Run one equation, and note what failed in it."""
        eqn = step.eqn
        ins = [self.read(a) for a in eqn.inputs]
        if eqn.primitive.name in CONTROL:
            must_finish = to_the_end or bool(self.found)
            outs, failure = self.control(step, ins, must_finish)
            if failure is not None:
                self.found.append(_Candidate(failure, step, EVERYTHING))
                if not must_finish:
                    return
        elif eqn.primitive.name in ("check", "debug_callback"):
            outs = ()
        elif eqn.primitive.name == "io_callback":
            outs = [Array(x) for x in results_of(eqn, self.log)]
        else:
            outs = self.apply(eqn, ins)
        self.env.update(zip(eqn.outputs, outs, strict=True))
        self.note(step, ins, outs)

    def note(self, step: Step, ins: Values, outs: Values) -> None:
        eqn = step.eqn
        if eqn.primitive.name == "check" and "user" in step.kinds:
            masks = [("user", Mask(~np.asarray(ins[0]), 0))]
        else:
            kinds = [k for k in ORDER if k in step.kinds and k in class_of(eqn.primitive).fails]
            masks = [(k, m) for k in kinds for m in failures(k, eqn, ins, outs, exact=True)]
        demand = self.plan.wanted.get(eqn.outputs[0], NOTHING) if eqn.outputs else EVERYTHING
        for kind, mask in masks:
            value = np.asarray(mask.value)
            if kind == "overflow" and value.any():
                arrays = [np.asarray(x) for x in ins]
                known = exactly(eqn.primitive.name, eqn.params, arrays, np.asarray(outs[0]))
                value = value if known is None else value & known
            if value.any() and demand.how != "none":
                failure = Failure(kind, eqn, value, mask.operand, ins, outs, self.path)
                self.found.append(_Candidate(failure, step, demand))

    def decided(self) -> Failure | None:
        """The first candidate with an element that is demanded."""
        masks = Masks(self.read)
        for candidate in self.found:
            failure = candidate.failure
            mask = Mask(failure.mask, failure.operand)
            value = np.asarray(within(mask, candidate.step, masks.of(candidate.demand)))
            if value.any():
                failure.mask = np.broadcast_to(value, failure.mask.shape) & failure.mask
                return self.with_index(failure)
        return None

    def with_index(self, failure: Failure) -> Failure:
        """A failure with the index that the user wrote."""
        if failure.kind == "index" and failure.operand is not None and failure.written is None:
            atom = failure.eqn.inputs[failure.operand]
            origin, place = written_as(self.plan.producers, atom, failure.index)
            if origin is not atom:
                failure.written = int(np.asarray(self.read(origin))[place])
        return failure

    # Control flow ---------------------------------------------------------------------------------

    def control(
        self, step: Step, ins: list[Any], to_the_end: bool
    ) -> tuple[Values, Failure | None]:
        """Results of a branch or a loop, and the first failure inside."""
        name = step.eqn.primitive.name
        if name == "cond":
            branch = step.eqn.params["branches"][int(ins[0])]
            plan = _plan(branch, step.kinds)
            return _Replay(plan, self.apply, self.log, self.path).run(
                ins[1:], to_the_end=to_the_end
            )
        loop = self.scan if name == "scan" else self.loop
        return loop(step, ins, to_the_end)

    def scan(self, step: Step, ins: list[Any], to_the_end: bool) -> tuple[Values, Failure | None]:
        """A loop over rows."""
        params = step.eqn.params
        first, count = params["num_consts"], params["num_carry"]
        consts, carry, xs = ins[:first], ins[first : first + count], ins[first + count :]
        length = int(consts[0]) if params.get("counted") else params["length"]
        places = range(length)
        plan = _plan(params["body"], step.kinds)
        rows = [np.zeros(v.aval.shape, v.aval.dtype) for v in step.eqn.outputs[count:]]
        failure = None
        for iteration, place in enumerate(reversed(places) if params["reverse"] else places):
            row = [Array(np.asarray(x)[place]) for x in xs]
            replay = _Replay(plan, self.apply, self.log, (*self.path, iteration))
            must_finish = to_the_end or failure is not None
            outs, found = replay.run([*consts, *carry, *row], to_the_end=must_finish)
            failure = failure or found
            if failure is not None and not must_finish:
                return [], failure
            carry = outs[:count]
            for stacked, y in zip(rows, outs[count:], strict=True):
                stacked[place] = np.asarray(y)
        return [*carry, *[Array(y) for y in rows]], failure

    def loop(self, step: Step, ins: list[Any], to_the_end: bool) -> tuple[Values, Failure | None]:
        """A loop while a condition holds."""
        params = step.eqn.params
        first, second = params["num_cond_consts"], params["num_body_consts"]
        cond_consts, consts = ins[:first], ins[first : first + second]
        carry = ins[first + second :]
        count = len(carry)
        cond, body = (_plan(params[name], step.kinds) for name in ("cond", "body"))
        rows = [np.zeros(v.aval.shape, v.aval.dtype) for v in step.eqn.outputs[count:]]
        failure, iteration = None, 0
        while params.get("max_steps") is None or iteration < params["max_steps"]:
            path = (*self.path, iteration)
            outs, found = _Replay(cond, self.apply, self.log, path).run(
                [*cond_consts, *carry], to_the_end=to_the_end
            )
            failure = failure or found
            if failure is not None and not to_the_end:
                return [], failure
            if not bool(outs[0]) or failure is not None:
                break
            outs, found = _Replay(body, self.apply, self.log, path).run(
                [*consts, *carry], to_the_end=to_the_end
            )
            failure = failure or found
            if failure is not None and not to_the_end:
                return [], failure
            carry = outs[:count]
            for stacked, y in zip(rows, outs[count:], strict=True):
                stacked[iteration] = np.asarray(y)
            iteration += 1
        return [*carry, *[Array(y) for y in rows]], failure
