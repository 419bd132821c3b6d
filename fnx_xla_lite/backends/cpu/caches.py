"""Caches: the sizes of this machine's data caches, as blocking wants to know them."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import sys
from dataclasses import dataclass, replace
from pathlib import Path

_SYSFS = Path("/sys/devices/system/cpu/cpu0/cache")
_SYSCTL = {"second": b"hw.l2cachesize", "third": b"hw.l3cachesize"}
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class Caches:
    """Bytes of a core's second-level cache, and of the third level that cores share (0: none)."""

    second: int
    third: int


@functools.cache
def host_caches(default: Caches) -> Caches:
    """What the system says of this machine; ``default`` where it says nothing."""
    found = _from_sysctl() if sys.platform == "darwin" else from_sysfs(_SYSFS)
    return replace(default, **found)


def from_sysfs(folder: Path) -> dict[str, int]:
    """The sizes in Linux's description of a core's caches; what cannot be read is left out."""
    levels = {"2": "second", "3": "third"}
    found = {}
    for entry in sorted(folder.glob("index*")):
        level = levels.get(_word(entry / "level"))
        size = _bytes(_word(entry / "size"))
        if level and size and _word(entry / "type") != "Instruction":
            found[level] = size
    return found


def _word(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _bytes(text: str) -> int:
    """``512K`` -> 524288; 0 for what is no size."""
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1)
    return int(number) * unit if number.isascii() and number.isdigit() else 0


def _from_sysctl() -> dict[str, int]:
    """The sizes that macOS gives."""
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    found = {}
    for level, name in _SYSCTL.items():
        value, size = ctypes.c_uint64(0), ctypes.c_size_t(8)
        failed = library.sysctlbyname(name, ctypes.byref(value), ctypes.byref(size), None, 0)
        if not failed and value.value:
            found[level] = value.value
    return found
