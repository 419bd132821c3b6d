"""Rows of the op table: what is known of one operation, and how rows of a kind are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fnx_xla_lite.hlo import numerics, shapes
from fnx_xla_lite.hlo.dtypes import FLOATS, INTS, to_numpy
from fnx_xla_lite.hlo.shapes import ShapeRule

Meaning = Callable[..., Any]
BOOL = frozenset({"i1"})
NUMBERS = FLOATS | INTS
ANY = NUMBERS | BOOL


@dataclass(frozen=True, slots=True, kw_only=True)
class OpDef:
    """What is known of one operation.

    Attributes:
        name: StableHLO's name without its dialect.
        dialect: ``stablehlo``, ``chlo``, ``func`` or ``fnx``.
        arity: number of operands, or None if it varies.
        infer: shape rule, ``Site -> result types``.
        attributes: names of the attributes that must be present.
        optional: attributes that may be left out, with their defaults.
        regions: number of regions, or None if it varies.
        numpy: meaning of a region-free operation: ``(instruction, *arrays) -> array``; None for
            those with regions.
        elementwise: one scalar operation per element; operands are shaped as the result or (for the
            predicate of ``select`` and the bounds of ``clamp``) have rank 0.
        commutative: ``f(x, y) == f(y, x)``.
        associative: ``f(f(x, y), z) == f(x, f(y, z))`` up to rounding, so it may be the body of a
            reduction.
        identity: the element ``e`` of a type with ``f(e, x) == x``, if there is one.
        flops: arithmetic cost of one element, in additions.
        transcendental: whether it is evaluated by a polynomial or a library.
    """

    name: str
    arity: int | None
    infer: ShapeRule
    dialect: str = "stablehlo"
    attributes: tuple[str, ...] = ()
    optional: Mapping[str, Any] = field(default_factory=dict)
    regions: int | None = 0
    numpy: Meaning | None = None
    elementwise: bool = False
    commutative: bool = False
    associative: bool = False
    identity: Callable[[str], np.generic] | None = None
    flops: int = 0
    transcendental: bool = False


def _scalar_meaning(name: str) -> Meaning:
    function = numerics.SCALAR[name]
    return lambda _, *arrays: function(*arrays)


def scalar_row(name: str, arity: int, kinds: frozenset[str], flops: int, **facts: Any) -> OpDef:
    """An elementwise operation whose operands and result have one type."""
    facts.setdefault("infer", shapes.same(kinds))
    if "numpy" not in facts:
        facts["numpy"] = _scalar_meaning(name)
    return OpDef(name=name, arity=arity, flops=flops, elementwise=True, **facts)


def function_row(name: str, flops: int, dialect: str = "stablehlo", arity: int = 1) -> OpDef:
    """A transcendental function of floats."""
    return scalar_row(name, arity, FLOATS, flops, dialect=dialect, transcendental=True)


def monoid_row(name: str, kinds: frozenset[str], identity: Callable[[str], np.generic]) -> OpDef:
    """A commutative, associative binary operation."""
    facts = {"commutative": True, "associative": True, "identity": identity}
    return scalar_row(name, 2, kinds, 1, **facts)


def number(value: int) -> Callable[[str], np.generic]:
    """An identity that is this number in every type."""
    return lambda dtype: to_numpy(dtype).type(value)


def all_ones(dtype: str) -> np.generic:
    """The integer of a type whose bits are all set."""
    return np.True_ if dtype == "i1" else np.invert(to_numpy(dtype).type(0))


def structural_row(
    name: str, arity: int | None, infer: ShapeRule, attributes: str, numpy: Meaning, **more: Any
) -> OpDef:
    """An operation without regions that is not elementwise; ``attributes`` are words."""
    return OpDef(
        name=name,
        arity=arity,
        infer=infer,
        attributes=tuple(attributes.split()),
        numpy=numpy,
        **more,
    )
