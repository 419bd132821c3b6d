"""Rule checks: the rules of a primitive made outside of fnx, with what they return checked.

Input: a rule as its author wrote it. Output: the same rule, which raises `RuleError` where it
returns the wrong number of results, or a result of the wrong shape or dtype. Rules of fnx are not
wrapped: the laws of `tests/` check those.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from fnx.core.avals import Aval
from fnx.core.dtypes import BOOL, FLOATS, dtype_name
from fnx.core.sources import USERS, Source, current_source, owner
from fnx.errors import RuleError

Rule = Callable[..., Any]

_SIGNATURES = {
    "type": "type(*avals, **params) -> a tuple of avals",
    "numpy": "numpy(xp, *arrays, **params) -> a tuple of arrays",
    "jvp": "jvp(primals, tangents, outs, **params) -> a tuple of tangents, None for zero",
    "transpose": "transpose(cts, inputs, **params) -> a tuple with a cotangent for each input\n"
    "that is a Linear, and None for the others",
    "batch": "batch(inputs, axes, size, **params) -> (outs, out_axes)",
    "lower": "lower(b, *operands, **params) -> a tuple of HLO values",
}


def checked_rules(primitive: Any) -> dict[str, Rule]:
    """The rules that the user wrote, checked; none for a primitive of ours."""
    if primitive.split is not None:  # its rules have other signatures
        return {}
    found = {}
    for kind in _SIGNATURES:
        rule = getattr(primitive, kind)
        if type(rule) is FunctionType and owner(rule.__code__, rule.__globals__) is USERS:
            found[kind] = functools.partial(_CHECKS[kind], primitive, rule)
    return found


def _rule_error(
    primitive: Any, kind: str, rule: Rule, wrong: str, source: Source | None = None
) -> RuleError:
    code = inspect.unwrap(rule).__code__
    place = f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}"
    return RuleError(
        f"{primitive.name}: the {kind} rule ({place}) {wrong}.",
        source=source or current_source(),
        hint=f"Its signature is {_SIGNATURES[kind]}.",
    )


def _as_tuple(
    primitive: Any, kind: str, rule: Rule, results: Any, wanted: int, what: str
) -> tuple[Any, ...]:
    if not isinstance(results, tuple | list):
        wrong = f"must return a tuple of {wanted} {what}, got {_brief(results)}"
        raise _rule_error(primitive, kind, rule, wrong)
    if len(results) != wanted:
        wrong = f"must return {wanted} {what}, got {len(results)}"
        raise _rule_error(primitive, kind, rule, wrong)
    return tuple(results)


def _brief(x: Any) -> str:
    return str(getattr(x, "aval", type(x).__name__))


def _shape_and_dtype(x: Any) -> tuple[tuple[int, ...], Any]:
    aval = getattr(x, "aval", x)
    return tuple(getattr(aval, "shape", np.shape(x))), getattr(aval, "dtype", None)


def _check_each(
    primitive: Any, kind: str, rule: Rule, results: Sequence[Any], avals: Sequence[Aval], what: str
) -> None:
    """Every result that is not None has the shape and dtype of its aval; numbers fit rank 0."""
    for i, (x, aval) in enumerate(zip(results, avals, strict=True)):
        if x is None:
            continue
        shape, dtype = _shape_and_dtype(x)
        if shape != aval.shape or (dtype is not None and dtype != aval.dtype):
            wrong = f"returns {what} {i} as {_brief_array(x)}, expected {aval.strong()}"
            raise _rule_error(primitive, kind, rule, wrong)


def _brief_array(x: Any) -> str:
    shape, dtype = _shape_and_dtype(x)
    return f"{dtype_name(dtype) if dtype is not None else type(x).__name__}{list(shape)}"


def _type(primitive: Any, rule: Rule, *avals: Aval, **params: Any) -> tuple[Aval, ...]:
    results = rule(*avals, **params)
    if not isinstance(results, tuple | list) or not all(isinstance(x, Aval) for x in results):
        wrong = f"must return a tuple of avals, got {results!r:.60}"
        raise _rule_error(primitive, "type", rule, wrong)
    return tuple(results)


def _numpy(primitive: Any, rule: Rule, xp: Any, *arrays: Any, **params: Any) -> tuple[Any, ...]:
    avals = primitive.type(*[Aval.of(x.shape, x.dtype) for x in arrays], **params)
    results = rule(xp, *arrays, **params)
    results = _as_tuple(primitive, "numpy", rule, results, len(avals), "arrays")
    for i, (x, aval) in enumerate(zip(results, avals, strict=True)):
        if np.shape(x) != aval.shape:
            wrong = f"returns result {i} in shape {np.shape(x)}, the type rule says {aval}"
            raise _rule_error(primitive, "numpy", rule, wrong)
    return results


def _jvp(
    primitive: Any, rule: Rule, primals: Any, tangents: Any, outs: Any, **params: Any
) -> tuple[Any, ...]:
    results = rule(primals, tangents, outs, **params)
    results = _as_tuple(primitive, "jvp", rule, results, len(outs), "tangents")
    floats = [y.aval.dtype in FLOATS for y in outs]
    results = tuple([t if is_float else None for t, is_float in zip(results, floats, strict=True)])
    _check_each(primitive, "jvp", rule, results, [y.aval for y in outs], "tangent")
    return results


def _transpose(primitive: Any, rule: Rule, cts: Any, inputs: Any, **params: Any) -> tuple[Any, ...]:
    results = rule(cts, inputs, **params)
    results = _as_tuple(primitive, "transpose", rule, results, len(inputs), "cotangents")
    avals = [getattr(x, "aval", None) or Aval.of(np.shape(x), np.result_type(x)) for x in inputs]
    _check_each(primitive, "transpose", rule, results, avals, "cotangent")
    return results


def _batch(
    primitive: Any, rule: Rule, inputs: Any, axes: Any, size: int, **params: Any
) -> tuple[tuple[Any, ...], tuple[int | None, ...]]:
    pair = rule(inputs, axes, size, **params)
    both = isinstance(pair, tuple | list) and len(pair) == 2
    if not both or not all(isinstance(x, tuple | list) for x in pair) or len({*map(len, pair)}) > 1:
        wrong = f"must return a pair of equally long tuples (outs, out_axes), got {pair!r:.60}"
        raise _rule_error(primitive, "batch", rule, wrong)
    outs, out_axes = tuple(pair[0]), tuple(pair[1])
    for i, (x, axis) in enumerate(zip(outs, out_axes, strict=True)):
        shape = _shape_and_dtype(x)[0]
        if axis is not None and not (0 <= axis < len(shape) and shape[axis] == size):
            wrong = f"returns result {i} as {_brief_array(x)}, expected size {size} at axis {axis}"
            raise _rule_error(primitive, "batch", rule, wrong)
    return outs, out_axes


def _lower(primitive: Any, rule: Rule, b: Any, *operands: Any, **params: Any) -> tuple[Any, ...]:
    results = rule(b, *operands, **params)
    if not isinstance(results, tuple | list):
        wrong = f"must return a tuple of HLO values, got {type(results).__name__}"
        raise _rule_error(primitive, "lower", rule, wrong)
    return tuple(results)


def check_lowered(
    primitive: Any, results: Sequence[Any], avals: Sequence[Aval], source: Source | None
) -> None:
    """Check the HLO values that a user's ``lower`` rule made, against the type rule.

    Args:
        primitive: whose rule it is.
        results: what it returned.
        avals: the types of its results.
        source: the user's line that applies the primitive.

    Raises:
        RuleError: another number of values, or one of another shape or element type.
    """
    lower = primitive.lower
    if not (isinstance(lower, functools.partial) and lower.func is _lower):
        return
    rule = lower.args[1]
    if len(results) != len(avals):
        wrong = f"must return {len(avals)} HLO values, got {len(results)}"
        raise _rule_error(primitive, "lower", rule, wrong, source)
    for i, (x, aval) in enumerate(zip(results, avals, strict=True)):
        element = "i1" if aval.dtype == BOOL else dtype_name(aval.dtype)
        got = x.type.dtype.lower().replace("ui", "u")  # StableHLO writes ui32 and f8E4M3FN
        if tuple(x.type.shape) != aval.shape or got != element.replace("_", ""):
            wrong = f"returns value {i} as {x.type}, the type rule says {aval}"
            raise _rule_error(primitive, "lower", rule, wrong, source)


_CHECKS: dict[str, Rule] = {
    "type": _type,
    "numpy": _numpy,
    "jvp": _jvp,
    "transpose": _transpose,
    "batch": _batch,
    "lower": _lower,
}
