"""Random numbers from keys: pure functions, JAX's bits for the same seed, dtype and shape.

A key is a plain ``uint32[2]`` array. Bits come from Threefry-2x32 (Salmon et al., "Parallel random
numbers: as easy as 1, 2, 3", 2011) applied to the index of each element, as in JAX's default
("partitionable") generator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

import fnx.numpy as fnp
from fnx import lax
from fnx.core.array import Array, wrap
from fnx.core.dtypes import FLOAT32, FLOATS, INT32, INTS, UINT32, as_dtype, is_float
from fnx.core.trace import Tracer, current_trace
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    describe,
    promote,
    shape_text,
    type_error,
    value_error,
)
from fnx.numpy.sizes import Shape, as_shape
from fnx.ops.random_bits import _PARITY as PARITY
from fnx.ops.random_bits import _ROTATIONS as ROTATIONS
from fnx.ops.random_bits import threefry2x32

_WORD = 0xFFFFFFFF
_FEW = 16  # up to here Python ints are quicker than NumPy


# Keys and bits


def key(seed: ArrayLike) -> Array:
    """The key that belongs to a seed.

    Args:
        seed: an integer. 64 bits of it count (in JAX without its x64 flag, the lower 32).

    >>> key(42)
    Array([ 0, 42], dtype=uint32)
    """
    if isinstance(seed, int | np.integer) and not isinstance(seed, bool):
        value = int(seed)
        if not -(2**63) <= value < 2**64:
            raise value_error(f"key: the seed {value} has more than 64 bits.")
        high = 0 if -(2**31) <= value < 0 else value >> 32
        return wrap(np.array([high & _WORD, value & _WORD], np.uint32))
    seed = as_array(as_operand(seed, "key"))
    if seed.shape or seed.dtype not in INTS:
        raise type_error(f"key: a seed is an integer, got {seed.aval}.")
    return fnp.stack(_words(seed))


PRNGKey = key


def _words(number: Any) -> list[Any]:
    """The upper and the lower 32 bits of an integer of rank 0, as uint32."""
    if number.dtype.itemsize < 8:
        return [fnp.zeros((), UINT32), _as_word(number)]
    upper = fnp.bitwise_right_shift(number, number.dtype.type(32))
    return [_as_word(upper), _as_word(number)]


def _as_word(number: Any) -> Any:
    """An integer modulo 2**32, as uint32."""
    if number.dtype.itemsize == 8:
        number = fnp.bitwise_and(number, number.dtype.type(_WORD))
        return fnp.astype(number, UINT32)
    if number.dtype.itemsize < 4:
        number = fnp.astype(number, INT32)
    return number if number.dtype == UINT32 else lax.bitcast_convert_type(number, UINT32)


def split(key: ArrayLike, num: int | Sequence[int] = 2) -> Array:
    """New keys, independent of each other and of what ``key`` gives: an array ``(num, 2)``.

    Args:
        key: a key, which should not be used again.
        num: how many, or the shape of an array of keys.
    """
    shape = as_shape(num, "split")
    words = _threefry(check_key(key, "split"), shape)
    if all(isinstance(word, Array) for word in words):
        return wrap(np.stack([word._buffer for word in words], axis=-1))
    return fnp.stack(words, axis=len(shape))


def fold_in(key: ArrayLike, data: ArrayLike) -> Array:
    """The key that belongs to a key and an integer, such as the number of a step."""
    words = _key_words(check_key(key, "fold_in"))
    if isinstance(data, int) and not isinstance(data, bool):
        data = np.uint32(data & _WORD)
    data = as_array(as_operand(data, "fold_in"))
    if data.shape or data.dtype not in INTS:
        raise type_error(f"fold_in: data is an integer, got {data.aval}.")
    word = _as_word(data)
    if isinstance(words[0], np.generic) and isinstance(word, Array):
        pair = _threefry_of_ints(int(words[0]), int(words[1]), 0, int(word))
        return wrap(np.array(pair, np.uint32))
    return fnp.stack(threefry2x32(*words, fnp.zeros((), UINT32), word))


def check_key(key: ArrayLike, name: str) -> Any:
    """The key, if it is one.

    Raises:
        FnxTypeError: for anything but ``uint32[2]``.
    """
    key = as_operand(key, name)
    if isinstance(key, Array | Tracer) and key.dtype == UINT32 and key.shape == (2,):
        return key
    raise type_error(
        f"{name}: expected a key (u32[2]), got {describe(key)}.",
        "Write fnx.random.key(0) for a key; fnx.vmap maps over a batch of keys.",
    )


def _key_words(key: Any) -> tuple[Any, Any]:
    if isinstance(key, Array) and current_trace() is None:
        return key._buffer[0], key._buffer[1]  # literals need no broadcast
    return key[0], key[1]


def _threefry(key: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Two words of 32 bits for each index into an array of this shape."""
    size = math.prod(shape)
    if size > 2**32:
        raise value_error(f"random arrays have at most 2**32 elements, not {shape_text(shape)}.")
    words = _key_words(key)
    if size <= _FEW and isinstance(words[0], np.generic):
        pairs = [_threefry_of_ints(int(words[0]), int(words[1]), 0, i) for i in range(size)]
        table = np.array(pairs, np.uint32).reshape(size, 2)
        return wrap(table[:, 0].reshape(shape)), wrap(table[:, 1].reshape(shape))
    words = [w if isinstance(w, np.generic) else lax.broadcast(w, (size,)) for w in words]
    high, low = threefry2x32(*words, np.uint32(0), lax.iota(UINT32, size))
    return fnp.reshape(high, shape), fnp.reshape(low, shape)


def _threefry_of_ints(k0: int, k1: int, x0: int, x1: int) -> tuple[int, int]:
    """The operation `threefry2x32` on Python ints: quicker for a few than its rounds in NumPy."""
    keys = (k0, k1, k0 ^ k1 ^ PARITY)
    x0, x1 = x0 + k0 & _WORD, x1 + k1 & _WORD
    for i in range(5):
        for rotation in ROTATIONS[i % 2]:
            x0 = x0 + x1 & _WORD
            x1 = (x1 << rotation | x1 >> 32 - rotation) & _WORD ^ x0
        x0 = x0 + keys[(i + 1) % 3] & _WORD
        x1 = x1 + keys[(i + 2) % 3] + i + 1 & _WORD
    return x0, x1


def bits(key: ArrayLike, shape: Shape = (), dtype: object = UINT32) -> Array:
    """Random bits as unsigned integers.

    Args:
        key: a key.
        shape: shape of the result.
        dtype: uint8, uint16, uint32 or uint64.
    """
    dtype = as_dtype(dtype)
    if dtype.kind != "u":
        raise type_error(f"bits: dtype must be an unsigned integer, got {dtype}.")
    high, low = _threefry(check_key(key, "bits"), as_shape(shape, "bits"))
    if dtype.itemsize == 8:
        upper = fnp.bitwise_left_shift(fnp.astype(high, dtype), dtype.type(32))
        return fnp.bitwise_or(upper, fnp.astype(low, dtype))
    word = fnp.bitwise_xor(high, low)
    if dtype.itemsize == 4:
        return word
    return fnp.astype(fnp.bitwise_and(word, np.uint32(2 ** (8 * dtype.itemsize) - 1)), dtype)


# Uniform numbers, and what is made of them


def _float_dtype(dtype: object, name: str) -> np.dtype:
    dtype = as_dtype(dtype)
    if dtype not in FLOATS:
        raise type_error(f"{name}: dtype must be a floating-point one, got {dtype}.")
    return dtype


def uniform(
    key: ArrayLike,
    shape: Shape = (),
    dtype: object = FLOAT32,
    minval: ArrayLike = 0.0,
    maxval: ArrayLike = 1.0,
) -> Array:
    """Numbers from ``[minval, maxval)``, evenly distributed.

    Args:
        key: a key.
        shape: shape of the result.
        dtype: a floating-point dtype.
        minval: the lower end, which broadcasts to ``shape``.
        maxval: the upper end.
    """
    dtype, sizes = _float_dtype(dtype, "uniform"), as_shape(shape, "uniform")
    width, mantissa = 8 * dtype.itemsize, ml_dtypes.finfo(dtype).nmant
    random_width = 8 if mantissa < 8 else width
    random = bits(key, sizes, f"uint{random_width}")
    unsigned = np.dtype(f"uint{width}")
    random = random if random_width == width else fnp.astype(random, unsigned)
    # Random bits as the mantissa of a number from [1, 2), minus 1.
    random = fnp.bitwise_right_shift(random, unsigned.type(random_width - mantissa))
    one = dtype.type(1)
    random = fnp.bitwise_or(random, np.asarray(one).view(unsigned)[()])
    unit = fnp.subtract(lax.bitcast_convert_type(random, dtype), one)
    if isinstance(minval, int | float | np.generic) and isinstance(maxval, int | float | np.generic):
        low, high = dtype.type(minval), dtype.type(maxval)
        if (low, high) == (0, 1):
            return unit
        span = high - low
    else:
        low, high = (fnp.astype(as_operand(v, "uniform"), dtype) for v in (minval, maxval))
        span = fnp.subtract(high, low)
    scaled = fnp.add(fnp.multiply(unit, span), low)
    return fnp.broadcast_to(fnp.maximum(low, scaled), sizes)


def normal(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the normal distribution with mean 0 and variance 1."""
    dtype = _float_dtype(dtype, "normal")
    lowest = np.nextafter(dtype.type(-1), dtype.type(0), dtype=dtype)
    u = uniform(key, shape, dtype, lowest, dtype.type(1))
    return fnp.multiply(dtype.type(math.sqrt(2)), lax.erf_inv(u))


def truncated_normal(
    key: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    shape: Shape | None = None,
    dtype: object = FLOAT32,
) -> Array:
    """Numbers of the normal distribution, given that they lie between ``lower`` and ``upper``."""
    dtype = _float_dtype(dtype, "truncated_normal")
    low, high = (fnp.astype(as_operand(v, "truncated_normal"), dtype) for v in (lower, upper))
    sizes = fnp.broadcast_shapes(low.shape, high.shape) if shape is None else shape
    root = dtype.type(math.sqrt(2))
    ends = [lax.erf(fnp.divide(v, root)) for v in (low, high)]
    numbers = fnp.multiply(root, lax.erf_inv(uniform(key, sizes, dtype, *ends)))
    inf = dtype.type(math.inf)
    return fnp.clip(numbers, fnp.nextafter(low, inf), fnp.nextafter(high, -inf))


def bernoulli(key: ArrayLike, p: ArrayLike = 0.5, shape: Shape | None = None) -> Array:
    """Bools that are true with probability ``p``, which broadcasts to ``shape``."""
    (p,) = promote("bernoulli", p, inexact=True)
    return fnp.less(uniform(key, p.shape if shape is None else shape, p.dtype), p)


def rademacher(key: ArrayLike, shape: Shape = (), dtype: object = INT32) -> Array:
    """-1 or 1, equally likely."""
    return fnp.where(bernoulli(key, 0.5, shape), as_dtype(dtype).type(1), as_dtype(dtype).type(-1))


def randint(
    key: ArrayLike,
    shape: Shape,
    minval: ArrayLike,
    maxval: ArrayLike,
    dtype: object = INT32,
) -> Array:
    """Integers from ``[minval, maxval)``, evenly distributed; ``minval`` if that is empty.

    Args:
        key: a key.
        shape: shape of the result.
        minval: the lower end, which broadcasts to ``shape``; clipped to the dtype's range.
        maxval: the upper end, not included; the dtype's largest number plus one is allowed.
        dtype: an integer dtype.
    """
    dtype = as_dtype(dtype)
    if dtype not in INTS:
        raise type_error(f"randint: dtype must be an integer one, got {dtype}.")
    sampled = INT32 if dtype.itemsize < 4 else dtype  # of 8 or 16 bits, the remainder is biased
    unsigned = np.dtype(f"uint{8 * sampled.itemsize}")
    info = np.iinfo(dtype)
    top = int(info.max) + (sampled != dtype)
    low, _ = _bound(minval, sampled, int(info.min), int(info.max))
    high, is_beyond = _bound(maxval, sampled, int(info.min), top)
    is_wide = fnp.greater(high, low)
    span = lax.bitcast_convert_type(fnp.subtract(high, low), unsigned)
    if sampled == dtype:
        span = fnp.add(span, fnp.astype(is_beyond, unsigned))
    span = fnp.where(is_wide, span, unsigned.type(1))
    first, second = split(check_key(key, "randint"))
    upper, lower = (bits(k, shape, unsigned) for k in (first, second))
    # (upper * 2**n + lower) mod span; a span of 2**n is 0 here, and x mod 0 is x
    multiplier = _modulo(unsigned.type(2 ** (4 * sampled.itemsize)), span)
    multiplier = _modulo(fnp.multiply(multiplier, multiplier), span)
    offset = fnp.add(fnp.multiply(_modulo(upper, span), multiplier), _modulo(lower, span))
    offset = lax.bitcast_convert_type(_modulo(offset, span), sampled)
    return fnp.astype(fnp.broadcast_to(fnp.add(low, offset), as_shape(shape, "randint")), dtype)


def _modulo(x: Any, span: Any) -> Any:
    is_zero = fnp.equal(span, span.dtype.type(0))
    safe = fnp.where(is_zero, span.dtype.type(1), span)
    return fnp.where(is_zero, x, fnp.remainder(x, safe))


def _bound(value: ArrayLike, dtype: np.dtype, lowest: int, highest: int) -> tuple[Any, Any]:
    """A bound clipped to a range, in a dtype; and whether it was beyond the range's end."""
    value = as_array(as_operand(value, "randint"))
    if is_float(value.dtype):
        value = fnp.astype(value, INT32)
    its = np.iinfo(value.dtype)
    ends = (value.dtype.type(max(lowest, its.min)), value.dtype.type(min(highest, its.max)))
    clipped = fnp.clip(value, *ends)
    return fnp.astype(clipped, dtype), fnp.greater(value, clipped)


def exponential(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the exponential distribution with mean 1."""
    u = uniform(key, shape, _float_dtype(dtype, "exponential"))
    return fnp.negative(fnp.log1p(fnp.negative(u)))


def gumbel(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the standard Gumbel distribution."""
    dtype = _float_dtype(dtype, "gumbel")
    u = uniform(key, shape, dtype, ml_dtypes.finfo(dtype).tiny, dtype.type(1))
    return fnp.negative(fnp.log(fnp.negative(fnp.log(u))))


def laplace(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the Laplace distribution with mean 0 and scale 1."""
    dtype = _float_dtype(dtype, "laplace")
    lowest = dtype.type(-1.0) + ml_dtypes.finfo(dtype).epsneg
    u = uniform(key, shape, dtype, lowest, dtype.type(1))
    return fnp.multiply(fnp.sign(u), fnp.log1p(fnp.negative(fnp.abs(u))))


def logistic(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the standard logistic distribution."""
    dtype = _float_dtype(dtype, "logistic")
    u = uniform(key, shape, dtype, ml_dtypes.finfo(dtype).tiny, dtype.type(1))
    return fnp.subtract(fnp.log(u), fnp.log1p(fnp.negative(u)))


def cauchy(key: ArrayLike, shape: Shape = (), dtype: object = FLOAT32) -> Array:
    """Numbers of the standard Cauchy distribution."""
    dtype = _float_dtype(dtype, "cauchy")
    u = uniform(key, shape, dtype, ml_dtypes.finfo(dtype).eps, dtype.type(1))
    return fnp.tan(fnp.multiply(dtype.type(math.pi), fnp.subtract(u, dtype.type(0.5))))


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
    if fnp.broadcast_shapes(sizes, batch) != sizes:
        message = f"categorical: shape {shape_text(sizes)} does not fit {logits.aval}, axis {axis}."
        raise value_error(message)
    own = list(sizes[len(front) :])
    own.insert(position, logits.shape[position])
    noise = gumbel(key, (*front, *own), logits.dtype)
    return fnp.argmax(fnp.add(noise, logits), axis=len(front) + position)


# Orders: these sort, which needs the key's value


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
    for _ in range(math.ceil(3 * math.log(max(1, size)) / math.log(_WORD))):
        key, subkey = split(key)
        order = order[np.argsort(np.asarray(bits(subkey, (size,))), kind="stable")]
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
        raise value_error(f"choice: {draws} of {count} elements cannot be drawn.")
    if replace:
        places = randint(key, sizes, 0, count)
    else:
        places = fnp.reshape(permutation(key, count)[:draws], sizes)
    return places if isinstance(a, int) else fnp.take(a, places, axis=axis)
