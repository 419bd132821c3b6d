"""How laws are drawn: `each` primitive in turn, with `examples` random programs through it."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.strategies import NAMES, SMOOTH

FACTOR = {"dev": 3, "deep": 30}.get(os.environ.get("FNX_TEST_PROFILE", "ci"), 1)

STRIDE = 5 if FACTOR == 1 else 1

each = pytest.mark.parametrize("name", NAMES)
each_smooth = pytest.mark.parametrize("name", SMOOTH)
some = pytest.mark.parametrize("name", NAMES[::STRIDE])  # for laws that other laws nearly imply
some_smooth = pytest.mark.parametrize("name", SMOOTH[::STRIDE])


def examples(count: int) -> settings:
    """So many examples in the default profile, and many more in the deep one."""
    return settings(max_examples=count * FACTOR)
