"""Conversion: ``convert`` and ``bitcast`` between dtypes, and ``stop_gradient``."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import ALL, BOOL, FLOAT32, FLOATS, INTS, as_dtype
from fnx.core.primitive import Linear, NotDifferentiable, NotLinear, Primitive
from fnx.core.trace import bind
from fnx.ops.checks import check_dtypes, fail
from fnx.ops.families import batch_elementwise
from fnx.ops.precision import SMALL_FLOATS


def _convert_type(x: Aval, *, dtype: np.dtype, weak: bool) -> tuple[Aval]:
    check_dtypes("convert", ALL, x)
    return (Aval.of(x.shape, dtype, weak),)


def _convert_numpy(xp: Any, x: Any, *, dtype: np.dtype, weak: bool) -> tuple[Any]:
    if x.dtype not in FLOATS or dtype not in INTS:
        if x.dtype in SMALL_FLOATS and dtype == BOOL:
            return (x != 0,)
        return (x.astype(dtype),)
    # To an integer: truncate, saturate at the ends of its range, NaN is 0 (as StableHLO on XLA).
    wide = x.astype(FLOAT32) if x.dtype in SMALL_FLOATS else x
    info = np.iinfo(dtype)
    too_high = wide >= float(info.max) + 1
    too_low = wide <= float(info.min) - 1
    inside = xp.where(too_high | too_low | (wide != wide), wide.dtype.type(0), wide)
    out = xp.where(too_high, dtype.type(info.max), inside.astype(dtype))
    return (xp.where(too_low, dtype.type(info.min), out),)


def _convert_jvp(
    primals: tuple[Any], tangents: tuple[Any], outs: tuple[Any], *, dtype: np.dtype, weak: bool
) -> tuple[Any]:
    return (convert(tangents[0], dtype=dtype) if dtype in FLOATS else None,)


def _convert_transpose(
    cts: tuple[Any, ...], inputs: tuple[Linear], *, dtype: np.dtype, weak: bool
) -> tuple[Any]:
    return (None if cts[0] is None else convert(cts[0], dtype=inputs[0].aval.dtype),)


convert_p = Primitive(
    name="convert",
    type=_convert_type,
    numpy=_convert_numpy,
    jvp=_convert_jvp,
    transpose=_convert_transpose,
    batch=lambda *args, **params: batch_elementwise(convert_p, *args, **params),
    lower=lambda b, x, *, dtype, weak: (b.convert(x, dtype),),
    pointwise=True,
)


def convert(x: Any, *, dtype: object, weak: bool = False) -> Any:
    """The elements in another dtype.

    Floats become integers by truncation; what does not fit becomes the nearest integer that does,
    and NaN becomes 0. Anything but zero is True.

    Args:
        x: an array or scalar.
        dtype: the dtype of the result.
        weak: whether the result's dtype gives way in promotion.
    """
    return bind(convert_p, x, dtype=as_dtype(dtype), weak=bool(weak))[0]


def _bitcast_type(x: Aval, *, dtype: np.dtype) -> tuple[Aval]:
    if x.dtype.itemsize != dtype.itemsize or (x.dtype == BOOL) != (dtype == BOOL):
        message = f"needs dtypes of equal size and no bool, got {x} for {dtype}"
        fail("bitcast", message, f"Take one of {8 * x.dtype.itemsize} bits; astype converts.")
    return (Aval.of(x.shape, dtype),)


bitcast_p = Primitive(
    name="bitcast",
    type=_bitcast_type,
    numpy=lambda xp, x, *, dtype: (xp.asarray(x).view(dtype),),
    jvp=NotDifferentiable("the bits of a number have no derivative"),
    transpose=NotLinear(),
    batch=lambda *args, **params: batch_elementwise(bitcast_p, *args, **params),
    lower=lambda b, x, *, dtype: (b.bitcast_convert(x, dtype),),
)


def bitcast(x: Any, *, dtype: object) -> Any:
    """The same bits read as another dtype of the same size."""
    return bind(bitcast_p, x, dtype=as_dtype(dtype))[0]


stop_gradient_p = Primitive(
    name="stop_gradient",
    type=lambda x: (x,),
    numpy=lambda xp, x: (x,),
    jvp=NotDifferentiable("stop_gradient: constant by definition"),
    transpose=NotLinear(),
    batch=lambda *args, **params: batch_elementwise(stop_gradient_p, *args, **params),
    lower=lambda b, x: (x,),
)


def stop_gradient(x: Any) -> Any:
    """``x`` itself, treated as a constant by derivatives."""
    return bind(stop_gradient_p, x)[0]
