"""Avals: all that an abstract tracer knows of a value: shape, dtype, and whether that is weak."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fnx.core.dtypes import dtype_name


class Aval:
    """A shape and a dtype; a weak dtype came from a Python scalar and gives way in promotion.

    Avals are interned: equal avals are the same object, so signatures compare by identity. Users
    know this class as ``fnx.ShapeDtypeStruct``: what stands for an array where only its shape and
    dtype matter.

    Args:
        shape: number of elements along each axis.
        dtype: type of the elements.
        weak_type: whether the dtype gives way in promotion.

    >>> Aval((3, 4), np.float32)
    f32[3,4]
    """

    __slots__ = ("__weakref__", "dtype", "shape", "weak")
    shape: tuple[int, ...]
    dtype: np.dtype
    weak: bool

    def __new__(cls, shape: Sequence[int], dtype: object, weak_type: bool = False) -> Aval:
        """The aval with this shape and dtype."""
        return Aval.of(tuple(shape), dtype, weak_type)

    @staticmethod
    def of(shape: tuple[int, ...], dtype: object, weak: bool = False) -> Aval:
        """The aval with this shape and dtype."""
        return _intern(tuple(int(d) for d in shape), np.dtype(dtype), bool(weak))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def strong(self) -> Aval:
        """The same aval, not weak."""
        return _intern(self.shape, self.dtype, False) if self.weak else self

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Aval is immutable: cannot set {name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _intern, (self.shape, self.dtype, self.weak)

    def __repr__(self) -> str:
        weak = "~" if self.weak else ""
        return f"{dtype_name(self.dtype)}{weak}[{','.join(map(str, self.shape))}]"


ShapeDtypeStruct = Aval  # under JAX's name

_avals: dict[tuple[tuple[int, ...], np.dtype, bool], Aval] = {}


@functools.cache
def _intern(shape: tuple[int, ...], dtype: np.dtype, weak: bool) -> Aval:
    aval = object.__new__(Aval)
    object.__setattr__(aval, "shape", shape)
    object.__setattr__(aval, "dtype", dtype)
    object.__setattr__(aval, "weak", weak)
    return _avals.setdefault((shape, dtype, weak), aval)  # two threads may come here at once
