"""Equality: whether two jaxprs have the same structure; names and sources do not matter."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnx.core.array import Array
from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var


def equal(p: Jaxpr, q: Jaxpr) -> bool:
    """Whether two jaxprs bind, compute and return the same, step by step."""
    same_size = len(p.inputs) == len(q.inputs) and len(p.eqns) == len(q.eqns)
    if not same_size or len(p.outputs) != len(q.outputs) or len(p.consts) != len(q.consts):
        return False
    names: dict[Var, Var] = {}
    return (
        all(
            _bind(names, a, b) and _equal_values(x, y)
            for (a, x), (b, y) in zip(p.consts, q.consts, strict=True)
        )
        and all(_bind(names, a, b) for a, b in zip(p.inputs, q.inputs, strict=True))
        and all(_equal_eqns(names, a, b) for a, b in zip(p.eqns, q.eqns, strict=True))
        and all(_equal_atoms(names, a, b) for a, b in zip(p.outputs, q.outputs, strict=True))
    )


def _bind(names: dict[Var, Var], a: Var, b: Var) -> bool:
    names[a] = b
    return a.aval is b.aval


def _equal_eqns(names: dict[Var, Var], a: Eqn, b: Eqn) -> bool:
    return (
        a.primitive is b.primitive
        and len(a.inputs) == len(b.inputs)
        and len(a.outputs) == len(b.outputs)
        and all(_equal_atoms(names, x, y) for x, y in zip(a.inputs, b.inputs, strict=True))
        and _equal_values(dict(a.params), dict(b.params))
        and all(_bind(names, x, y) for x, y in zip(a.outputs, b.outputs, strict=True))
    )


def _equal_atoms(names: dict[Var, Var], a: Atom, b: Atom) -> bool:
    if isinstance(a, Literal) and isinstance(b, Literal):
        return a.aval is b.aval and _equal_values(a.value, b.value)
    return isinstance(a, Var) and names.get(a) is b


def _equal_values(x: Any, y: Any) -> bool:
    """Equality of parameters and constants; of arrays by their bits, so that nan equals nan."""
    if x is y:
        return True
    if type(x) is not type(y):
        return False
    if isinstance(x, Jaxpr):
        return equal(x, y)
    if isinstance(x, tuple | list):
        return len(x) == len(y) and all(_equal_values(a, b) for a, b in zip(x, y, strict=True))
    if isinstance(x, dict):
        return x.keys() == y.keys() and all(_equal_values(x[key], y[key]) for key in x)
    if isinstance(x, Array | np.ndarray | np.generic):
        a, b = np.asarray(x), np.asarray(y)
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(x, float):
        return x == y or (x != x and y != y)
    return bool(x == y)
