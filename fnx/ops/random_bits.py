"""Random bits: the counter-based Threefry-2x32 (Salmon et al., SC 2011), 20 rounds, as in JAX."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import UINT32
from fnx.core.primitive import NotDifferentiable, NotLinear, Primitive
from fnx.core.trace import bind
from fnx.ops.checks import as_operands, check_dtypes, check_equal_shapes, fail
from fnx.ops.families import batch_elementwise, constant_like, with_equal_shapes

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_CHUNK = 1 << 14  # elements that stay in the cache through all rounds


def _threefry_type(*avals: Aval) -> tuple[Aval, Aval]:
    name = "threefry2x32"
    if len(avals) != 4:
        fail(name, f"takes two key words and two counter words, got {len(avals)} operands")
    check_dtypes(name, {UINT32}, *avals)
    aval = Aval.of(check_equal_shapes(name, *avals), UINT32)
    return aval, aval


def _rounds(xp: Any, x0: Any, x1: Any, keys: tuple[Any, Any, Any]) -> None:
    """All rounds, in place."""
    spare = xp.empty_like(x0)
    x0 += keys[0]
    x1 += keys[1]
    for i in range(5):
        for rotation in _ROTATIONS[i % 2]:
            x0 += x1
            xp.right_shift(x1, np.uint32(32 - rotation), out=spare)
            x1 <<= np.uint32(rotation)
            x1 |= spare
            x1 ^= x0
        x0 += keys[(i + 1) % 3]
        x1 += keys[(i + 2) % 3]
        x1 += np.uint32(i + 1)


def _threefry_numpy(xp: Any, k0: Any, k1: Any, x0: Any, x1: Any) -> tuple[Any, Any]:
    shape = next((x.shape for x in (k0, k1, x0, x1) if x.shape), ())
    out = [xp.array(xp.broadcast_to(x, shape), dtype=UINT32).reshape(-1) for x in (x0, x1)]
    keys = [k0, k1, k0 ^ k1 ^ np.uint32(_PARITY)]
    keys = [key.reshape(-1) if key.shape == shape else key for key in keys]
    for start in range(0, out[0].size, _CHUNK):
        part = slice(start, start + _CHUNK)
        words = tuple(key[part] if key.shape else key for key in keys)
        _rounds(xp, out[0][part], out[1][part], words)
    return out[0].reshape(shape), out[1].reshape(shape)


def _threefry_lower(b: Any, *operands: Any) -> tuple[Any, Any]:
    k0, k1, x0, x1 = with_equal_shapes(b, operands)
    keys = (k0, k1, b.xor(b.xor(k0, k1), constant_like(b, k0, _PARITY)))
    x0, x1 = b.add(x0, k0), b.add(x1, k1)
    for i in range(5):
        for rotation in _ROTATIONS[i % 2]:
            x0 = b.add(x0, x1)
            left = b.shift_left(x1, constant_like(b, x1, rotation))
            right = b.shift_right_logical(x1, constant_like(b, x1, 32 - rotation))
            x1 = b.xor(b.or_(left, right), x0)
        x0 = b.add(x0, keys[(i + 1) % 3])
        x1 = b.add(b.add(x1, keys[(i + 2) % 3]), constant_like(b, x1, i + 1))
    return x0, x1


threefry2x32_p = Primitive(
    name="threefry2x32",
    type=_threefry_type,
    numpy=_threefry_numpy,
    jvp=NotDifferentiable("random bits are integers"),
    transpose=NotLinear(),
    batch=lambda *args, **params: batch_elementwise(threefry2x32_p, *args, **params),
    lower=_threefry_lower,
)


def threefry2x32(k0: Any, k1: Any, x0: Any, x1: Any) -> tuple[Any, Any]:
    """Two random words for each counter ``(x0, x1)`` under the key ``(k0, k1)``; all uint32."""
    return bind(threefry2x32_p, *as_operands("threefry2x32", k0, k1, x0, x1))
