"""Config: typed flags, read from the environment once, at import."""

from __future__ import annotations

import os
from dataclasses import dataclass

_FALSE = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Config:
    """The flags.

    Attributes:
        check: verify every jaxpr that a transform makes (``FNX_CHECK``).
        dump: folder into which every stage of every program is written (``FNX_DUMP``), or None.
        backend: name of the backend that ``jit`` compiles for (``FNX_BACKEND``).
    """

    check: bool
    dump: str | None
    backend: str


def read(environment: dict[str, str] | None = None) -> Config:
    """The flags as an environment has them.

    >>> read({"FNX_CHECK": "1"})
    Config(check=True, dump=None, backend='cpu')
    """
    variables = os.environ if environment is None else environment
    return Config(
        check=variables.get("FNX_CHECK", "").lower() not in _FALSE,
        dump=variables.get("FNX_DUMP") or None,
        backend=variables.get("FNX_BACKEND", "cpu").lower(),
    )


config = read()
