"""Which rules of which primitives run: recorders in place of the rules themselves."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

from fnx.core import infer
from fnx.core.primitive import REGISTRY, NotDifferentiable, NotLinear

SLOTS = ("type", "numpy", "jvp", "transpose", "batch", "lower", "split")
Slot = tuple[str, str]


def all_slots() -> set[Slot]:
    """Every rule that there is: (primitive, slot)."""
    return {
        (name, slot)
        for name, primitive in REGISTRY.items()
        for slot in SLOTS
        if not isinstance(getattr(primitive, slot), NotDifferentiable | NotLinear | None)
    }


@contextlib.contextmanager
def recorded() -> Iterator[set[Slot]]:
    """The rules that ran, as a set that grows."""
    found: set[Slot] = set()
    infer._signatures.clear()  # known signatures do not run the type rule again
    before = {(name, slot): getattr(REGISTRY[name], slot) for name, slot in all_slots()}
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
