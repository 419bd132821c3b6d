"""Written: the index that the user wrote, from the one that an operation got.

``x[i]`` counts negative indices from the end, and clamps those that do not fit in its index dtype,
before it gathers. Here that is followed back, element by element, to the value that came in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from fnx.checks.inline import Flat
from fnx.core.ir import Atom, Eqn, Literal, Var

Place = tuple[int, ...]
Producers = Mapping[Var, Eqn]
Back = tuple[Atom, Place]


def producers_of(flat: Flat) -> dict[Var, Eqn]:
    """The equation that makes each variable."""
    return {v: step.eqn for step in flat.steps for v in step.eqn.outputs}


def written_as(producers: Producers, atom: Atom, place: Place) -> Back:
    """The variable that came in, and the place in it, for an element of an array of indices."""
    while type(atom) is Var and atom in producers:
        eqn = producers[atom]
        rule = _RULES.get(eqn.primitive.name)
        found = None if rule is None else rule(producers, eqn, place)
        if found is None:
            break
        atom, place = found
    return atom, place


def chains(flat: Flat) -> set[Var]:
    """The variables that `written_as` may come to, from the indices of all equations."""
    producers, found = producers_of(flat), set()
    todo = [
        a
        for step in flat.steps
        if step.eqn.primitive.name in _INDEXING
        for a in step.eqn.inputs[1:]
        if a.aval.dtype.kind in "iu"
    ]
    while todo:
        atom = todo.pop()
        if type(atom) is Var and atom not in found:
            found.add(atom)
            eqn = producers.get(atom)
            todo += eqn.inputs if eqn is not None and eqn.primitive.name in _RULES else ()
    return found


_INDEXING = frozenset({"gather", "scatter", "dynamic_slice", "dynamic_update_slice"})


def _reshape(producers: Producers, eqn: Eqn, place: Place) -> Back:
    number = int(np.ravel_multi_index(place, eqn.outputs[0].aval.shape)) if place else 0
    shape = eqn.inputs[0].aval.shape
    return eqn.inputs[0], tuple([int(i) for i in np.unravel_index(number, shape)] if shape else ())


def _concatenate(producers: Producers, eqn: Eqn, place: Place) -> Back:
    axis = eqn.params["dimension"]
    at = place[axis]
    for atom in eqn.inputs:
        size = atom.aval.shape[axis]
        if at < size:
            return atom, (*place[:axis], at, *place[axis + 1 :])
        at -= size
    raise AssertionError("a place outside of its array")


def _broadcast(producers: Producers, eqn: Eqn, place: Place) -> Back:
    pairs = zip(eqn.inputs[0].aval.shape, eqn.params["dimensions"], strict=True)
    return eqn.inputs[0], tuple([0 if size == 1 else place[d] for size, d in pairs])


def _operand(number: int) -> Callable[[Producers, Eqn, Place], Back]:
    def rule(producers: Producers, eqn: Eqn, place: Place) -> Back:
        atom = eqn.inputs[number]
        return atom, place if atom.aval.shape else ()

    return rule


def _select(producers: Producers, eqn: Eqn, place: Place) -> Back | None:
    """``select(i < 0, i + n, i)``, which counts from the end."""
    wrapped, plain = eqn.inputs[1:]
    added = producers.get(wrapped) if type(wrapped) is Var else None
    if added is None or added.primitive.name != "add" or type(added.inputs[1]) is not Literal:
        return None
    if added.inputs[0] is not plain:
        return None
    return plain, place


_RULES: dict[str, Callable[[Producers, Eqn, Place], Back | None]] = {
    "reshape": _reshape,
    "concatenate": _concatenate,
    "broadcast_in_dim": _broadcast,
    "convert": _operand(0),
    "clamp": _operand(1),
    "select": _select,
}
