"""Loop units: how a loop runs that is not jitted: a few steps one by one, more of them compiled.

Compiling a loop takes some hundredths of a second, an equation run by itself some microseconds. So
the first equations of a body are run one by one; when a body has taken more of those than its
budget, the loop is compiled as a unit, once, and is compiled from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fnx.control import call
from fnx.control.derived import derived
from fnx.control.effects.callback import has_callbacks
from fnx.core.avals import Aval
from fnx.core.ir import Eqn, Jaxpr, Var
from fnx.core.primitive import Primitive

_BUDGET = 1000  # equations of one body that are run one by one


class _Spent:
    """How many equations of a body have been run one by one."""

    def __init__(self) -> None:
        self.equations = 0


def steps_at_once(body: Jaxpr, steps: int) -> bool:
    """Whether to run so many steps of a body one by one now; counts them if so.

    One that calls Python is not compiled: it would be anew each time, for other functions.
    """
    if has_callbacks(body):
        return True
    spent = derived(body, "spent", _Spent)
    wanted = spent.equations + steps * weight(body)
    if wanted > _BUDGET and call.can_compile():
        return False
    spent.equations = wanted
    return True


def weight(body: Jaxpr) -> int:
    """About how many equations one run of a body is."""
    total = 1
    for eqn in body.eqns:
        inner = [x for x in eqn.params.values() if isinstance(x, Jaxpr)]
        total += 1 + sum(weight(x) for x in inner) * max(int(eqn.params.get("length", 1)), 1)
    return total


def run_unit(
    primitive: Primitive,
    body: Jaxpr,
    avals: Sequence[Aval],
    buffers: Sequence[Any],
    params: dict[str, Any],
) -> tuple[Any, ...]:
    """Run a loop compiled; the program is remembered with its body.

    Args:
        primitive: the loop.
        body: its body.
        avals: the avals of its operands.
        buffers: the operands.
        params: its parameters.
    """
    others = tuple([(name, value) for name, value in params.items() if value is not body])
    unit = derived(body, ("unit", primitive, others), lambda: _unit(primitive, avals, params))
    return call.run_compiled(unit, primitive.name, buffers)


def _unit(primitive: Primitive, avals: Sequence[Aval], params: dict[str, Any]) -> Jaxpr:
    """The jaxpr of one equation. It holds copies of the loop's bodies, not what it is kept by."""
    copies = {
        k: Jaxpr(v.inputs, v.eqns, v.outputs) if isinstance(v, Jaxpr) else v
        for k, v in params.items()
    }
    inputs = tuple([Var(aval) for aval in avals])
    outputs = tuple([Var(aval) for aval in primitive.type(*avals, **copies)])
    return Jaxpr(inputs, (Eqn(primitive, inputs, outputs, copies),), outputs)
