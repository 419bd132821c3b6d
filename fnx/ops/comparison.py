"""Comparison: ``eq ne lt le gt ge``, and ``select``, which chooses by their results."""

from __future__ import annotations

import functools
from typing import Any

from fnx.core.avals import Aval
from fnx.core.dtypes import ALL, BOOL, BOOLS
from fnx.core.primitive import NotDifferentiable, Primitive
from fnx.core.trace import bind
from fnx.ops.checks import as_operands, check_dtypes, check_equal_dtypes, check_equal_shapes
from fnx.ops.families import apply_binary, elementwise, is_weak

_comparison = functools.partial(
    elementwise,
    arity=2,
    dtypes=ALL,
    result=BOOL,
    jvp=NotDifferentiable("a comparison is piecewise constant"),
)

eq_p = _comparison(
    "eq",
    numpy=lambda xp, x, y: xp.equal(x, y),
    lower=lambda b, x, y: b.compare(x, y, "EQ"),
)


def eq(x: Any, y: Any) -> Any:
    """Elementwise ``x == y``, a boolean array; NaN equals nothing."""
    return apply_binary(eq_p, x, y)


ne_p = _comparison(
    "ne",
    numpy=lambda xp, x, y: xp.not_equal(x, y),
    lower=lambda b, x, y: b.compare(x, y, "NE"),
)


def ne(x: Any, y: Any) -> Any:
    """Elementwise ``x != y``, a boolean array; true where either is NaN."""
    return apply_binary(ne_p, x, y)


lt_p = _comparison(
    "lt",
    numpy=lambda xp, x, y: xp.less(x, y),
    lower=lambda b, x, y: b.compare(x, y, "LT"),
)


def lt(x: Any, y: Any) -> Any:
    """Elementwise ``x < y``, a boolean array."""
    return apply_binary(lt_p, x, y)


le_p = _comparison(
    "le",
    numpy=lambda xp, x, y: xp.less_equal(x, y),
    lower=lambda b, x, y: b.compare(x, y, "LE"),
)


def le(x: Any, y: Any) -> Any:
    """Elementwise ``x <= y``, a boolean array."""
    return apply_binary(le_p, x, y)


gt_p = _comparison(
    "gt",
    numpy=lambda xp, x, y: xp.greater(x, y),
    lower=lambda b, x, y: b.compare(x, y, "GT"),
)


def gt(x: Any, y: Any) -> Any:
    """Elementwise ``x > y``, a boolean array."""
    return apply_binary(gt_p, x, y)


ge_p = _comparison(
    "ge",
    numpy=lambda xp, x, y: xp.greater_equal(x, y),
    lower=lambda b, x, y: b.compare(x, y, "GE"),
)


def ge(x: Any, y: Any) -> Any:
    """Elementwise ``x >= y``, a boolean array."""
    return apply_binary(ge_p, x, y)


def _select_type(pred: Aval, on_true: Aval, on_false: Aval) -> tuple[Aval]:
    check_dtypes("select", BOOLS, pred)
    check_equal_dtypes("select", on_true, on_false)
    shape = check_equal_shapes("select", pred, on_true, on_false)
    return (Aval.of(shape, on_true.dtype, is_weak((on_true, on_false))),)


select_p: Primitive = elementwise(
    "select",
    type_rule=_select_type,
    numpy=lambda xp, p, x, y: xp.where(p, x, y),
    jvp=(
        None,
        lambda t, out, p, x, y: select(p, t, 0),
        lambda t, out, p, x, y: select(p, 0, t),
    ),
    transpose=(
        None,
        lambda ct, p, x, y: select(p, ct, 0),
        lambda ct, p, x, y: select(p, 0, ct),
    ),
    lower=lambda b, p, x, y: b.select(p, x, y),
)


def select(pred: Any, on_true: Any, on_false: Any) -> Any:
    """Elementwise ``on_true`` where ``pred`` (booleans, of the same shape), else ``on_false``."""
    on_true, on_false = as_operands("select", on_true, on_false)
    return bind(select_p, pred, on_true, on_false)[0]
