"""Containers: layers made of layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fnx import random
from fnx.nn.activations import Activation
from fnx.nn.linear import Dense
from fnx.nn.module import Module


class Sequential(Module):
    """Layers (or any functions that are pytrees) applied one after the other.

    Attributes:
        layers: a tuple of callables.
    """

    layers: tuple[Any, ...]

    def __init__(self, *layers: Any) -> None:
        """``Sequential(a, b, c)`` is the layer that computes ``c(b(a(x)))``."""
        self.build(layers=tuple(layers))

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


def mlp(
    sizes: Sequence[int], *, activation: str | Activation = "relu", dtype: Any = "float32", key: Any
) -> Sequential:
    """A multi-layer perceptron: Dense layers with ``activation`` between them and none after the last.

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
            for i, (m, n) in enumerate(zip(sizes[:-1], sizes[1:], strict=True))
        )
    )
