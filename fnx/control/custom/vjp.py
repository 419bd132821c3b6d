"""Custom VJP: a function with a reverse-mode rule: ``fwd`` saves, ``bwd`` pulls cotangents back.

Linearised, it becomes one ``custom_vjp_linear`` equation on tangents, whose transpose rule is
``bwd``. In forward mode that equation is computed as the transpose of ``bwd``, so `jvp`, `jacfwd`
and Hessians work too, wherever ``bwd`` is linear.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from fnx import tree
from fnx.control.body import Body, Values, call_body, lower_body, transpose_body, type_of_body
from fnx.control.custom.arguments import (
    Arguments,
    F,
    call_with_rule,
    check_same_results,
    checked_leaves,
)
from fnx.control.custom.vjp_linear import Backward, custom_vjp_linear_p
from fnx.core.avals import Aval
from fnx.core.eager import aval_of
from fnx.core.flatten import FlatFunction, as_value, name_of, place_of
from fnx.core.primitive import Primitive
from fnx.core.sources import call_users, current_source, user_source
from fnx.core.trace import bind
from fnx.errors import DerivativeError
from fnx.ops.layout import reduce_sum
from fnx.transforms.vmap import place_axis, vmap_flat
from fnx.transforms.zeros import instantiate, is_differentiable

Forward = Callable[..., tuple[Sequence[Any], Sequence[Any], Backward]]
# inputs -> (results, residuals, backward)


class custom_vjp:
    """A function with its own rule for reverse mode.

    Args:
        fun: the function; its arguments and result are pytrees.
        nondiff_argnums: positions of arguments that are not differentiated; they can be anything.
            ``bwd`` gets them first: ``bwd(*nondiff, residuals, ct)``.
    """

    def __init__(self, fun: F, nondiff_argnums: Sequence[int] = ()) -> None:
        functools.update_wrapper(self, fun)
        self.fun = fun
        self.nondiff_argnums = tuple(nondiff_argnums)
        self.fwd: F | None = None
        self.bwd: F | None = None
        self._known: set[Any] = set()  # signatures whose rule gives what the function gives

    def defvjp(self, fwd: F, bwd: F) -> None:
        """Set the rule.

        Args:
            fwd: takes the arguments of the function, and returns ``(out, residuals)``.
            bwd: ``bwd(residuals, ct)`` returns a tuple with one cotangent for each argument; None
                for zero.
        """
        self.fwd, self.bwd = fwd, bwd

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        if self.fwd is None or self.bwd is None:
            name = name_of(self.fun)
            raise DerivativeError(
                f"custom_vjp: {name} has no rule yet.",
                source=user_source(),
                hint=f"Write {name}.defvjp(fwd, bwd).",
            )
        arguments = Arguments(self.fun, self.nondiff_argnums, args, kwargs)
        saving = Arguments(self.fwd, self.nondiff_argnums, args, kwargs)
        forward = functools.partial(_run_forward, saving.function, self.bwd, arguments, self._known)
        outs = custom_vjp_call(arguments.function, forward, *arguments.leaves)
        return tree.unflatten(arguments.function.out_tree, outs)


def _run_forward(
    fwd: FlatFunction, bwd: F, arguments: Arguments, known: set[Any], *leaves: Any
) -> Any:
    """The user's forward rule on leaves; with it the backward rule for these residuals."""
    what = f"custom_vjp: the forward rule {place_of(fwd.f)}"
    (chosen, _) = tree.unflatten(fwd.in_tree, leaves)
    pair = fwd.f(*chosen)
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise DerivativeError(
            f"{what}: must return a pair (out, residuals), got {type(pair).__name__}.",
            source=user_source(),
            hint="Write return f(x), x, where bwd needs x; None, if it needs nothing.",
        )
    outs = arguments.set_value(what, pair[0], known)
    residuals, residual_tree = tree.flatten(pair[1])
    avals = [aval_of(x) for x in leaves]
    out_tree = arguments.function.out_tree
    backward = functools.partial(_run_backward, bwd, arguments, residual_tree, out_tree, avals)
    return outs, [as_value(x) for x in residuals], backward


def _run_backward(
    bwd: F,
    arguments: Arguments,
    residual_tree: tree.TreeDef,
    out_tree: tree.TreeDef,
    avals: list[Aval],
    *values: Any,
) -> list[Any]:
    """The user's backward rule on leaves: cotangents of the differentiated arguments' leaves."""
    what = f"custom_vjp: the backward rule {place_of(bwd)}"
    residuals = tree.unflatten(residual_tree, values[: residual_tree.num_leaves])
    ct = tree.unflatten(out_tree, values[residual_tree.num_leaves :])
    found = call_users(bwd, *arguments.fixed, residuals, ct)
    found = tuple(found) if isinstance(found, list) else found
    count = len(arguments.in_tree.children)
    if not isinstance(found, tuple) or len(found) != count:
        got = f"{len(found)}" if isinstance(found, tuple) else type(found).__name__
        raise DerivativeError(
            f"{what}: must return a tuple of {count} cotangents, one for each argument, got {got}.",
            source=user_source(),
            hint="Write return (ct_x,) for one argument; None stands for a zero.",
        )
    leaves = checked_leaves(what, found, arguments.in_tree, avals, allow_none=True)
    return [ct if is_differentiable(aval) else None for ct, aval in zip(leaves, avals, strict=True)]


def custom_vjp_call(
    function: Callable[..., Sequence[Any]], forward: Forward, *leaves: Any
) -> Sequence[Any]:
    """Call a flat function that has a flat rule, in the current trace."""
    return call_with_rule(custom_vjp_p, function, leaves, forward=forward)


def _jvp(
    primals: Values,
    tangents: Values,
    outs: Any = None,
    *,
    body: Body,
    forward: Forward,
    closed_over: int,
) -> tuple[Values, Values]:
    if any(t is not None for t in tangents[:closed_over]):
        raise DerivativeError(
            "custom_vjp: the function closes over a value that is being differentiated: expected "
            "it as an argument.",
            source=current_source(),
            hint="Pass it as an argument: the rule says nothing about values closed over.",
        )
    primals, tangents = primals[closed_over:], tangents[closed_over:]
    outs, residuals, backward = forward(*primals)
    in_avals = tuple([aval_of(x) for x in primals])
    out_avals = tuple([aval_of(y) for y in outs])
    check_same_results("custom_vjp forward rule", body, out_avals)
    pairs = zip(tangents, in_avals, strict=True)
    given = [instantiate(t, aval) for t, aval in pairs if is_differentiable(aval)]
    found = iter(
        bind(
            custom_vjp_linear_p, *residuals, *given,
            backward=backward, residual_avals=tuple([aval_of(x) for x in residuals]),
            in_avals=in_avals, out_avals=out_avals,
        )
    )  # fmt: skip
    return tuple(outs), tuple(
        [next(found) if is_differentiable(aval) else None for aval in out_avals]
    )


def _batch(
    inputs: Values,
    axes: tuple[int | None, ...],
    size: int,
    *,
    body: Body,
    forward: Forward,
    closed_over: int,
) -> tuple[Values, tuple[int, ...]]:
    consts, const_axes = inputs[:closed_over], axes[:closed_over]
    own_axes = axes[closed_over:]

    def batched(*xs: Any) -> list[Any]:
        run = functools.partial(call_body, body)
        return _first_axis(*vmap_flat(run, (*consts, *xs), (*const_axes, *own_axes), size), size)

    def batched_forward(*xs: Any) -> Any:
        parts: list[Any] = []

        def flat_forward(*elements: Any) -> list[Any]:
            outs, residuals, backward = forward(*elements)
            parts[:] = [len(outs), backward]
            return [*outs, *residuals]

        both = _first_axis(*vmap_flat(flat_forward, xs, own_axes, size), size)
        num_outs, backward = parts
        return (
            both[:num_outs],
            both[num_outs:],
            functools.partial(_batched_backward, backward, own_axes, size),
        )

    outs = custom_vjp_call(batched, batched_forward, *inputs[closed_over:])
    return tuple(outs), (0,) * len(outs)


def _first_axis(outs: Sequence[Any], axes: Sequence[int | None], size: int) -> list[Any]:
    return [place_axis(y, axis, 0, size) for y, axis in zip(outs, axes, strict=True)]


def _batched_backward(
    backward: Backward, axes: Sequence[int | None], size: int, *values: Any
) -> list[Any]:
    """Cotangents of a batch; an input that is the same for the whole batch gets the sum over it."""
    nonzero: list[bool] = []

    def flat_backward(*elements: Any) -> list[Any]:
        found = backward(*elements)
        nonzero[:] = [ct is not None for ct in found]
        return [ct for ct in found if ct is not None]

    cts = iter(_first_axis(*vmap_flat(flat_backward, values, [0] * len(values), size), size))
    result = []
    for axis, has_ct in zip(axes, nonzero, strict=True):
        ct = next(cts) if has_ct else None
        if ct is not None:
            ct = reduce_sum(ct, axes=(0,)) if axis is None else place_axis(ct, 0, axis, size)
        result.append(ct)
    return result


custom_vjp_p = Primitive(
    name="custom_vjp_call",
    type=type_of_body,
    numpy=lambda xp, *xs, body, **_: tuple(call_body(body, *xs)),
    jvp=_jvp,
    transpose=transpose_body,
    carries_masks=True,
    batch=_batch,
    lower=lower_body,
    split=_jvp,
)
