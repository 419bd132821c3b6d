"""Decay: weights drawn towards zero."""

from __future__ import annotations

from typing import Any

from fnx import tree
from fnx.errors import FnxValueError
from fnx.optim.base import Optimizer


class AddDecayedWeights(Optimizer):
    """``grads + rate * params``.

    Before the learning rate this is decoupled decay (Loshchilov & Hutter 2019).
    """

    rate: Any

    def init(self, params: Any) -> tuple[()]:
        """No state."""
        return ()

    def update(self, grads: Any, state: tuple[()], params: Any = None) -> tuple[Any, tuple[()]]:
        """Add the decay.

        Raises:
            FnxValueError: no parameters were given.
        """
        if params is None:
            raise FnxValueError(
                "weight decay: expected the parameters, got params=None.",
                hint="Write optimizer.update(grads, state, params).",
            )
        return tree.map(lambda g, p: (g + self.rate * p).astype(g.dtype), grads, params), state
