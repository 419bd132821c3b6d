"""Recording: what ordered callbacks returned in a run; a replay does not call them again."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fnx.control.effects.user_callback import Callback
from fnx.core.avals import Aval
from fnx.core.ir import Eqn


class Log(threading.local):
    """The results of the callbacks of one run, in order; each thread has its own."""

    def __init__(self) -> None:
        self.results: list[list[np.ndarray]] = []

    def clear(self) -> None:
        """Begin a run."""
        self.results = []

    def again(self) -> Iterator[list[np.ndarray]]:
        """The results once more."""
        return iter(list(self.results))


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A callback whose results are noted.

    Attributes:
        inner: what is called.
        log: where.
    """

    inner: Callback
    log: Log

    @property
    def what(self) -> str:
        """As in the inner one."""
        return self.inner.what

    @property
    def results(self) -> tuple[Aval, ...]:
        """As in the inner one."""
        return self.inner.results

    @property
    def __name__(self) -> str:
        return self.inner.__name__

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Call the inner one."""
        outs = self.inner(*arrays)
        self.log.results.append([np.array(x) for x in outs])
        return outs


def recorded(eqn: Eqn, log: Log) -> dict[str, Any]:
    """The parameters of an equation, whose callback notes its results if it is an ordered one."""
    if eqn.primitive.name != "io_callback":
        return dict(eqn.params)
    return {**eqn.params, "callback": Recorded(eqn.params["callback"], log)}


def results_of(eqn: Eqn, log: Iterator[list[np.ndarray]]) -> Sequence[Any]:
    """What an ordered callback returned in its turn; zeros, should the run have ended before it."""
    found = next(log, None)
    if found is None:
        return [np.zeros(v.aval.shape, v.aval.dtype) for v in eqn.outputs]
    return found
