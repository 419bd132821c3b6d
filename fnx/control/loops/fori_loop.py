"""Fori loop: repeat a body for each integer of a range."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fnx import tree
from fnx.control.derived import derived
from fnx.control.loops.bodies import check_callable, trace_body
from fnx.control.loops.scan import checked_unroll
from fnx.control.loops.scan import run as run_scan
from fnx.control.loops.scan_parts import MOST_STEPS, Application, Scan, exactly
from fnx.control.loops.while_loop import check_bound, checked
from fnx.control.loops.while_loop import run as run_while
from fnx.control.loops.while_parts import Repetition, While
from fnx.core.avals import Aval
from fnx.core.dtypes import INTS
from fnx.core.eager import aval_of
from fnx.core.evaluate import evaluate
from fnx.core.flatten import as_value
from fnx.core.ir import Jaxpr
from fnx.core.sources import user_source
from fnx.core.trace import current_trace, trace
from fnx.errors import FnxTypeError, FnxValueError
from fnx.ops.comparison import lt
from fnx.ops.conversion import convert
from fnx.ops.families import add

F = Callable[..., Any]


def fori_loop(
    lower: Any,
    upper: Any,
    body_fun: F,
    init_val: Any,
    *,
    unroll: int | bool | None = None,
    max_steps: int | None = None,
) -> Any:
    """Repeat ``value = body_fun(i, value)`` for i from ``lower`` up to ``upper``, without it.

    With bounds that are Python integers the loop is a `scan`, and reverse mode works everywhere.
    With bounds that are computed it is a `while_loop`: see there for reverse mode under `jit`.

    Args:
        lower: the first i, an integer.
        upper: where to stop; if it is not greater than ``lower``, no step runs.
        body_fun: ``(i, value)`` to a value of the same structure, shapes and dtypes.
        init_val: the first value, a pytree.
        unroll: how many steps are written out in each round of the compiled loop, True for all;
            for bounds that are Python integers only.
        max_steps: the most steps that a loop with computed bounds can take, for reverse mode under
            `jit`; see `while_loop`.

    Returns:
        The last value.

    Raises:
        FnxTypeError: if a bound is no integer, or the body does not return what it is to carry.
        FnxValueError: if ``max_steps`` is exceeded, and values are known.

    >>> int(fori_loop(1, 5, lambda i, x: i * x, 1))
    24
    """
    check_callable("fori_loop", "body_fun", body_fun)
    check_bound("fori_loop", max_steps)
    first, last, dtype = _bounds(lower, upper)
    is_static = isinstance(first, int) and isinstance(last, int) and last - first <= MOST_STEPS
    if unroll is not None and not is_static:
        raise FnxValueError(
            "fori_loop: unroll needs bounds that are Python integers, less than 2**31 apart.",
            source=user_source(),
            hint="With bounds that are computed, write out the steps in the body.",
        )
    leaves, carry_tree = tree.flatten(init_val)
    carry = [as_value(x) for x in leaves]
    in_tree = tree.structure(((init_val, 0), {}))
    index = Aval.of((), dtype)

    @functools.wraps(body_fun, updated=())
    def step(value: Any, i: Any) -> Any:
        return body_fun(i, value)

    body = trace_body("fori_loop", step, in_tree, carry_tree, [x.aval for x in carry], [index])
    carry = [exactly(x, aval) for x, aval in zip(carry, body.carry, strict=True)]
    count = len(body.hoisted)
    counting = derived(body.jaxpr, ("fori", count), lambda: _counting(body.jaxpr, count))
    start = _as_index(first, dtype)
    if is_static and (current_trace() is not None or unroll is not None):
        length = max(last - first, 0)
        steps = checked_unroll("fori_loop", 1 if unroll is None else unroll, length)
        made = Scan(counting, count, 1 + len(carry), length, False, steps, False)
        outs = run_scan(Application(made, list(body.hoisted), [start, *carry], []))
    else:
        cond = _below(index, tuple(body.carry))
        loop = While(cond, counting, 1, count, max_steps)
        stop = _as_index(last, dtype)
        outs = run_while(Repetition(loop, [stop], list(body.hoisted), [start, *carry]))
        outs = outs if max_steps is None else checked("fori_loop", loop, (stop,), outs)
    return tree.unflatten(carry_tree, outs[1:])


def _bounds(lower: Any, upper: Any) -> tuple[Any, Any, np.dtype]:
    """Both bounds, Python integers where they are not arrays, and the dtype of the index."""
    bounds, avals = [], []
    for name, x in (("lower", lower), ("upper", upper)):
        is_number = isinstance(x, int | np.integer) and not isinstance(x, bool)
        aval = aval_of(x) if is_number or hasattr(x, "shape") else None
        if aval is None or aval.shape or aval.dtype not in INTS:
            raise FnxTypeError(
                f"fori_loop: {name} must be an integer of rank 0, got "
                f"{x!r:.60}" + (f" ({aval})" if aval is not None else ""),
                source=user_source(),
                hint="Write n // 2 for n / 2, int(n) for a number that is known. To run over the\n"
                "elements of an array, use scan or map.",
            )
        bounds.append(int(x) if is_number else as_value(x))
        avals.append(aval)
    given = {a.dtype for a, x in zip(avals, bounds, strict=True) if not isinstance(x, int)}
    wide = {a.dtype for a, x in zip(avals, bounds, strict=True) if isinstance(x, int)}
    dtype = np.result_type(*(given or wide))
    numbers = [x for x in bounds if isinstance(x, int)]
    if any(not np.iinfo(dtype).min <= x <= np.iinfo(dtype).max for x in numbers):
        dtype = np.result_type(dtype, *wide)
    return bounds[0], bounds[1], dtype if dtype in INTS else np.dtype(np.int64)


def _as_index(x: Any, dtype: np.dtype) -> Any:
    if isinstance(x, int):
        return dtype.type(x)
    return exactly(x, Aval.of((), dtype)) if aval_of(x).dtype == dtype else convert(x, dtype=dtype)


def _counting(body: Jaxpr, count: int) -> Jaxpr:
    """``(*consts, i, *carry)`` to ``(i + 1, *carry)``, from ``(*consts, *carry, i)``."""
    *avals, index = [v.aval for v in body.inputs]

    def step(*args: Any) -> list[Any]:
        consts, i, carry = args[:count], args[count], args[count + 1 :]
        return [add(i, index.dtype.type(1)), *evaluate(body, *consts, *carry, i)]

    return trace(step, [*avals[:count], index, *avals[count:]])


@functools.cache
def _below(index: Aval, carry: tuple[Aval, ...]) -> Jaxpr:
    """Whether the index is below the upper bound, which comes first."""
    return trace(lambda stop, i, *_: [lt(i, stop)], [index, index, *carry])
