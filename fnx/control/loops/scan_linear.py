"""Scan, linearised.

Linearised, a scan becomes two: the forward one, which stacks what the derivative of each step reads
(the *residuals*), and the linear one, which scans over them. What is the same in every step, and
what is an operand or a result of the scan already, is not stacked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fnx.control.derived import derived
from fnx.control.loops.scan_parts import (
    Application,
    Scan,
    Values,
    chosen,
    close_behind,
    exactly,
    filled_in,
    settled,
)
from fnx.core.avals import Aval
from fnx.core.eager import aval_of
from fnx.core.effects import has_effect
from fnx.core.evaluate import evaluate
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var
from fnx.core.trace import trace
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.linearize import LinearizedJaxpr, linearize_jaxpr
from fnx.transforms.zeros import instantiate


class Residual(NamedTuple):
    """Where the linear scan finds something that it reads.

    ``kind``: ``const`` or ``x``, of the scan's operands; ``invariant``, computed from constants;
    ``y``, of the forward scan's results. ``index`` counts within the kind.
    """

    kind: str
    index: int


class LinearizedScan(NamedTuple):
    """A scan cut in two.

    Attributes:
        invariant: constants of the scan to values that its steps share.
        forward: the body of the forward scan: ``(*consts, *hoisted, *invariants | *carry | *xs)``
            to ``(*carry | *ys, *residuals)``.
        hoisted: values that the forward body closes over.
        linear: the body of the linear scan: ``(*fixed residuals, *tangents of consts | *tangents of
            carries | *other residuals, *tangents of xs)`` to tangents.
        residuals: where to find the residuals, the fixed ones first.
        fixed: the number of fixed ones.
        carry: which carries have a tangent.
        ys: which ys have one.
    """

    invariant: Jaxpr
    forward: Jaxpr
    hoisted: Values
    linear: Jaxpr
    residuals: list[Residual]
    fixed: int
    carry: list[bool]
    ys: list[bool]


def linearize_scan(scan: Scan, active: tuple[bool, ...]) -> LinearizedScan:
    """Cut a scan in two; remembered with its body.

    Args:
        scan: what to cut.
        active: which operands have a tangent.
    """
    key = ("scan_linearize", active, scan.num_consts, scan.num_carry, scan.counted)
    return derived(scan.body, key, lambda: _linearize(scan, active))


def _linearize(scan: Scan, active: tuple[bool, ...]) -> LinearizedScan:
    const_marks, carry_marks, x_marks = scan.inputs(active)

    def attempt(marks: list[bool]) -> tuple[Any, list[bool]]:
        parts = linearize_jaxpr(scan.body, [*const_marks, *marks, *x_marks])
        return (parts, marks), scan.outputs(parts.active)[0]

    parts, marks = settled(carry_marks, attempt)
    closed, hoisted = close_behind(parts.forward, scan.num_consts)
    wide = Scan(
        closed, scan.num_consts + len(hoisted), scan.num_carry,
        scan.length, scan.reverse, scan.unroll, scan.counted,
    )  # fmt: skip
    places = [_place(wide, len(hoisted), parts, scan, number) for number in _numbers(parts)]
    sharing = _Sharing(wide, len(scan.body.outputs))
    residuals = [sharing.residual(atom) for atom in places]
    is_fixed = [r.kind in ("const", "invariant") for r in residuals]
    order = [i for i, fixed in enumerate(is_fixed) if fixed]
    count = len(order)
    order += [i for i, fixed in enumerate(is_fixed) if not fixed]
    linear = _linear_body(scan, parts, [*const_marks, *marks, *x_marks], order, count)
    invariant, forward = sharing.finish()
    return LinearizedScan(
        invariant, forward, hoisted, linear, [residuals[i] for i in order], count, marks,
        scan.outputs(parts.active)[1],
    )  # fmt: skip


def _numbers(parts: LinearizedJaxpr) -> list[tuple[int | None, int]]:
    """For each residual its position among inputs and results, or that among the extra results."""
    extra, found = 0, []
    for place in parts.residuals:
        found.append((place, extra))
        extra += place is None
    return found


def _place(
    wide: Scan, hoisted: int, parts: LinearizedJaxpr, scan: Scan, number: tuple[int | None, int]
) -> Atom:
    """The variable of the forward body that a residual is."""
    place, extra = number
    count = len(scan.body.inputs)
    if place is None:
        return wide.body.outputs[len(scan.body.outputs) + extra]
    if place >= count:
        return wide.body.outputs[place - count]
    return wide.body.inputs[place if place < scan.num_consts else place + hoisted]


class _Sharing:
    """Finds what steps share in a forward body, and what is stacked."""

    def __init__(self, scan: Scan, results: int) -> None:
        self.scan = scan
        self.consts, self.carry, self.xs = scan.inputs(scan.body.inputs)
        self.results = list(scan.body.outputs[:results])
        self.shared = _depending_only(scan.body, self.consts)
        self.invariants: dict[Var, None] = {}

    def residual(self, atom: Atom) -> Residual:
        """Where a value of the body is to be found after the forward scan."""
        assert isinstance(atom, Var), "literals are no residuals"
        ys = self.results[self.scan.num_carry :]
        for kind, group in (("const", self.consts), ("x", self.xs), ("y", ys)):
            if atom in group:
                return Residual(kind, group.index(atom))
        if atom in self.shared:
            self.invariants.setdefault(atom)
            return Residual("invariant", list(self.invariants).index(atom))
        self.results.append(atom)
        return Residual("y", len(ys))

    def finish(self) -> tuple[Jaxpr, Jaxpr]:
        """The jaxpr of invariants, and the forward body, which takes them as constants."""
        body = self.scan.body
        invariants = tuple(self.invariants)
        before = Jaxpr(tuple(self.consts), body.eqns, invariants)
        before = dce_jaxpr(before, keep_effects=False)  # these are the forward body's
        taken = [eqn for eqn in body.eqns if not self._is_taken(eqn)]
        written = {var for eqn in taken for var in eqn.outputs}
        binders = [Var(var.aval) if var in written else var for var in invariants]
        inputs = (*self.consts, *binders, *self.carry, *self.xs)
        return before, dce_jaxpr(Jaxpr(inputs, tuple(taken), tuple(self.results)))

    def _is_taken(self, eqn: Eqn) -> bool:
        return bool(eqn.outputs) and all(var in self.invariants for var in eqn.outputs)


def _depending_only(jaxpr: Jaxpr, inputs: Sequence[Var]) -> set[Atom]:
    """Variables that depend on some of the inputs only, and not on what happens in a step."""
    found: set[Atom] = set(inputs)
    for eqn in jaxpr.eqns:
        if not has_effect(eqn) and all(isinstance(a, Literal) or a in found for a in eqn.inputs):
            found.update(eqn.outputs)
    return found


def _linear_body(
    scan: Scan, parts: LinearizedJaxpr, marks: Sequence[bool], order: Sequence[int], fixed: int
) -> Jaxpr:
    """The body of the linear scan, without constants."""
    count = len(order)
    residual_vars = parts.linear.inputs[:count]
    avals = [residual_vars[i].aval for i in order]
    const_marks, carry_marks, x_marks = scan.inputs(marks)
    const_vars, carry_vars, x_vars = scan.inputs(scan.body.inputs)
    tangents = [
        [v.aval.strong() for v in chosen(group, group_marks)]
        for group, group_marks in (
            (const_vars, const_marks), (carry_vars, carry_marks), (x_vars, x_marks)
        )
    ]  # fmt: skip
    n_consts, n_carry, _ = map(len, tangents)

    def step(*args: Any) -> list[Any]:
        rest = list(args)
        shared, rest = rest[:fixed], rest[fixed:]
        moving, rest = rest[: n_consts + n_carry], rest[n_consts + n_carry :]
        own, dxs = rest[: count - fixed], rest[count - fixed :]
        residuals = dict(zip(order, shared + own, strict=True))
        values = [residuals[i] for i in range(count)]
        found = filled_in(parts.active, evaluate(parts.linear, *values, *moving, *dxs))
        dcarry, dys = scan.outputs(found)
        pairs = zip(chosen(dcarry, carry_marks), tangents[1], strict=True)
        dcarry = [exactly(instantiate(t, aval), aval) for t, aval in pairs]
        return [*dcarry, *[t for t in dys if t is not None]]

    all_avals = avals[:fixed] + tangents[0] + tangents[1] + avals[fixed:] + tangents[2]
    body = trace(step, all_avals)
    assert not body.consts, "the linear half of a closed body reads residuals only"
    return body


def forward_of(scan: Scan, parts: LinearizedScan, primals: Values) -> Application:
    """The forward scan; the invariants are computed here."""
    consts, carry, xs = scan.inputs(primals)
    consts = [*consts, *parts.hoisted]
    consts += evaluate(parts.invariant, *consts)
    made = Scan(
        parts.forward, len(consts), scan.num_carry,
        scan.length, scan.reverse, scan.unroll, scan.counted,
    )  # fmt: skip
    return Application(made, consts, carry, xs)


def linear_of(
    scan: Scan,
    parts: LinearizedScan,
    forward: Application,
    ys: Sequence[Any],
    tangents: Values,
    count: Any = None,
) -> Application:
    """The linear scan, after the forward one gave ``ys``.

    Args:
        scan: what was linearised.
        parts: its halves.
        forward: the forward scan that ran.
        ys: all of its stacked results.
        tangents: of the operands of ``scan``.
        count: the number of steps that ran, if that is not the length.
    """
    num_invariant = len(parts.invariant.outputs)
    sources = {
        "const": forward.consts,
        "invariant": forward.consts[len(forward.consts) - num_invariant :],
        "x": forward.xs,
        "y": ys,
    }
    residuals = [sources[r.kind][r.index] for r in parts.residuals]
    dconsts, dcarry, dxs = scan.inputs(tangents)
    avals = [v.aval.strong() for v in scan.inputs(scan.body.inputs)[1]]
    rows = zip(dcarry, avals, parts.carry, strict=True)
    dcarry = [instantiate(t, aval) for t, aval, is_active in rows if is_active]
    consts = residuals[: parts.fixed] + [t for t in dconsts if t is not None]
    body = parts.linear
    if count is not None:
        consts = [count, *consts]
        body = derived(body, "counted", lambda: _with_count(parts.linear, aval_of(count)))
    xs = residuals[parts.fixed :] + [t for t in dxs if t is not None]
    made = Scan(
        body, len(consts), len(dcarry), scan.length, scan.reverse, scan.unroll, count is not None
    )
    return Application(made, consts, dcarry, xs)


def _with_count(body: Jaxpr, aval: Aval) -> Jaxpr:
    """A body that takes the number of steps as its first constant."""
    return Jaxpr((Var(aval), *body.inputs), body.eqns, body.outputs)
