"""Differentiation: grad, value_and_grad, vjp, jvp, linearize."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from fnx import tree
from fnx.api.arguments import (
    Argnums,
    Chosen,
    F,
    WithAux,
    as_result,
    differentiable_values,
    matching_leaves,
    out_of,
)
from fnx.core.avals import Aval
from fnx.core.eager import aval_of
from fnx.core.evaluate import evaluate
from fnx.core.flatten import FlatFunction, as_value, name_of
from fnx.core.ir import Jaxpr
from fnx.core.sources import always_asked_for, asked_for, user_source
from fnx.errors import FnxTypeError, GradTypeError
from fnx.transforms.jvp import jvp_flat
from fnx.transforms.linearize import linearize_flat
from fnx.transforms.transpose import pull_back
from fnx.transforms.zeros import filled, instantiate, is_differentiable, zeros


def grad(f: F, argnums: Argnums = 0, has_aux: bool = False, allow_int: bool = False) -> F:
    """The gradient of a function with a scalar result.

    Args:
        f: returns a floating-point scalar, or ``(scalar, aux)`` with ``has_aux``.
        argnums: which positional arguments to differentiate; they can be pytrees of floating-point
            arrays.
        has_aux: whether ``f`` returns auxiliary data too.
        allow_int: take integer leaves too; their gradient is zero.

    Returns:
        A function of the same arguments that returns the gradient, in the structure of the
        argument (a tuple, if ``argnums`` is a sequence); with ``has_aux``, ``(gradient, aux)``.

    Raises:
        GradTypeError: if the result is no floating-point scalar, or an argument is an integer.

    >>> float(grad(lambda x: x * x * x)(2.0))
    12.0
    """
    value_and_gradient = value_and_grad(f, argnums, has_aux, allow_int)

    @functools.wraps(f, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, gradient = value_and_gradient(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return gradient


def value_and_grad(f: F, argnums: Argnums = 0, has_aux: bool = False, allow_int: bool = False) -> F:
    """As `grad`, but returns ``(value, gradient)``; with ``has_aux``, ``((value, aux), gradient)``.

    >>> value, gradient = value_and_grad(lambda x: x * x)(3.0)
    >>> float(value), float(gradient)
    (9.0, 6.0)
    """

    @functools.wraps(f, updated=())
    @always_asked_for(user_source())
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        function = WithAux(f) if has_aux else f
        chosen = Chosen(function, argnums, args, kwargs)
        if allow_int:
            values = [as_value(x) for x in chosen.leaves]
        else:
            values = differentiable_values("grad", f, chosen.leaves, chosen.paths)
        avals = [x.aval for x in values]
        outs, linear, active = linearize_flat(
            chosen.flat, values, [is_differentiable(a) for a in avals]
        )
        seed = filled(_scalar_aval(f, chosen.flat, outs), 1)
        gradient = chosen.unflatten(_pull(linear, avals, [seed] if active[0] else []))
        value = as_result(outs[0])
        return ((value, function.result()) if has_aux else value), gradient

    return value_and_gradient


def _scalar_aval(f: F, flat: FlatFunction, outs: Sequence[Any]) -> Aval:
    """The aval of the one result of a function; an error if it has no gradient."""
    avals = [aval_of(x) for x in outs]
    is_single = flat.out_tree.kind is None
    if is_single and avals[0].shape == () and is_differentiable(avals[0]):
        return avals[0]
    got = str(avals[0]) if is_single else f"{flat.out_tree.kind.__name__} with leaves {avals}"
    raise GradTypeError(
        f"grad({name_of(f)}): the function must return one floating-point scalar, got {got}.",
        source=user_source(),
        hint=_instead_of(flat.out_tree, avals),
    )


def _instead_of(out_tree: tree.TreeDef, avals: Sequence[Aval]) -> str:
    """What to write, where the result of a function is no scalar."""
    if not avals:
        return "Does every path through the function end in return loss?"
    if out_tree.kind is tuple and len(out_tree.children) == 2 and avals[0].shape == ():
        return "For return loss, other_data write fnx.grad(f, has_aux=True)."
    if not avals[0].shape and out_tree.kind is None:
        return (
            "Integers and bools have no derivative: return a float, for example a maximum instead\n"
            "of its index, or a smooth loss instead of an accuracy."
        )
    return (
        "Reduce the result to a scalar, for example with .sum() or .mean(); return other data\n"
        "with has_aux=True; or use fnx.jacrev or fnx.vjp for results that are not scalar."
    )


def _pull(linear: Jaxpr, avals: Sequence[Aval], cts: Sequence[Any]) -> list[Any]:
    """Cotangents for all inputs: zeros for integers, which the linear jaxpr does not have."""
    found = iter(pull_back(linear, cts))
    return [as_result(next(found) if is_differentiable(a) else zeros(a)) for a in avals]


def vjp(f: F, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function, and the function that pulls cotangents back.

    Args:
        f: the function.
        *primals: its arguments, pytrees.
        has_aux: whether ``f`` returns ``(out, aux)``.

    Returns:
        ``(out, pull_back)``, or ``(out, pull_back, aux)``. ``pull_back(ct)`` takes a cotangent in
        the structure of ``out`` and returns a tuple with one cotangent for each primal; integers
        get zeros.

    >>> out, pull_back = vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> [float(ct) for ct in pull_back(1.0)]
    [4.0, 3.0]
    """
    function = WithAux(f) if has_aux else f
    leaves, in_tree = tree.flatten((primals, {}))
    values = [as_value(x) for x in leaves]
    avals = [x.aval for x in values]
    flat = FlatFunction(function, in_tree)
    asked = user_source()
    with asked_for(asked):
        outs, linear, active = linearize_flat(flat, values, [is_differentiable(a) for a in avals])
    out_tree, out_avals = flat.out_tree, [aval_of(y) for y in outs]

    def pull_back_tree(ct: Any) -> Any:
        """Cotangents of the arguments, as a tuple."""
        cts = matching_leaves("vjp: a cotangent", ct, out_tree, out_avals)
        given = [x for x, is_active in zip(cts, active, strict=True) if is_active]
        with asked_for(asked):
            return tree.unflatten(in_tree, _pull(linear, avals, given))[0]

    out = out_of(flat, outs)
    return (out, pull_back_tree, function.result()) if has_aux else (out, pull_back_tree)


def jvp(f: F, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of a function and its derivative along a direction: ``f(x), df(x) dx``.

    Args:
        f: the function.
        primals: its arguments, a tuple or list of pytrees.
        tangents: the direction, in the same structure. Tangents of integers are not looked at.
        has_aux: whether ``f`` returns ``(out, aux)``.

    Returns:
        ``(out, out_tangent)``, or ``(out, out_tangent, aux)``.

    >>> [float(v) for v in jvp(lambda x: x * x, (3.0,), (1.0,))]
    [9.0, 6.0]
    """
    function = WithAux(f) if has_aux else f
    if not (isinstance(primals, tuple | list) and isinstance(tangents, tuple | list)):
        kinds = f"{type(primals).__name__} and {type(tangents).__name__}"
        raise FnxTypeError(
            f"jvp({name_of(f)}): primals and tangents must be tuples or lists, got {kinds}.",
            source=user_source(),
            hint="Write fnx.jvp(f, (x,), (t,)) also for one argument.",
        )
    leaves, in_tree = tree.flatten((tuple(primals), {}))
    values = [as_value(x) for x in leaves]
    directions = matching_leaves(
        "jvp: a tangent", tuple(tangents), in_tree.children[0], [x.aval for x in values]
    )
    flat = FlatFunction(function, in_tree)
    with asked_for(user_source()):
        outs, out_tangents = jvp_flat(flat, values, directions)
    out_tangents = [instantiate(dy, aval_of(y)) for y, dy in zip(outs, out_tangents, strict=True)]
    result = (out_of(flat, outs), out_of(flat, out_tangents))
    return (*result, function.result()) if has_aux else result


def linearize(f: F, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function at a point, and its derivative there as a linear function.

    As `jvp`, but the work on primals is done once, for any number of directions.

    Returns:
        ``(out, f_jvp)``, or ``(out, f_jvp, aux)``. ``f_jvp(*tangents)`` returns the tangent of
        ``out``.

    >>> out, f_jvp = linearize(lambda x: x * x, 3.0)
    >>> float(out), float(f_jvp(1.0))
    (9.0, 6.0)
    """
    function = WithAux(f) if has_aux else f
    leaves, in_tree = tree.flatten((primals, {}))
    values = [as_value(x) for x in leaves]
    avals = [x.aval for x in values]
    flat = FlatFunction(function, in_tree)
    with asked_for(user_source()):
        outs, linear, active = linearize_flat(flat, values, [is_differentiable(a) for a in avals])
    out_avals = [aval_of(y) for y in outs]

    def f_jvp(*tangents: Any) -> Any:
        """The tangent of the result along these tangents of the arguments."""
        given = matching_leaves("linearize: a tangent", tangents, in_tree.children[0], avals)
        found = iter(evaluate(linear, *[t for t in given if t is not None]))
        pairs = zip(active, out_avals, strict=True)
        return out_of(
            flat, [next(found) if is_active else zeros(aval) for is_active, aval in pairs]
        )

    out = out_of(flat, outs)
    return (out, f_jvp, function.result()) if has_aux else (out, f_jvp)
