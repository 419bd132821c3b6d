"""Comparisons, logic and bits of two arrays, element by element."""

from __future__ import annotations

from typing import Any

from fnx.core.array import Array
from fnx.core.dtypes import BOOL, FLOATS, INTS, UINT8, UNSIGNED
from fnx.core.primitive import Primitive
from fnx.numpy.promotion import ArrayLike, aval_of, is_scalar, promote, type_error
from fnx.numpy.publishing import apply, binary_function, published
from fnx.ops import arithmetic, bitwise, comparison, conversion

equal = binary_function("equal", comparison.eq_p, "``x1 == x2``.", bools=comparison.eq_p)
not_equal = binary_function("not_equal", comparison.ne_p, "``x1 != x2``.", bools=comparison.ne_p)
less = binary_function("less", comparison.lt_p, "``x1 < x2``.", bools=comparison.lt_p)
less_equal = binary_function("less_equal", comparison.le_p, "``x1 <= x2``.", bools=comparison.le_p)
greater = binary_function("greater", comparison.gt_p, "``x1 > x2``.", bools=comparison.gt_p)
greater_equal = binary_function(
    "greater_equal", comparison.ge_p, "``x1 >= x2``.", bools=comparison.ge_p
)


def as_bools(x: object, name: str) -> Any:
    """The operand as bools: whether elements are nonzero."""
    (x,) = promote(name, x)
    return x if x.aval.dtype == BOOL else comparison.ne(x, x.aval.dtype.type(0))


def _logical(name: str, primitive: Primitive, meaning: str) -> Any:
    def function(x1: ArrayLike, x2: ArrayLike, /) -> Array:
        return apply(name, primitive, as_bools(x1, name), as_bools(x2, name))

    return published(function, name, f"{meaning} Nonzero numbers count as true. Broadcasts.")


logical_and = _logical("logical_and", bitwise.and_p, "Whether both are true.")
logical_or = _logical("logical_or", bitwise.or_p, "Whether one is true.")
logical_xor = _logical("logical_xor", bitwise.xor_p, "Whether exactly one is true.")


def logical_not(x: ArrayLike, /) -> Array:
    """Whether ``x`` is false. Nonzero numbers count as true."""
    return bitwise.not_(as_bools(x, "logical_not"))


def _bits(name: str, primitive: Primitive, meaning: str, bools: Primitive | None = None) -> Any:
    def function(x1: ArrayLike, x2: ArrayLike, /) -> Array:
        operands = promote(name, x1, x2)
        dtype = next(aval_of(x) for x in operands if not is_scalar(x)).dtype
        _refuse_floats(name, dtype)
        chosen = bools if dtype == BOOL else primitive
        if chosen is None:
            raise type_error(f"{name}: expected integers, got bools.", "Write x.astype(int).")
        return apply(name, chosen, *operands)

    return published(function, name, f"{meaning} Promotes and broadcasts.")


def _refuse_floats(name: str, dtype: object) -> None:
    if dtype in FLOATS:
        hint = "Convert with x.astype(int), or see fnx.lax.bitcast_convert_type for the bits."
        raise type_error(f"{name}: expected integers or bools, got {dtype}.", hint)


bitwise_and = _bits("bitwise_and", bitwise.and_p, "``x1 & x2``.", bitwise.and_p)
bitwise_or = _bits("bitwise_or", bitwise.or_p, "``x1 | x2``.", bitwise.or_p)
bitwise_xor = _bits("bitwise_xor", bitwise.xor_p, "``x1 ^ x2``.", bitwise.xor_p)
bitwise_left_shift = _bits("bitwise_left_shift", bitwise.shift_left_p, "``x1 << x2``.")


def bitwise_right_shift(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """``x1 >> x2``; copies the sign bit of signed integers. Promotes and broadcasts."""
    name = "bitwise_right_shift"
    operands = promote(name, x1, x2)
    dtype = next(aval_of(x) for x in operands if not is_scalar(x)).dtype
    if dtype not in INTS:
        raise type_error(f"{name}: expected integers, got {dtype}.", "Write x.astype(int).")
    logical = dtype in UNSIGNED
    shift = bitwise.shift_right_logical_p if logical else bitwise.shift_right_arithmetic_p
    return apply(name, shift, *operands)


def bitwise_invert(x: ArrayLike, /) -> Array:
    """``~x``: all bits changed; of bools: not."""
    (x,) = promote("bitwise_invert", x)
    _refuse_floats("bitwise_invert", x.aval.dtype)
    return bitwise.not_(x)


def bitwise_count(x: ArrayLike, /) -> Array:
    """The number of bits set in the absolute value, as uint8."""
    (x,) = promote("bitwise_count", x)
    dtype = x.aval.dtype
    if dtype not in INTS:
        raise type_error(f"bitwise_count: expected integers, got {dtype}.")
    count = bitwise.popcnt(x if dtype in UNSIGNED else arithmetic.abs(x))
    return conversion.convert(count, dtype=UINT8)
