"""Initialisers: ``initializer(key, shape, dtype) -> array``, and the one that suits an activation.

Weights have the shape (..., fan_in, fan_out).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import fnx.numpy as fnp
from fnx import random
from fnx.errors import FnxValueError

Initializer = Callable[[Any, tuple[int, ...], Any], Any]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Fan-in and fan-out of a weight (..., in, out).

    Leading axes are the receptive field of a convolution.
    """
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def zeros(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Any:
    """All zeros; takes a key as all initialisers do, and does not use it."""
    return fnp.zeros(shape, dtype)


def ones(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Any:
    """All ones; takes a key as all initialisers do, and does not use it."""
    return fnp.ones(shape, dtype)


def variance_scaling(scale: float, mode: str, distribution: str) -> Initializer:
    """Zero-mean weights of variance ``scale / fan``.

    Args:
        scale: times the variance.
        mode: ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``.
        distribution: ``"normal"`` or ``"uniform"``.

    Raises:
        FnxValueError: an unknown mode or distribution.
    """
    if mode not in ("fan_in", "fan_out", "fan_avg") or distribution not in ("normal", "uniform"):
        raise FnxValueError(
            f"variance_scaling: mode {mode!r}, distribution {distribution!r}",
            hint="mode is fan_in, fan_out or fan_avg; distribution is normal or uniform.",
        )

    def initialize(key: Any, shape: tuple[int, ...], dtype: Any = "float32") -> Any:
        """Weights of ``shape``, fans last: random, with a variance that the fans decide."""
        fan_in, fan_out = fans(tuple(shape))
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
        deviation = math.sqrt(scale / max(1.0, fan))
        if distribution == "normal":
            return random.normal(key, shape, dtype) * deviation
        bound = deviation * math.sqrt(3)
        return random.uniform(key, shape, dtype, minval=-bound, maxval=bound)

    return initialize


he_normal = variance_scaling(2.0, "fan_in", "normal")  # He et al. 2015
he_uniform = variance_scaling(2.0, "fan_in", "uniform")
glorot_normal = variance_scaling(1.0, "fan_avg", "normal")  # Glorot & Bengio 2010
glorot_uniform = variance_scaling(1.0, "fan_avg", "uniform")
lecun_normal = variance_scaling(1.0, "fan_in", "normal")  # LeCun et al. 1998
lecun_uniform = variance_scaling(1.0, "fan_in", "uniform")

_HALF_LINEAR = frozenset({"relu", "leaky_relu", "elu", "gelu", "silu", "softplus"})


def for_activation(activation: Any) -> Initializer:
    """The initialiser that keeps variance through ``activation``.

    He's for rectifiers, LeCun's for SELU, else Glorot's.
    """
    given = isinstance(activation, str)
    name = activation if given else getattr(activation, "__name__", "identity")
    if name in _HALF_LINEAR:
        return he_normal
    return lecun_normal if name == "selu" else glorot_uniform
