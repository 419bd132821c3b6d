"""Scan: repeat a body a known number of times, with values carried from step to step.

The primitive ``scan``::

    inputs   (*consts, *carry, *xs)    xs have a leading axis, of size length
    results  (*carry, *ys)             ys too
    body     a closed jaxpr: (*consts, *carry, *x) to (*carry, *y)
    num_consts, num_carry              how many inputs are consts and carry
    length   the number of steps
    reverse  whether steps run from the last element of xs to the first
    unroll   how many steps are written out in each round of the compiled loop
    counted  whether consts[0], an int32, says how many steps run: the first ones, or, reversed, the
             same ones from the last to the first. Rows of ys of the other steps are zeros. (Reverse
             mode of a bounded `while_loop`. A rule that adds constants puts them behind.)

The compiled form is one native loop: xs are read and ys written in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx import tree
from fnx.control.is_known import is_known
from fnx.control.loops.bodies import check_callable, trace_body
from fnx.control.loops.dce import dce_scan
from fnx.control.loops.lower import lower_scan
from fnx.control.loops.scan_forward import batch_scan, jvp_scan, sort_duals
from fnx.control.loops.scan_linear import (
    forward_of,
    linear_of,
    linearize_scan,
)
from fnx.control.loops.scan_parts import (
    MOST_STEPS,
    Application,
    Scan,
    Values,
    chosen,
    constant_carries,
    exactly,
    filled_in,
    stacked,
)
from fnx.control.loops.scan_transpose import transpose_scan
from fnx.control.loops.stepwise import has_unbounded_loop, split_scan
from fnx.control.loops.units import run_unit, steps_at_once
from fnx.core.array import as_buffer, wrap_as
from fnx.core.avals import Aval
from fnx.core.evaluate import evaluate
from fnx.core.flatten import as_value
from fnx.core.ir import Jaxpr
from fnx.core.primitive import Primitive
from fnx.core.sources import user_source
from fnx.core.trace import bind
from fnx.errors import FnxTypeError, FnxValueError
from fnx.transforms.masks import Masks

F = Callable[..., Any]


def scan(
    f: F,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Repeat ``carry, y = f(carry, x)`` over the leading axis of ``xs``.

    As the Python loop ``for x in xs: carry, y = f(carry, x); ys.append(y)``, but ``f`` is traced
    once, and the whole loop is compiled and differentiated as a unit.

    Args:
        f: takes and returns pytrees: ``(carry, x)`` to ``(carry, y)``.
        init: the first carry. Every step must return a carry of the same structure, shapes and
            dtypes; a Python scalar takes the dtype that ``f`` gives it.
        xs: a pytree of arrays with equal leading axes; None if there is nothing to read.
        length: the number of steps; needed only if ``xs`` has no arrays.
        reverse: whether to run from the last element to the first; ``ys`` stay in the order of
            ``xs``.
        unroll: how many steps are written out in each round of the compiled loop; True for all.

    Returns:
        The last carry, and the ``y`` of all steps stacked along a new leading axis.

    Raises:
        FnxTypeError: if ``f`` does not return what it is to carry, or ``xs`` do not fit.

    >>> import numpy as np
    >>> total, sums = scan(lambda c, x: (c + x, c + x), 0.0, np.arange(4.0, dtype="float32"))
    >>> float(total), sums.tolist()
    (6.0, [0.0, 1.0, 3.0, 6.0])
    """
    check_callable("scan", "f", f)
    init_leaves, carry_tree = tree.flatten(init)
    x_leaves = tree.leaves(xs)
    carry, values = [as_value(x) for x in init_leaves], [as_value(x) for x in x_leaves]
    steps = scan_length("scan", xs, values, length)
    in_tree = tree.structure(((tree.unflatten(carry_tree, init_leaves), xs), {}))
    rows = [Aval.of(x.aval.shape[1:], x.aval.dtype, x.aval.weak) for x in values]
    avals = [x.aval for x in carry]
    body = trace_body("scan", f, in_tree, carry_tree, avals, rows, with_ys=True)
    carry = [exactly(x, aval) for x, aval in zip(carry, body.carry, strict=True)]
    rounds = checked_unroll("scan", unroll, steps)
    made = Scan(
        body.jaxpr, len(body.hoisted), len(carry), steps, bool(reverse), rounds, counted=False
    )
    outs = run(Application(made, list(body.hoisted), carry, values))
    last, ys = made.outputs(outs)
    y_tree = body.out_tree.children[1]
    return tree.unflatten(carry_tree, last), tree.unflatten(y_tree, ys)


def scan_length(what: str, xs: Any, values: Sequence[Any], length: int | None) -> int:
    """The number of steps."""
    paths = tree.paths(xs)
    scalars = [path for path, x in zip(paths, values, strict=True) if not x.aval.shape]
    if scalars:
        raise FnxTypeError(
            f"{what}: xs{scalars[0]} has rank 0: there is no axis to run over.",
            source=user_source(),
            hint="xs are read one element at a time along their leading axis; values that are the\n"
            "same in every step belong into the carry, or are closed over.",
        )
    sizes = {path: x.aval.shape[0] for path, x in zip(paths, values, strict=True)}
    if length is not None and (isinstance(length, bool) or not _is_count(length)):
        raise FnxTypeError(
            f"{what}: length must be a whole number that is not negative, got {length!r:.60}",
            source=user_source(),
            hint="It is known when the loop is traced; for one that is not, use while_loop.",
        )
    if not sizes and length is None:
        raise FnxValueError(
            f"{what}: neither xs nor length says how many steps to run.",
            source=user_source(),
            hint="Write length=..., or pass arrays as xs.",
        )
    steps = next(iter(sizes.values())) if length is None else int(length)
    if steps > MOST_STEPS:
        raise FnxValueError(
            f"{what}: steps are counted in an int32, got a length of {steps}.",
            source=user_source(),
            hint="Nest two loops.",
        )
    if any(size != steps for size in sizes.values()):
        lines = [f"xs{path} has {size} elements along axis 0" for path, size in sizes.items()]
        lines += [] if length is None else [f"length is {length}"]
        raise FnxValueError(
            f"{what}: all xs must have the same number of elements along axis 0.",
            source=user_source(),
            hint="\n".join(lines) + "\nCut them to one length, as in x[:n].",
        )
    return steps


def _is_count(x: Any) -> bool:
    return isinstance(x, int | np.integer) and x >= 0


def checked_unroll(what: str, unroll: int | bool, length: int) -> int:
    """How many steps to write out, from what a user gave."""
    if unroll is True or unroll is False:
        return max(length, 1) if unroll else 1
    if not _is_count(unroll) or not unroll:
        raise FnxTypeError(
            f"{what}: unroll must be a positive whole number or a bool, got {unroll!r:.60}",
            source=user_source(),
        )
    return min(int(unroll), max(length, 1))


def run(app: Application) -> Values:
    """Apply a scan. A carry that no step changes becomes a constant."""
    scan, carry = app.scan, app.carry
    _, binders, _ = scan.inputs(scan.body.inputs)
    constant = constant_carries(binders, scan.outputs(scan.body.outputs)[0])
    if not any(constant):
        return bind(scan_p, *app.consts, *carry, *app.xs, **scan.params)
    moving = [not c for c in constant]
    body = _with_constants(scan, constant, moving)
    consts = [*app.consts, *chosen(carry, constant)]
    made = Scan(
        body, len(consts), sum(moving), scan.length, scan.reverse, scan.unroll, scan.counted
    )
    values = chosen(carry, moving)
    outs = bind(scan_p, *consts, *values, *app.xs, **made.params)
    last = filled_in(moving, outs[: len(values)])
    rows = zip(constant, carry, last, strict=True)
    return (*[x if is_constant else y for is_constant, x, y in rows], *outs[len(values) :])


def _with_constants(scan: Scan, constant: Sequence[bool], moving: Sequence[bool]) -> Jaxpr:
    consts, carry, xs = scan.inputs(scan.body.inputs)
    last, ys = scan.outputs(scan.body.outputs)
    inputs = (*consts, *chosen(carry, constant), *chosen(carry, moving), *xs)
    return Jaxpr(inputs, scan.body.eqns, (*chosen(last, moving), *ys))


# Rules --------------------------------------------------------------------------------------------


def _type(*avals: Aval, **params: Any) -> tuple[Aval, ...]:
    scan = Scan(**params)
    consts, carry, xs = scan.inputs(avals)
    binders = [v.aval for v in scan.body.inputs]
    assert all(x.shape[:1] == (scan.length,) for x in xs)
    rows = [*consts, *carry, *[Aval.of(x.shape[1:], x.dtype) for x in xs]]
    assert [(a.shape, a.dtype) for a in rows] == [(a.shape, a.dtype) for a in binders]
    last, ys = scan.outputs([a.aval for a in scan.body.outputs])
    return (*last, *[stacked(y, scan.length) for y in ys])


def _operand_avals(scan: Scan) -> list[Aval]:
    consts, carry, xs = scan.inputs([v.aval for v in scan.body.inputs])
    return [*consts, *carry, *[stacked(x, scan.length) for x in xs]]


def _numpy(xp: Any, *buffers: Any, **params: Any) -> Values:
    scan = Scan(**params)
    if xp is np and not steps_at_once(scan.body, scan.length):
        return run_unit(scan_p, scan.body, _operand_avals(scan), buffers, params)
    consts, carry, xs = scan.inputs(buffers)
    avals = [v.aval for v in scan.body.inputs]
    arrays = [wrap_as(x, a) for x, a in zip((*consts, *carry), avals, strict=False)]
    consts, carry = arrays[: len(consts)], arrays[len(consts) :]
    indices = scan.indices
    if scan.counted:
        count = min(max(int(consts[0]), 0), scan.length)
        indices = range(count)[::-1] if scan.reverse else range(count)
    stacks = [xp.zeros((scan.length, *a.aval.shape), a.aval.dtype) for a in scan.body.outputs]
    ys = scan.outputs(stacks)[1]
    x_avals = scan.inputs(avals)[2]
    for i in indices:
        row = [wrap_as(xp.asarray(x[i]), a) for x, a in zip(xs, x_avals, strict=True)]
        last, found = scan.outputs(evaluate(scan.body, *consts, *carry, *row))
        carry = [wrap_as(as_buffer(x), a) for x, a in zip(last, avals[len(consts) :], strict=False)]
        for stack, y in zip(ys, found, strict=True):
            stack[i] = as_buffer(y)
    return (*carry, *ys)


def _jvp(primals: Values, tangents: Values, outs: None, **params: Any) -> tuple[Values, Values]:
    scan = Scan(**params)
    app, active = jvp_scan(scan, primals, tangents)
    return sort_duals(scan, active, run(app))


def _split(primals: Values, tangents: Values, **params: Any) -> tuple[Values, Values]:
    scan = Scan(**params)
    if not scan.counted and has_unbounded_loop(scan.body) and all(map(is_known, primals)):
        return split_scan(scan, primals, tangents)
    parts = linearize_scan(scan, tuple([t is not None for t in tangents]))
    forward = forward_of(scan, parts, primals)
    outs = run(forward)
    ys = outs[scan.num_carry :]
    count = primals[0] if scan.counted else None
    app = linear_of(scan, parts, forward, ys, tangents, count)
    found = run(app)
    out_tangents = filled_in([*parts.carry, *parts.ys], found)
    return outs[: len(scan.body.outputs)], tuple(out_tangents)


def _transpose(cts: Values, inputs: Values, *, masks: Masks, **params: Any) -> tuple[Values, Masks]:
    return transpose_scan(Scan(**params), cts, inputs, masks, run)


def _batch(
    inputs: Values, axes: tuple[int | None, ...], size: int, **params: Any
) -> tuple[Values, tuple[int | None, ...]]:
    app, out_axes = batch_scan(Scan(**params), inputs, axes, size)
    return run(app), out_axes


scan_p = Primitive(
    name="scan",
    type=_type,
    numpy=_numpy,
    jvp=_jvp,
    transpose=_transpose,
    batch=_batch,
    lower=lower_scan,
    split=_split,
    dce=dce_scan,
    carries_masks=True,
)
