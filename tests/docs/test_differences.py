"""The table of names that fnx lacks names only such, and only what exists in their place."""

from __future__ import annotations

import re
from pathlib import Path

import fnx
import fnx.numpy
from fnx import lax, nn
from fnx.core.missing_names import missing_names

PAGE = Path(__file__).resolve().parents[2] / "docs/differences.md"
MODULES = {
    "jax": "fnx", "jnp": "fnx.numpy", "lax": "fnx.lax", "random": "fnx.random", "tree": "fnx.tree",
    "nn": "fnx.nn",
}  # fmt: skip


def rows() -> list[list[str]]:
    section = PAGE.read_text("utf-8").split("# Names of JAX that fnx lacks")[1].split("\n# ")[0]
    table = [line for line in section.splitlines() if line.startswith("| `")]
    return [line.strip("| ").split(" | ") for line in table]


def test_the_names_are_missing_and_known_to_be() -> None:
    assert len(rows()) > 20
    for left, right in rows():
        for module, name in re.findall(r"`(\w+)\.(\w+)`", left):
            missing = missing_names(MODULES[module])[name]
            assert missing.is_planned is right.startswith("not yet"), f"{module}.{name}: {missing}"


def test_what_stands_in_their_place_exists() -> None:
    spaces = {"np": fnx.numpy, "fnx": fnx, "lax": lax, "nn": nn}
    found = [pair for _, right in rows() for pair in re.findall(r"\b(np|fnx|lax|nn)\.(\w+)", right)]
    assert len(found) > 20
    assert not [f"{space}.{name}" for space, name in found if not hasattr(spaces[space], name)]
