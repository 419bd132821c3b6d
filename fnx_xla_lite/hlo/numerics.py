"""The NumPy meaning of every scalar operation, element by element.

``SCALAR[op](*arrays)`` takes and returns arrays of the operands' element type; ``compare``,
``cast`` and ``bitcast`` need one more fact and are functions of their own. Transcendental functions
are computed in float64 and rounded once, so that they are a reference for every narrower type. What
StableHLO leaves to the implementation (integer division by zero, shifts by too much, floats outside
an integer's range) follows XLA: no value is undefined here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fnx_xla_lite.hlo import special
from fnx_xla_lite.hlo.dtypes import to_numpy


def _is_float(x: np.ndarray) -> bool:
    return x.dtype.kind not in "iub"  # ml_dtypes' floats have kind "V" or "f"


def _rounded(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Compute in float64, round once to the operands' type."""

    def meaning(*arrays: np.ndarray) -> np.ndarray:
        wide = [np.asarray(x, np.float64) for x in arrays]
        return np.asarray(function(*wide)).astype(arrays[0].dtype)

    return meaning


def _sign(x: np.ndarray) -> np.ndarray:
    if not _is_float(x):
        return np.sign(x)
    wide = np.asarray(x, np.float64)  # zeros keep their sign, NaN stays NaN
    return np.where((wide == 0) | np.isnan(wide), wide, np.copysign(1.0, wide)).astype(x.dtype)


def _round_away(x: np.ndarray) -> np.ndarray:
    whole = np.trunc(x)
    return whole + np.copysign((np.abs(x - whole) >= 0.5).astype(np.float64), x)


def _divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if _is_float(x):
        return np.divide(x, y)
    nonzero = np.where(y == 0, np.ones_like(y), y)
    quotient = np.floor_divide(x, nonzero)
    remainder = x - quotient * nonzero
    toward_zero = (remainder != 0) & ((x < 0) != (nonzero < 0))
    quotient = quotient + toward_zero.astype(x.dtype)
    all_ones = np.asarray(-1).astype(x.dtype)  # x / 0 has every bit set
    return np.where(y == 0, all_ones, quotient)


def _remainder(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if _is_float(x):
        return _rounded(np.fmod)(x, y)
    return x - _divide(x, y) * y  # takes the sign of x; x rem 0 == x


def _pow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """IEEE pow; NumPy takes a square root for a scalar 0.5, which differs at -0.0 and -inf."""
    result = np.power(x, y)
    is_root = y == 0.5
    result = np.where(is_root & (x == 0), 0.0, result)
    return np.where(is_root & (x == -np.inf), np.inf, result)


def _power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if _is_float(x):
        return _rounded(_pow)(x, y)
    result = np.power(x, np.where(y < 0, np.zeros_like(y), y))
    parity = np.where(y % 2 == 0, np.ones_like(x), x)  # (-1)**y
    negative = np.where(np.abs(x) == 1, parity, np.zeros_like(x))
    return np.where(y < 0, negative, result)


def _bits(x: np.ndarray) -> np.ndarray:
    return x.view(f"u{x.dtype.itemsize}")


def _in_width(y: np.ndarray) -> np.ndarray:
    return _bits(np.asarray(y, order="C")) < 8 * y.dtype.itemsize


def _shift_left(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    inside = _in_width(y)
    return np.where(inside, np.left_shift(x, np.where(inside, y, 0)), np.zeros_like(x))


def _shift_right_logical(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    inside = _in_width(y)
    bits = _bits(np.asarray(x, order="C"))
    amount = np.where(inside, y, 0).astype(bits.dtype)
    return np.where(inside, bits >> amount, np.zeros_like(bits)).astype(x.dtype)


def _shift_right_arithmetic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    signed = np.asarray(x, order="C").view(f"i{x.dtype.itemsize}")
    last = 8 * x.dtype.itemsize - 1  # shifting by more gives 0 or -1, as shifting by width - 1 does
    amount = np.where(_in_width(y), y, np.asarray(last, y.dtype)).astype(signed.dtype)
    return (signed >> amount).astype(x.dtype)


def _count_leading_zeros(x: np.ndarray) -> np.ndarray:
    bits = _bits(np.asarray(x, order="C")).copy()
    count = np.full(x.shape, 8 * x.dtype.itemsize, x.dtype)
    while (alive := bits != 0).any():
        count = count - alive.astype(x.dtype)
        bits >>= np.asarray(1, bits.dtype)
    return count


def _select(predicate: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(predicate, x, y)


def _maximum(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """IEEE 754-2019 maximum: NaN wins, and 0.0 is above -0.0."""
    if not _is_float(x):
        return np.maximum(x, y)
    return np.where((x == 0) & (y == 0), x + y, np.maximum(x, y))


def _minimum(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """IEEE 754-2019 minimum: NaN wins, and -0.0 is below 0.0."""
    if not _is_float(x):
        return np.minimum(x, y)
    return np.where((x == 0) & (y == 0), -(-x + -y), np.minimum(x, y))


def _clamp(low: np.ndarray, x: np.ndarray, high: np.ndarray) -> np.ndarray:
    return _minimum(_maximum(low, x), high)


_EXACT: dict[str, Callable[..., np.ndarray]] = {
    "abs": np.abs,
    "negate": np.negative,
    "not": np.invert,
    "popcnt": lambda x: np.bitwise_count(_bits(np.asarray(x, order="C"))).astype(x.dtype),
    "count_leading_zeros": _count_leading_zeros,
    "sign": _sign,
    "is_finite": np.isfinite,
    "square": lambda x: np.multiply(x, x),
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": _divide,
    "remainder": _remainder,
    "power": _power,
    "maximum": _maximum,
    "minimum": _minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "shift_left": _shift_left,
    "shift_right_logical": _shift_right_logical,
    "shift_right_arithmetic": _shift_right_arithmetic,
    "select": _select,
    "clamp": _clamp,
}
_ROUNDED: dict[str, Callable[..., np.ndarray]] = {
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "cosh": np.cosh,
    "cosine": np.cos,
    "digamma": special.digamma,
    "erf": special.erf,
    "erf_inv": special.erf_inv,
    "erfc": special.erfc,
    "exponential": np.exp,
    "exponential_minus_one": np.expm1,
    "floor": np.floor,
    "lgamma": special.lgamma,
    "log": np.log,
    "log_plus_one": np.log1p,
    "logistic": special.logistic,
    "round_nearest_afz": _round_away,
    "round_nearest_even": np.rint,
    "rsqrt": lambda x: 1.0 / np.sqrt(x),
    "sine": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}
SCALAR = _EXACT | {name: _rounded(function) for name, function in _ROUNDED.items()}

_COMPARE = {
    "EQ": np.equal,
    "NE": np.not_equal,
    "LT": np.less,
    "LE": np.less_equal,
    "GT": np.greater,
    "GE": np.greater_equal,
}
DIRECTIONS = frozenset(_COMPARE)


def compare(x: np.ndarray, y: np.ndarray, direction: str) -> np.ndarray:
    """``x direction y`` with direction EQ, NE, LT, LE, GT or GE.

    Comparisons with NaN are false but for NE.
    """
    return _COMPARE[direction](x, y)


def cast(x: np.ndarray, dtype: str) -> np.ndarray:
    """Convert: to ``i1`` is ``x != 0``.

    Floats to integers truncate and saturate, NaN becomes 0; integers wrap.
    """
    x = np.asarray(x)
    target = to_numpy(dtype)
    if dtype == "i1":
        return np.not_equal(x, np.zeros((), x.dtype))
    if target.kind not in "iu" or not _is_float(x):
        return x.astype(target)
    wide = np.trunc(x.astype(np.float64))
    info = np.iinfo(target)
    above, below = wide >= float(info.max) + 1.0, wide < float(info.min)
    inside = np.where(above | below | np.isnan(wide), 0.0, wide).astype(target)
    return np.where(above, target.type(info.max), np.where(below, target.type(info.min), inside))


def bitcast(x: np.ndarray, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Reinterpret bits; between widths, the innermost axis splits or joins, low part first."""
    return np.asarray(x, order="C").reshape(-1).view(to_numpy(dtype)).reshape(shape)


def evaluate_scalar(
    op: str, arrays: tuple[np.ndarray, ...], dtype: str, detail: str = ""
) -> np.ndarray:
    """The scalar operation ``op``, result type ``dtype``, on arrays of one shape (or broadcast).

    Args:
        op: a name of ``opset.SCALAR_OPS``.
        arrays: the operands.
        dtype: element type of the result; used by ``convert`` and ``bitcast_convert``.
        detail: the direction of a ``compare``.
    """
    with np.errstate(all="ignore"):
        if op == "compare":
            return compare(arrays[0], arrays[1], detail)
        if op == "convert":
            return cast(arrays[0], dtype)
        if op == "bitcast_convert":
            return bitcast(arrays[0], dtype, arrays[0].shape)
        return np.asarray(SCALAR[op](*arrays))
