"""Clipping: gradients that are too large are scaled down."""

from __future__ import annotations

from typing import Any

import fnx.numpy as fnp
from fnx import tree
from fnx.optim.base import Optimizer


def global_norm(grads: Any) -> Any:
    """The Euclidean norm of all leaves taken as one vector; sums in float32 at least."""
    squares = [fnp.sum(fnp.square(_wide(g))) for g in tree.leaves(grads)]
    return fnp.sqrt(sum(squares[1:], squares[0])) if squares else fnp.zeros((), "float32")


class ClipByGlobalNorm(Optimizer):
    """Scale all gradients by ``min(1, max_norm / norm)`` (Pascanu et al. 2013).

    Gradients whose norm is NaN stay as they are; an infinite norm makes finite
    ones zero and infinite ones NaN.
    """

    max_norm: Any

    def init(self, params: Any) -> tuple[()]:
        """No state."""
        return ()

    def update(self, grads: Any, state: tuple[()], params: Any = None) -> tuple[Any, tuple[()]]:
        """Scale if the norm exceeds the limit."""
        norm = global_norm(grads)
        scale = fnp.where(norm > self.max_norm, self.max_norm / norm, fnp.ones_like(norm))
        return tree.map(lambda g: (g * scale).astype(g.dtype), grads), state


def _wide(g: Any) -> Any:
    g = fnp.asarray(g)
    return g.astype("float32") if g.dtype.itemsize < 4 else g
