"""Error values: what a functional program returns beside its result: which check failed first.

An `Error` is a pytree: it passes through jit, vmap, scan and cond like any other value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fnx import tree
from fnx.checks.kinds import ERRORS
from fnx.control.effects.assertion import format_message
from fnx.core.array import Array
from fnx.core.sources import Source, user_source
from fnx.core.tracer import Tracer
from fnx.errors import CheckError, FnxValueError


@dataclass(frozen=True, slots=True)
class Site:
    """A check of a program.

    Attributes:
        kind: its kind.
        primitive: the operation.
        message: a format string; for "user" the user's own.
        names: names of the last values that it is formatted with.
        shape: of the elements that are counted by the first value; None where none is.
        source: the user's line.
    """

    kind: str
    primitive: str
    message: str
    names: tuple[str, ...]
    shape: tuple[int, ...] | None
    source: Source | None

    def text(self, values: tuple[Any, ...]) -> str:
        """The message for these values."""
        if self.shape is not None:
            place = tuple(int(i) for i in np.unravel_index(int(values[0]), self.shape))
            values = (f" at element {place}" if place else "", *values[1:])
        return format_message(self.message, self.names, values)


@dataclass(frozen=True, slots=True, eq=False)
class Error:
    """Which check failed first, if one did.

    Attributes:
        code: 0, or the number of a site, counted from 1; an integer of rank 0, or batched.
        values: for each site, the values of its message.
        sites: the checks of the program.
    """

    code: Any
    values: tuple[tuple[Any, ...], ...]
    sites: tuple[Site, ...]

    def get(self) -> str | None:
        """The message; None if nothing failed. For batched errors those of all that failed."""
        found = self._all()
        if not found:
            return None
        return "\n".join(
            [f"at mapped index {place}: {e}" if place else str(e) for place, e in found]
        )

    def throw(self) -> None:
        """Raise the error, if there is one.

        Raises:
            CheckError: of the kind of the check.
        """
        found = self._all()
        if not found:
            return
        if found[0][0]:
            raise type(found[0][1])(self.get() or "")
        raise found[0][1]

    def _all(self) -> list[tuple[str, CheckError]]:
        """The errors, each with its place in a batch."""
        if isinstance(self.code, Tracer) and self.code._value is None:
            raise FnxValueError(
                "checkify: an error value was asked for its message, or thrown, where it is not "
                "known: the program is being traced.",
                source=user_source(),
                hint="Return it beside the result, and call err.throw() outside of jit and vmap;\n"
                "or write fnx.checkify.check_error(err) inside of another checkify.",
            )
        codes = np.asarray(self.code)
        places = np.argwhere(codes != 0) if codes.ndim else [()] * int(codes != 0)
        return [(", ".join(map(str, p)), self._one(codes, tuple(p))) for p in places]

    def _one(self, codes: np.ndarray, place: tuple[int, ...]) -> CheckError:
        number = int(codes[place]) - 1
        site = self.sites[number]
        values = tuple([np.asarray(x)[place] for x in self.values[number]])
        error = ERRORS[site.kind](site.text(values), source=site.source)
        error.kind, error.primitive = site.kind, site.primitive
        return error

    def __repr__(self) -> str:
        is_known = isinstance(self.code, Array | np.generic | np.ndarray | int)
        return f"Error({self.get() if is_known else self.code!r})"


def _flatten(error: Error) -> tuple[list[Any], Any]:
    counts = tuple([len(values) for values in error.values])
    return [error.code, *[x for values in error.values for x in values]], (error.sites, counts)


def _unflatten(static: Any, children: Any) -> Error:
    sites, counts = static
    code, *rest = children
    values, at = [], 0
    for count in counts:
        values.append(tuple(rest[at : at + count]))
        at += count
    return Error(code, tuple(values), sites)


tree.register(Error, _flatten, _unflatten)
