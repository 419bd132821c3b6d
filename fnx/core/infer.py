"""Infer: the avals of a primitive's results, by its type rule, remembered per signature."""

from __future__ import annotations

from typing import Any

from fnx.core.avals import Aval
from fnx.core.primitive import Primitive
from fnx.core.sources import current_source
from fnx.errors import FnxTypeError

Avals = tuple[Aval, ...]

_MOST_SIGNATURES = 20_000
_signatures: dict[Any, Avals] = {}


def infer(primitive: Primitive, avals: Avals, params: dict[str, Any]) -> Avals:
    """The avals of ``primitive[params]`` applied to operands of these avals.

    Raises:
        FnxTypeError: if the operands do not fit; it shows the user's line.
    """
    if primitive.split is not None:  # its params hold jaxprs, which must not be kept alive here
        return _apply_type_rule(primitive, avals, params)
    key = (primitive, avals, tuple(params.items())) if params else (primitive, avals)
    try:
        known = _signatures.get(key)
    except TypeError:  # a parameter that cannot be hashed
        return _apply_type_rule(primitive, avals, params)
    if known is not None:
        return known
    if len(_signatures) >= _MOST_SIGNATURES:
        _signatures.clear()
    result = _signatures[key] = _apply_type_rule(primitive, avals, params)
    return result


def _apply_type_rule(primitive: Primitive, avals: Avals, params: dict[str, Any]) -> Avals:
    try:
        return tuple(primitive.type(*avals, **params))
    except FnxTypeError as error:
        if error.source is None:
            error.source = current_source()
        raise
