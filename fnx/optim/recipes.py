"""Recipes: the well-known optimisers, as chains of parts.

A learning rate is a number, a schedule, or a function of the step count.
"""

from __future__ import annotations

from typing import Any

from fnx.optim.clipping import ClipByGlobalNorm
from fnx.optim.combine import Chain, chain
from fnx.optim.decay import AddDecayedWeights
from fnx.optim.heavy_ball import Momentum
from fnx.optim.scaling import ScaleByAdam, ScaleByLearningRate, ScaleByRms


def sgd(learning_rate: Any, *, momentum: Any = None, nesterov: bool = False) -> Chain:
    """Stochastic gradient descent, with (Nesterov) momentum if given.

    The rate is a number, a schedule (`Cosine`, `Warmup`, ...), or a function of the step count:
    ``lambda step: 0.1 * 0.99**step``.
    """
    parts = () if momentum is None else (Momentum(momentum, nesterov),)
    return chain(*parts, ScaleByLearningRate(learning_rate))


def adam(learning_rate: Any = 1e-3, *, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> Chain:
    """Adam (Kingma & Ba 2015); the learning rate as in `sgd`.

    >>> import fnx.numpy as fnp
    >>> optimizer = adam(lambda step: 1e-2 / (1 + step))
    >>> updates, state = optimizer.update(fnp.ones(2), optimizer.init(fnp.zeros(2)))
    >>> updates
    Array([-0.01, -0.01], dtype=float32)
    """
    return chain(ScaleByAdam(b1, b2, eps), ScaleByLearningRate(learning_rate))


def adamw(
    learning_rate: Any = 1e-3,
    *,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    weight_decay: Any = 1e-2,
) -> Chain:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019).

    The learning rate is as in `sgd`.
    """
    return chain(
        ScaleByAdam(b1, b2, eps),
        AddDecayedWeights(weight_decay),
        ScaleByLearningRate(learning_rate),
    )


def rmsprop(
    learning_rate: Any, *, decay: Any = 0.9, eps: Any = 1e-8, momentum: Any = None
) -> Chain:
    """RMSProp (Tieleman & Hinton 2012), with momentum on the scaled gradients if given.

    The learning rate is as in `sgd`.
    """
    parts = () if momentum is None else (Momentum(momentum),)
    return chain(ScaleByRms(decay, eps), *parts, ScaleByLearningRate(learning_rate))


def clip_by_global_norm(max_norm: Any) -> ClipByGlobalNorm:
    """See `ClipByGlobalNorm`; put it first in a chain."""
    return ClipByGlobalNorm(max_norm)
