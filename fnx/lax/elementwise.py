"""Elementwise operations under JAX's names and signatures."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnx import tree
from fnx.core.array import Array
from fnx.core.dtypes import as_dtype
from fnx.core.eager import aval_of
from fnx.lax.arguments import value_error
from fnx.ops import conversion, layout
from fnx.ops import elementwise as ops

bitwise_and = ops.and_
bitwise_not = ops.not_
bitwise_or = ops.or_
population_count = ops.popcnt
bitwise_xor = ops.xor


def integer_pow(x: Array, y: int) -> Array:
    """``x ** y`` for a Python integer, by repeated multiplication."""
    return ops.integer_pow(x, exponent=y)


def clamp(min: Array, x: Array, max: Array) -> Array:
    """``x`` with what is below ``min`` or above ``max`` moved to it; these may have rank 0."""
    shape = aval_of(x).shape
    low, high = (_spread(bound, shape) for bound in (min, max))
    return ops.clamp(low, x, high)


def _spread(x: Any, shape: tuple[int, ...]) -> Any:
    is_literal = isinstance(x, bool | int | float | np.generic)
    return x if is_literal or x.shape else layout.broadcast_in_dim(x, shape=shape, dimensions=())


def reciprocal(x: Array) -> Array:
    """``1 / x``."""
    return ops.div(1.0, x)


def select_n(which: Array, *cases: Array) -> Array:
    """``cases[which]``, element by element; ``which`` holds bools for two cases, else integers."""
    if which.dtype == np.bool_:
        if len(cases) != 2:
            raise value_error(f"select_n: bools choose between two cases, got {len(cases)}.")
        return ops.select(which, cases[1], cases[0])
    result = cases[-1]
    for i in reversed(range(len(cases) - 1)):
        result = ops.select(ops.le(which, i), cases[i], result)
    return result


def convert_element_type(x: Array, new_dtype: object) -> Array:
    """The elements in another dtype."""
    return conversion.convert(x, dtype=as_dtype(new_dtype))


def bitcast_convert_type(x: Array, new_dtype: object) -> Array:
    """The same bits as another dtype of the same size."""
    return conversion.bitcast(x, dtype=as_dtype(new_dtype))


def stop_gradient(x: Any) -> Any:
    """The array, or all arrays of a pytree, as constants to derivatives."""
    return tree.map(conversion.stop_gradient, x)
