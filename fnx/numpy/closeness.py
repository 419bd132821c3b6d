"""Whether arrays are equal, or nearly so."""

from __future__ import annotations

from fnx.core.array import Array
from fnx.core.dtypes import FLOATS
from fnx.numpy import reductions
from fnx.numpy.arithmetic import add, multiply, subtract
from fnx.numpy.creation import full
from fnx.numpy.elementwise import abs as magnitude
from fnx.numpy.elementwise import isfinite, isnan
from fnx.numpy.logic import equal, less_equal, logical_and, logical_not, logical_or
from fnx.numpy.promotion import ArrayLike, as_array, as_operand, promote
from fnx.numpy.shaping import expand_dims, ravel


def isclose(
    x1: ArrayLike,
    x2: ArrayLike,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Array:
    """Whether ``|x1 - x2| <= atol + rtol * |x2|``, element by element; infinities are equal."""
    x, y = (as_array(v) for v in promote("isclose", x1, x2, inexact=True))
    bound = add(multiply(magnitude(y), rtol), atol)
    near = less_equal(magnitude(subtract(x, y)), bound)
    near = logical_and(near, logical_and(isfinite(x), isfinite(y)))
    same = logical_or(near, equal(x, y))
    return logical_or(same, logical_and(isnan(x), isnan(y))) if equal_nan else same


def allclose(
    x1: ArrayLike,
    x2: ArrayLike,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Array:
    """Whether all elements are close; see `isclose`."""
    return reductions.all(isclose(x1, x2, rtol, atol, equal_nan=equal_nan))


def isin(x1: ArrayLike, x2: ArrayLike, /, *, invert: bool = False) -> Array:
    """Whether each element of ``x1`` is an element of ``x2`` (or, with ``invert``, is none)."""
    x, y = (as_array(v) for v in promote("isin", x1, x2))
    found = reductions.any(equal(expand_dims(x, -1), ravel(y)), axis=-1)
    return logical_not(found) if invert else found


def array_equal(x1: ArrayLike, x2: ArrayLike, equal_nan: bool = False) -> Array:
    """Whether two arrays have the same shape and equal elements."""
    x, y = (as_array(as_operand(v, "array_equal")) for v in (x1, x2))
    if x.aval.shape != y.aval.shape:
        return full((), False)
    same = equal(x, y)
    if equal_nan and x.aval.dtype in FLOATS and y.aval.dtype in FLOATS:
        same = logical_or(same, logical_and(isnan(x), isnan(y)))
    return reductions.all(same)
