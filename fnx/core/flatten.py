"""Flatten: functions of pytrees as functions of flat values, and jaxprs without constants.

The helpers with which wrappers such as `grad` and `jit` stand on the flat core.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any

from fnx import tree
from fnx.core.array import Array
from fnx.core.avals import Aval
from fnx.core.eager import as_array, aval_of, is_value, not_a_value
from fnx.core.ir import Jaxpr
from fnx.core.sources import user_source
from fnx.core.trace import Tracer, trace
from fnx.errors import FnxTypeError


class FlatFunction:
    """A function of pytrees as one of leaves. After a call, ``out_tree`` is its result's structure.

    Args:
        f: called as ``f(*args, **kwargs)`` with ``(args, kwargs) = unflatten(in_tree, leaves)``.
        in_tree: the structure of ``(args, kwargs)``.
    """

    __slots__ = ("f", "in_tree", "out_tree")

    def __init__(self, f: Callable[..., Any], in_tree: tree.TreeDef) -> None:
        self.f = check_function(f)
        self.in_tree = in_tree
        self.out_tree: tree.TreeDef | None = None

    def __call__(self, *leaves: Any) -> list[Any]:
        """Call the function on leaves; the leaves of its result."""
        args, kwargs = tree.unflatten(self.in_tree, leaves)
        out = self.f(*args, **kwargs)
        out_leaves, self.out_tree = tree.flatten(out)
        self._check(out, out_leaves)
        return out_leaves

    def _check(self, out: Any, leaves: list[Any]) -> None:
        if all(is_value(x) for x in leaves):
            return
        path, bad = next((p, x) for p, x in tree.flatten_with_path(out)[0] if not is_value(x))
        raise FnxTypeError(
            f"{name_of(self.f)}: results must be arrays or numbers, got {type(bad).__name__} "
            f"at result{path}: {bad!r:.80}",
            source=user_source(),
            hint="Return it as auxiliary data (has_aux=True) where that is possible, or drop it.",
        )


def check_function(f: Any) -> Callable[..., Any]:
    """The function; an error if it is none."""
    if callable(f):
        return f
    raise FnxTypeError(
        f"expected a function, got {getattr(f, 'aval', f)!s:.60} ({type(f).__name__}).",
        source=user_source(),
        hint="Pass the function itself, not what it returns: fnx.grad(f)(x), not fnx.grad(f(x)).",
    )


def place_of(f: Callable[..., Any]) -> str:
    """The name of a function and the line of its definition, for messages about rules."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    if code is None:
        return name_of(f)
    return f"{name_of(f)} ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"


def name_of(f: Callable[..., Any]) -> str:
    """The name of a function, for messages and programs."""
    inner = getattr(f, "func", f)  # functools.partial
    return getattr(inner, "__name__", type(inner).__name__)


def as_value(x: object) -> Array | Tracer:
    """A leaf that a user passed, as a value that no one can write to: NumPy arrays are copied.

    Raises:
        FnxTypeError: if it is neither an array nor a number.
    """
    if type(x) is Array or type(x) is Tracer:
        return x
    if not is_value(x):
        raise not_a_value(x)
    array = as_array(x)
    return as_array(array._buffer.copy()) if array._buffer is x else array


def is_described(x: object) -> bool:
    """Whether something that is no value has a shape and a dtype: it can be traced, not run."""
    return hasattr(x, "shape") and hasattr(x, "dtype")


def as_aval(x: object) -> Aval:
    """The aval of a leaf that is traced but not computed: of a value, or whatever has both parts.

    Raises:
        FnxTypeError: if it has no shape or no dtype.
    """
    if isinstance(x, Aval):
        return x
    if not is_value(x) and is_described(x):
        return Aval.of(tuple(x.shape), x.dtype, bool(getattr(x, "weak_type", False)))
    return aval_of(x)


def close(jaxpr: Jaxpr) -> tuple[Jaxpr, tuple[Any, ...]]:
    """Make constants inputs, in front of the others; the closed jaxpr, and their values."""
    if not jaxpr.consts:
        return jaxpr, ()
    variables = tuple([var for var, _ in jaxpr.consts])
    closed = Jaxpr(variables + jaxpr.inputs, jaxpr.eqns, jaxpr.outputs)
    return closed, tuple([value for _, value in jaxpr.consts])


def trace_closed(
    f: Callable[..., Sequence[Any]], avals: Sequence[Aval]
) -> tuple[Jaxpr, tuple[Any, ...]]:
    """Trace a flat function, and hoist what it closes over into leading inputs.

    Returns:
        A jaxpr without constants, of ``(*consts, *args)``, and the values of the constants. These
        may be tracers of enclosing traces: then the jaxpr can be reused, but those values cannot.
    """
    return close(trace(f, avals))
