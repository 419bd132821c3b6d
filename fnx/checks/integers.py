"""Integers: where a result is not the integer that it should be, because that does not fit.

Exact, but for sums of products of 64-bit integers, and their powers and products near the ends of
the range: there the masks may be true too often, and `exactly` decides on known values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fnx.core.dtypes import FLOAT64, INT64, INTS, SIGNED, UINT64
from fnx.core.eager import aval_of
from fnx.ops.arithmetic import abs as absolute
from fnx.ops.arithmetic import div, mul, sub
from fnx.ops.bitwise import and_, or_, shift_right_arithmetic, xor
from fnx.ops.comparison import eq, ge, gt, lt, ne, select
from fnx.ops.contraction import dot_general
from fnx.ops.conversion import convert
from fnx.ops.elementwise_math import pow as power
from fnx.ops.gather import scatter
from fnx.ops.layout import broadcast_in_dim, reduce_sum
from fnx.ops.reduction import reduce_or, reduce_prod

Params = Mapping[str, Any]
Values = Sequence[Any]


def integer_overflow(name: str, params: Params, ins: Values, out: Any) -> Any:
    """The elements of an integer result that are wrong; None if there can be none."""
    rule = _RULES.get(name)
    if rule is None:
        return None
    shape = aval_of(out).shape
    if rule is not _SUMS.get(name):
        ins = [_full(x, shape, aval_of(out).dtype if name != "convert" else None) for x in ins]
    return rule(out, *ins, **params)


def _full(x: Any, shape: tuple[int, ...], dtype: np.dtype | None) -> Any:
    """An operand of an elementwise operation, literals too, in the shape of the result."""
    if isinstance(x, bool | int | float):
        x = (dtype or aval_of(x).dtype).type(x)
    if aval_of(x).shape == shape:
        return x
    return broadcast_in_dim(x, shape=shape, dimensions=())


def _is_signed(x: Any) -> bool:
    return aval_of(x).dtype in SIGNED


def _least(x: Any) -> Any:
    return eq(x, int(np.iinfo(aval_of(x).dtype).min))


def _negative(x: Any) -> Any:
    return lt(x, 0)


# Element by element -----------------------------------------------------------------------------


def _add(out: Any, x: Any, y: Any) -> Any:
    if not _is_signed(out):
        return lt(out, x)
    return _negative(and_(xor(x, out), xor(y, out)))  # both have the other sign


def _sub(out: Any, x: Any, y: Any) -> Any:
    if not _is_signed(out):
        return lt(x, y)
    return _negative(and_(xor(x, y), xor(x, out)))


def _neg(out: Any, x: Any) -> Any:
    return _least(x) if _is_signed(x) else ne(x, 0)


def _abs(out: Any, x: Any) -> Any:
    return _least(x) if _is_signed(x) else None


def _mul(out: Any, x: Any, y: Any) -> Any:
    dtype = aval_of(out).dtype
    if dtype.itemsize < 8:
        wide = INT64 if dtype in SIGNED else UINT64
        product = mul(convert(x, dtype=wide), convert(y, dtype=wide))
        return ne(product, convert(out, dtype=wide))
    wrong = and_(ne(x, 0), ne(div(out, x), y))
    if dtype not in SIGNED:
        return wrong
    return or_(wrong, and_(eq(x, -1), _least(y)))


def _square(out: Any, x: Any) -> Any:
    return _mul(out, x, x)


def _div(out: Any, x: Any, y: Any) -> Any:
    by_zero = eq(y, 0)
    return or_(by_zero, and_(_least(x), eq(y, -1))) if _is_signed(x) else by_zero


def _rem(out: Any, x: Any, y: Any) -> Any:
    return eq(y, 0)


def _shift_left(out: Any, x: Any, y: Any) -> Any:
    """Unsigned integers are rows of bits here: those shifted out are meant to be."""
    return ne(shift_right_arithmetic(out, y), x) if _is_signed(x) else None


def _pow(out: Any, x: Any, y: Any) -> Any:
    size = power(absolute(convert(x, dtype=FLOAT64)), convert(y, dtype=FLOAT64))
    return _too_large(size, and_(_negative(x), eq(and_(y, 1), 1)), aval_of(out).dtype)


def _integer_pow(out: Any, x: Any, *, exponent: int) -> Any:
    size = power(absolute(convert(x, dtype=FLOAT64)), float(exponent))
    is_negative = _negative(x) if exponent % 2 else ne(x, x)
    return _too_large(size, is_negative, aval_of(out).dtype)


def _too_large(size: Any, is_negative: Any, dtype: np.dtype) -> Any:
    """Where a magnitude does not fit. In 64 bits a little below the ends is called too large."""
    info = np.iinfo(dtype)
    slack = 0.5 if dtype.itemsize < 8 else -4096.0
    too_high = ge(size, float(info.max) + slack)
    if dtype not in SIGNED:
        return too_high
    return select(is_negative, ge(size, -float(info.min) + slack), too_high)


def _convert(out: Any, x: Any, *, dtype: np.dtype, **_: Any) -> Any:
    source = aval_of(x).dtype
    if source in INTS:
        wrong = ne(convert(out, dtype=source), x)
        if source in SIGNED and dtype not in SIGNED:
            return or_(wrong, _negative(x))
        return or_(wrong, _negative(out)) if source not in SIGNED and dtype in SIGNED else wrong
    if source.kind == "b":
        return None
    info = np.iinfo(dtype)
    wide = convert(x, dtype=FLOAT64)
    inside = and_(lt(wide, float(info.max) + (dtype.itemsize < 8)), gt(wide, _below(dtype)))
    return eq(inside, False)  # NaN is not inside


def _below(dtype: np.dtype) -> float:
    """A float64 that is too small; the greatest one."""
    least = float(np.iinfo(dtype).min)
    is_exact = dtype.itemsize < 8 or dtype not in SIGNED
    return least - 1.0 if is_exact else float(np.nextafter(least, -np.inf))


# Sums and products: a wrong integer differs by a multiple of 2**bits from the float64 -------------


def _differs(out: Any, true: Any) -> Any:
    dtype = aval_of(out).dtype
    half = float(2 ** (8 * dtype.itemsize - 1))
    return ge(absolute(sub(true, convert(out, dtype=FLOAT64))), half)


def _reduce_sum(out: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return _differs(out, reduce_sum(convert(x, dtype=FLOAT64), axes=axes))


def _reduce_prod(out: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    is_zero = reduce_or(eq(x, 0), axes=axes)
    product = reduce_prod(convert(x, dtype=FLOAT64), axes=axes)
    return select(is_zero, False, _too_large(absolute(product), lt(product, 0.0), aval_of(x).dtype))


def _dot_general(out: Any, x: Any, y: Any, **params: Any) -> Any:
    params = {**params, "preferred": None}
    dtype = aval_of(out).dtype
    x, y = (convert(v, dtype=FLOAT64) for v in (x, y))
    if dtype.itemsize < 8:
        return _differs(out, dot_general(x, y, **params))
    size = dot_general(absolute(x), absolute(y), **params)
    return _too_large(size, ne(size, size), dtype)


def _scatter(out: Any, x: Any, indices: Any, updates: Any, **params: Any) -> Any:
    if params["kind"] != "add":
        return None
    x, updates = (convert(v, dtype=FLOAT64) for v in (x, updates))
    return _differs(out, scatter(x, indices, updates, **params))


_SUMS: dict[str, Callable[..., Any]] = {
    "reduce_sum": _reduce_sum,
    "reduce_prod": _reduce_prod,
    "dot_general": _dot_general,
    "scatter": _scatter,
}
_RULES: dict[str, Callable[..., Any]] = {
    "add": _add,
    "sub": _sub,
    "neg": _neg,
    "abs": _abs,
    "mul": _mul,
    "square": _square,
    "div": _div,
    "rem": _rem,
    "shift_left": _shift_left,
    "pow": _pow,
    "integer_pow": _integer_pow,
    "convert": _convert,
    **_SUMS,
}


def exactly(name: str, params: Params, ins: Sequence[np.ndarray], out: np.ndarray) -> Any:
    """The same for known values, by Python's integers, where the rules above are not exact."""
    if out.dtype.kind not in "iu" or out.dtype.itemsize < 8:
        return None
    wide = [np.asarray(x).astype(object) for x in ins]
    if name == "reduce_prod":
        true = np.multiply.reduce(wide[0], axis=params["axes"])
    elif name in ("pow", "integer_pow"):
        x, exponent = wide[0], wide[1] if name == "pow" else params["exponent"]
        inverse = np.where(np.equal(x, 0), None, out.astype(object))  # 1/0 is no integer
        true = np.where(np.less(exponent, 0), inverse, x ** abs(exponent))
    elif name == "dot_general":
        return None if out.size > 10_000 else _exact_dot(params, wide, out)
    else:
        return None
    return np.asarray(true != out.astype(object), bool)


def _exact_dot(params: Params, wide: list[np.ndarray], out: np.ndarray) -> np.ndarray:
    (left, right), (batch_left, batch_right) = params["contracting"], params["batch"]
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    names = [[next(letters) for _ in range(x.ndim)] for x in wide]
    for a, b in zip((*left, *batch_left), (*right, *batch_right), strict=True):
        names[1][b] = names[0][a]
    kept = [names[0][a] for a in batch_left]
    kept += [n for a, n in enumerate(names[0]) if a not in (*left, *batch_left)]
    kept += [n for a, n in enumerate(names[1]) if a not in (*right, *batch_right)]
    terms = ",".join(["".join(n) for n in names])
    true = np.einsum(f"{terms}->{''.join(kept)}", *wide)
    return np.asarray(true != out.astype(object), bool)
