"""Unknown: which results of an equation depend on its unknown operands."""

from __future__ import annotations

from collections.abc import Sequence

from fnx.core.ir import Eqn, Var
from fnx.ops.markers import optimization_barrier_p


def unknown_outputs(eqn: Eqn, unknown: Sequence[bool]) -> list[Var]:
    """The results that depend on any of the marked operands.

    All of them, if any operand is marked; but of a barrier each result is one operand.
    """
    if eqn.primitive is optimization_barrier_p:
        return [v for v, mark in zip(eqn.outputs, unknown, strict=True) if mark]
    return list(eqn.outputs) if any(unknown) else []
