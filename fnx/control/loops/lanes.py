"""Lanes: a batch of which some examples run and the others wait."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnx.core.eager import aval_of
from fnx.ops.comparison import select
from fnx.ops.creation import iota
from fnx.ops.indexing import dynamic_slice
from fnx.ops.layout import broadcast_in_dim
from fnx.ops.reduction import reduce_max


def keep(runs: Any, new: Any, old: Any) -> Any:
    """Rows of ``new`` where ``runs``, a boolean for each row, else rows of ``old``."""
    shape = aval_of(new).shape
    mask = broadcast_in_dim(runs, shape=shape, dimensions=(0,)) if shape[1:] else runs
    return select(mask, new, old)


def of_running(runs: Any, x: Any) -> Any:
    """Rows of ``x``; those that do not run are replaced by one that does, if any.

    What is computed for an example that waits is dropped. It is computed where another one is, and
    not at a point that no example reaches, so it ends, and its derivatives are finite.
    """
    aval = aval_of(x)
    size = aval.shape[0]
    if size < 2:
        return x
    index = iota(shape=(size,), dtype=np.dtype(np.int32), dimension=0)
    last = reduce_max(select(runs, index, 0), axes=(0,))
    starts = [last, *[np.int32(0)] * (aval.ndim - 1)]
    row = dynamic_slice(x, *starts, sizes=(1, *aval.shape[1:]))
    spread = broadcast_in_dim(row, shape=aval.shape, dimensions=tuple(range(aval.ndim)))
    return keep(runs, x, spread)
