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


def parse_kinds(check: str | Collection[str] | None) -> Kinds:
    """The set of checks that ``"nan,index"``, a collection of names, ``"all"`` or None mean.

    Raises:
        FnxValueError: for a name that is no check.

    >>> sorted(parse_kinds("nan, index"))
    ['index', 'nan']
    """
    if check is None:
        return frozenset()
    names = check.split(",") if isinstance(check, str) else _listed(check)
    names = [name.strip() if isinstance(name, str) else name for name in names]
    found = {name for name in names if name != ""}
    unknown = [name for name in names if name != "" and name not in ALL and name != "all"]
    if unknown:
        listed = "\n".join([f"{name!r}: {meaning}" for name, meaning in _MEANINGS.items()])
        raise FnxValueError(
            f"jit: check has {unknown[0]!r}, which is no check.",
            source=user_source(),
            hint=f'Write for example check="nan,index", or "all". The checks are\n{listed}',
        )
    return ALL if "all" in found else frozenset(found)


def _listed(check: object) -> list[object]:
    return list(check) if isinstance(check, Collection) else [check]
