"""Momentum: a decaying sum of gradients.

Polyak's (1964), or with Nesterov's look-ahead (Sutskever et al. 2013).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fnx import tree
from fnx.optim.base import Optimizer, check_state, zeros_like_params


class MomentumState(NamedTuple):
    """The decaying sum."""

    trace: Any


class Momentum(Optimizer):
    """``trace = decay * trace + grads``; with ``nesterov`` it gives ``grads + decay * trace``."""

    decay: Any = 0.9
    nesterov: bool = False

    def init(self, params: Any) -> MomentumState:
        """An empty sum."""
        return MomentumState(zeros_like_params(params))

    def update(
        self, grads: Any, state: MomentumState, params: Any = None
    ) -> tuple[Any, MomentumState]:
        """Add the gradients to the sum."""
        check_state(self, state, MomentumState, grads, "trace")
        trace = tree.map(lambda t, g: (self.decay * t + g).astype(t.dtype), state.trace, grads)
        if not self.nesterov:
            return trace, MomentumState(trace)
        ahead = tree.map(lambda t, g: (g + self.decay * t).astype(g.dtype), trace, grads)
        return ahead, MomentumState(trace)
