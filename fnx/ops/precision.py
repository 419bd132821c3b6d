"""Precision: small floats (float16, bfloat16, float8) are computed wide and rounded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fnx.core.dtypes import BOOL, FLOAT32, FLOAT64, FLOATS, INTS

_CHUNK = 1 << 13  # elements whose intermediate results stay in the cache
SMALL_FLOATS = frozenset(dtype for dtype in FLOATS if dtype.itemsize < FLOAT32.itemsize)
_SMALL_FLOATS_IN_HLO = frozenset({"f16", "bf16", "f8E4M3FN", "f8E5M2"})
_WIDE_IN_HLO = {"i1": "bool", "f32": "float32", "f64": "float64"}
_WIDE_IN_HLO |= {f"i{bits}": f"int{bits}" for bits in (8, 16, 32, 64)}
_WIDE_IN_HLO |= {f"ui{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)}


def one_array(rule: Callable[..., Any]) -> Callable[..., tuple[Any]]:
    """A ``numpy`` rule, from a function of one result, which NumPy may make a scalar."""

    def run(xp: Any, *xs: Any, **params: Any) -> tuple[Any]:
        out = rule(xp, *xs, **params)
        return (out if type(out) is xp.ndarray else xp.asarray(out),)

    return run


def in_float32(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that would round intermediate results: small floats reach it as float32."""

    def run(xp: Any, *xs: Any, **params: Any) -> Any:
        dtype = xs[0].dtype
        if dtype not in SMALL_FLOATS:
            return rule(xp, *xs, **params)
        wide = [x.astype(FLOAT32) if x.dtype in SMALL_FLOATS else x for x in xs]
        return xp.asarray(rule(xp, *wide, **params)).astype(dtype)

    return run


def in_float64(rule: Callable[..., Any]) -> Callable[..., Any]:
    """An approximation ``rule(xp, x)`` in float64, for all float dtypes: rounded once."""

    def run(xp: Any, x: Any) -> Any:
        out = xp.empty(x.shape, x.dtype)
        source, target = x.reshape(-1), out.reshape(-1)
        for start in range(0, source.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            target[part] = rule(xp, source[part].astype(FLOAT64))
        return out

    return run


def lower_in_float32(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that builds HLO of ``x``: small floats are converted before and rounded after."""

    def lower(b: Any, x: Any, **params: Any) -> Any:
        if x.type.dtype not in _SMALL_FLOATS_IN_HLO:
            return rule(b, x, **params)
        return b.convert(rule(b, b.convert(x, "f32"), **params), x.type.dtype)

    return lower


def lowest(dtype: np.dtype) -> Any:
    """The identity of max: minus infinity, the least integer, False. Not for small floats."""
    if dtype == BOOL:
        return np.False_
    return dtype.type(np.iinfo(dtype).min if dtype in INTS else -np.inf)


def highest(dtype: np.dtype) -> Any:
    """The identity of min: infinity, the greatest integer, True. Not for small floats."""
    if dtype == BOOL:
        return np.True_
    return dtype.type(np.iinfo(dtype).max if dtype in INTS else np.inf)


def dtype_in_hlo(x: Any) -> np.dtype:
    """The dtype of an HLO value, which is no small float, from its StableHLO name."""
    return np.dtype(_WIDE_IN_HLO[x.type.dtype])
