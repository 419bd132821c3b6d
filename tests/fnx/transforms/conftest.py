"""The transforms are tested by themselves: `jit` equations are evaluated here, not compiled."""

from __future__ import annotations

import pytest

from fnx.control import call


@pytest.fixture(autouse=True, scope="package")
def _no_compiler():
    before = list(call._compiler)
    call.set_compiler(None)
    yield
    call._compiler[:] = before
