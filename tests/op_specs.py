"""Op specs: for each first-order primitive, valid operands, its meaning, and what it is linear in.

The tests of ``tests/fnx/ops`` and the laws walk `SPECS`, which has one row for each primitive of
``fnx.ops``.

>>> spec = SPECS["dot_general"]
>>> case = spec.case(seed=0, dtype=np.dtype("float32"))  # the same case for the same seed
>>> outs = bind(REGISTRY[spec.name], *case.args, **case.params)
>>> expected = spec.expected(case)  # a tuple, computed in float64 where results are floats
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from fnx.core.dtypes import (
    ALL,
    BFLOAT16,
    BOOL,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    FLOATS,
    INT8,
    INT32,
    INT64,
    UINT8,
    UINT32,
    UINT64,
    as_dtype,
)

FLOAT_DTYPES = (FLOAT64, FLOAT32, BFLOAT16, FLOAT16)
INT_DTYPES = (INT32, UINT8, INT64, UINT32, INT8, UINT64)
NUMBER_DTYPES = FLOAT_DTYPES + INT_DTYPES
ALL_DTYPES = (*NUMBER_DTYPES, BOOL)
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """Operands and static parameters of one application."""

    args: tuple[np.ndarray, ...]
    params: dict[str, Any]


class Draw:
    """What a spec draws from: random shapes and values, ranks 0 to 3, sizes 0 to 3 (rarely 0)."""

    def __init__(self, seed: int, dtype: np.dtype) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype

    def size(self, low: int = 0, high: int = 3) -> int:
        """The size of an axis; 0, where it may be, in one of ten cases."""
        return 0 if low == 0 and self.rng.random() < 0.1 else self.integer(max(low, 1), high)

    def part(self, n: int) -> int:
        """How much of an axis of size ``n`` to take: rarely nothing."""
        return self.size(0, n) if n else 0

    def shape(self, min_rank: int = 0, max_rank: int = 3, min_size: int = 0) -> tuple[int, ...]:
        """A small shape."""
        return tuple(self.size(min_size) for _ in range(self.integer(min_rank, max_rank)))

    def integer(self, low: int, high: int) -> int:
        """A Python int from ``low`` to ``high``, both included."""
        return int(self.rng.integers(low, high + 1))

    def integers(self, n: int, low: int, high: int) -> tuple[int, ...]:
        """``n`` of them."""
        return tuple(self.integer(low, high) for _ in range(n))

    def axes(self, rank: int) -> tuple[int, ...]:
        """Any distinct axes, in increasing order."""
        return tuple(axis for axis in range(rank) if self.rng.random() < 0.5)

    def order(self, n: int) -> tuple[int, ...]:
        """A permutation."""
        return tuple(int(i) for i in self.rng.permutation(n))

    def array(
        self, shape: tuple[int, ...], bounds: Bounds = (-3, 3), dtype: np.dtype | None = None
    ) -> np.ndarray:
        """Values within bounds: floats uniform, integers small and fit for the dtype, bools."""
        dtype = dtype or self.dtype
        if dtype == BOOL:
            return np.asarray(self.rng.random(shape) < 0.5)
        if dtype in FLOATS:
            return np.asarray(self.rng.uniform(*bounds, shape)).astype(dtype)
        low, high = math.ceil(max(bounds[0], -100)), math.floor(min(bounds[1], 100))
        low = max(low, 0) if np.iinfo(dtype).min == 0 else low
        return np.asarray(self.rng.integers(low, max(low, high) + 1, shape)).astype(dtype)

    def distinct(self, shape: tuple[int, ...]) -> np.ndarray:
        """Values that differ by a quarter at least, so that no extremum is near a kink."""
        values = self.rng.permutation(math.prod(shape)).reshape(shape)
        if self.dtype == BOOL:
            return values % 2 == 0
        return (values * 0.25 - 1 if self.dtype in FLOATS else values).astype(self.dtype)


@dataclass(frozen=True)
class OpSpec:
    """One primitive.

    Attributes:
        name: the primitive's name in ``REGISTRY``.
        draw: draws a valid case, away from kinks and poles, of a dtype given by the `Draw`.
        reference: the meaning, ``reference(*args, **params)``; floats arrive as float64.
            Returns an array, or a tuple of arrays for several results.
        dtypes: the dtypes that ``draw`` takes. Derivatives are checked in float64.
        wrt: operands with a derivative.
        linear: groups of operands in which it is jointly linear; each is tested for transposition.
        ulps: tolerance, in units of the dtype's precision, relative to ``max(1, |expected|)``.
        domain: for elementwise primitives, the bounds from which each operand is drawn.
    """

    name: str
    draw: Callable[[Draw], Case]
    reference: Callable[..., Any]
    dtypes: tuple[np.dtype, ...] = FLOAT_DTYPES
    wrt: tuple[int, ...] = ()
    linear: tuple[tuple[int, ...], ...] = ()
    ulps: int = 4
    domain: tuple[Bounds, ...] = ()

    def case(self, seed: int, dtype: np.dtype) -> Case:
        """The case with this number; other specs draw other values from the same seed."""
        return self.draw(Draw(seed + zlib.crc32(self.name.encode()) % 10_000, dtype))

    def expected(self, case: Case) -> tuple[np.ndarray, ...]:
        """What the primitive should return, in float64 where results are floats."""
        wide = [x.astype(FLOAT64) if x.dtype in FLOATS else x for x in case.args]
        with np.errstate(all="ignore"):
            outs = self.reference(*wide, **case.params)
        return outs if isinstance(outs, tuple) else (np.asarray(outs),)

    def tolerance(self, dtype: np.dtype) -> float:
        """The error allowed in results of this dtype, relative to ``max(1, |expected|)``."""
        eps = {FLOAT64: 2**-52, FLOAT32: 2**-23, FLOAT16: 2**-10, BFLOAT16: 2**-7}
        return self.ulps * eps.get(as_dtype(dtype), 0.0)


# Elementwise ------------------------------------------------------------------------------------


def _elementwise(
    name: str,
    reference: Callable[..., Any],
    *domain: Bounds,
    keep_apart: float = 0.0,
    params: Callable[[Draw], dict[str, Any]] = lambda d: {},
    **facts: Any,
) -> OpSpec:
    """A row of the elementwise family, one domain for each operand.

    Args:
        name: the primitive.
        reference: its meaning.
        *domain: bounds of each operand.
        keep_apart: distance between any two operands, where equality is a kink.
        params: draws static parameters.
        **facts: other fields of `OpSpec`; ``wrt`` is all operands unless given.
    """

    def draw(d: Draw) -> Case:
        shape = d.shape()
        args = [d.array(shape, bounds) for bounds in domain]
        if keep_apart and d.dtype in FLOATS:
            places = d.rng.permuted(np.tile(np.arange(len(args)), (*shape, 1)), axis=-1)
            args = [
                (x * 0.3 + keep_apart * places[..., i]).astype(d.dtype) for i, x in enumerate(args)
            ]
        return Case(tuple(args), params(d))

    facts.setdefault("wrt", tuple(range(len(domain))))
    return OpSpec(name, draw, reference, domain=domain, **facts)


def _vectorised(function: Callable[[float], Any]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.vectorize(lambda v: float(function(float(v))), otypes=[float])(x)


def _truncated_division(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.dtype == FLOAT64:
        return x / y
    quotient = [int(a) // int(b) if (a < 0) == (b < 0) else -(-int(a) // int(b))
                for a, b in zip(x.flat, y.flat, strict=True)]  # fmt: skip
    return np.array(quotient, object).reshape(x.shape).astype(x.dtype)


def _bits(x: np.ndarray) -> list[int]:
    width = 8 * x.dtype.itemsize
    return [int(v) & (2**width - 1) for v in x.flat]


def _on_bits(function: Callable[..., int]) -> Callable[..., np.ndarray]:
    """A function of the bits of integers, as Python ints, and of their number."""

    def reference(x: np.ndarray, *others: np.ndarray) -> np.ndarray:
        width = 8 * x.dtype.itemsize
        rows = zip(*(_bits(v) for v in (x, *others)), strict=True)
        values = [function(width, *row) & (2**width - 1) for row in rows]
        unsigned = np.array(values, dtype=f"u{x.dtype.itemsize}").reshape(x.shape)
        return unsigned.view(x.dtype)

    return reference


def _arithmetic_shift(width: int, x: int, y: int) -> int:
    signed = x - 2**width if x >> (width - 1) else x
    return signed >> min(y, width)


_UNIT = (-0.9, 0.9)
_POSITIVE = (0.3, 3.0)
_WIDE = (-3.0, 3.0)
_number = {"dtypes": NUMBER_DTYPES}
_any = {"dtypes": ALL_DTYPES}
_logic = {"dtypes": (BOOL, *INT_DTYPES), "wrt": ()}
_integer = {"dtypes": INT_DTYPES, "wrt": ()}
_constant = {"wrt": ()}

_UNARY = (
    _elementwise("neg", np.negative, _WIDE, linear=((0,),), **_number),
    _elementwise("square", lambda x: x * x, _WIDE, **_number),
    _elementwise("abs", np.abs, (0.2, 3.0), **_number),
    _elementwise("sign", np.sign, _WIDE, **_number, **_constant),
    _elementwise("floor", np.floor, _WIDE, **_constant),
    _elementwise("ceil", np.ceil, _WIDE, **_constant),
    _elementwise("round", np.rint, _WIDE, **_constant),
    _elementwise("is_finite", np.isfinite, _WIDE, **_constant),
    _elementwise("exp", np.exp, _WIDE),
    _elementwise("exp2", np.exp2, _WIDE),
    _elementwise("expm1", np.expm1, _WIDE),
    _elementwise("log", np.log, _POSITIVE),
    _elementwise("log1p", np.log1p, (-0.7, 3.0)),
    _elementwise("logistic", lambda x: 1 / (1 + np.exp(-x)), _WIDE),
    _elementwise("sqrt", np.sqrt, _POSITIVE),
    _elementwise("rsqrt", lambda x: 1 / np.sqrt(x), _POSITIVE),
    _elementwise("cbrt", np.cbrt, _POSITIVE),
    _elementwise("sin", np.sin, _WIDE),
    _elementwise("cos", np.cos, _WIDE),
    _elementwise("tan", np.tan, (-1.2, 1.2)),
    _elementwise("asin", np.arcsin, _UNIT),
    _elementwise("acos", np.arccos, _UNIT),
    _elementwise("atan", np.arctan, _WIDE),
    _elementwise("sinh", np.sinh, _WIDE),
    _elementwise("cosh", np.cosh, _WIDE),
    _elementwise("tanh", np.tanh, _WIDE),
    _elementwise("asinh", np.arcsinh, _WIDE),
    _elementwise("acosh", np.arccosh, (1.3, 4.0)),
    _elementwise("atanh", np.arctanh, _UNIT),
    _elementwise("erf", _vectorised(math.erf), _WIDE),
    _elementwise("erfc", _vectorised(math.erfc), _WIDE),
    _elementwise("erf_inv", _vectorised(mpmath.erfinv), _UNIT, ulps=8),
    _elementwise("lgamma", _vectorised(math.lgamma), (0.3, 6.0), ulps=16),
    _elementwise("digamma", _vectorised(mpmath.digamma), (0.3, 6.0), ulps=16),
    _elementwise("not", np.invert, _WIDE, **_logic),
    _elementwise("popcnt", _on_bits(lambda n, x: x.bit_count()), (-100, 100), **_integer),
    _elementwise("clz", _on_bits(lambda n, x: n - x.bit_length()), (-100, 100), **_integer),
    _elementwise(
        "integer_pow",
        lambda x, exponent: x**exponent if x.dtype == FLOAT64 else np.prod([x] * exponent, axis=0),
        (0.5, 2.0),
        params=lambda d: {"exponent": d.integer(-3 if d.dtype in FLOATS else 1, 5)},
        **_number,
    ),
    _elementwise("stop_gradient", lambda x: x, _WIDE, **_any, **_constant),
)  # fmt: skip

_BINARY = (
    _elementwise("add", np.add, _WIDE, _WIDE, linear=((0, 1), (0,), (1,)), **_number),
    _elementwise("sub", np.subtract, _WIDE, _WIDE, linear=((0, 1), (0,), (1,)), **_number),
    _elementwise("mul", np.multiply, _WIDE, _WIDE, linear=((0,), (1,)), **_number),
    _elementwise("div", _truncated_division, (-9, 9), (1, 3), linear=((0,),), **_number),
    _elementwise("rem", np.fmod, (0.1, 0.9), (1.0, 3.0), **_number),
    _elementwise("pow", np.power, _POSITIVE, (0.3, 2.0), ulps=8, **_number),
    _elementwise("atan2", np.arctan2, _POSITIVE, _WIDE),
    _elementwise("max", np.maximum, _UNIT, _UNIT, keep_apart=1.0, **_any),
    _elementwise("min", np.minimum, _UNIT, _UNIT, keep_apart=1.0, **_any),
    _elementwise("eq", np.equal, _WIDE, _WIDE, **_any, **_constant),
    _elementwise("ne", np.not_equal, _WIDE, _WIDE, **_any, **_constant),
    _elementwise("lt", np.less, _WIDE, _WIDE, **_any, **_constant),
    _elementwise("le", np.less_equal, _WIDE, _WIDE, **_any, **_constant),
    _elementwise("gt", np.greater, _WIDE, _WIDE, **_any, **_constant),
    _elementwise("ge", np.greater_equal, _WIDE, _WIDE, **_any, **_constant),
    _elementwise("and", np.bitwise_and, _WIDE, _WIDE, **_logic),
    _elementwise("or", np.bitwise_or, _WIDE, _WIDE, **_logic),
    _elementwise("xor", np.bitwise_xor, _WIDE, _WIDE, **_logic),
    _elementwise(
        "shift_left", _on_bits(lambda n, x, y: x << y if y < n else 0),
        (-100, 100), (0, 70), **_integer,
    ),
    _elementwise(
        "shift_right_logical", _on_bits(lambda n, x, y: x >> y), (-100, 100), (0, 70), **_integer
    ),
    _elementwise(
        "shift_right_arithmetic", _on_bits(_arithmetic_shift), (-100, 100), (0, 70), **_integer
    ),
    _elementwise(
        "clamp", lambda low, x, high: np.minimum(np.maximum(low, x), high),
        _UNIT, _UNIT, _UNIT, keep_apart=1.0, **_any,
    ),
)  # fmt: skip


def _draw_select(d: Draw) -> Case:
    shape = d.shape()
    return Case((d.array(shape, dtype=BOOL), d.array(shape), d.array(shape)), {})


def _draw_convert(d: Draw) -> Case:
    targets = ALL_DTYPES if d.dtype != FLOAT64 else FLOAT_DTYPES
    target = targets[d.integer(0, len(targets) - 1)]
    return Case((d.array(d.shape(), (0, 100)),), {"dtype": target, "weak": False})


def _draw_bitcast(d: Draw) -> Case:
    same = sorted((t for t in ALL - {BOOL} if t.itemsize == d.dtype.itemsize), key=str)
    return Case((d.array(d.shape()),), {"dtype": same[d.integer(0, len(same) - 1)]})


def _threefry_reference(*words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = [_threefry_one(*map(int, row)) for row in zip(*(w.flat for w in words), strict=True)]
    pairs = np.array(rows, UINT32).reshape(-1, 2)
    return pairs[:, 0].reshape(words[0].shape), pairs[:, 1].reshape(words[0].shape)


def _threefry_one(k0: int, k1: int, x0: int, x1: int) -> tuple[int, int]:
    """The generator as its paper defines it, on Python ints."""
    keys, mask = (k0, k1, k0 ^ k1 ^ 0x1BD11BDA), 2**32 - 1
    x0, x1 = (x0 + k0) & mask, (x1 + k1) & mask
    for step in range(20):
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[step % 8]
        x0 = (x0 + x1) & mask
        x1 = ((x1 << turn | x1 >> (32 - turn)) & mask) ^ x0
        if step % 4 == 3:
            n = step // 4 + 1
            x0, x1 = (x0 + keys[n % 3]) & mask, (x1 + keys[(n + 1) % 3] + n) & mask
    return x0, x1


_OTHERS = (
    OpSpec(
        "select", _draw_select, np.where, ALL_DTYPES, wrt=(1, 2), linear=((1, 2), (1,), (2,))
    ),
    OpSpec(
        "convert", _draw_convert, lambda x, dtype, weak: x if dtype in FLOATS else x.astype(dtype),
        ALL_DTYPES, wrt=(0,), linear=((0,),),
    ),
    OpSpec(
        "threefry2x32", lambda d: Case(d.rng.integers(0, 2**32, (4, *d.shape()), UINT32), {}),
        _threefry_reference, (UINT32,),
    ),
)  # fmt: skip

# Structure --------------------------------------------------------------------------------------


def _draw_broadcast(d: Draw) -> Case:
    shape = d.shape()
    dimensions = d.axes(len(shape))
    sizes = tuple(shape[axis] if d.rng.random() < 0.7 else 1 for axis in dimensions)
    return Case((d.array(sizes),), {"shape": shape, "dimensions": dimensions})


def _broadcast_reference(x: np.ndarray, shape: tuple, dimensions: tuple) -> np.ndarray:
    out = np.empty(shape, x.dtype)
    for index in np.ndindex(*shape):
        out[index] = x[
            tuple(index[a] if n > 1 else 0 for a, n in zip(dimensions, x.shape, strict=True))
        ]
    return out


def _draw_reshape(d: Draw) -> Case:
    x = d.array(d.shape())
    target = d.shape(min_size=1)
    fits = math.prod(target) == x.size
    return Case((x,), {"shape": target if fits else (1, *x.shape[::-1])})


def _draw_transpose(d: Draw) -> Case:
    x = d.array(d.shape())
    return Case((x,), {"permutation": d.order(x.ndim)})


def _draw_slice(d: Draw) -> Case:
    shape = tuple(d.size(high=6) for _ in range(d.integer(0, 3)))
    span = tuple(d.part(n) for n in shape)
    start = tuple(d.integer(0, n - k) for n, k in zip(shape, span, strict=True))
    limit = tuple(first + k for first, k in zip(start, span, strict=True))
    strides = d.integers(len(shape), 1, 3)
    return Case((d.array(shape),), {"start": start, "limit": limit, "strides": strides})


def _draw_pad(d: Draw) -> Case:
    shape = d.shape()
    interior = d.integers(len(shape), 0, 2)
    low = tuple(d.integer(-min(n, 1), 2) for n in shape)
    high = tuple(
        d.integer(-1 if n > 1 or lo > 0 else 0, 2) for n, lo in zip(shape, low, strict=True)
    )
    params = {"low": low, "high": high, "interior": interior}
    return Case((d.array(shape), d.array(())), params)


def _pad_reference(
    x: np.ndarray, value: np.ndarray, low: tuple, high: tuple, interior: tuple
) -> np.ndarray:
    sizes = zip(low, x.shape, interior, high, strict=True)
    out = np.full([lo + n + max(n - 1, 0) * gap + hi for lo, n, gap, hi in sizes], value, x.dtype)
    for index in np.ndindex(*x.shape):
        place = tuple(lo + i * (gap + 1) for lo, i, gap in zip(low, index, interior, strict=True))
        if all(0 <= p < n for p, n in zip(place, out.shape, strict=True)):
            out[place] = x[index]
    return out


def _draw_concatenate(d: Draw) -> Case:
    shape = list(d.shape(min_rank=1))
    dimension = d.integer(0, len(shape) - 1)
    args = []
    for _ in range(3):
        shape[dimension] = d.size()
        args.append(d.array(tuple(shape)))
    return Case(tuple(args), {"dimension": dimension})


def _draw_barrier(d: Draw) -> Case:
    return Case((d.array(d.shape()),), {})


def _draw_reverse(d: Draw) -> Case:
    x = d.array(d.shape())
    return Case((x,), {"dimensions": d.axes(x.ndim)})


def _draw_iota(d: Draw) -> Case:
    shape = d.shape(min_rank=1)
    return Case((), {"shape": shape, "dtype": d.dtype, "dimension": d.integer(0, len(shape) - 1)})


def _strided(x: np.ndarray, start: tuple, limit: tuple, strides: tuple) -> np.ndarray:
    return x[tuple(map(slice, start, limit, strides))]


def _permuted(x: np.ndarray, permutation: tuple) -> np.ndarray:
    return x.transpose(permutation)


_linear = {"dtypes": ALL_DTYPES, "wrt": (0,), "linear": ((0,),), "ulps": 1}

_STRUCTURE = (
    OpSpec("broadcast_in_dim", _draw_broadcast, _broadcast_reference, **_linear),
    OpSpec("reshape", _draw_reshape, lambda x, shape: x.reshape(shape), **_linear),
    OpSpec("transpose", _draw_transpose, _permuted, **_linear),
    OpSpec("slice", _draw_slice, _strided, **_linear),
    OpSpec(
        "name", lambda d: Case((d.array(d.shape()),), {"name": "x"}), lambda x, name: x, **_linear
    ),
    OpSpec("optimization_barrier", _draw_barrier, lambda x: x, **_linear),
    OpSpec("reverse", _draw_reverse, lambda x, dimensions: np.flip(x, dimensions), **_linear),
    OpSpec(
        "pad", _draw_pad, _pad_reference, ALL_DTYPES, wrt=(0, 1), linear=((0, 1), (0,), (1,))
    ),
    OpSpec(
        "concatenate", _draw_concatenate, lambda *xs, dimension: np.concatenate(xs, dimension),
        ALL_DTYPES, wrt=(0, 1, 2), linear=((0, 1, 2), (0, 2), (1,)),
    ),
    OpSpec(
        "iota", _draw_iota,
        lambda shape, dtype, dimension: np.indices(shape)[dimension].astype(dtype), NUMBER_DTYPES,
    ),
    OpSpec(
        "bitcast", _draw_bitcast, lambda x, dtype: x.view(dtype), (INT32, UINT8, INT64, UINT32)
    ),
)  # fmt: skip

# Reduction and contraction ------------------------------------------------------------------------


def _reduction(
    name: str, reference: Callable[..., Any], *, distinct: bool = False, **facts: Any
) -> OpSpec:
    def draw(d: Draw) -> Case:
        shape = d.shape()
        x = d.distinct(shape) if distinct else d.array(shape, (0.5, 2.0))
        return Case((x,), {"axes": d.axes(len(shape))})

    return OpSpec(name, draw, reference, **{"wrt": (0,), "ulps": 16, **facts})


def _extremum(name: str) -> Callable[..., np.ndarray]:
    """By NumPy, which has no extremum of nothing."""

    def reference(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        if x.dtype == BOOL:
            return (np.any if name == "max" else np.all)(x, axis=axes)
        sign = -1 if name == "max" else 1
        identity = sign * np.inf if x.dtype == FLOAT64 else np.iinfo(x.dtype).min
        if x.dtype != FLOAT64 and name == "min":
            identity = np.iinfo(x.dtype).max
        return getattr(np, name)(x, axis=axes, initial=identity)

    return reference


def _draw_arg_extremum(d: Draw) -> Case:
    x = d.array(d.shape(min_rank=1, min_size=1))
    return Case((x,), {"axis": d.integer(0, x.ndim - 1), "index_dtype": INT32})


def _draw_dot(d: Draw) -> Case:
    batch, contract = d.shape(0, 1), d.shape(0, 2)
    axes, operands = [], []
    for _ in range(2):
        free = d.shape(0, 2)
        sizes = (*batch, *contract, *free)
        order = d.order(len(sizes))  # axis i of the operand has size sizes[order[i]]
        operands.append(d.array(tuple(sizes[i] for i in order), (-2, 2)))
        places = tuple(order.index(i) for i in range(len(batch) + len(contract)))
        axes.append((places[: len(batch)], places[len(batch) :]))
    params = {"batch": (axes[0][0], axes[1][0]), "contracting": (axes[0][1], axes[1][1])}
    wider = {FLOAT16: FLOAT32, BFLOAT16: FLOAT32, INT8: INT32, UINT8: UINT32}.get(d.dtype)
    params["preferred"] = wider if d.rng.random() < 0.5 else None
    return Case(tuple(operands), params)


def _dot_reference(
    lhs: np.ndarray, rhs: np.ndarray, contracting: tuple, batch: tuple, preferred: np.dtype | None
) -> np.ndarray:
    names = iter("abcdefghijklmnop")
    left = [next(names) for _ in lhs.shape]
    right = [next(names) for _ in rhs.shape]
    for pair in (contracting, batch):
        for i, j in zip(*pair, strict=True):
            right[j] = left[i]
    shared = [left[i] for i in batch[0]]
    kept = [n for n in left + right if (n in left) != (n in right)]
    equation = f"{''.join(left)},{''.join(right)}->{''.join(shared + kept)}"
    wide = preferred or lhs.dtype
    wide = FLOAT64 if wide in FLOATS else wide
    return np.einsum(equation, lhs.astype(wide), rhs.astype(wide))


_REDUCTION = (
    _reduction(
        "reduce_sum", lambda x, axes: np.sum(x, axes, x.dtype), dtypes=NUMBER_DTYPES, linear=((0,),)
    ),
    _reduction("reduce_prod", lambda x, axes: np.prod(x, axes, x.dtype), dtypes=NUMBER_DTYPES),
    _reduction("reduce_max", _extremum("max"), distinct=True, dtypes=ALL_DTYPES),
    _reduction("reduce_min", _extremum("min"), distinct=True, dtypes=ALL_DTYPES),
    _reduction("reduce_and", lambda x, axes: np.bitwise_and.reduce(x, axes), **_logic),
    _reduction("reduce_or", lambda x, axes: np.bitwise_or.reduce(x, axes), **_logic),
    OpSpec(
        "argmax", _draw_arg_extremum, lambda x, axis, index_dtype: np.argmax(x, axis), ALL_DTYPES
    ),
    OpSpec(
        "argmin", _draw_arg_extremum, lambda x, axis, index_dtype: np.argmin(x, axis), ALL_DTYPES
    ),
    OpSpec(
        "dot_general", _draw_dot, _dot_reference, NUMBER_DTYPES, wrt=(0, 1), linear=((0,), (1,)),
        ulps=64,
    ),
)  # fmt: skip

# Indexing -----------------------------------------------------------------------------------------


def _starts(d: Draw, rank: int) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(n, INT32) for n in d.integers(rank, -2, 4))


def _part(shape: tuple[int, ...], starts: tuple, sizes: tuple[int, ...]) -> tuple[slice, ...]:
    firsts = [min(max(int(s), 0), n - k) for s, n, k in zip(starts, shape, sizes, strict=True)]
    return tuple(slice(first, first + k) for first, k in zip(firsts, sizes, strict=True))


def _draw_dynamic_slice(d: Draw) -> Case:
    shape = d.shape()
    sizes = tuple(d.part(n) for n in shape)
    return Case((d.array(shape), *_starts(d, len(shape))), {"sizes": sizes})


def _draw_update(d: Draw) -> Case:
    shape = d.shape()
    update = d.array(tuple(d.part(n) for n in shape))
    return Case((d.array(shape), update, *_starts(d, len(shape))), {})


def _update_reference(x: np.ndarray, update: np.ndarray, *starts: np.ndarray) -> np.ndarray:
    out = x.copy()
    out[_part(x.shape, starts, update.shape)] = update
    return out


def _draw_windows(
    d: Draw, *, of_size_one: bool
) -> tuple[tuple[int, ...], np.ndarray, dict[str, Any]]:
    """Operand shape, index vectors and dimension numbers; window sizes are among them."""
    n_batching = d.integer(0, 1)
    batch = d.shape(n_batching, 2)
    rank = d.integer(max(n_batching, 1), 3)
    order = d.order(rank)
    batching, others = tuple(sorted(order[:n_batching])), order[n_batching:]
    indexed = tuple(axis for axis in others if d.rng.random() < 0.7)
    shape = tuple(batch[0] if axis in batching else d.size(low=1) for axis in range(rank))
    sizes, collapsed = [], []
    for axis in range(rank):
        is_one = axis in batching or (of_size_one and axis in indexed)
        sizes.append(min(1, shape[axis]) if is_one else d.integer(1, shape[axis]))
        if axis in others and sizes[-1] == 1 and d.rng.random() < 0.6:
            collapsed.append(axis)
    n_window = rank - len(collapsed) - n_batching
    total = n_window + len(batch)
    offset_dims = tuple(sorted(d.order(total)[:n_window]))
    indices = d.rng.integers(-1, 4, (*batch, len(indexed)), INT32)
    dims = {
        "start_index_map": indexed,
        "offset_dims": offset_dims,
        "collapsed_slice_dims": tuple(collapsed),
        "operand_batching_dims": batching,
        "start_indices_batching_dims": (0,) * n_batching,
    }
    return shape, indices, {"slice_sizes": tuple(sizes), **dims}


def _draw_gather(d: Draw) -> Case:
    shape, indices, params = _draw_windows(d, of_size_one=False)
    if 0 in shape:  # a batching axis of size 0 leaves no window of size 1
        return _draw_gather(d)
    return Case((d.array(shape), indices), params)


def _each_window(
    shape: tuple[int, ...],
    indices: np.ndarray,
    slice_sizes: tuple[int, ...],
    dims: dict[str, Any],
    clip: bool,
) -> Any:
    """Pairs of places: in the windows' array, and in the operand (None where it is outside)."""
    batch = indices.shape[:-1]
    kept = [
        a for a in range(len(shape))
        if a not in dims["collapsed_slice_dims"] and a not in dims["operand_batching_dims"]
    ]  # fmt: skip
    total = len(batch) + len(kept)
    for b in np.ndindex(*batch):
        for inner in np.ndindex(*[slice_sizes[a] for a in kept]):
            place = [0] * len(shape)
            for entry, axis in enumerate(dims["start_index_map"]):
                start = int(indices[b][entry])
                limit = shape[axis] - slice_sizes[axis]
                place[axis] = min(max(start, 0), limit) if clip else start
            pairs = zip(
                dims["operand_batching_dims"], dims["start_indices_batching_dims"], strict=True
            )
            for axis, other in pairs:
                place[axis] = b[other]
            for axis, i in zip(kept, inner, strict=True):
                place[axis] += i
            outer, window = iter(b), iter(inner)
            at = tuple(next(window if n in dims["offset_dims"] else outer) for n in range(total))
            inside = all(0 <= p < n for p, n in zip(place, shape, strict=True))
            yield at, tuple(place) if inside else None


def _window_shape(
    indices: np.ndarray, slice_sizes: tuple[int, ...], dims: dict[str, Any]
) -> tuple[int, ...]:
    gone = dims["collapsed_slice_dims"] + dims["operand_batching_dims"]
    window = iter([n for axis, n in enumerate(slice_sizes) if axis not in gone])
    outer = iter(indices.shape[:-1])
    rank = indices.ndim - 1 + len(dims["offset_dims"])
    return tuple(next(window if n in dims["offset_dims"] else outer) for n in range(rank))


def _gather_reference(
    x: np.ndarray, indices: np.ndarray, slice_sizes: tuple, **dims: Any
) -> np.ndarray:
    out = np.zeros(_window_shape(indices, slice_sizes, dims), x.dtype)
    for at, place in _each_window(x.shape, indices, slice_sizes, dims, clip=True):
        out[at] = x[place]
    return out


def _draw_scatter(d: Draw) -> Case:
    mode = ("clip", "drop")[d.integer(0, 1)]
    shape, indices, params = _draw_windows(d, of_size_one=mode == "drop")
    if 0 in shape:
        return _draw_scatter(d)
    updates = _window_shape(indices, params.pop("slice_sizes"), params)
    kind = "set" if d.dtype == BOOL else ("add", "set")[d.integer(0, 1)]
    args = (d.array(shape), indices, d.array(updates))
    return Case(args, {"kind": kind, "mode": mode, **params})


def _scatter_reference(
    x: np.ndarray, indices: np.ndarray, updates: np.ndarray, kind: str, mode: str, **dims: Any
) -> np.ndarray:
    gone = dims["collapsed_slice_dims"] + dims["operand_batching_dims"]
    window = iter([updates.shape[n] for n in dims["offset_dims"]])
    sizes = tuple(1 if axis in gone else next(window) for axis in range(x.ndim))
    out = x.copy()
    for at, place in _each_window(x.shape, indices, sizes, dims, clip=mode == "clip"):
        if place is not None:
            out[place] = updates[at] + (out[place] if kind == "add" else 0)
    return out


_INDEXING = (
    OpSpec(
        "dynamic_slice", _draw_dynamic_slice,
        lambda x, *starts, sizes: x[_part(x.shape, starts, sizes)], **_linear,
    ),
    OpSpec(
        "dynamic_update_slice", _draw_update, _update_reference, ALL_DTYPES, wrt=(0, 1),
        linear=((0, 1), (0,), (1,)),
    ),
    OpSpec("gather", _draw_gather, _gather_reference, **_linear),
    OpSpec(
        "scatter", _draw_scatter, _scatter_reference, ALL_DTYPES, wrt=(0, 2),
        linear=((0, 2), (0,), (2,)), ulps=16,
    ),
)  # fmt: skip

SPECS: dict[str, OpSpec] = {
    spec.name: spec for spec in (*_UNARY, *_BINARY, *_OTHERS, *_STRUCTURE, *_REDUCTION, *_INDEXING)
}
