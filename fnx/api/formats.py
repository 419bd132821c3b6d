"""Formats: what `fnx.debug.print` makes of a format string and values, and a check of the two.

Arrays print as NumPy prints them. A format specification applies to each of their elements.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fnx import tree
from fnx.core.array import Array, as_buffer
from fnx.core.array_text import printable
from fnx.core.eager import aval_of, is_value
from fnx.core.sources import user_source
from fnx.errors import FnxValueError


def formatted(fmt: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """``fmt.format(*args, **kwargs)``, for arrays too."""
    args, kwargs = _map_values(_Shown, (args, kwargs))
    return fmt.format(*args, **kwargs)


def check_format(fmt: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Check that every field has its argument, every argument its field, and the formats fit.

    Raises:
        FnxValueError: with what does not.
    """
    try:
        examples, named = _map_values(_example, (args, kwargs))
        fmt.format(*examples, **named)
        used = set(_fields(fmt))
        unused = [str(i) for i in range(len(args)) if i not in used]
        unused += [name for name in kwargs if name not in used]
        complaint = f"no field shows argument {', '.join(unused)}" if unused else ""
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        complaint = _explain(error)
    if complaint:
        given = [str(i) for i in range(len(args))] + list(kwargs)
        raise FnxValueError(
            f"debug.print: the format {fmt!r} does not fit the arguments "
            f"({', '.join(given) or 'none'}): {complaint}.",
            source=user_source(),
            hint='Write fnx.debug.print("x = {x:.3f}", x=x); a brace is written {{ or }}. For an\n'
            "f-string, whose values are not known yet, write a plain string.",
        )


def _explain(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"there is no argument {error}"
    return str(error).rstrip(".")


def _fields(fmt: str) -> Iterator[int | str]:
    """The arguments that a format names, those in nested formats too."""
    count = 0
    for _, field, spec, _ in string.Formatter().parse(fmt):
        if field is None:
            continue
        first = field.split(".")[0].split("[")[0]
        if first:
            yield int(first) if first.isdigit() else first
        else:
            yield count
            count += 1
        for nested in _fields(spec or ""):
            yield nested
            count += 1


def _map_values(f: Callable[[Any], Any], x: Any) -> Any:
    return tree.map(lambda leaf: f(leaf) if is_value(leaf) else leaf, x)


def _example(x: Any) -> _Shown:
    """Zeros for a value that is not known yet."""
    aval = aval_of(x)
    return _Shown(np.broadcast_to(np.zeros((), aval.dtype), aval.shape), elements=1)


class _Shown:
    """An array as a format sees it."""

    def __init__(self, x: Any, elements: int | None = None) -> None:
        self._array = as_buffer(x._buffer if type(x) is Array else x)
        self._elements = elements

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        if not self._array.ndim:
            return _element(self._array[()], spec)
        array = self._array if self._elements is None else self._array.reshape(-1)[:1]
        return np.array2string(
            printable(array), formatter={"all": lambda element: _element(element, spec)}
        )

    def __str__(self) -> str:
        return str(printable(self._array) if self._array.ndim else self._array[()])

    __repr__ = __str__

    def __getitem__(self, index: Any) -> _Shown:
        return _Shown(self._array[index])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._array, name)


def _element(x: Any, spec: str) -> str:
    is_plain = isinstance(x, np.generic) and x.dtype.kind in "biuf"
    return format(x.item() if is_plain else float(x), spec)
