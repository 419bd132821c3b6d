"""User callbacks: Python functions of arrays, whose results are checked, and their batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fnx import tree
from fnx.core.array import Array
from fnx.core.avals import Aval
from fnx.core.sources import Source, disinherit, inherit
from fnx.errors import CallbackError
from fnx.transforms.vmap import with_axis


class Callback(Protocol):
    """A flat function: read-only arrays to arrays of the avals in ``results``."""

    what: str
    results: tuple[Aval, ...]

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """One array for each result."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class UserCallback:
    """A user's function, whose results are checked.

    Attributes:
        what: the function of ours that it was given to, for messages.
        name: its own.
        f: takes arrays and returns a pytree.
        results: the avals that were promised, for the leaves of
        out_tree: the structure that was promised; None where what it returns is ignored.
        source: the line that promised it.
    """

    what: str
    name: str
    f: Callable[..., Any]
    results: tuple[Aval, ...] = ()
    out_tree: tree.TreeDef | None = None
    source: Source | None = None

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Call the function, outside of any trace."""
        token = inherit(None)  # lines of the callback's own
        try:
            out = self.f(*arrays)
        finally:
            disinherit(token)
        if self.out_tree is None:
            return []
        leaves, out_tree = tree.flatten(out)
        if out_tree != self.out_tree:
            raise self._wrong(f"{_shown(out)}, of structure {out_tree}", str(self.out_tree))
        paths = tree.paths(out)
        return [
            self._result(x, aval, path)
            for x, aval, path in zip(leaves, self.results, paths, strict=True)
        ]

    def _result(self, x: Any, aval: Aval, path: str) -> np.ndarray:
        """One result as an array; Python numbers give way, arrays must have the very dtype."""
        where = f" at result{path}" if path else ""
        if type(x) in (bool, int, float):
            array = _of_number(x, aval)
            if array is None:
                raise self._wrong(f"{x!r}{where}", str(aval))
            return array
        array = x._buffer if type(x) is Array else np.asarray(x)
        if array.shape != aval.shape or array.dtype != aval.dtype:
            kind = f"{array.dtype}[{','.join(map(str, array.shape))}]"
            raise self._wrong(f"an array {kind}{where}", str(aval))
        return array

    def _wrong(self, got: str, promised: str) -> CallbackError:
        return CallbackError(
            f"{self.what}: {self.name} returned {got}, but {promised} was promised.",
            source=self.source,
            hint="Convert what it returns, for example x.astype(dtype), or promise what it returns "
            "(result_shape_dtypes).",
        )


def _of_number(x: bool | int | float, aval: Aval) -> np.ndarray | None:
    """A Python number as a rank-0 array of a dtype that it fits; None if it does not."""
    kind = "f" if aval.dtype.kind not in "biu" else aval.dtype.kind
    takes = {"b": (bool,), "i": (int,), "u": (int,), "f": (int, float)}[kind]
    if aval.shape or type(x) not in takes:
        return None
    try:
        return np.asarray(x).astype(aval.dtype) if kind == "f" else np.array(x, aval.dtype)
    except OverflowError:
        return None


def _shown(x: object) -> str:
    return repr(x) if len(repr(x)) <= 60 else type(x).__name__


@dataclass(frozen=True, slots=True, eq=False)
class EachLane:
    """A callback of batches that calls another one for each lane, in order.

    Attributes:
        inner: what is called.
        mapped: which operands have a leading batch axis.
        size: of that axis; all results have it.
    """

    inner: Callback
    mapped: tuple[bool, ...]
    size: int

    @property
    def what(self) -> str:
        """As in the inner one."""
        return self.inner.what

    @property
    def results(self) -> tuple[Aval, ...]:
        """The inner results, each with the batch axis in front."""
        return tuple([with_axis(aval, 0, self.size) for aval in self.inner.results])

    @property
    def __name__(self) -> str:
        return self.inner.__name__

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Call the inner function once for each lane."""
        outs = [np.empty(aval.shape, aval.dtype) for aval in self.results]
        for lane in range(self.size):
            pairs = zip(arrays, self.mapped, strict=True)
            found = self.inner(*[x[lane, ...] if mapped else x for x, mapped in pairs])
            for out, y in zip(outs, found, strict=True):
                out[lane] = y
        return outs
