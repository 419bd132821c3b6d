"""Effects: which equations do something besides computing their results.

An equation with an effect runs exactly once each time that control comes by, in program order. So
transforms keep it when nobody reads its results, run it with the primals, and never move one past
another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fnx.core.ir import Eqn, Jaxpr


def has_effect(eqn: Eqn) -> bool:
    """Whether an equation has an effect, itself or in a jaxpr among its parameters."""
    return eqn.primitive.effect or any(map(has_effects, inner_jaxprs(eqn.params.values())))


def has_effects(jaxpr: Jaxpr) -> bool:
    """Whether any equation of a jaxpr has an effect."""
    return any(map(has_effect, jaxpr.eqns))


def inner_jaxprs(values: Iterable[Any]) -> Iterator[Jaxpr]:
    """All jaxprs in parameter values, also inside of tuples."""
    for value in values:
        if isinstance(value, Jaxpr):
            yield value
        elif isinstance(value, tuple | list):
            yield from inner_jaxprs(value)
