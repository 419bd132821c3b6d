"""Markers: identities that the compiler takes notice of."""

from __future__ import annotations

from typing import Any

from fnx import tree
from fnx.core.flatten import as_value
from fnx.ops import markers


def optimization_barrier(operand: Any) -> Any:
    """The operand, a pytree, all of whose leaves are computed before any of the result is read.

    The compiler does not look through it: what stands behind is not merged with what stands
    before.
    """
    leaves, structure = tree.flatten(operand)
    return tree.unflatten(structure, markers.optimization_barrier(*map(as_value, leaves)))
