"""Inspection: make_jaxpr and eval_shape: what a function computes, without computing it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Hashable, Sequence
from typing import Any

from fnx import tree
from fnx.api.arguments import F
from fnx.core.flatten import FlatFunction, as_aval
from fnx.core.ir import Jaxpr
from fnx.core.named_axes import NamedSize
from fnx.core.trace import Trace, trace


def make_jaxpr(
    f: F,
    static_argnums: int | Sequence[int] = (),
    axis_env: Sequence[tuple[Hashable, int]] = (),
    return_shape: bool = False,
) -> F:
    """A function of the same arguments that returns the jaxpr of ``f``.

    Args:
        f: what to trace; its arguments can be arrays, numbers, or `ShapeDtypeStruct`
            objects.
        static_argnums: positional arguments that are given to ``f`` as they are.
        axis_env: names and sizes of axes that ``f`` may use in collectives, the outermost first.
        return_shape: return ``(jaxpr, shapes)``, with `eval_shape`'s result.

    >>> print(make_jaxpr(lambda x: x * 2.0)(1.0))
    { lambda ; a:f32~[]. let b:f32~[] = mul a 2.0:f32~[] in (b,) }
    """
    static = {static_argnums} if isinstance(static_argnums, int) else set(static_argnums)

    @functools.wraps(f, updated=())
    def jaxpr_of(*args: Any, **kwargs: Any) -> Any:
        with contextlib.ExitStack() as scope:
            for name, size in axis_env:
                scope.enter_context(Trace(stage_all=False, axis=NamedSize(size, name)))
            jaxpr, flat = _trace(f, args, kwargs, {i % len(args) for i in static})
        if not return_shape:
            return jaxpr
        assert flat.out_tree is not None
        return jaxpr, tree.unflatten(flat.out_tree, [a.aval for a in jaxpr.outputs])

    return jaxpr_of


def eval_shape(f: F, *args: Any, **kwargs: Any) -> Any:
    """Shapes and dtypes of the results of ``f``, without computing anything.

    Args:
        f: the function.
        *args: arrays, numbers, or `ShapeDtypeStruct` objects.
        **kwargs: the same.

    Returns:
        A pytree of `ShapeDtypeStruct` objects.

    >>> import numpy as np
    >>> eval_shape(lambda x: x * 2.0, np.ones((2, 3)))
    f64[2,3]
    """
    jaxpr, flat = _trace(f, args, kwargs, set())
    assert flat.out_tree is not None
    return tree.unflatten(flat.out_tree, [a.aval for a in jaxpr.outputs])


def _trace(
    f: F, args: tuple[Any, ...], kwargs: dict[str, Any], static: set[int]
) -> tuple[Jaxpr, FlatFunction]:
    dynamic = tuple([x for i, x in enumerate(args) if i not in static])

    def with_static(*given: Any, **kwargs: Any) -> Any:
        rest = iter(given)
        return f(*[x if i in static else next(rest) for i, x in enumerate(args)], **kwargs)

    leaves, in_tree = tree.flatten((dynamic, kwargs))
    flat = FlatFunction(with_static, in_tree)
    return trace(flat, [as_aval(x) for x in leaves]), flat
