"""Reach: the interval of an affine index, with what loop bounds and guards say."""

from __future__ import annotations

from collections.abc import Iterator

from fnx_xla_lite.loops.affine import Interval, add, interval, scale
from fnx_xla_lite.loops.ir import Affine


def bounded(index: Affine, ranges: dict[str, Interval], bounds: dict[str, Affine]) -> Interval:
    """Interval of ``index``; a variable with a bound also takes ``bound - 1`` at most."""
    low, high = interval(index, ranges)
    for name, coefficient in index.terms:
        if name not in bounds:
            continue
        # coefficient * name ranges between 0 and coefficient * (bound - 1).
        rest = add(index, Affine(((name, -coefficient),)))
        last = add(rest, scale(add(bounds[name], Affine((), -1)), coefficient))
        outer = {v: b for v, b in bounds.items() if v != name}
        least, most = bounded(rest, ranges, outer), bounded(last, ranges, outer)
        low, high = max(low, min(least[0], most[0])), min(high, max(least[1], most[1]))
    return low, high


def guarded(
    index: Affine, guards: tuple[tuple[Affine, int, int], ...]
) -> Iterator[tuple[Affine, int, int]]:
    """``index`` less a multiple of the guards' indices, and the range of that multiple."""
    low = high = 0
    for guard, lower, upper in guards:
        if lower >= upper or not guard.terms:
            continue  # nothing inside is ever read, or the guard says nothing of variables
        name, coefficient = guard.terms[-1]
        factor, odd = divmod(dict(index.terms).get(name, 0), coefficient)
        if not factor or odd:
            continue
        index = add(index, scale(guard, -factor))
        reach = factor * lower, factor * (upper - 1)
        low, high = low + min(reach), high + max(reach)
        yield index, low, high
