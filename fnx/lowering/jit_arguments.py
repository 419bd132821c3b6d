"""Jit arguments: which are static or donated, by position and by name; and static ones put back."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fnx.core.sources import user_source
from fnx.errors import FnxTypeError, did_you_mean


def with_statics(
    fun: Callable[..., Any], statics: Sequence[tuple[int | str, Any]]
) -> Callable[..., Any]:
    """``fun`` with its static arguments put back in their places."""
    named_statics = {where: value for where, value in statics if isinstance(where, str)}

    @functools.wraps(fun)
    def call(*moving: Any, **named: Any) -> Any:
        args = list(moving)
        for where, value in statics:
            if isinstance(where, int):
                args.insert(where, value)
        return fun(*args, **named, **named_statics)

    return call


def by_position_and_name(
    fun: Callable[..., Any], argnums: int | Sequence[int], argnames: str | Sequence[str], what: str
) -> tuple[frozenset[int], frozenset[str]]:
    """The arguments meant, by position and by name, both completed from the signature."""
    positions = set(argnums) if isinstance(argnums, Iterable) else {argnums}
    names = {argnames} if isinstance(argnames, str) else set(argnames)
    if not positions and not names:
        return frozenset(), frozenset()
    if any(type(p) is not int for p in positions) or any(type(n) is not str for n in names):
        raise FnxTypeError(
            f"jit: {what}_argnums are ints and {what}_argnames are strings, "
            f"got {argnums!r} and {argnames!r}.",
            source=user_source(),
            hint=f"Write {what}_argnums=(0, 1) or {what}_argnames=('n', 'mode').",
        )
    try:
        parameters = list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        return frozenset(positions), frozenset(names)
    order = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    any_more = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    any_named = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for position in positions:
        if not any_more and not -len(order) <= position < len(order):
            raise FnxTypeError(
                f"jit: {what}_argnums has {position}, but the function takes {len(order)} "
                "positional arguments.",
                source=user_source(),
                hint=f"Positions count from 0: the last one is {max(len(order) - 1, 0)}.",
            )
    known = {p.name for p in parameters}
    for name in names:
        if name not in known and not any_named:
            raise FnxTypeError(
                f"jit: {what}_argnames has {name!r}, but the function's arguments are "
                f"{sorted(known)}.",
                source=user_source(),
                hint=did_you_mean(name, known) or "Write the name of a parameter.",
            )
    positions = {p + len(order) if p < 0 else p for p in positions}
    names |= {order[p] for p in positions if p < len(order)}
    positions |= {order.index(n) for n in names if n in order}
    return frozenset(positions), frozenset(names)
