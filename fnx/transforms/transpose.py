"""Transpose: a linear jaxpr, backwards. With `linearize` in front of it, this is reverse mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fnx.core.eager import aval_of
from fnx.core.evaluate import literal_value
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var
from fnx.core.primitive import Linear, NotLinear
from fnx.core.sources import disinherit, inherit
from fnx.core.trace import bind, trace
from fnx.errors import DerivativeError
from fnx.ops.families import add
from fnx.transforms.zeros import instantiate


def transpose_flat(
    jaxpr: Jaxpr, linear: Sequence[bool], args: Sequence[Any], cts: Sequence[Any]
) -> list[Any]:
    """Pull cotangents of the results back to the inputs.

    Args:
        jaxpr: linear in the marked inputs.
        linear: marks those inputs.
        args: values of the other inputs; anything for the marked ones.
        cts: one cotangent for each result; None where it is zero.

    Returns:
        One cotangent for each input; None where it is zero, and for inputs that are not marked.
    """
    unknown = {v for v, is_linear in zip(jaxpr.inputs, linear, strict=True) if is_linear}
    env: dict[Var, Any] = dict(jaxpr.consts)
    for v, x in zip(jaxpr.inputs, args, strict=True):
        if v not in unknown:
            env[v] = x
    eqns = _run_known(jaxpr, unknown, env)
    cotangents: dict[Var, Any] = {}
    _accumulate(cotangents, unknown, jaxpr.outputs, cts)
    for eqn in reversed(eqns):
        out_cts = [cotangents.pop(v, None) for v in eqn.outputs]
        if any(ct is not None for ct in out_cts):
            token = inherit(eqn.source)
            try:
                found = _pull_back(eqn, out_cts, unknown, env)
                _accumulate(cotangents, unknown, eqn.inputs, found)
            finally:
                disinherit(token)
    return [cotangents.get(v) for v in jaxpr.inputs]


def _run_known(jaxpr: Jaxpr, unknown: set[Var], env: dict[Var, Any]) -> list[Eqn]:
    """Evaluate the equations that depend on known values only; mark and return the others."""
    linear_eqns = []
    for eqn in jaxpr.eqns:
        if not unknown.isdisjoint(eqn.inputs):
            unknown.update(eqn.outputs)
            linear_eqns.append(eqn)
            continue
        token = inherit(eqn.source)
        try:
            outs = bind(eqn.primitive, *[_read(env, a) for a in eqn.inputs], **eqn.params)
        finally:
            disinherit(token)
        env.update(zip(eqn.outputs, outs, strict=True))
    return linear_eqns


def _read(env: dict[Var, Any], atom: Atom) -> Any:
    return literal_value(atom) if type(atom) is Literal else env[atom]


def _pull_back(eqn: Eqn, cts: list[Any], unknown: set[Var], env: dict[Var, Any]) -> Sequence[Any]:
    """The transpose rule of one equation: cotangents of its inputs."""
    if isinstance(eqn.primitive.transpose, NotLinear):
        raise DerivativeError(
            f"{eqn.primitive} cannot be transposed: {eqn.primitive.transpose.reason}.",
            source=eqn.source,
            hint="A derivative rule (custom_jvp) must be linear in the tangents.",
        )
    inputs = [Linear(a.aval) if a in unknown else _read(env, a) for a in eqn.inputs]
    return eqn.primitive.transpose(tuple(cts), tuple(inputs), **eqn.params)


def _accumulate(
    cotangents: dict[Var, Any], unknown: set[Var], atoms: Sequence[Atom], cts: Sequence[Any]
) -> None:
    for atom, ct in zip(atoms, cts, strict=True):
        if ct is None or atom not in unknown:
            continue
        assert aval_of(ct).shape == atom.aval.shape, f"cotangent {aval_of(ct)} of {atom.aval}"
        before = cotangents.get(atom)
        cotangents[atom] = ct if before is None else add(before, ct)


def transpose_jaxpr(
    jaxpr: Jaxpr, linear: Sequence[bool], active: Sequence[bool] | None = None
) -> tuple[Jaxpr, list[bool]]:
    """The jaxpr of the transposed function.

    Args:
        jaxpr: linear in the marked inputs.
        linear: marks those inputs.
        active: which results have a cotangent that is not zero; all, if not given.

    Returns:
        A jaxpr of the inputs that are not marked followed by the cotangents of active results, to
        the cotangents of marked inputs that are not zero; and, for each marked input, whether it
        has one.
    """
    active = [True] * len(jaxpr.outputs) if active is None else active
    known = [v.aval for v, is_linear in zip(jaxpr.inputs, linear, strict=True) if not is_linear]
    ct_avals = [v.aval for v, is_active in zip(jaxpr.outputs, active, strict=True) if is_active]
    nonzero: list[bool] = []

    def backward(*args: Any) -> list[Any]:
        values = iter(args)
        inputs = [None if is_linear else next(values) for is_linear in linear]
        cts = [next(values) if is_active else None for is_active in active]
        found = transpose_flat(jaxpr, linear, inputs, cts)
        found = [ct for ct, is_linear in zip(found, linear, strict=True) if is_linear]
        nonzero[:] = [ct is not None for ct in found]
        return [ct for ct in found if ct is not None]

    return trace(backward, known + ct_avals), nonzero


def pull_back(linear: Jaxpr, cts: Sequence[Any]) -> list[Any]:
    """Cotangents of all inputs of a jaxpr that is linear in all of them, zeros made arrays."""
    marks = [True] * len(linear.inputs)
    found = transpose_flat(linear, marks, [None] * len(marks), cts)
    return [instantiate(ct, v.aval) for ct, v in zip(found, linear.inputs, strict=True)]
