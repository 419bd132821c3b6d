"""Numbers of threads: which ones there are."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
from fnx.errors import FnxValueError


@pytest.mark.parametrize("count", [0, 257, 2.5, True, "2"])
def test_what_is_no_number_of_threads(count):
    before = fnx.get_threads()
    with pytest.raises(FnxValueError, match="must be from 1 to 256, got"):
        fnx.set_threads(count)
    assert fnx.get_threads() == before


def test_a_number_may_come_from_numpy():
    before = fnx.get_threads()
    try:
        fnx.set_threads(np.int32(before + 1))
        assert fnx.get_threads() == before + 1
    finally:
        fnx.set_threads(before)
