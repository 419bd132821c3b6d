"""Dense layers."""

from __future__ import annotations

from typing import Any

import fnx.numpy as fnp
from fnx.errors import FnxTypeError, FnxValueError
from fnx.nn.activations import Activation, resolve
from fnx.nn.initializers import Initializer, for_activation
from fnx.nn.module import Module, static


class Dense(Module):
    """``activation(x @ weight + bias)`` along the last axis.

    Attributes:
        weight: (in_size, out_size).
        bias: (out_size,), or None.
        activation: a function; static.
    """

    weight: Any
    bias: Any
    activation: Activation = static()

    def __init__(
        self,
        in_size: int,
        out_size: int,
        *,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        init: Initializer | None = None,
        dtype: Any = "float32",
        key: Any,
    ) -> None:
        """Initialise from ``key``.

        Args:
            in_size: size of the last axis of inputs.
            out_size: size of the last axis of outputs.
            activation: a name in ``fnx.nn.ACTIVATIONS`` or a function; None for a linear layer.
            use_bias: whether to add a bias, which starts at zero.
            init: of the weight; by default the one that suits the activation (He for relu, ...).
            dtype: of weight and bias.
            key: a key of ``fnx.random``.

        Raises:
            FnxValueError: a size is not positive, or the activation is unknown.
        """
        if min(in_size, out_size) < 1:
            raise FnxValueError(
                f"Dense: sizes must be at least 1, got {in_size} and {out_size}.",
                hint="Write Dense(in_size, out_size, key=key): the sizes of the last axis of\n"
                "inputs and of results.",
            )
        init = init or for_activation(activation or "identity")
        self.build(
            weight=init(key, (in_size, out_size), dtype),
            bias=fnp.zeros((out_size,), dtype) if use_bias else None,
            activation=resolve(activation),
        )

    def __call__(self, x: Any) -> Any:
        """Inputs (..., in_size) to outputs (..., out_size)."""
        if x.shape[-1:] != self.weight.shape[:1]:
            raise FnxTypeError(
                f"Dense: inputs must end in an axis of {self.weight.shape[0]}, "
                f"got shape {tuple(x.shape)}.",
                hint="Flatten or transpose the inputs, or make the layer with that in_size.",
            )
        y = x @ self.weight
        return self.activation(y if self.bias is None else y + self.bias)
