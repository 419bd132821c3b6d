"""Laws run without the disk cache; those that do not compile evaluate calls of ``jit``."""

from __future__ import annotations

import os

import pytest

import fnx.lowering.compiled  # noqa: F401  hands in the compiler, which is taken away again below
from fnx.control import call


@pytest.fixture(autouse=True, scope="module")
def _no_disk_cache():
    before = os.environ.get("FNX_CACHE")
    os.environ["FNX_CACHE"] = "0"
    yield
    if before is None:
        del os.environ["FNX_CACHE"]
    else:
        os.environ["FNX_CACHE"] = before


@pytest.fixture(autouse=True, scope="module")
def _calls_are_evaluated(request):
    """Modules of laws about compiled code say ``COMPILES = True``."""
    if getattr(request.module, "COMPILES", False):
        yield
        return
    compiler = list(call._compiler)
    call.set_compiler(None)
    yield
    call._compiler[:] = compiler
