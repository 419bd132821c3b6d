"""Draw from a set: categories, orders, choices. Orders sort, which needs the key's value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import fnx.numpy as fnp
from fnx.control.is_known import is_known
from fnx.core.array import Array, wrap
from fnx.core.sources import user_source
from fnx.core.trace import Tracer
from fnx.errors import AbstractValueError
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    promote,
    shape_text,
    value_error,
)
from fnx.numpy.sizes import Shape, as_shape
from fnx.random.distributions import gumbel
from fnx.random.integer_draws import randint
from fnx.random.keys import bits, check_key, split


def categorical(
    key: ArrayLike, logits: ArrayLike, axis: int = -1, shape: Shape | None = None
) -> Array:
    """Indices drawn with probabilities ``softmax(logits)`` along an axis (Gumbel-max trick).

    Args:
        key: a key.
        logits: unnormalised log probabilities.
        axis: the axis along which they belong together.
        shape: shape of the result; that of ``logits`` without the axis, if not given. It may have
            axes in front, for several draws.
    """
    (logits,) = promote("categorical", logits, inexact=True)
    position = axis % logits.ndim
    batch = (*logits.shape[:position], *logits.shape[position + 1 :])
    sizes = batch if shape is None else as_shape(shape, "categorical")
    front = sizes[: len(sizes) - len(batch)]
    own_sizes = sizes[len(sizes) - len(batch) :] if len(sizes) >= len(batch) else None
    if own_sizes is None or any(n not in (1, m) for n, m in zip(batch, own_sizes, strict=True)):
        raise value_error(
            f"categorical: shape {shape_text(sizes)} does not fit {logits.aval}, axis {axis}: "
            f"expected one that {shape_text(batch)} broadcasts to.",
            "Leave shape out for one number for each row of logits.",
        )
    own = list(sizes[len(front) :])
    own.insert(position, logits.shape[position])
    noise = gumbel(key, (*front, *own), logits.dtype)
    return fnp.argmax(fnp.add(noise, logits), axis=len(front) + position)


def permutation(key: ArrayLike, x: ArrayLike, axis: int = 0) -> Array:
    """``x`` with its slices along an axis in random order; of an int, a random order of its range.

    Not under jit: sorting needs the key's value.
    """
    if isinstance(x, int):
        return wrap(_order(check_key(key, "permutation"), x))
    x = as_array(as_operand(x, "permutation"))
    order = _order(check_key(key, "permutation"), x.shape[axis])
    return fnp.take(x, wrap(order), axis=axis)


def _order(key: Any, size: int) -> np.ndarray:
    # Sorting by 32 random bits ties too often for large arrays: enough rounds make up for it.
    order = np.arange(size, dtype=np.int32)
    for _ in range(math.ceil(3 * math.log(max(1, size)) / math.log(2**32 - 1))):
        key, subkey = split(key)
        drawn = bits(subkey, (size,))
        if isinstance(drawn, Tracer) and not is_known(drawn):
            raise AbstractValueError(
                "permutation: sorting needs the value of the key, got a traced key "
                f"({drawn.aval} of its bits): expected a key that is known.",
                source=user_source(),
                hint="Draw the order outside of jit and vmap, and pass it in: x[order].",
            )
        order = order[np.argsort(np.asarray(drawn), kind="stable")]
    return order


def choice(
    key: ArrayLike, a: ArrayLike, shape: Shape = (), replace: bool = True, *, axis: int = 0
) -> Array:
    """Elements (slices along an axis) of ``a``, or of the range of an int, equally likely.

    Args:
        key: a key.
        a: an array or an int.
        shape: how many to draw, as a shape that takes the place of the axis.
        replace: whether one may be drawn twice. If not, this does not work under jit.
        axis: the axis to draw along.
    """
    sizes = as_shape(shape, "choice")
    count = a if isinstance(a, int) else as_array(as_operand(a, "choice")).shape[axis]
    draws = math.prod(sizes)
    if draws and (count < 1 or (not replace and draws > count)):
        raise value_error(
            f"choice: {draws} of {count} elements cannot be drawn"
            f"{'' if replace else ': without replacement, expected at most that many'}.",
            "Write replace=True, or a smaller shape.",
        )
    if replace:
        places = randint(key, sizes, 0, count)
    else:
        places = fnp.reshape(permutation(key, count)[:draws], sizes)
    return places if isinstance(a, int) else fnp.take(a, places, axis=axis)
