"""Custom vmap: a function with a rule of its own for `vmap`.

Forward mode takes the rule along, differentiated. Reverse mode goes through the function itself:
the gradient is that of what it computes, and is mapped without the rule.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from fnx import tree
from fnx.control.body import Body, Values, call_body, lower_body, transpose_body, type_of_body
from fnx.control.custom.arguments import Arguments, F, call_with_rule
from fnx.control.loops.map import map as map_rows
from fnx.core.eager import aval_of, is_value
from fnx.core.evaluate import evaluate
from fnx.core.flatten import as_value, name_of
from fnx.core.primitive import Primitive
from fnx.core.sources import user_source
from fnx.core.trace import bind
from fnx.errors import FnxTypeError
from fnx.ops.layout import expand, move_axis
from fnx.transforms.jvp import jvp_flat
from fnx.transforms.linearize import linearize_flat
from fnx.transforms.zeros import drop_nonfloat, instantiate

# (size, which are mapped, *batches) -> results, and which of them are mapped
Rule = Callable[..., tuple[Sequence[Any], Sequence[bool]]]
Axes = tuple[int | None, ...]


class custom_vmap:
    """A function with its own rule for `vmap`.

    Args:
        fun: the function; its arguments and result are pytrees.

    >>> import fnx.numpy as fnp
    >>> from fnx.api import vmap
    >>> @custom_vmap
    ... def solve(a, b):
    ...     return b / a
    >>> @solve.def_vmap
    ... def solve_all(axis_size, in_batched, a, b):
    ...     return b / a, True  # all at once
    >>> vmap(solve)(fnp.asarray([1.0, 2.0]), fnp.asarray([2.0, 2.0]))
    Array([2., 1.], dtype=float32)
    """

    def __init__(self, fun: F) -> None:
        functools.update_wrapper(self, fun)
        self.fun = fun
        self.rule: F | None = None

    def def_vmap(self, rule: F) -> F:
        """Set the rule ``rule(axis_size, in_batched, *args) -> (out, out_batched)``.

        Args:
            rule: ``in_batched`` says for each leaf of the arguments whether it is mapped: then it
                has a leading axis of ``axis_size``. ``out_batched`` says the same of the result,
                in its structure or a prefix of it.
        """
        self.rule = rule
        return rule

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        if self.rule is None:
            name = name_of(self.fun)
            raise FnxTypeError(
                f"custom_vmap: {name} has no rule yet: expected one before the first call.",
                source=user_source(),
                hint=f"Write @{name}.def_vmap above "
                "def rule(axis_size, in_batched, *args): ... (out, out_batched).",
            )
        arguments = Arguments(self.fun, (), args, kwargs)
        rule = functools.partial(_run_rule, self.rule, arguments)
        outs = custom_vmap_call(arguments.function, rule, *arguments.leaves)
        return tree.unflatten(arguments.function.out_tree, outs)


def sequential_vmap(fun: F) -> custom_vmap:
    """A function that `vmap` applies to one element after the other, in a compiled loop.

    >>> from fnx.api import vmap
    >>> import numpy as np
    >>> vmap(sequential_vmap(lambda x: x * x))(np.arange(3)).tolist()
    [0, 1, 4]
    """
    sequential = custom_vmap(fun)

    @sequential.def_vmap
    def rule(axis_size: int, in_batched: Any, *args: Any) -> tuple[Any, Any]:
        leaves, structure = tree.flatten(args)
        marks = tree.leaves(in_batched)
        rows = [x for x, is_mapped in zip(leaves, marks, strict=True) if is_mapped]

        def one(elements: list[Any]) -> Any:
            rest = iter(elements)
            pairs = zip(leaves, marks, strict=True)
            mixed = [next(rest) if is_mapped else x for x, is_mapped in pairs]
            return fun(*tree.unflatten(structure, mixed))

        return map_rows(one, rows), True

    return sequential


def _run_rule(
    rule: F, arguments: Arguments, size: int, mapped: Sequence[bool], *leaves: Any
) -> tuple[list[Any], list[bool]]:
    """The user's rule, on leaves."""
    what = f"custom_vmap rule {name_of(rule)}"
    pair = rule(
        size,
        tree.unflatten(arguments.in_tree, mapped),
        *tree.unflatten(arguments.in_tree, leaves),
    )
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise FnxTypeError(
            f"{what}: must return a pair (out, out_batched), got {type(pair).__name__}.",
            source=user_source(),
            hint="out_batched says which leaves of out have the mapped axis in front, or True.",
        )
    outs = arguments.set_result(what, pair[0])
    assert arguments.function.out_tree is not None
    marks = tree.broadcast_prefix(pair[1], arguments.function.out_tree, f"{what}: out_batched")
    for x, mark in zip(outs, marks, strict=True):
        shape = aval_of(x).shape if is_value(x) else None
        if shape is None or (mark and shape[:1] != (size,)):
            got = aval_of(x) if is_value(x) else type(x).__name__
            raise FnxTypeError(
                f"{what}: expected arrays, those that out_batched marks with a leading axis of "
                f"{size}, got {got}.",
                source=user_source(),
                hint="Return out_batched=False for results that are the same for all elements.",
            )
    return [as_value(x) for x in outs], [bool(mark) for mark in marks]


def custom_vmap_call(
    function: Callable[..., Sequence[Any]], rule: Rule, *leaves: Any
) -> Sequence[Any]:
    """Call a flat function that has a flat rule, in the current trace."""
    return call_with_rule(custom_vmap_p, function, leaves, rule=rule)


def _batch(
    inputs: Values, axes: Axes, size: int, *, body: Body, rule: Rule, closed_over: int
) -> tuple[Values, Axes]:
    if any(axis is not None for axis in axes[:closed_over]):
        raise FnxTypeError(
            "custom_vmap: the function closes over a value that is mapped: expected a function of "
            "its arguments.",
            source=user_source(),
            hint="Pass it as an argument: the rule says nothing about values closed over.",
        )
    own, own_axes = inputs[closed_over:], axes[closed_over:]
    mapped = [axis is not None for axis in own_axes]
    if not any(mapped):
        outs = bind(custom_vmap_p, *inputs, body=body, rule=rule, closed_over=closed_over)
        return outs, (None,) * len(outs)
    pairs = zip(own, own_axes, strict=True)
    batches = [x if axis is None else move_axis(x, axis, 0) for x, axis in pairs]
    outs, marks = rule(int(size), mapped, *batches)
    return tuple(outs), tuple([0 if mark else None for mark in marks])


def _jvp(
    primals: Values,
    tangents: Values,
    outs: None = None,
    *,
    body: Body,
    rule: Rule,
    closed_over: int,
) -> tuple[Values, Values]:
    """The dual function, whose rule is the derivative of the rule."""
    run = functools.partial(call_body, body)
    if any(t is not None for t in tangents[:closed_over]):  # the rule does not know these
        found, found_tangents = jvp_flat(run, primals, tangents)
        return tuple(found), tuple(found_tangents)
    consts, own = primals[:closed_over], primals[closed_over:]
    moving = [i for i, t in enumerate(tangents[closed_over:]) if t is not None]
    given = [t for t in tangents if t is not None]
    with_consts = lambda *xs: run(*consts, *xs)
    dual = functools.partial(_dual, with_consts, len(own), moving)
    dual_rule = functools.partial(_dual_rule, rule, len(own), moving)
    results = custom_vmap_call(dual, dual_rule, *own, *given)
    count = len(results) // 2
    avals = [aval_of(y) for y in results[:count]]
    return tuple(results[:count]), drop_nonfloat(results[count:], avals)


def _directions(count: int, moving: Sequence[int], values: Sequence[Any]) -> list[Any]:
    """Tangents of all primals: None for those that do not move."""
    found: list[Any] = [None] * count
    for i, t in zip(moving, values, strict=True):
        found[i] = t
    return found


def _dual(run: Any, count: int, moving: Sequence[int], *values: Any) -> list[Any]:
    """Results, and a tangent for each."""
    ts = _directions(count, moving, values[count:])
    outs, out_tangents = jvp_flat(run, values[:count], ts)
    return [*outs, *_filled(outs, out_tangents)]


def _filled(outs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    return [instantiate(t, aval_of(y)) for y, t in zip(outs, tangents, strict=True)]


def _dual_rule(
    rule: Rule,
    count: int,
    moving: Sequence[int],
    size: int,
    mapped: Sequence[bool],
    *batches: Any,
) -> tuple[list[Any], list[bool]]:
    """The rule on dual numbers: a value and its tangent are mapped together."""
    primals, ts = list(batches[:count]), _directions(count, moving, batches[count:])
    marks = list(mapped[:count])
    for place, is_mapped in zip(moving, mapped[count:], strict=True):
        if marks[place] and not is_mapped:
            ts[place] = expand(ts[place], size, 0)
        if is_mapped and not marks[place]:
            primals[place], marks[place] = expand(primals[place], size, 0), True
    found: list[bool] = []

    def run(*xs: Any) -> Sequence[Any]:
        outs, out_marks = rule(size, marks, *xs)
        found[:] = out_marks
        return outs

    outs, out_tangents = jvp_flat(run, primals, ts)
    return [*outs, *_filled(outs, out_tangents)], [*found, *found]


def _split(
    primals: Values, tangents: Values, *, body: Body, rule: Rule, closed_over: int
) -> tuple[Values, Values]:
    active = [t is not None for t in tangents]
    run = functools.partial(call_body, body)
    outs, linear, out_active = linearize_flat(run, primals, active)
    found = iter(evaluate(linear, *[t for t in tangents if t is not None]))
    return tuple(outs), tuple([next(found) if is_active else None for is_active in out_active])


custom_vmap_p = Primitive(
    name="custom_vmap_call",
    type=type_of_body,
    numpy=lambda xp, *xs, body, **_: tuple(call_body(body, *xs)),
    jvp=_jvp,
    transpose=transpose_body,
    carries_masks=True,
    batch=_batch,
    lower=lower_body,
    split=_split,
)
