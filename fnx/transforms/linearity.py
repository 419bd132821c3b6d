"""Linearity: whether a jaxpr is linear in its inputs, and which equation is not.

An operation is linear in some operands if its derivative along them does not depend on where it is
taken, and if it gives zero for zeros. The first is asked of the primitive's own ``jvp`` rule; the
second of the operands that the derivative does not multiply: they must be zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import BOOL, FLOAT64
from fnx.core.eager import bind_eagerly
from fnx.core.evaluate import literal_value
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var
from fnx.core.primitive import NotDifferentiable, NotLinear
from fnx.core.trace import Tracer, bind, trace
from fnx.errors import DerivativeError, FnxTypeError
from fnx.transforms.dce import dce_jaxpr
from fnx.transforms.unknown import unknown_outputs
from fnx.transforms.zeros import is_differentiable

_INSTEAD = (
    "The derivative at a point is linear: transpose fnx.linearize(f, x)[1], or write fnx.vjp(f, x)."
)


def check_linear(what: str, jaxpr: Jaxpr, linear: Sequence[bool]) -> None:
    """Check that a jaxpr is linear in the marked inputs.

    Args:
        what: begins the message.
        jaxpr: the function.
        linear: marks inputs.

    Raises:
        DerivativeError: with the first equation that is not linear, and the line that made it.
    """
    unknown = {v for v, mark in zip(jaxpr.inputs, linear, strict=True) if mark}
    known = {v: x for v, x in jaxpr.consts if not isinstance(x, Tracer)}
    for eqn in jaxpr.eqns:
        marks = [a in unknown for a in eqn.inputs]
        if any(marks):
            unknown.update(unknown_outputs(eqn, marks))
            _check_eqn(what, eqn, marks, known)
        elif eqn.primitive.split is None and all(_is_concrete(a, known) for a in eqn.inputs):
            values = tuple([_value(a, known) for a in eqn.inputs])
            outs = bind_eagerly(eqn.primitive, values, dict(eqn.params))
            known.update(zip(eqn.outputs, outs, strict=True))


def _is_concrete(atom: Atom, known: dict[Var, Any]) -> bool:
    return type(atom) is Literal or atom in known


def _value(atom: Atom, known: dict[Var, Any]) -> Any:
    return literal_value(atom) if type(atom) is Literal else known[atom]


def _check_eqn(what: str, eqn: Eqn, marks: list[bool], known: dict[Var, Any]) -> None:
    primitive = eqn.primitive
    inner = eqn.params.get("jaxpr") or eqn.params.get("body")
    if isinstance(inner, Jaxpr) and len(inner.inputs) == len(marks):
        check_linear(what, inner, marks)
        return
    if isinstance(primitive.transpose, NotLinear):
        raise _not_linear(what, eqn, f"{primitive} is {primitive.transpose.reason}")
    if primitive.split is not None or isinstance(primitive.jvp, NotDifferentiable):
        return  # the rule of the primitive itself is left to say
    if not _is_constant_along(eqn, marks, marks):
        operands = ", ".join(str(i) for i, mark in enumerate(marks) if mark)
        reason = f"the derivative of {primitive} along operand {operands} depends on that operand"
        raise _not_linear(what, eqn, reason)
    for i, (atom, mark) in enumerate(zip(eqn.inputs, marks, strict=True)):
        if mark or not _is_concrete(atom, known) or not is_differentiable(atom.aval):
            continue
        only = [j == i for j in range(len(marks))]
        if np.any(np.asarray(_value(atom, known))) and _is_constant_along(eqn, only, marks):
            reason = f"{primitive} brings in a constant ({atom.aval}), so f(0) is not 0"
            raise _not_linear(what, eqn, reason)


def _not_linear(what: str, eqn: Eqn, reason: str) -> DerivativeError:
    return DerivativeError(
        f"{what}: the function is not linear: {reason}.", source=eqn.source, hint=_INSTEAD
    )


def _is_constant_along(eqn: Eqn, moving: list[bool], linear: list[bool]) -> bool:
    """Whether the derivative along some operands is the same for all values of the linear ones.

    Of operations that do not take floats in place of integers this is not known: then True. A
    literal beside arrays is made an array, if the operation has no derivative along it otherwise.
    """
    avals = _with_derivatives([a.aval for a in eqn.inputs], linear)
    shape = next((aval.shape for aval in avals if aval.shape), ())
    wide = [
        Aval.of(shape, aval.dtype) if type(a) is Literal else aval
        for a, aval in zip(eqn.inputs, avals, strict=True)
    ]
    for chosen in (avals, wide):
        try:
            return _derivative_is_constant(eqn, chosen, moving, linear)
        except FnxTypeError:
            continue
    return True


def _derivative_is_constant(
    eqn: Eqn, avals: list[Aval], moving: list[bool], linear: list[bool]
) -> bool:
    moved = [aval for aval, moves in zip(avals, moving, strict=True) if moves]

    def derivative(*values: Any) -> list[Any]:
        rest = iter(values[len(avals) :])
        tangents = tuple([next(rest) if moves else None for moves in moving])
        outs = bind(eqn.primitive, *values[: len(avals)], **eqn.params)
        found = eqn.primitive.jvp(values[: len(avals)], tangents, outs, **eqn.params)
        return [t for t in found if t is not None]

    jaxpr = dce_jaxpr(trace(derivative, [*avals, *moved]))
    read = {a for e in jaxpr.eqns for a in e.inputs} | set(jaxpr.outputs)
    pairs = zip(jaxpr.inputs, linear, strict=False)
    return not any(v in read for v, is_linear in pairs if is_linear)


def _with_derivatives(avals: list[Aval], linear: list[bool]) -> list[Aval]:
    """Avals with floats in place of the linear operands' integers, which have no tangents."""
    dtypes = {a.dtype for a, mark in zip(avals, linear, strict=True) if mark and a.dtype != BOOL}
    integers = {dtype for dtype in dtypes if not is_differentiable(Aval.of((), dtype))}
    return [Aval.of(a.shape, FLOAT64) if a.dtype in integers else a for a in avals]
