"""Creation: arrays from nothing but static parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import NUMBERS, as_dtype
from fnx.core.primitive import NotDifferentiable, NotLinear, Primitive
from fnx.core.trace import bind
from fnx.ops.checks import check_axes, check_dtypes, check_shape, integers
from fnx.ops.layout import broadcast_in_dim


def _iota_type(*, shape: tuple[int, ...], dtype: np.dtype, dimension: int) -> tuple[Aval]:
    aval = Aval.of(shape, dtype)
    check_shape("iota", shape)
    check_axes("iota", aval, (dimension,), "dimension")
    check_dtypes("iota", NUMBERS, aval)
    return (aval,)


def _iota_numpy(xp: Any, *, shape: tuple[int, ...], dtype: np.dtype, dimension: int) -> tuple[Any]:
    aligned = [1] * len(shape)
    aligned[dimension] = shape[dimension]
    line = xp.arange(shape[dimension]).astype(dtype).reshape(aligned)
    return (xp.broadcast_to(line, shape).copy(),)


iota_p = Primitive(
    name="iota",
    type=_iota_type,
    numpy=_iota_numpy,
    jvp=NotDifferentiable("no operands"),
    transpose=NotLinear("no operands"),
    batch=lambda inputs, axes, size, **params: (bind(iota_p, **params), (None,)),
    lower=lambda b, *, shape, dtype, dimension: (b.iota(shape, dtype, dimension),),
)


def iota(*, shape: tuple[int, ...], dtype: object, dimension: int) -> Any:
    """Each element is its own index along ``dimension``."""
    shape = integers("iota", "shape", shape)
    (dimension,) = integers("iota", "dimension", (dimension,))
    return bind(iota_p, shape=shape, dtype=as_dtype(dtype), dimension=dimension)[0]


def full(*, shape: tuple[int, ...], value: Any, dtype: object) -> Any:
    """An array of equal elements.

    Args:
        shape: shape of the result.
        value: a Python or NumPy scalar.
        dtype: dtype of the result.
    """
    scalar = as_dtype(dtype).type(value)
    return broadcast_in_dim(scalar, shape=shape, dimensions=())


def zeros_like(x: Any) -> Any:
    """Zeros in the shape and dtype of ``x``."""
    return full(shape=x.shape, value=0, dtype=x.dtype)
