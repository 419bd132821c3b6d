"""Combine: several parts as one optimiser."""

from __future__ import annotations

from typing import Any

from fnx.core.sources import user_source
from fnx.errors import FnxTypeError
from fnx.optim.base import Optimizer, check_state


class Chain(Optimizer):
    """Parts applied one after the other: each takes the last one's updates as its gradients."""

    parts: tuple[Optimizer, ...]

    def init(self, params: Any) -> tuple[Any, ...]:
        """The states of the parts."""
        return tuple(part.init(params) for part in self.parts)

    def update(
        self, grads: Any, state: tuple[Any, ...], params: Any = None
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run the parts in order."""
        check_state(self, state, tuple, grads)
        if len(state) != len(self.parts):
            raise FnxTypeError(
                f"Chain.update: expected the states of {len(self.parts)} parts, got {len(state)}.",
                source=user_source(),
                hint="Pass the state that this optimiser's init, or its last update, returned.",
            )
        states = []
        for part, part_state in zip(self.parts, state, strict=True):
            grads, part_state = part.update(grads, part_state, params)
            states.append(part_state)
        return grads, tuple(states)


def chain(*parts: Optimizer) -> Chain:
    """``chain(clip, adam)`` clips first. See `Chain`."""
    return Chain(tuple(parts))
