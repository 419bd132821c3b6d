"""Every name of JAX is one of ours, or its error says what to write instead."""

from __future__ import annotations

import importlib
import inspect

import pytest

from fnx.core.missing_names import missing_names

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.peers
MODULES = {
    "fnx": "jax", "fnx.numpy": "jax.numpy", "fnx.lax": "jax.lax", "fnx.random": "jax.random",
    "fnx.tree": "jax.tree", "fnx.nn": "jax.nn",
}  # fmt: skip


@pytest.mark.parametrize("ours", MODULES)
def test_names_of_jax_are_known(ours):
    """A later version of JAX may have some more."""
    theirs = importlib.import_module(MODULES[ours])
    named = [name for name in dir(theirs) if not name.startswith("_") and not name.endswith("_p")]
    names = {name for name in named if not inspect.ismodule(getattr(theirs, name, None))}
    unknown = names - set(dir(importlib.import_module(ours))) - set(missing_names(ours))
    assert len(unknown) <= len(names) // 20, sorted(unknown)
