"""Primitive: a name and one required rule per interpretation; ``REGISTRY`` holds them all.

The rules and their signatures stand in the class: ``help(fnx.extend.Primitive)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fnx.core.avals import Aval
from fnx.core.rule_checks import checked_rules
from fnx.core.sources import Source, defining_source, is_made_again, user_source
from fnx.errors import FnxValueError

REGISTRY: dict[str, Primitive] = {}


@dataclass(frozen=True, slots=True)
class NotDifferentiable:
    """Stands where a ``jvp`` rule would: the derivative is zero or undefined, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotLinear:
    """Stands where a ``transpose`` rule would: the operation is linear in no operand, and why."""

    reason: str = "not a linear operation"


@dataclass(frozen=True, slots=True)
class Linear:
    """Stands for an unknown operand in a ``transpose`` rule: the operation is linear in it."""

    aval: Aval


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """An operation and all its rules.

    Every rule works on flat tuples and returns a tuple, one entry per result. All six are required;
    "cannot" is a value with a reason, `NotDifferentiable` or `NotLinear`.

    Attributes:
        name: global; begin yours with your package's. A primitive that is made again in the same
            place replaces the one before: programs that hold that one keep it.
        type: ``type(*avals, **params) -> avals``. Raises ``FnxTypeError`` on operands that do not
            fit.
        numpy: ``numpy(xp, *arrays, **params) -> arrays``: the eager meaning, on arrays of the
            module ``xp``.
        jvp: ``jvp(primals, tangents, outs, **params) -> out_tangents``. ``None`` is a zero tangent,
            on both sides; at least one tangent is given. Integers and booleans always have tangent
            ``None``.
        transpose: ``transpose(cts, inputs, **params) -> input_cts``. ``inputs[i]`` is a
            ``Linear(aval)`` where the operation is linear in it, and a value elsewhere; the result
            is ``None`` for values and for zeros. ``cts`` may hold ``None``.
        batch: ``batch(inputs, axes, size, **params) -> (outs, out_axes)``; an axis is ``None`` for
            an unmapped value. At least one is mapped.
        lower: ``lower(b, *operands, **params) -> HLO values`` with the HLO builder ``b``.
        split: of primitives with jaxprs or functions among their parameters only: ``split(primals,
            tangents, **params) -> (outs, out_tangents)``, the linearised run: primal work binds on
            primals, linear work on tangents, so that the two can be told apart. Their ``jvp`` gets
            ``None`` for ``outs``, and returns ``(outs, out_tangents)`` too.
        collect: of collectives only: ``collect(inputs, axes, size, **params)``, as ``batch``, is
            the rule of the `vmap` whose axis is called ``params["axis_name"]``; ``batch`` is that
            of all others. No operand need be mapped.
        carries_masks: of primitives that hold jaxprs: then ``transpose(cts, inputs, masks=masks,
            **params) -> (input_cts, input_masks)``, with the masks of `fnx.transforms.masks`.
        pointwise: whether element ``i`` of the result is computed from elements ``i`` of the
            operands.
        dce: optional: ``dce(eqn, used) -> eqn``, the equation without what only results that are
            not ``used`` need.
        effect: whether it does something besides computing its results: then its equations are
            never dropped, merged or moved past each other (`fnx.core.effects`).
        is_checked: whether rules were written outside of fnx: these are checked where they are
            called (`fnx.core.rule_checks`).
        source: the user's line that made it.

    Rules call operations (``mul(t, cos(x))``), never infix operators, in fnx itself, so that
    ``fnx.ops`` does not depend on ``fnx.numpy``.
    """

    name: str
    type: Callable[..., tuple[Aval, ...]]
    numpy: Callable[..., tuple[Any, ...]]
    jvp: Callable[..., tuple[Any, ...]] | NotDifferentiable
    transpose: Callable[..., tuple[Any, ...]] | NotLinear
    batch: Callable[..., tuple[tuple[Any, ...], tuple[int | None, ...]]]
    lower: Callable[..., tuple[Any, ...]]
    split: Callable[..., tuple[tuple[Any, ...], tuple[Any, ...]]] | None = None
    collect: Callable[..., tuple[tuple[Any, ...], tuple[int | None, ...]]] | None = None
    carries_masks: bool = False
    pointwise: bool = False
    dce: Callable[..., Any] | None = None
    effect: bool = False
    is_checked: bool = field(default=False, init=False)
    source: Source | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        known, source = REGISTRY.get(self.name), defining_source()
        if known is not None and not is_made_again(known.source, source):
            raise FnxValueError(
                f"primitive: expected a new name, got {self.name!r}, which exists already.",
                source=user_source(),
                hint="Names are global: begin yours with your package's, as in 'mine.shift'. Only\n"
                "a module that is loaded again, or a cell of a notebook, makes its own again.",
            )
        rules = checked_rules(self)
        for name, rule in rules.items():
            object.__setattr__(self, name, rule)
        object.__setattr__(self, "is_checked", bool(rules))
        object.__setattr__(self, "source", source)
        REGISTRY[self.name] = self

    def __repr__(self) -> str:
        return self.name
