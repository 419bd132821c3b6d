"""Config: typed flags, read from the environment once, at import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

_FALSE = frozenset({"", "0", "false", "no", "off"})
_TRUE = frozenset({"1", "true", "yes", "on"})


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


def __getattr__(name: str) -> object:
    """Programs written for JAX begin with ``jax.config.update``."""
    if name in ("update", "parse_flags_with_absl"):
        raise AttributeError(
            f"fnx.config has no {name!r}: there are no flags to set. A dtype means what it says "
            "(x.astype('float64')), and docs/settings.md has the environment variables."
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "").strip().lower()
    if text not in _FALSE | _TRUE:
        raise ValueError(
            f"{name}={text}: expected 1 or 0. The checks of a sanitiser build have names, and are "
            "asked for by FNX_CHECKS, for example FNX_CHECKS=nan,index."
        )
    return text in _TRUE


def read(environment: Mapping[str, str]) -> Config:
    """The flags as an environment has them.

    Raises:
        ValueError: for a flag that is neither on nor off.

    >>> read({"FNX_CHECK": "1"})
    Config(check=True, check_keys=False, checks='', traceback='')
    """
    return Config(
        check=_flag(environment, "FNX_CHECK"),
        checks=environment.get("FNX_CHECKS", ""),
        check_keys=_flag(environment, "FNX_CHECK_KEYS"),
        traceback=environment.get("FNX_TRACEBACK", "").lower(),
    )


config = read(os.environ)
