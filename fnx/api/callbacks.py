"""Callbacks: Python functions that are called while a program runs, jitted or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fnx import tree
from fnx.control.effects.callback import VMAP_METHODS, io_callback_p, pure_callback_p
from fnx.control.effects.user_callback import UserCallback
from fnx.core.avals import Aval
from fnx.core.dtypes import as_dtype
from fnx.core.flatten import as_value, name_of
from fnx.core.sources import user_source
from fnx.core.trace import bind
from fnx.errors import FnxTypeError, FnxValueError

F = Callable[..., Any]


def pure_callback(
    callback: F,
    result_shape_dtypes: Any,
    *args: Any,
    vmap_method: str | None = None,
    **kwargs: Any,
) -> Any:
    """Call a pure Python function of arrays, whose results are arrays of known shape.

    Where nobody reads the results it need not be called, and two equal calls may become one.

    Args:
        callback: ``callback(*args, **kwargs)``; it is given read-only NumPy arrays, and returns a
            pytree of arrays or numbers.
        result_shape_dtypes: what it returns: a pytree of anything with ``shape`` and ``dtype``, as
            `fnx.ShapeDtypeStruct`.
        *args: pytrees of arrays.
        vmap_method: what becomes of it under `vmap`: ``"sequential"`` calls it for each lane;
            ``"expand_dims"`` calls it once, with arguments and results that have a leading axis (of
            size 1, where an argument is not mapped); ``"broadcast_all"`` too, with that axis
            repeated.
        **kwargs: pytrees of arrays.

    Returns:
        The results, as fnx arrays.

    Raises:
        CallbackError: it returned something else than was promised.
        DerivativeError: it is to be differentiated; see `custom_jvp` and `custom_vjp`.

    >>> import numpy as np
    >>> from fnx import jit, ShapeDtypeStruct
    >>> float(jit(lambda x: pure_callback(np.sin, ShapeDtypeStruct((), "float32"), x))(0.0))
    0.0
    """
    if vmap_method is not None and vmap_method not in VMAP_METHODS:
        raise FnxValueError(
            f"pure_callback: vmap_method must be one of {', '.join(VMAP_METHODS)}, or None, got "
            f"{vmap_method!r}.",
            source=user_source(),
        )
    values, made = _with_results("pure_callback", callback, result_shape_dtypes, args, kwargs)
    outs = bind(pure_callback_p, *values, callback=made, vmap_method=vmap_method)
    return tree.unflatten(made.out_tree, outs)


def io_callback(
    callback: F, result_shape_dtypes: Any, *args: Any, ordered: bool = False, **kwargs: Any
) -> Any:
    """Call a Python function with side effects: exactly once each time that control comes by.

    Args:
        callback: as in `pure_callback`. Under `vmap` it is called for each lane, in order.
        result_shape_dtypes: as in `pure_callback`; None for a function that returns None.
        *args: pytrees of arrays.
        ordered: as JAX has it; here all callbacks happen in program order anyway.
        **kwargs: pytrees of arrays.

    Returns:
        The results, as fnx arrays.

    Raises:
        CallbackError: it returned something else than was promised.
        DerivativeError: it is to be differentiated; see `custom_jvp` and `custom_vjp`.

    >>> seen = []
    >>> io_callback(lambda x: seen.append(int(x)), None, 3)
    >>> seen
    [3]
    """
    values, made = _with_results("io_callback", callback, result_shape_dtypes, args, kwargs)
    return tree.unflatten(made.out_tree, bind(io_callback_p, *values, callback=made))


def _with_results(
    what: str, callback: F, promised: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], UserCallback]:
    """The operands of a callback whose results are promised, and the callback."""
    check_callable(what, callback)
    specs, out_tree = tree.flatten(promised)
    results = tuple([_promised(what, spec) for spec in specs])
    leaves, in_tree = tree.flatten((args, kwargs))

    def flat(*arrays: Any) -> Any:
        given, named = tree.unflatten(in_tree, arrays)
        return callback(*given, **named)

    made = UserCallback(what, name_of(callback), flat, results, out_tree, user_source())
    return [as_value(x) for x in leaves], made


def _promised(what: str, spec: Any) -> Aval:
    """The aval of anything with a shape and a dtype."""
    shape, dtype = getattr(spec, "shape", None), getattr(spec, "dtype", None)
    if shape is None or dtype is None:
        raise FnxTypeError(
            f"{what}: result_shape_dtypes must be a pytree of things with a shape and a dtype, got "
            f"{type(spec).__name__}: {spec!r:.60}",
            source=user_source(),
            hint='Write fnx.ShapeDtypeStruct((3,), "float32"), or pass an array of that shape.',
        )
    return Aval.of(tuple(shape), as_dtype(dtype))


def check_callable(what: str, callback: object) -> None:
    """Check that a callback can be called."""
    if not callable(callback):
        raise FnxTypeError(
            f"{what}: the callback must be a function, got {type(callback).__name__}: "
            f"{callback!r:.60}",
            source=user_source(),
        )
