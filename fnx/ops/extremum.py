"""Extremum: ``argmax`` and ``argmin``, the places of extrema along one axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import ALL, INT32, INTS, as_dtype
from fnx.core.primitive import NotDifferentiable, NotLinear, Primitive
from fnx.core.trace import bind
from fnx.ops.checks import check_axes, check_dtypes, fail, integers
from fnx.ops.layout import kept_batch_axis, shifted
from fnx.ops.precision import SMALL_FLOATS, dtype_in_hlo, highest, lowest


def _better(direction: str) -> Callable[..., tuple[Any, Any]]:
    """The better of two (value, index) pairs, in HLO; in either order the result is the same."""

    def better(b: Any, best: Any, at: Any, x: Any, i: Any) -> tuple[Any, Any]:
        x_is_nan, best_is_nan = b.compare(x, x, "NE"), b.compare(best, best, "NE")
        wins = b.or_(b.compare(x, best, direction), b.and_(x_is_nan, b.not_(best_is_nan)))
        ties = b.or_(b.compare(x, best, "EQ"), b.and_(x_is_nan, best_is_nan))
        wins = b.or_(wins, b.and_(ties, b.compare(i, at, "LT")))
        return b.select(wins, x, best), b.select(wins, i, at)

    return better


def _arg_extremum(name: str, direction: str, identity: Callable[[np.dtype], Any]) -> Primitive:
    """``argmax`` or ``argmin``: NaN counts as the extremum, the first of equal ones is taken."""

    def type_rule(x: Aval, *, axis: int, index_dtype: np.dtype) -> tuple[Aval]:
        check_dtypes(name, ALL, x)
        check_dtypes(name, INTS, Aval.of((), index_dtype))
        check_axes(name, x, (axis,), "axis")
        if x.shape[axis] == 0:
            fail(name, f"axis {axis} of {x} is empty, so it has no extremum")
        if x.shape[axis] - 1 > np.iinfo(index_dtype).max:
            message = f"{index_dtype} cannot count axis {axis} of {x}: expected a wider dtype"
            fail(name, message, "Write dtype='int64'.")
        return (Aval.of((*x.shape[:axis], *x.shape[axis + 1 :]), index_dtype),)

    def run(xp: Any, x: Any, *, axis: int, index_dtype: np.dtype) -> tuple[Any]:
        x = x.astype("float32") if x.dtype in SMALL_FLOATS else x
        return (xp.asarray(getattr(xp, name)(x, axis=axis)).astype(index_dtype),)

    def batch(
        inputs: tuple[Any], axes: tuple[int], size: int, *, axis: int, index_dtype: np.dtype
    ) -> tuple[tuple[Any], tuple[int]]:
        (place,) = shifted((axis,), axes[0])
        outs = bind(primitive, inputs[0], axis=place, index_dtype=index_dtype)
        return outs, (kept_batch_axis((axis,), axes[0]),)

    def lower(b: Any, x: Any, *, axis: int, index_dtype: np.dtype) -> tuple[Any]:
        if x.type.dtype.startswith(("bf", "f8", "f16")):
            x = b.convert(x, "f32")
        index = b.iota(x.type.shape, index_dtype, axis)
        first = b.constant(identity(dtype_in_hlo(x)), dtype=x.type.dtype)
        zero = b.constant(0, dtype=index_dtype)
        _, place = b.reduce_multi((x, index), (first, zero), (axis,), _better(direction))
        return (place,)

    primitive = Primitive(
        name=name,
        type=type_rule,
        numpy=run,
        jvp=NotDifferentiable(f"{name} is an integer: piecewise constant"),
        transpose=NotLinear(),
        batch=batch,
        lower=lower,
    )
    return primitive


argmax_p = _arg_extremum("argmax", "GT", lowest)


def argmax(x: Any, *, axis: int, index_dtype: object = INT32) -> Any:
    """Index of the first maximum along ``axis``; of the first NaN, if there is one.

    Raises:
        FnxTypeError: if the axis is empty.
    """
    (axis,) = integers("argmax", "axis", (axis,))
    return bind(argmax_p, x, axis=axis, index_dtype=as_dtype(index_dtype))[0]


argmin_p = _arg_extremum("argmin", "LT", highest)


def argmin(x: Any, *, axis: int, index_dtype: object = INT32) -> Any:
    """Index of the first minimum along ``axis``; of the first NaN, if there is one.

    Raises:
        FnxTypeError: if the axis is empty.
    """
    (axis,) = integers("argmin", "axis", (axis,))
    return bind(argmin_p, x, axis=axis, index_dtype=as_dtype(index_dtype))[0]
