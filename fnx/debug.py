"""Debug: look at values while a program runs, jitted or not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from fnx import tree
from fnx.api.callbacks import check_callable
from fnx.api.formats import check_format, formatted
from fnx.control.effects.callback import debug_callback_p
from fnx.control.effects.user_callback import UserCallback
from fnx.core.eager import is_value
from fnx.core.flatten import as_value, name_of
from fnx.core.sources import user_source
from fnx.core.trace import bind
from fnx.core.tracebacks import publish as _publish
from fnx.errors import FnxTypeError

__all__ = ["callback", "print"]

F = Callable[..., Any]


def callback(callback: F, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Call a Python function that looks at values, and returns nothing.

    It runs exactly once each time that control comes by, in program order: under `jit` too; under
    `grad` and `jvp` with the primals, in the forward pass; under `vmap` for each lane.

    Args:
        callback: ``callback(*args, **kwargs)``; it is given read-only NumPy arrays. What it returns
            is ignored.
        *args: pytrees of arrays; other leaves are passed as they are.
        ordered: as JAX has it; here all callbacks happen in program order anyway.
        **kwargs: the same.

    >>> import fnx.numpy as fnp
    >>> seen = []
    >>> callback(lambda x: seen.append(float(x.sum())), fnp.ones(3))
    >>> seen
    [3.0]
    """
    _look("debug.callback", callback, args, kwargs)


def _look(what: str, callback: F, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Bind a callback that returns nothing; leaves that are no values are no operands."""
    check_callable(what, callback)
    leaves, in_tree = tree.flatten((args, kwargs))
    places = [i for i, x in enumerate(leaves) if is_value(x)]
    static = [None if is_value(x) else x for x in leaves]

    def flat(*arrays: Any) -> None:
        full = list(static)
        for place, array in zip(places, arrays, strict=True):
            full[place] = array
        given, named = tree.unflatten(in_tree, full)
        callback(*given, **named)

    made = UserCallback(what, name_of(callback), flat, source=user_source())
    bind(debug_callback_p, *[as_value(leaves[i]) for i in places], callback=made)


def print(
    fmt: str, *args: Any, ordered: bool = False, skip_format_check: bool = False, **kwargs: Any
) -> None:
    """Print values while the program runs: ``fmt.format(*args, **kwargs)``, to the standard output.

    It runs as `callback` does. A format such as ``{x:.3f}`` is applied to every element.

    Args:
        fmt: a format string, whose fields are the arguments.
        *args: pytrees of arrays; anything else is printed as it is.
        ordered: as JAX has it; here everything is printed in program order anyway.
        skip_format_check: do not check, before anything runs, that the fields fit the arguments.
        **kwargs: arguments by name.

    Raises:
        FnxValueError: the fields of ``fmt`` do not fit the arguments.

    >>> import fnx
    >>> f = fnx.jit(lambda x: fnx.debug.print("x = {x:.2f}", x=x))
    >>> f(1.0)
    x = 1.00
    """
    if not isinstance(fmt, str):
        raise FnxTypeError(
            f"debug.print: the format must be a string, got {type(fmt).__name__}.",
            source=user_source(),
            hint='Write fnx.debug.print("x = {x}", x=x).',
        )
    if not skip_format_check:
        check_format(fmt, args, kwargs)

    def show(*given: Any, **named: Any) -> None:
        sys.stdout.write(formatted(fmt, given, named) + "\n")

    _look("debug.print", show, args, kwargs)


_publish(globals())
