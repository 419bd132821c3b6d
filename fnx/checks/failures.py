"""Failures: for an equation with its values, which elements fail a check.

The rules are written in operations of fnx, so they run in compiled programs (`flags`), in
functional ones (`functional`) and on known values (`replay`). ``exact=False`` leaves out what would
take another pass over the operands: a mask may then be true too often, never too seldom.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fnx.checks.classes import class_of
from fnx.checks.indices import index_masks
from fnx.checks.integers import integer_overflow
from fnx.core.dtypes import FLOAT8_E4M3FN, FLOAT32, FLOATS, INTS
from fnx.core.eager import aval_of
from fnx.core.ir import Eqn
from fnx.ops.arithmetic import abs as absolute
from fnx.ops.arithmetic import is_finite
from fnx.ops.bitwise import and_, not_, or_
from fnx.ops.comparison import eq, gt, ne
from fnx.ops.contraction import dot_general
from fnx.ops.conversion import convert
from fnx.ops.families import add
from fnx.ops.gather import scatter
from fnx.ops.layout import broadcast_in_dim
from fnx.ops.reduction import reduce_or

Values = Sequence[Any]


class Mask(NamedTuple):
    """Which elements fail.

    Attributes:
        value: an array of booleans.
        operand: the operand whose elements they are; None: the result's.
    """

    value: Any
    operand: int | None = None


def failures(kind: str, eqn: Eqn, ins: Values, outs: Values, *, exact: bool) -> list[Mask]:
    """The elements that fail a check of one kind.

    Args:
        kind: the name of the check; not "user".
        eqn: the equation.
        ins: values of its operands.
        outs: values of its results.
        exact: whether masks must not be true too often.
    """
    if kind not in class_of(eqn.primitive).fails:
        return []
    if kind == "index":
        masks = index_masks(eqn.primitive.name, eqn.params, ins)
        return [Mask(mask, operand) for mask, operand in masks]
    (out,) = outs[:1]
    if aval_of(out).size == 0:
        return []
    mask = _RULES[kind](eqn, ins, out, exact)
    return [] if mask is None else [Mask(mask)]


def _nan(eqn: Eqn, ins: Values, out: Any, exact: bool) -> Any:
    """Where the result is NaN, and no operand that it depends on is."""
    if not _is_float(out) or (eqn.primitive.name == "convert" and not _makes_nan(ins[0], out)):
        return None
    return _without(is_nan, ne(out, out), eqn, ins, exact)


def _makes_nan(x: Any, out: Any) -> bool:
    """Whether a conversion can make a NaN: to a dtype without infinity it does."""
    return _is_float(x) and aval_of(out).dtype == FLOAT8_E4M3FN


def _overflow(eqn: Eqn, ins: Values, out: Any, exact: bool) -> Any:
    """Where the result is infinite and no operand is, or an integer is not what it should be."""
    dtype = aval_of(out).dtype
    if dtype in INTS:
        return integer_overflow(eqn.primitive.name, eqn.params, ins, out)
    if dtype not in FLOATS or dtype == FLOAT8_E4M3FN:
        return None
    return _without(_is_not_finite, is_infinite(out), eqn, ins, exact)


def _division(eqn: Eqn, ins: Values, out: Any, exact: bool) -> Any:
    divisor = ins[1]
    if _is_literal(divisor):
        return None if np.asarray(divisor) != 0 else broadcast_like(np.True_, out)
    return broadcast_like(eq(divisor, 0), out)


_RULES: dict[str, Callable[[Eqn, Values, Any, bool], Any]] = {
    "nan": _nan,
    "overflow": _overflow,
    "div": _division,
}


def is_nan(x: Any) -> Any:
    """Elementwise: NaN."""
    return ne(x, x)


def is_infinite(x: Any) -> Any:
    """Elementwise: plus or minus infinity."""
    return eq(absolute(x), aval_of(x).dtype.type(np.inf))


def _is_not_finite(x: Any) -> Any:
    return not_(is_finite(x))


def _without(
    is_bad: Callable[[Any], Any], mask: Any, eqn: Eqn, ins: Values, exact: bool
) -> Any | None:
    """A mask of the result without the elements that depend on operands that are bad already."""
    floats = [x for x in ins if _is_float(x)]
    literals = [x for x in floats if _is_literal(x)]
    if any(not np.isfinite(np.float64(x)) and bool(is_bad(np.float64(x))) for x in literals):
        return None
    moving = [x for x in floats if not _is_literal(x)]
    if class_of(eqn.primitive).is_pointwise:
        for x in moving:
            mask = and_(mask, broadcast_like(not_(is_bad(x)), mask))
        return mask
    if not exact or not moving:
        return mask
    return and_(mask, not_(broadcast_like(_touched(is_bad, eqn, ins), mask)))


def _touched(is_bad: Callable[[Any], Any], eqn: Eqn, ins: Values) -> Any:
    """The elements of the result of a sum that depend on bad operands, or one answer for all."""
    name, params = eqn.primitive.name, eqn.params
    if name in ("reduce_sum", "reduce_prod"):
        return reduce_or(is_bad(ins[0]), axes=params["axes"])
    if name == "dot_general":
        params = {**params, "preferred": None}
        bad = [_counted(is_bad(x)) for x in ins]
        ones = [_counted(eq(b, b)) for b in bad]
        counts = add(dot_general(bad[0], ones[1], **params), dot_general(ones[0], bad[1], **params))
        return gt(counts, 0)
    if name == "scatter":
        x, indices, updates = ins
        return gt(scatter(_counted(is_bad(x)), indices, _counted(is_bad(updates)), **params), 0)
    found: Any = None
    for x in ins:
        if _is_float(x) and not _is_literal(x):
            bad = reduce_or(is_bad(x), axes=tuple(range(aval_of(x).ndim)))
            found = bad if found is None else or_(found, bad)
    return found


def _counted(mask: Any) -> Any:
    return convert(mask, dtype=FLOAT32)


def broadcast_like(x: Any, like: Any) -> Any:
    """A scalar in the shape of another value; anything else as it is."""
    shape = aval_of(like).shape
    if aval_of(x).shape == shape:
        return x
    return broadcast_in_dim(x, shape=shape, dimensions=())


def _is_float(x: Any) -> bool:
    return aval_of(x).dtype in FLOATS


def _is_literal(x: Any) -> bool:
    return isinstance(x, bool | int | float | np.generic)
