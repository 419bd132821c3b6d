"""Looping: a function of arrays as the body of a loop whose result is the function's own.

Arguments come to the body by every way: carried, read row by row, closed over. A loop runs one or
two steps, and the last one must get the arguments: a step before it gets them turned round, and so
does a step too many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fnx.control.loops.fori_loop import fori_loop
from fnx.control.loops.scan import scan
from fnx.control.loops.while_loop import while_loop
from fnx.core.avals import Aval
from fnx.core.dtypes import BOOL
from fnx.core.eager import aval_of
from fnx.core.trace import trace
from fnx.ops.comparison import gt, lt, select
from fnx.ops.conversion import convert
from fnx.ops.families import add
from fnx.ops.joining import concatenate, reverse
from fnx.ops.layout import broadcast_in_dim, expand, reshape
from fnx.ops.slicing import slice as slice_of
from fnx.transforms.zeros import zeros

F = Callable[..., Sequence[Any]]


def as_scan(f: F) -> F:
    """``f`` in a scan of two steps: results are the last carry, or the last row of the ys."""

    def scanned(*args: Any) -> Any:
        if not args:
            return f()
        first = aval_of(args[0]).ndim
        roles = [(first + i) % 3 for i in range(len(args))]
        carried, moving = _of_role(args, roles, 0), _of_role(args, roles, 1)

        def step(carry: Any, row: Any) -> Any:
            here, other, _ = carry
            outs = tuple(f(*_assembled(args, roles, here, row)))
            return (other, here, outs), outs

        backwards = bool(first % 2)
        init = (_turned(carried), carried, _results(f, args))
        xs = [_rows(x, backwards) for x in moving]
        (_, _, last), ys = scan(step, init, xs, 2, backwards)
        pairs = enumerate(zip(last, ys, strict=True))
        return tuple([x if i % 2 else _row(y, int(not backwards)) for i, (x, y) in pairs])

    return scanned


def as_fori(f: F) -> F:
    """``f`` in a loop over two integers."""

    def looped(*args: Any) -> Any:
        if not args:
            return f()
        roles = [i % 2 for i in range(len(args))]
        carried = _of_role(args, roles, 0)

        def step(i: Any, value: Any) -> Any:
            here, other, _ = value
            return other, here, tuple(f(*_assembled(args, roles, here, ())))

        return fori_loop(0, 2, step, (_turned(carried), carried, _results(f, args)))[2]

    return looped


def as_while(f: F) -> F:
    """``f`` in a loop of one or two steps, as its first argument says; in a batch of both."""

    def looped(*args: Any) -> Any:
        if not args:
            return f()
        roles = [i % 2 for i in range(len(args))]
        carried = _of_role(args, roles, 0)
        steps = add(convert(is_positive(args[0]), dtype=np.dtype(np.int32)), np.int32(1))

        def step(value: Any) -> Any:
            i, here, other, _ = value
            outs = tuple(f(*_assembled(args, roles, here, ())))
            return add(i, np.int32(1)), other, here, outs

        pairs = list(zip(carried, _turned(carried), strict=True))
        once = lt(steps, np.int32(2))
        here = tuple([_either(once, x, y) for x, y in pairs])
        other = tuple([_either(once, y, x) for x, y in pairs])
        init = (np.int32(0), here, other, _results(f, args))
        return while_loop(lambda value: lt(value[0], steps), step, init, max_steps=3)[3]

    return looped


def _of_role(args: Sequence[Any], roles: Sequence[int], role: int) -> tuple[Any, ...]:
    return tuple([x for x, own in zip(args, roles, strict=True) if own == role])


def _assembled(
    args: Sequence[Any], roles: Sequence[int], carried: Sequence[Any], row: Sequence[Any]
) -> list[Any]:
    sources = {0: iter(carried), 1: iter(row)} if row else {0: iter(carried)}
    pairs = zip(args, roles, strict=True)
    return [next(sources[role]) if role in sources else x for x, role in pairs]


def _results(f: F, args: Sequence[Any]) -> tuple[Any, ...]:
    """Zeros in the place of the results."""
    outputs = trace(f, [aval_of(x) for x in args]).outputs
    return tuple([zeros(Aval.of(a.aval.shape, a.aval.dtype)) for a in outputs])


def _turned(values: Sequence[Any]) -> tuple[Any, ...]:
    """The same elements in another order."""
    return tuple([reverse(x, dimensions=tuple(range(aval_of(x).ndim))) for x in values])


def _rows(x: Any, is_first: bool) -> Any:
    """Two rows: ``x``, and its elements in another order."""
    rows = [expand(y, 1, 0) for y in (*_turned([x]), x)]
    return concatenate(*(rows[::-1] if is_first else rows), dimension=0)


def _either(pred: Any, x: Any, y: Any) -> Any:
    return select(broadcast_in_dim(pred, shape=aval_of(x).shape, dimensions=()), x, y)


def _row(x: Any, index: int) -> Any:
    """One row of two."""
    shape = aval_of(x).shape
    start, limit = [0] * len(shape), list(shape)
    start[0], limit[0] = index, index + 1
    part = slice_of(x, start=tuple(start), limit=tuple(limit), strides=(1,) * len(shape))
    return reshape(part, shape=shape[1:])


def is_positive(x: Any) -> Any:
    """Whether the first element is; a rank-0 boolean. It differs between rows that are permuted."""
    aval = aval_of(x)
    if not aval.size:
        return np.bool_(False)
    ones = (1,) * aval.ndim
    first = reshape(slice_of(x, start=(0,) * aval.ndim, limit=ones, strides=ones), shape=())
    return first if aval.dtype == BOOL else gt(first, aval.dtype.type(0))
