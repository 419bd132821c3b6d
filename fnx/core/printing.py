"""Printing: Jaxpr -> text, in JAX's notation. `fnx.core.text.parse` reads it back.

Stands below `fnx.core.ir`, so that jaxprs can print themselves; it knows nodes by their fields
only.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import dtype_name

if TYPE_CHECKING:
    from fnx.core.ir import Atom, Eqn, Jaxpr, Literal, Var

RESERVED = frozenset({"in", "let", "lambda", "True", "False", "None", "nan", "inf"})


def to_text(jaxpr: Jaxpr) -> str:
    """The text of a jaxpr. Names follow the order of binding: equal programs have equal texts."""
    return _jaxpr_text(jaxpr, indent=0)


def var_names() -> Iterator[str]:
    """The names of variables: a, b, ..., z, aa, ab, ..., without reserved words."""
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            name = "".join(letters)
            if name not in RESERVED:
                yield name


def _jaxpr_text(jaxpr: Jaxpr, indent: int) -> str:
    fresh = var_names()
    names: dict[Var, str] = {}

    def binder(var: Var) -> str:
        names[var] = next(fresh)
        return f"{names[var]}:{var.aval}"

    consts = "".join([f" {binder(var)}" for var, _ in jaxpr.consts])
    inputs = "".join([f" {binder(var)}" for var in jaxpr.inputs])
    lines = [_eqn_text(eqn, names, binder, indent + 4) for eqn in jaxpr.eqns]
    outputs = [_atom_text(atom, names) for atom in jaxpr.outputs]
    result = f"({', '.join(outputs)}{',' if len(outputs) == 1 else ''})"
    head = f"{{ lambda{consts} ;{inputs}. let"
    if len(lines) <= 1 and "\n" not in "".join(lines):
        return " ".join([head, *lines, "in", result, "}"])
    pad = " " * indent
    return "\n".join([head, *[f"{pad}    {line}" for line in lines], f"{pad}  in {result} }}"])


def _eqn_text(eqn: Eqn, names: dict[Var, str], binder: Any, indent: int) -> str:
    operands = [
        _atom_text(atom, names) for atom in eqn.inputs
    ]  # before the results get their names
    params = [f"{key}={_param_text(value, indent)}" for key, value in sorted(eqn.params.items())]
    operation = f"{eqn.primitive.name}[{' '.join(params)}]" if params else eqn.primitive.name
    results = [binder(var) for var in eqn.outputs]
    return " ".join([*results, "=", operation, *operands])


def _atom_text(atom: Atom, names: dict[Var, str]) -> str:
    return literal_text(atom) if hasattr(atom, "value") else names.get(atom, "<unbound>")


def literal_text(literal: Literal) -> str:
    """A literal, as in ``2.0:f32[]``."""
    return f"{scalar_text(literal.value)}:{literal.aval}"


def scalar_text(value: np.generic) -> str:
    """The shortest text of a NumPy scalar that reads back as the same bits."""
    if value.dtype.kind in "biu":
        return str(value.item())
    short = str(float(str(value)))
    return short if value.dtype.type(float(short)) == value else str(float(value))


def _param_text(value: Any, indent: int) -> str:
    if hasattr(value, "eqns"):
        return _jaxpr_text(value, indent)
    if isinstance(value, tuple | list):
        items = ", ".join([_param_text(x, indent) for x in value])
        return f"({items}{',' if len(value) == 1 else ''})"
    if isinstance(value, np.dtype):
        return dtype_name(value)
    if isinstance(value, np.generic):
        return f"{scalar_text(value)}:{dtype_name(value.dtype)}[]"
    if isinstance(value, bool | int | float | str | Aval) or value is None:
        return repr(value)
    return f"<{getattr(value, '__name__', type(value).__name__)}>"
