"""Scaling: by the learning rate, by Adam's moments, by the root mean square."""

from __future__ import annotations

from typing import Any, NamedTuple

import fnx.numpy as fnp
from fnx import tree
from fnx.optim.base import Optimizer, check_state, zeros_like_params
from fnx.optim.schedules import as_schedule, checked_rate


class CountState(NamedTuple):
    """Steps taken so far, int32."""

    count: Any


class MomentsState(NamedTuple):
    """Steps taken, and running means of the gradient and of its square."""

    count: Any
    mean: Any
    square: Any


class SquareState(NamedTuple):
    """The running mean of the squared gradient."""

    square: Any


def _zero_count() -> Any:
    return fnp.zeros((), "int32")


class ScaleByLearningRate(Optimizer):
    """``-rate * grads``; the rate is a number, or a schedule or function of the step count."""

    rate: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", checked_rate("learning rate", self.rate))

    def init(self, params: Any) -> CountState:
        """Count from zero."""
        return CountState(_zero_count())

    def update(self, grads: Any, state: CountState, params: Any = None) -> tuple[Any, CountState]:
        """Scale and flip the sign."""
        check_state(self, state, CountState, grads)
        rate = as_schedule(self.rate)(state.count)
        return tree.map(lambda g: (-rate * g).astype(g.dtype), grads), CountState(state.count + 1)


class ScaleByAdam(Optimizer):
    """Adam's direction ``m / (sqrt(v) + eps)`` with bias correction (Kingma & Ba 2015)."""

    b1: Any = 0.9
    b2: Any = 0.999
    eps: Any = 1e-8

    def init(self, params: Any) -> MomentsState:
        """Zero moments."""
        return MomentsState(_zero_count(), zeros_like_params(params), zeros_like_params(params))

    def update(
        self, grads: Any, state: MomentsState, params: Any = None
    ) -> tuple[Any, MomentsState]:
        """Move the moments towards the gradients."""
        check_state(self, state, MomentsState, grads, "mean")
        count = state.count + 1
        mean = tree.map(lambda m, g: _mix(self.b1, m, g), state.mean, grads)
        square = tree.map(lambda v, g: _mix(self.b2, v, g * g), state.square, grads)
        steps = count.astype("float64")  # in float32, 1 - 0.999**2 would be off by 1e-5 of itself
        mean_scale, square_scale = 1 / (1 - self.b1**steps), 1 / (1 - self.b2**steps)

        def direction(m: Any, v: Any) -> Any:
            corrected, root = (
                m * mean_scale.astype(m.dtype),
                fnp.sqrt(v * square_scale.astype(v.dtype)),
            )
            return (corrected / (root + self.eps)).astype(m.dtype)

        return tree.map(direction, mean, square), MomentsState(count, mean, square)


class ScaleByRms(Optimizer):
    """``grads / sqrt(v + eps)`` with a running mean of squares ``v`` (Tieleman & Hinton 2012)."""

    decay: Any = 0.9
    eps: Any = 1e-8

    def init(self, params: Any) -> SquareState:
        """Zero mean."""
        return SquareState(zeros_like_params(params))

    def update(self, grads: Any, state: SquareState, params: Any = None) -> tuple[Any, SquareState]:
        """Move the mean of squares and divide by its root."""
        check_state(self, state, SquareState, grads, "square")
        square = tree.map(lambda v, g: _mix(self.decay, v, g * g), state.square, grads)
        scaled = tree.map(lambda g, v: (g / fnp.sqrt(v + self.eps)).astype(g.dtype), grads, square)
        return scaled, SquareState(square)


def _mix(decay: Any, old: Any, new: Any) -> Any:
    """``decay * old + (1 - decay) * new`` in the dtype of ``old``."""
    return (decay * old + (1 - decay) * new).astype(old.dtype)
