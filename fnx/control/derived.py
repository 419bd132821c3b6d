"""Derived: programs made from a jaxpr by a transform, remembered as long as the jaxpr lives.

So the gradient of a jitted function is the same program in every call, and is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from fnx.core.ir import Jaxpr
from fnx.core.named_axes import NamedSize, name_of_axis
from fnx.core.trace import has_tracers

T = TypeVar("T")


def derived(jaxpr: Jaxpr, key: Hashable, make: Callable[[], T]) -> T:
    """What ``make()`` returned for this jaxpr and key the first time.

    Args:
        jaxpr: what the program is derived from; a closed one.
        key: by which transform, with which parameters.
        make: makes it. A result that holds tracers of an enclosing trace (through a custom rule
            that closes over them) is not remembered.
    """
    known = jaxpr.memo
    if isinstance(key, tuple):  # a named size equals one without a name
        key = (*key, *[name_of_axis(part) for part in key if type(part) is NamedSize])
    if key in known:
        return known[key]
    result = make()
    if not _holds_tracers(result):
        known[key] = result
    return result


def _holds_tracers(x: object) -> bool:
    if isinstance(x, Jaxpr):
        return has_tracers([value for _, value in x.consts])
    if isinstance(x, tuple | list):
        return has_tracers(x) or any(_holds_tracers(y) for y in x)
    return False
