"""Keys and bits: Threefry-2x32 applied to the index of each element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import fnx.numpy as fnp
from fnx import lax
from fnx.core.array import Array, wrap
from fnx.core.dtypes import INT32, INTS, UINT32, as_dtype
from fnx.core.trace import Tracer, current_trace
from fnx.numpy.promotion import (
    ArrayLike,
    as_array,
    as_operand,
    describe,
    shape_text,
    type_error,
    value_error,
)
from fnx.numpy.sizes import Shape, as_shape
from fnx.ops.random_bits import _PARITY as PARITY
from fnx.ops.random_bits import _ROTATIONS as ROTATIONS
from fnx.ops.random_bits import threefry2x32
from fnx.random import reuse

_WORD = 0xFFFFFFFF
_FEW = 16  # up to here Python ints are quicker than NumPy


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
        made = wrap(np.array([high & _WORD, value & _WORD], np.uint32))
        reuse.born(made)
        return made
    seed = as_array(as_operand(seed, "key"))
    if seed.shape or seed.dtype not in INTS:
        hint = "Write fnx.random.key(0), or int(x) for a number that is whole."
        raise type_error(f"key: a seed is an integer, got {seed.aval}.", hint)
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
    key = check_key(key, "split")
    reuse.use(key, "split")
    words = _threefry(key, shape)
    if all(isinstance(word, Array) for word in words):
        made = wrap(np.stack([word._buffer for word in words], axis=-1))
        reuse.born(made)
        return made
    return fnp.stack(words, axis=len(shape))


def fold_in(key: ArrayLike, data: ArrayLike) -> Array:
    """The key that belongs to a key and an integer, such as the number of a step."""
    words = _key_words(check_key(key, "fold_in"))
    if isinstance(data, int) and not isinstance(data, bool):
        data = np.uint32(data & _WORD)
    number = data if isinstance(data, str) else as_array(as_operand(data, "fold_in"))
    if isinstance(number, str) or number.shape or number.dtype not in INTS:
        got = describe(data) if isinstance(data, str) else number.aval
        hint = "Number layers or steps: 0, 1, 2 ...; a name has zlib.crc32(name.encode())."
        raise type_error(f"fold_in: data is an integer, got {got}.", hint)
    data = number
    word = _as_word(data)
    if isinstance(words[0], np.generic) and isinstance(word, Array):
        pair = _threefry_of_ints(int(words[0]), int(words[1]), 0, int(word))
        made = wrap(np.array(pair, np.uint32))
        reuse.born(made)
        return made
    return fnp.stack(threefry2x32(*words, fnp.zeros((), UINT32), word))


def check_key(key: ArrayLike, name: str) -> Any:
    """The key, if it is one.

    Raises:
        FnxTypeError: for anything but ``uint32[2]``.
    """
    found = as_operand(key, name) if not isinstance(key, list | tuple | str | dict | None) else key
    if isinstance(found, Array | Tracer) and found.dtype == UINT32 and found.shape == (2,):
        return found
    got = found.aval if isinstance(found, Array | Tracer) else describe(key)
    raise type_error(f"expected a random key (u32[2]), got {got}.", _how_to_get_a_key(found))


def _how_to_get_a_key(found: Any) -> str:
    if isinstance(found, int):
        return f"A key is made of a seed by fnx.random.key({found})."
    if not isinstance(found, Array | Tracer):
        return "The first argument is a key: fnx.random.normal(fnx.random.key(0), (3,))."
    if found.dtype == UINT32 and found.shape[-1:] == (2,):
        return "These are several keys: take one of them, keys[0], or fnx.vmap over them."
    return "Keys are bits, not numbers: fnx.random.split and fold_in make new ones of a key."


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
    key = check_key(key, "bits")
    reuse.use(key, "a draw")
    high, low = _threefry(key, as_shape(shape, "bits"))
    if dtype.itemsize == 8:
        upper = fnp.bitwise_left_shift(fnp.astype(high, dtype), dtype.type(32))
        return fnp.bitwise_or(upper, fnp.astype(low, dtype))
    word = fnp.bitwise_xor(high, low)
    if dtype.itemsize == 4:
        return word
    return fnp.astype(fnp.bitwise_and(word, np.uint32(2 ** (8 * dtype.itemsize) - 1)), dtype)
