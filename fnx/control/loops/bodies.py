"""Loop bodies: trace the function that a loop repeats, and check what it carries.

A carry keeps its structure, shapes and dtypes from step to step. A carry that begins as a Python
scalar (a weak dtype) takes the dtype that the body gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fnx import tree
from fnx.control.effects.callback import has_callbacks
from fnx.control.loops.scan_parts import Values, close_behind, exactly
from fnx.core.avals import Aval
from fnx.core.dtypes import promote_types
from fnx.core.eager import aval_of
from fnx.core.equality import equal
from fnx.core.flatten import FlatFunction, name_of
from fnx.core.ir import Jaxpr
from fnx.core.sources import user_source
from fnx.core.trace import is_staged, trace
from fnx.errors import FnxTypeError

_MOST_BODIES = 256
_LATTICE_HEIGHT = 4  # how often the dtype of a weak carry can change: bool, int, float, strong

_bodies: dict[str, Jaxpr] = {}


class Body(NamedTuple):
    """The traced body of a loop.

    Attributes:
        jaxpr: ``(*hoisted, *carry, *others)`` to ``(*carry, *ys)``; closed.
        hoisted: values that the body closes over.
        carry: the avals of the carry.
        out_tree: the structure of what the function returned.
    """

    jaxpr: Jaxpr
    hoisted: Values
    carry: list[Aval]
    out_tree: tree.TreeDef


def check_callable(what: str, name: str, f: Any) -> None:
    """Raise FnxTypeError if ``f`` cannot be called."""
    if not callable(f):
        raise FnxTypeError(
            f"{what}: {name} must be a function, got {type(f).__name__}: {f!r:.60}",
            source=user_source(),
            hint="Pass the function itself, not the result of calling it.",
        )


def trace_body(
    what: str,
    f: Callable[..., Any],
    in_tree: tree.TreeDef,
    carry_tree: tree.TreeDef,
    carry: Sequence[Aval],
    others: Sequence[Aval] = (),
    with_ys: bool = False,
) -> Body:
    """Trace the body of a loop.

    Args:
        what: the loop's name, for messages.
        f: called with ``in_tree`` filled with the carry's leaves and then the others.
        in_tree: the structure of ``(args, kwargs)``.
        carry_tree: the structure of the carry.
        carry: its avals before the first step.
        others: avals of what else the body takes.
        with_ys: whether it returns ``(carry, y)`` instead of a carry.

    Raises:
        FnxTypeError: if the body does not return what it is to carry.
    """
    carry = list(carry)
    for _ in range(_LATTICE_HEIGHT):
        flat = _Step(what, f, in_tree, carry_tree, carry, with_ys)
        jaxpr = trace(flat, [*carry, *others])
        if flat.carry == carry:
            break
        carry = flat.carry
    flat.check()
    closed, hoisted = close_behind(jaxpr, 0)
    return Body(known_body(closed), hoisted, carry, flat.out_tree)


class _Step:
    """A body as a function of leaves that returns the carry with its own avals, then the rest."""

    def __init__(
        self,
        what: str,
        f: Callable[..., Any],
        in_tree: tree.TreeDef,
        carry_tree: tree.TreeDef,
        carry: list[Aval],
        with_ys: bool,
    ) -> None:
        self.what, self.f, self.before, self.with_ys = what, f, carry, with_ys
        self.flat, self.carry_tree = FlatFunction(f, in_tree), carry_tree
        self.carry = carry
        self.found: list[Aval] = []
        self.out_tree = carry_tree

    def __call__(self, *leaves: Any) -> list[Any]:
        outs = self.flat(*leaves)
        self.out_tree = self.flat.out_tree
        self._check_structure()
        count = len(self.before)
        self.found = [aval_of(x) for x in outs[:count]]
        pairs = list(zip(self.before, self.found, strict=True))
        self.carry = [_joined(before, after) for before, after in pairs]
        if self.carry != self.before:
            return outs  # traced again with other carries
        self.check()
        return [exactly(x, a) for x, a in zip(outs[:count], self.before, strict=True)] + outs[
            count:
        ]

    def _check_structure(self) -> None:
        out = self.out_tree
        if self.with_ys:
            if out.kind is not tuple or len(out.children) != 2:
                raise FnxTypeError(
                    f"{self.what}: {name_of(self.f)} must return a pair (carry, y), got {out}.",
                    source=user_source(),
                    hint="Return (carry, None) if there is nothing to collect.",
                )
            out = out.children[0]
        if out != self.carry_tree:
            raise FnxTypeError(
                f"{self.what}: {name_of(self.f)} must return a carry of the structure that it "
                f"gets, got {out} for {self.carry_tree}.",
                source=user_source(),
                hint="Every step gets what the step before returned.",
            )

    def check(self) -> None:
        """Raise FnxTypeError if a carry changes its shape or dtype."""
        paths = tree.paths(tree.unflatten(self.carry_tree, [0] * len(self.before)))
        rows = [
            f"carry{path} comes in as {before} and is returned as {after}"
            for path, before, after in zip(paths, self.before, self.found, strict=True)
            if not _fits(before, after)
        ]
        if rows:
            raise FnxTypeError(
                f"{self.what}: {name_of(self.f)} changes the type of what it carries: "
                f"{'; '.join(rows)}.",
                source=user_source(),
                hint="Start with the type that the body returns, or convert in the body, for\n"
                "example with .astype(...), so that every step gets and returns the same.",
            )


def _joined(before: Aval, after: Aval) -> Aval:
    """The aval of a carry that comes as ``before`` and is returned as ``after``."""
    if not before.weak or before.shape != after.shape:
        return before
    dtype, weak = promote_types(before.dtype, True, after.dtype, after.weak)
    return Aval.of(before.shape, dtype, weak and after.weak)


def _fits(before: Aval, after: Aval) -> bool:
    """Whether a result can be carried: it is of that type, or a scalar that gives way to it."""
    if before.shape != after.shape:
        return False
    if before.dtype == after.dtype:
        return True
    joined = promote_types(before.dtype, before.weak, after.dtype, after.weak)
    return after.weak and joined == (before.dtype, before.weak)


def known_body(jaxpr: Jaxpr) -> Jaxpr:
    """The first closed jaxpr that was equal to this one, with the same lines of code.

    A loop that is written in a Python loop is traced again each time; what was derived from its
    body, and compiled, is found again by the body's identity. Under `jit` there is no need for it.
    """
    if is_staged() or has_callbacks(jaxpr):  # functions that must not live longer than the program
        return jaxpr
    sources = [eqn.source for eqn in jaxpr.eqns]
    key = f"{jaxpr}\n{sources}"
    known = _bodies.get(key)
    if known is not None and equal(known, jaxpr):
        return known
    if len(_bodies) >= _MOST_BODIES:
        _bodies.clear()
    _bodies[key] = jaxpr
    return jaxpr
