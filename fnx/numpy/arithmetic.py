"""Arithmetic of two arrays, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnx.core.array import Array
from fnx.core.dtypes import BOOL, FLOATS, INT32, SIGNED, UNSIGNED
from fnx.numpy.elementwise import floor, ones_of, trunc
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    broadcast,
    cast,
    promote,
    value_error,
)
from fnx.numpy.publishing import apply, binary_function, refuse_bools
from fnx.ops import arithmetic as ops
from fnx.ops import bitwise, comparison, conversion, trigonometric
from fnx.ops import elementwise_math as maths

add = binary_function("add", ops.add_p, "``x1 + x2``; of bools: or.", bools=bitwise.or_p)
subtract = binary_function("subtract", ops.sub_p, "``x1 - x2``.")
multiply = binary_function(
    "multiply", ops.mul_p, "``x1 * x2``; of bools: and.", bools=bitwise.and_p
)
divide = binary_function("divide", ops.div_p, "``x1 / x2``.", inexact=True)
maximum = binary_function(
    "maximum", ops.max_p, "The larger of both; nan if one is.", bools=bitwise.or_p
)
minimum = binary_function(
    "minimum", ops.min_p, "The smaller of both; nan if one is.", bools=bitwise.and_p
)
atan2 = binary_function(
    "atan2", trigonometric.atan2_p, "The angle of the point (x2, x1), in radians.", inexact=True
)


def _two(name: str, x1: object, x2: object, *, inexact: bool = False) -> list[Any]:
    """Two operands, promoted and broadcast to arrays of one shape."""
    operands = promote(name, x1, x2, inexact=inexact)
    arrays = broadcast(name, *operands)
    shaped = next(x for x in arrays if hasattr(x, "aval"))
    return [x if hasattr(x, "aval") else ones_of(shaped, x) for x in arrays]


def floor_divide(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """``floor(x1 / x2)``. Promotes and broadcasts."""
    x, y = _two("floor_divide", x1, x2)
    refuse_bools("floor_divide", x)
    if x.aval.dtype in UNSIGNED:
        return ops.div(x, y)
    if x.aval.dtype in SIGNED:
        # Division rounds towards zero: one too much where something is left of the other sign.
        quotient = ops.div(x, y)
        return comparison.select(_is_off(ops.rem(x, y), y), ops.sub(quotient, 1), quotient)
    rest = ops.rem(x, y)
    quotient = ops.round(ops.div(ops.sub(x, rest), y))  # an integer but for rounding
    return comparison.select(_is_off(rest, y), ops.sub(quotient, 1.0), quotient)


def remainder(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """What is left of ``x1`` after `floor_divide` by ``x2``; it has the sign of ``x2``."""
    x, y = _two("remainder", x1, x2)
    refuse_bools("remainder", x)
    return ops.rem(x, y) if x.aval.dtype in UNSIGNED else _floored_rest(x, y)


def _nonzero(x: Any) -> Any:
    return comparison.ne(x, x.aval.dtype.type(0))


def _is_off(rest: Any, y: Any) -> Any:
    """Whether something is left whose sign is not that of ``y``."""
    zero = rest.aval.dtype.type(0)
    signs_differ = comparison.ne(comparison.lt(rest, zero), comparison.lt(y, zero))
    return bitwise.and_(signs_differ, _nonzero(rest))


def _floored_rest(x: Any, y: Any) -> Any:
    # rem(x, y) has the sign of x; where that is not y's, add y.
    rest = ops.rem(x, y)
    return comparison.select(_is_off(rest, y), ops.add(rest, y), rest)


def fmod(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """What is left of ``x1`` after dividing by ``x2`` towards zero; it has the sign of ``x1``."""
    x, y = _two("fmod", x1, x2)
    refuse_bools("fmod", x)
    return ops.rem(x, y)


def divmod(x1: ArrayLike, x2: ArrayLike, /) -> tuple[Array, Array]:
    """``(floor_divide(x1, x2), remainder(x1, x2))``."""
    return floor_divide(x1, x2), remainder(x1, x2)


def modf(x: ArrayLike, /) -> tuple[Array, Array]:
    """The fractional and the integer part of ``x``, both with its sign."""
    (x,) = promote("modf", x, inexact=True)
    whole = trunc(x)
    return ops.sub(x, whole), whole


def power(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """``x1 ** x2``. A Python int as exponent multiplies, and keeps derivatives exact.

    Raises:
        FnxValueError: for an integer to the power of a negative Python int.

    >>> power(np.float32(2), 3), power(2, 10)
    (Array(8., dtype=float32), Array(1024, dtype=int32, weak_type=True))
    """
    if type(x2) is int:
        return _integer_power(x1, x2)
    operands = promote("power", x1, x2)
    refuse_bools("power", *operands)
    return apply("power", maths.pow_p, *operands)


def _integer_power(x: object, exponent: int) -> Array:
    base = as_array(as_operand(x, "power"))
    if exponent < 0 and base.aval.dtype not in FLOATS:
        raise value_error(
            f"power: an integer ({base.aval}) to the power of {exponent} is no integer.",
            f"Write x ** {exponent}.0 for floats.",
        )
    if base.aval.dtype == BOOL:
        base = cast(base, INT32, True)
    if exponent == 2:
        return ops.square(base)
    return maths.integer_pow(base, exponent=exponent)


def float_power(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """``x1 ** x2`` of floats. Integers are taken as float32."""
    return apply("float_power", maths.pow_p, *promote("float_power", x1, x2, inexact=True))


def logaddexp(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """``log(exp(x1) + exp(x2))`` without overflow. Integers are taken as float32."""
    x, y = _two("logaddexp", x1, x2, inexact=True)
    # max + log(1 + exp(-|x - y|)); where both are the same infinity the difference is nan.
    is_same = comparison.eq(x, y)
    difference = ops.sub(x, comparison.select(is_same, x, y))
    distance = comparison.select(is_same, ones_of(x, 0), difference)
    return ops.add(ops.max(x, y), maths.log1p(maths.exp(ops.neg(ops.abs(distance)))))


def logaddexp2(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """``log2(2 ** x1 + 2 ** x2)`` without overflow. Integers are taken as float32."""
    x, y = _two("logaddexp2", x1, x2, inexact=True)
    ln2 = float(np.log(2.0))
    return ops.div(logaddexp(ops.mul(x, ln2), ops.mul(y, ln2)), ln2)


def hypot(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """``sqrt(x1**2 + x2**2)`` without overflow. Integers are taken as float32."""
    x, y = (ops.abs(v) for v in _two("hypot", x1, x2, inexact=True))
    large, small = ops.max(x, y), ops.min(x, y)
    inf, zero = float("inf"), ones_of(large, 0)
    is_plain = bitwise.and_(comparison.gt(large, 0.0), comparison.lt(large, inf))
    ratio = ops.div(
        comparison.select(is_plain, small, zero),
        comparison.select(is_plain, large, ones_of(large)),
    )
    length = ops.mul(large, maths.sqrt(ops.add(ops.mul(ratio, ratio), 1.0)))
    is_infinite = bitwise.or_(comparison.eq(x, inf), comparison.eq(y, inf))
    return comparison.select(is_infinite, ones_of(large, inf), length)


def copysign(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The magnitude of ``x1`` with the sign of ``x2``. Integers are taken as float32."""
    x, y = _two("copysign", x1, x2, inexact=True)
    integer = np.dtype(f"int{8 * x.aval.dtype.itemsize}")
    is_negative = comparison.lt(conversion.bitcast(y, dtype=integer), integer.type(0))
    magnitude = ops.abs(x)
    return comparison.select(is_negative, ops.neg(magnitude), magnitude)


def heaviside(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """0 where ``x1`` is negative, 1 where it is positive, ``x2`` where it is zero."""
    x, y = _two("heaviside", x1, x2, inexact=True)
    step = comparison.select(comparison.gt(x, 0.0), ones_of(x), ones_of(x, 0))
    step = comparison.select(comparison.eq(x, 0.0), y, step)
    return comparison.select(comparison.ne(x, x), x, step)


def fmax(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The larger of both; where one is nan, the other."""
    x, y = _two("fmax", x1, x2)
    is_first = bitwise.or_(comparison.gt(x, y), comparison.ne(y, y))
    return comparison.select(is_first, x, y)


def fmin(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The smaller of both; where one is nan, the other."""
    x, y = _two("fmin", x1, x2)
    is_first = bitwise.or_(comparison.lt(x, y), comparison.ne(y, y))
    return comparison.select(is_first, x, y)


def nextafter(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The floating-point number next to ``x1`` in the direction of ``x2``."""
    x, y = _two("nextafter", x1, x2, inexact=True)
    dtype = x.aval.dtype
    integer = np.dtype(f"int{8 * dtype.itemsize}")
    one, lowest = integer.type(1), np.iinfo(integer).min
    bits = conversion.bitcast(x, dtype=integer)
    # The bits of a float count up with its magnitude: away from zero is +1, towards it -1.
    is_away = comparison.eq(comparison.gt(y, x), comparison.gt(x, 0.0))
    neighbour = ops.add(bits, comparison.select(is_away, ones_of(bits), ones_of(bits, -1)))
    smallest = comparison.select(comparison.gt(y, 0.0), ones_of(bits), ones_of(bits, lowest + one))
    moved = comparison.select(comparison.eq(x, 0.0), smallest, neighbour)
    is_nan = bitwise.or_(comparison.ne(x, x), comparison.ne(y, y))
    result = comparison.select(comparison.eq(x, y), y, conversion.bitcast(moved, dtype=dtype))
    return comparison.select(is_nan, ops.add(x, y), result)


def ldexp(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """``x1 * 2**x2`` for integers ``x2``."""
    (x,) = promote("ldexp", x1, inexact=True)
    dtype = x.aval.dtype
    exponent = cast(as_array(as_operand(x2, "ldexp")), dtype)
    half = floor(ops.mul(exponent, 0.5))  # in two steps, since 2**x2 alone may overflow
    rest = ops.sub(exponent, half)
    two = dtype.type(2)
    scaled = multiply(x, maths.pow(ones_of(half, two), half))
    return multiply(scaled, maths.pow(ones_of(rest, two), rest))
