"""Containers: layers made of layers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fnx import random, tree
from fnx.errors import FnxTypeError
from fnx.nn.activations import Activation
from fnx.nn.dense import Dense
from fnx.nn.module import Module, static


class Lambda(Module):
    """A function without parameters as a layer.

    Attributes:
        function: of one argument; static.
    """

    function: Callable[[Any], Any] = static()

    def __call__(self, x: Any) -> Any:
        """Apply the function."""
        return self.function(x)


class Sequential(Module):
    """Layers applied one after the other.

    Attributes:
        layers: a tuple of layers, which are pytrees; plain functions have become `Lambda`.

    >>> Sequential(abs, Lambda(round))(-1.7)
    2
    """

    layers: tuple[Any, ...]

    def __init__(self, *layers: Any) -> None:
        """``Sequential(a, b, c)`` computes ``c(b(a(x)))``; each is a layer or a plain function."""
        for layer in layers:
            if not callable(layer):
                raise FnxTypeError(
                    f"Sequential: expected layers and functions, got {type(layer).__name__}.",
                    hint="Write Sequential(a, b, c), and Sequential(*layers) for a list of layers.",
                )
        self.build(layers=tuple([Lambda(f) if _is_plain(f) else f for f in layers]))

    def __call__(self, x: Any) -> Any:
        """Apply every layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        chosen = self.layers[index]
        return Sequential(*chosen) if isinstance(index, slice) else chosen


def _is_plain(layer: Any) -> bool:
    """Whether a callable is no pytree: it would be a leaf that is no array."""
    leaves = tree.leaves(layer)
    return callable(layer) and len(leaves) == 1 and leaves[0] is layer


def mlp(
    sizes: Sequence[int], *, activation: str | Activation = "relu", dtype: Any = "float32", key: Any
) -> Sequential:
    """A multi-layer perceptron: Dense layers, with ``activation`` after all but the last.

    Args:
        sizes: (inputs, hidden, ..., outputs).
        activation: of the hidden layers.
        dtype: of the parameters.
        key: a key of ``fnx.random``.
    """
    keys = random.split(key, len(sizes) - 1)
    last = len(sizes) - 2
    return Sequential(
        *(
            Dense(m, n, activation=activation if i < last else None, dtype=dtype, key=keys[i])
            for i, (m, n) in enumerate(itertools.pairwise(sizes))
        )
    )
