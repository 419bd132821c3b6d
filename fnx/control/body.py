"""Body: the function inside of a higher-order primitive: a jaxpr if recorded, else a callable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fnx.control.call import lower_eqns
from fnx.core.avals import Aval
from fnx.core.evaluate import evaluate
from fnx.core.ir import Jaxpr
from fnx.core.primitive import Linear
from fnx.transforms.masks import Masks
from fnx.transforms.transpose import transpose_masked

Values = tuple[Any, ...]
Body = Jaxpr | Callable[..., Sequence[Any]]


def call_body(body: Body, *args: Any) -> Sequence[Any]:
    """Run the function in the current trace."""
    return evaluate(body, *args) if isinstance(body, Jaxpr) else body(*args)


def type_of_body(*avals: Aval, body: Body, **_: Any) -> tuple[Aval, ...]:
    """Type rule of a primitive that computes what its body computes."""
    assert isinstance(body, Jaxpr), "only jaxprs are recorded"
    assert [a.shape for a in avals] == [v.aval.shape for v in body.inputs]
    return tuple([a.aval for a in body.outputs])


def transpose_body(
    cts: Values, inputs: Values, *, masks: Masks, body: Body, **_: Any
) -> tuple[Values, Masks]:
    """Transpose rule, with masks, of a primitive whose body is linear in the unknown inputs."""
    assert isinstance(body, Jaxpr), "only jaxprs are recorded"
    linear = [isinstance(x, Linear) for x in inputs]
    found, found_masks = transpose_masked(body, linear, inputs, cts, masks)
    return tuple(found), found_masks


def lower_body(b: Any, *operands: Any, body: Body, **_: Any) -> Values:
    """Lower rule: the body's equations, in place."""
    assert isinstance(body, Jaxpr), "only jaxprs are lowered"
    return tuple(lower_eqns(b, body, (), operands))
