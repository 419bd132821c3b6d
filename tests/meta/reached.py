"""Which rules of which primitives run: recorders in place of the rules themselves."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

from fnx.core import infer
from fnx.core.primitive import REGISTRY, NotDifferentiable, NotLinear

SLOTS = ("type", "numpy", "jvp", "transpose", "batch", "lower", "split", "collect")
Slot = tuple[str, str]


def all_slots(collectives: bool = False) -> set[Slot]:
    """Every rule that there is, as (primitive, slot): of collectives, or of all others."""
    return {
        (name, slot)
        for name, primitive in REGISTRY.items()
        if (primitive.collect is not None) is collectives
        for slot in SLOTS
        if not isinstance(getattr(primitive, slot), NotDifferentiable | NotLinear | None)
    }


@contextlib.contextmanager
def recorded(collectives: bool = False) -> Iterator[set[Slot]]:
    """The rules that ran, as a set that grows."""
    found: set[Slot] = set()
    infer._signatures.clear()  # known signatures do not run the type rule again
    before = {(name, slot): getattr(REGISTRY[name], slot) for name, slot in all_slots(collectives)}
    for (name, slot), rule in before.items():
        object.__setattr__(REGISTRY[name], slot, _recording(found, (name, slot), rule))
    try:
        yield found
    finally:
        for (name, slot), rule in before.items():
            object.__setattr__(REGISTRY[name], slot, rule)


def _recording(found: set[Slot], key: Slot, rule):
    @functools.wraps(rule)
    def run(*args, **kwargs):
        found.add(key)
        return rule(*args, **kwargs)

    return run
