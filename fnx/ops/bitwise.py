"""Bitwise: logic on booleans and on the bits of integers; nothing here has a derivative."""

from __future__ import annotations

import functools
from typing import Any

from fnx.core.dtypes import BOOLS, INTS
from fnx.core.primitive import NotDifferentiable
from fnx.core.trace import bind
from fnx.ops.families import apply_binary, elementwise

_bits = functools.partial(
    elementwise, jvp=NotDifferentiable("bits and integers have no derivative")
)
LOGICAL = BOOLS | INTS

and_p = _bits(
    "and",
    arity=2,
    dtypes=LOGICAL,
    numpy=lambda xp, x, y: xp.bitwise_and(x, y),
    lower=lambda b, x, y: b.and_(x, y),
)


def and_(x: Any, y: Any) -> Any:
    """Elementwise logical (booleans) or bitwise (integers) and."""
    return apply_binary(and_p, x, y)


or_p = _bits(
    "or",
    arity=2,
    dtypes=LOGICAL,
    numpy=lambda xp, x, y: xp.bitwise_or(x, y),
    lower=lambda b, x, y: b.or_(x, y),
)


def or_(x: Any, y: Any) -> Any:
    """Elementwise logical (booleans) or bitwise (integers) or."""
    return apply_binary(or_p, x, y)


xor_p = _bits(
    "xor",
    arity=2,
    dtypes=LOGICAL,
    numpy=lambda xp, x, y: xp.bitwise_xor(x, y),
    lower=lambda b, x, y: b.xor(x, y),
)


def xor(x: Any, y: Any) -> Any:
    """Elementwise exclusive or."""
    return apply_binary(xor_p, x, y)


not_p = _bits(
    "not",
    dtypes=LOGICAL,
    numpy=lambda xp, x: xp.invert(x),
    lower=lambda b, x: b.not_(x),
)


def not_(x: Any) -> Any:
    """Elementwise negation of a boolean, or of each bit of an integer."""
    return bind(not_p, x)[0]


shift_left_p = _bits(
    "shift_left",
    arity=2,
    dtypes=INTS,
    numpy=lambda xp, x, y: xp.left_shift(x, y),
    lower=lambda b, x, y: b.shift_left(x, y),
)


def shift_left(x: Any, y: Any) -> Any:
    """Elementwise ``x << y``; 0 where ``y`` is negative or not less than the number of bits."""
    return apply_binary(shift_left_p, x, y)


def _unsigned_view(xp: Any, x: Any) -> Any:
    return xp.asarray(x).view(f"u{x.dtype.itemsize}")


shift_right_logical_p = _bits(
    "shift_right_logical",
    arity=2,
    dtypes=INTS,
    numpy=lambda xp, x, y: xp.asarray(
        xp.right_shift(_unsigned_view(xp, x), _unsigned_view(xp, y))
    ).view(x.dtype),
    lower=lambda b, x, y: b.shift_right_logical(x, y),
)


def shift_right_logical(x: Any, y: Any) -> Any:
    """Elementwise right shift that fills with zeros; 0 where ``y`` is out of range."""
    return apply_binary(shift_right_logical_p, x, y)


def _shift_right_arithmetic(xp: Any, x: Any, y: Any) -> Any:
    signed = xp.asarray(x).view(f"i{x.dtype.itemsize}")
    # The count is read as unsigned; from the number of bits on, only the highest bit is left.
    count = xp.minimum(_unsigned_view(xp, y), 8 * x.dtype.itemsize - 1)
    return xp.asarray(xp.right_shift(signed, count.astype(signed.dtype))).view(x.dtype)


shift_right_arithmetic_p = _bits(
    "shift_right_arithmetic",
    arity=2,
    dtypes=INTS,
    numpy=_shift_right_arithmetic,
    lower=lambda b, x, y: b.shift_right_arithmetic(x, y),
)


def shift_right_arithmetic(x: Any, y: Any) -> Any:
    """Elementwise right shift that repeats the highest bit, that of unsigned integers too."""
    return apply_binary(shift_right_arithmetic_p, x, y)


popcnt_p = _bits(
    "popcnt",
    dtypes=INTS,
    numpy=lambda xp, x: xp.bitwise_count(_unsigned_view(xp, x)).astype(x.dtype),
    lower=lambda b, x: b.popcnt(x),
)


def popcnt(x: Any) -> Any:
    """Number of one bits of each element."""
    return bind(popcnt_p, x)[0]


def _clz(xp: Any, x: Any) -> Any:
    bits = 8 * x.dtype.itemsize
    smeared = _unsigned_view(xp, x).copy()
    shift = 1
    while shift < bits:  # copy the highest one bit into all lower places, then count ones
        smeared |= smeared >> smeared.dtype.type(shift)
        shift *= 2
    return (bits - xp.bitwise_count(smeared).astype("i8")).astype(x.dtype)


clz_p = _bits("clz", dtypes=INTS, numpy=_clz, lower=lambda b, x: b.count_leading_zeros(x))


def clz(x: Any) -> Any:
    """Number of zero bits before the highest one bit of each element."""
    return bind(clz_p, x)[0]
