"""One by one: a batch whose lanes run one after the other.

Where lanes may take different ways, and what they do on them has effects, running all of them at
once would do what some of them must not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fnx.control.loops.scan import run
from fnx.control.loops.scan_parts import Application, Scan, Values, close_behind
from fnx.core.eager import aval_of
from fnx.core.trace import trace
from fnx.ops.layout import move_axis
from fnx.transforms.vmap import without_axis


def one_by_one(
    f: Callable[..., Sequence[Any]], inputs: Values, axes: tuple[int | None, ...], size: int
) -> tuple[Values, tuple[int, ...]]:
    """A batch rule: a scan over the lanes; all results are stacked.

    Args:
        f: the function of one lane.
        inputs: batches, and values that are the same for all lanes.
        axes: where each has its batch axis, or None.
        size: of the batch.
    """
    pairs = list(zip(inputs, axes, strict=True))
    consts = [x for x, axis in pairs if axis is None]
    xs = [move_axis(x, axis, 0) for x, axis in pairs if axis is not None]
    avals = [aval_of(x) for x in consts] + [without_axis(aval_of(x), 0) for x in xs]

    def step(*args: Any) -> Sequence[Any]:
        same, own = iter(args[: len(consts)]), iter(args[len(consts) :])
        return f(*[next(same) if axis is None else next(own) for axis in axes])

    body, hoisted = close_behind(trace(step, avals), len(consts))
    consts = [*consts, *hoisted]
    scan = Scan(body, len(consts), 0, size, reverse=False, unroll=1, counted=False)
    outs = run(Application(scan, consts, [], xs))
    return outs, (0,) * len(outs)
