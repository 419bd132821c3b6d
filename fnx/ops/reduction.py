"""Reduction over axes: product, extrema and logic; sum is in ``layout``, argmax in ``extremum``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fnx.core.dtypes import ALL, BOOL, BOOLS, INTS, NUMBERS
from fnx.core.primitive import NotDifferentiable
from fnx.core.trace import bind
from fnx.ops.arithmetic import div, mul
from fnx.ops.checks import integers
from fnx.ops.comparison import eq
from fnx.ops.conversion import convert
from fnx.ops.extremum import argmax as argmax
from fnx.ops.extremum import argmin as argmin
from fnx.ops.families import add, reduction
from fnx.ops.joining import concatenate
from fnx.ops.layout import move_axis, reshape, spread
from fnx.ops.layout import reduce_sum as reduce_sum
from fnx.ops.precision import dtype_in_hlo, highest, in_float32, lower_in_float32, lowest
from fnx.ops.slicing import slice

Ints = tuple[int, ...]


def _lower_by(op: str, identity: Callable[[np.dtype], Any]) -> Callable[..., tuple[Any]]:
    """A ``lower`` rule: the reduction by the HLO operation ``op``, starting from its identity."""

    @lower_in_float32
    def lower(b: Any, x: Any, *, axes: Ints) -> Any:
        return b.reduce(x, b.constant(identity(dtype_in_hlo(x)), dtype=x.type.dtype), axes, op)

    return lambda b, x, *, axes: (lower(b, x, axes=axes),)


def _reduce_by(name: str, identity: Callable[[np.dtype], Any]) -> Callable[..., Any]:
    """A ``numpy`` rule: the reduction by a ufunc."""

    @in_float32
    def run(xp: Any, x: Any, *, axes: Ints) -> Any:
        ufunc = getattr(xp, name)
        if x.size:
            return ufunc.reduce(x, axis=axes)
        return ufunc.reduce(x, axis=axes, initial=identity(x.dtype))

    return run


def _one(dtype: np.dtype) -> Any:
    return dtype.type(1)


@in_float32
def _product(xp: Any, x: Any, *, axes: Ints) -> Any:
    return xp.multiply.reduce(x, axis=axes, dtype=x.dtype)


def _reduce_prod_jvp(
    primals: tuple[Any], tangents: tuple[Any], outs: tuple[Any], *, axes: Ints
) -> tuple[Any]:
    # d(x y) = x dy + y dx, over pairs of halves: right at zeros too, where (prod / x_i) is not.
    x, t = (_in_one_axis(v, axes) for v in (primals[0], tangents[0]))
    if x.shape[0] == 0:
        return (None,)
    while x.shape[0] > 1:
        half = x.shape[0] // 2
        (x1, x2, rest), (t1, t2, rest_t) = (_halves(v, half) for v in (x, t))
        x = concatenate(mul(x1, x2), rest, dimension=0)
        t = concatenate(add(mul(x1, t2), mul(t1, x2)), rest_t, dimension=0)
    return (reshape(t, shape=t.shape[1:]),)


def _in_one_axis(x: Any, axes: Ints) -> Any:
    """``x`` with all of ``axes`` made one, the first."""
    for place, axis in enumerate(sorted(axes)):
        x = move_axis(x, axis, place)
    kept = x.shape[len(axes) :]
    return reshape(x, shape=(math.prod(x.shape[: len(axes)]), *kept))


def _halves(x: Any, half: int) -> tuple[Any, Any, Any]:
    """The first and the second ``half`` elements along axis 0, and what is left (none or one)."""

    def part(first: int, last: int) -> Any:
        zeros = (0,) * (len(x.shape) - 1)
        return slice(x, start=(first, *zeros), limit=(last, *x.shape[1:]))

    return part(0, half), part(half, 2 * half), part(2 * half, x.shape[0])


reduce_prod_p = reduction(
    "reduce_prod",
    dtypes=NUMBERS,
    numpy=_product,
    jvp=_reduce_prod_jvp,
    lower=_lower_by("multiply", _one),
)


def reduce_prod(x: Any, *, axes: Ints) -> Any:
    """Product over ``axes``."""
    return bind(reduce_prod_p, x, axes=integers("reduce_prod", "axes", axes))[0]


def _extremum_jvp(
    primals: tuple[Any], tangents: tuple[Any], outs: tuple[Any], *, axes: Ints
) -> tuple[Any]:
    # The mean of the tangents of all elements that are equal to the extremum.
    (x,), (t,), (out,) = primals, tangents, outs
    if math.prod(x.shape) == 0:  # the extremum of nothing is a constant
        return (None,)
    is_extremum = convert(eq(x, spread(out, x.shape, axes)), dtype=t.dtype)
    count = reduce_sum(is_extremum, axes=axes)
    return (div(reduce_sum(mul(t, is_extremum), axes=axes), count),)


reduce_max_p = reduction(
    "reduce_max",
    dtypes=ALL,
    numpy=_reduce_by("maximum", lowest),
    jvp=_extremum_jvp,
    lower=_lower_by("maximum", lowest),
)


def reduce_max(x: Any, *, axes: Ints) -> Any:
    """Maximum over ``axes``, NaN if there is any; equal maxima share the gradient evenly.

    The maximum of nothing is minus infinity, or the least integer.
    """
    return bind(reduce_max_p, x, axes=integers("reduce_max", "axes", axes))[0]


reduce_min_p = reduction(
    "reduce_min",
    dtypes=ALL,
    numpy=_reduce_by("minimum", highest),
    jvp=_extremum_jvp,
    lower=_lower_by("minimum", highest),
)


def reduce_min(x: Any, *, axes: Ints) -> Any:
    """Minimum over ``axes``, NaN if there is any; equal minima share the gradient evenly."""
    return bind(reduce_min_p, x, axes=integers("reduce_min", "axes", axes))[0]


_LOGIC = NotDifferentiable("booleans and integers have no derivative")


def _all_ones(dtype: np.dtype) -> Any:
    return np.True_ if dtype == BOOL else np.invert(dtype.type(0))


reduce_and_p = reduction(
    "reduce_and",
    dtypes=BOOLS | INTS,
    numpy=lambda xp, x, *, axes: xp.bitwise_and.reduce(x, axis=axes),
    jvp=_LOGIC,
    lower=_lower_by("and", _all_ones),
)


def reduce_and(x: Any, *, axes: Ints) -> Any:
    """Logical (booleans) or bitwise (integers) and over ``axes``; all ones for nothing."""
    return bind(reduce_and_p, x, axes=integers("reduce_and", "axes", axes))[0]


def _zero(dtype: np.dtype) -> Any:
    return dtype.type(0)


reduce_or_p = reduction(
    "reduce_or",
    dtypes=BOOLS | INTS,
    numpy=lambda xp, x, *, axes: xp.bitwise_or.reduce(x, axis=axes),
    jvp=_LOGIC,
    lower=_lower_by("or", _zero),
)


def reduce_or(x: Any, *, axes: Ints) -> Any:
    """Logical (booleans) or bitwise (integers) or over ``axes``; zero for nothing."""
    return bind(reduce_or_p, x, axes=integers("reduce_or", "axes", axes))[0]
