"""Custom JVP: a function with a derivative rule of its own, for forward and reverse mode.

The rule is the user's function of primals and tangents. Where a function runs with values, it is
called at once; where a program is recorded, one ``custom_jvp_call`` equation holds the function's
jaxpr and the rule.
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
from fnx.core.eager import aval_of
from fnx.core.flatten import name_of, place_of
from fnx.core.primitive import Primitive
from fnx.core.sources import call_users, current_source, user_source
from fnx.errors import DerivativeError
from fnx.ops.arithmetic import mul
from fnx.ops.families import add
from fnx.transforms.linearize import split_by_jvp
from fnx.transforms.vmap import place_axis, vmap_flat
from fnx.transforms.zeros import instantiate

Rule = Callable[[Values, Values], tuple[Sequence[Any], Sequence[Any]]]

_CLOSURE = (
    "Pass the value as an argument: a rule says nothing about values that the function closes over."
)


class custom_jvp:
    """A function with its own rule for forward mode; reverse mode is derived from it.

    Args:
        fun: the function; its arguments and result are pytrees.
        nondiff_argnums: positions of arguments that are not differentiated; they can be anything,
            and the rule gets them first: ``rule(*nondiff, primals, tangents)``.

    >>> @custom_jvp
    ... def double(x):
    ...     return mul(x, 2.0)
    >>> @double.defjvp
    ... def double_jvp(primals, tangents):
    ...     return double(*primals), mul(tangents[0], 2.0)
    >>> float(double(3.0))
    6.0
    """

    def __init__(self, fun: F, nondiff_argnums: Sequence[int] = ()) -> None:
        functools.update_wrapper(self, fun)
        self.fun = fun
        self.nondiff_argnums = tuple(nondiff_argnums)
        self.rule: F | None = None
        self._known: set[Any] = set()  # signatures whose rule gives what the function gives

    def defjvp(self, rule: F) -> F:
        """Set the rule: ``rule(primals, tangents) -> (out, out_tangent)``, linear in tangents."""
        self.rule = rule
        return rule

    def defjvps(self, *rules: F | None) -> None:
        """One ``rule(tangent, out, *primals)`` for each argument; None for zero."""

        def rule(primals: Values, tangents: Values) -> tuple[Any, Any]:
            out = self(*primals)
            pairs = zip(rules, tangents, strict=True)
            terms = [r(t, out, *primals) for r, t in pairs if r is not None]
            if not terms:
                return out, tree.map(lambda y: mul(y, 0.0), out)
            return out, functools.reduce(lambda a, b: tree.map(add, a, b), terms)

        self.rule = rule

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        if self.rule is None:
            name = name_of(self.fun)
            hint = (
                f"Write @{name}.defjvp above def rule(primals, tangents): ... (out, out_tangent)."
            )
            raise DerivativeError(
                f"custom_jvp: {name} has no rule yet.", source=user_source(), hint=hint
            )
        arguments = Arguments(self.fun, self.nondiff_argnums, args, kwargs)
        rule = functools.partial(_run_rule, self.rule, arguments, self._known)
        outs = custom_jvp_call(arguments.function, rule, *arguments.leaves)
        return tree.unflatten(arguments.function.out_tree, outs)


def _run_rule(
    rule: F, arguments: Arguments, known: set[Any], primals: Values, tangents: Values
) -> tuple[list[Any], list[Any]]:
    """The user's rule, on leaves."""
    what = f"custom_jvp: the rule {place_of(rule)}"
    pair = call_users(
        rule,
        *arguments.fixed,
        tree.unflatten(arguments.in_tree, primals),
        tree.unflatten(arguments.in_tree, tangents),
    )
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise DerivativeError(
            f"{what}: must return a pair (out, out_tangent), got {type(pair).__name__}.",
            source=user_source(),
            hint="Write return f(*primals), tangent.",
        )
    outs = arguments.set_value(what, pair[0], known)
    assert arguments.function.out_tree is not None
    avals = [aval_of(y) for y in outs]
    return outs, checked_leaves(f"{what}, the tangent", pair[1], arguments.function.out_tree, avals)


def custom_jvp_call(
    function: Callable[..., Sequence[Any]], rule: Rule, *leaves: Any
) -> Sequence[Any]:
    """Call a flat function that has a flat rule, in the current trace."""
    return call_with_rule(custom_jvp_p, function, leaves, rule=rule)


def _jvp(
    primals: Values,
    tangents: Values,
    outs: Any = None,
    *,
    body: Body,
    rule: Rule,
    closed_over: int,
) -> tuple[Values, Values]:
    if any(t is not None for t in tangents[:closed_over]):
        raise DerivativeError(
            "custom_jvp: the function closes over a value that is being differentiated: expected "
            "it as an argument.",
            source=current_source(),
            hint=_CLOSURE,
        )
    primals, tangents = primals[closed_over:], tangents[closed_over:]
    filled = tuple([instantiate(t, aval_of(x)) for x, t in zip(primals, tangents, strict=True)])
    outs, out_tangents = rule(primals, filled)
    check_same_results("custom_jvp rule", body, [aval_of(y) for y in outs])
    return tuple(outs), tuple(out_tangents)


def _split(
    primals: Values, tangents: Values, *, body: Body, rule: Rule, closed_over: int
) -> tuple[Values, Values]:
    jvp = functools.partial(_jvp, body=body, rule=rule, closed_over=closed_over)
    return split_by_jvp(jvp, primals, tangents)


def _batch(
    inputs: Values,
    axes: tuple[int | None, ...],
    size: int,
    *,
    body: Body,
    rule: Rule,
    closed_over: int,
) -> tuple[Values, tuple[int, ...]]:
    consts, const_axes = inputs[:closed_over], axes[:closed_over]
    own_axes = axes[closed_over:]

    def batched(*xs: Any) -> list[Any]:
        run = functools.partial(call_body, body)
        return _with_first_axis(run, (*consts, *xs), (*const_axes, *own_axes), size)

    def batched_rule(primals: Values, tangents: Values) -> tuple[list[Any], list[Any]]:
        def flat_rule(*both: Any) -> list[Any]:
            outs, out_tangents = rule(both[: len(primals)], both[len(primals) :])
            return [*outs, *out_tangents]

        both = _with_first_axis(
            flat_rule, (*primals, *tangents), _axes_of(primals, tangents, own_axes), size
        )
        return both[: len(both) // 2], both[len(both) // 2 :]

    outs = custom_jvp_call(batched, batched_rule, *inputs[closed_over:])
    return tuple(outs), (0,) * len(outs)


def _axes_of(
    primals: Values, tangents: Values, axes: tuple[int | None, ...]
) -> tuple[int | None, ...]:
    """Batch axes of primals and tangents: a tangent has the axis of its primal."""
    assert len(primals) == len(tangents) == len(axes)
    return (*axes, *axes)


def _with_first_axis(
    f: Callable[..., Sequence[Any]], args: Values, axes: tuple[int | None, ...], size: int
) -> list[Any]:
    """`vmap_flat`, with the batch axis of every result in front."""
    outs, placed = vmap_flat(f, args, axes, size)
    return [place_axis(y, axis, 0, size) for y, axis in zip(outs, placed, strict=True)]


custom_jvp_p = Primitive(
    name="custom_jvp_call",
    type=type_of_body,
    numpy=lambda xp, *xs, body, **_: tuple(call_body(body, *xs)),
    jvp=_jvp,
    transpose=transpose_body,
    carries_masks=True,
    batch=_batch,
    lower=lower_body,
    split=_split,
)
