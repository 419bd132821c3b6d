"""Kinds: the names of checks, as users write them, and the error that each of them raises."""

from __future__ import annotations

from collections.abc import Collection

from fnx.core.sources import user_source
from fnx.errors import (
    AssertionCheckError,
    CheckError,
    DivisionCheckError,
    FnxValueError,
    IndexCheckError,
    NanError,
    OverflowCheckError,
)

Kinds = frozenset[str]

ERRORS: dict[str, type[CheckError]] = {
    "nan": NanError,
    "overflow": OverflowCheckError,
    "index": IndexCheckError,
    "div": DivisionCheckError,
    "user": AssertionCheckError,
}
ALL = frozenset(ERRORS)
_MEANINGS = {
    "nan": "a NaN from operands without one",
    "overflow": "a result that does not fit in its dtype",
    "index": "an index outside of the array",
    "div": "a division by zero",
    "user": "what fnx.checkify.check asserts",
}


def parse_kinds(
    check: str | Collection[str] | None,
    what: str = "jit: check",
    write: str = 'check="nan,index", or "all"',
) -> Kinds:
    """The set of checks that ``"nan,index"``, a collection of names, ``"all"`` or None mean.

    Args:
        check: as the user wrote it.
        what: the argument, for messages.
        write: what can be written for it.

    Raises:
        FnxValueError: for a name that is no check.

    >>> sorted(parse_kinds("nan, index"))
    ['index', 'nan']
    """
    if check is None:
        return frozenset()
    names = check.split(",") if isinstance(check, str) else _listed(check)
    names = [name.strip() if isinstance(name, str) else name for name in names]
    names = [name for name in names if name != ""]
    unknown = [name for name in names if name not in (*ALL, "all")]
    if unknown:
        listed = "\n".join([f"{name!r}: {meaning}" for name, meaning in _MEANINGS.items()])
        raise FnxValueError(
            f"{what} has {unknown[0]!r}, which is no check.",
            source=user_source(),
            hint=f"Write for example {write}. The checks are\n{listed}",
        )
    return ALL if "all" in names else frozenset(names)


def _listed(check: object) -> list[object]:
    return list(check) if isinstance(check, Collection) else [check]
