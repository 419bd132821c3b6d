"""Config: typed flags, read from the environment once, at import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

_FALSE = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Config:
    """The flags of the front end; the compiler reads its own.

    Attributes:
        check: verify every jaxpr that is traced or made by a transform (``FNX_CHECK=1``).
        checks: the checks with which `jit` compiles by default (``FNX_CHECKS=nan,index``).
        check_keys: raise where a random key is used twice (``FNX_CHECK_KEYS=1``).
        traceback: ``"full"`` shows our frames in tracebacks too (``FNX_TRACEBACK=full``).
    """

    check: bool
    check_keys: bool = False
    checks: str = ""
    traceback: str = ""


def read(environment: Mapping[str, str]) -> Config:
    """The flags as an environment has them.

    >>> read({"FNX_CHECK": "1"})
    Config(check=True, check_keys=False, checks='', traceback='')
    """
    return Config(
        check=environment.get("FNX_CHECK", "").lower() not in _FALSE,
        checks=environment.get("FNX_CHECKS", ""),
        check_keys=environment.get("FNX_CHECK_KEYS", "").lower() not in _FALSE,
        traceback=environment.get("FNX_TRACEBACK", "").lower(),
    )


config = read(os.environ)
