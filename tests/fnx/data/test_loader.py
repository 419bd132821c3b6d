"""The loader: every example once, a pure function of (key, epoch).

Threads end, errors arrive.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnx
from fnx.data import DataLoader, digits


def loader_threads() -> int:
    return sum(t.name == "fnx-loader" for t in threading.enumerate())


@given(
    examples=st.integers(0, 40), batch=st.integers(1, 12), drop=st.booleans(),
    prefetch=st.integers(0, 3), shuffled=st.booleans(),
)  # fmt: skip
def test_an_epoch_is_the_examples_in_batches(
    examples: int, batch: int, drop: bool, prefetch: int, shuffled: bool
) -> None:
    arrays = {"x": np.arange(examples), "y": np.arange(examples) * 2.0}
    loader = DataLoader(
        arrays, batch, key=3 if shuffled else None, drop_last=drop, prefetch=prefetch
    )
    batches = list(loader)
    assert len(batches) == len(loader)
    assert all((b["y"] == b["x"] * 2.0).all() for b in batches)
    seen = [int(i) for b in batches for i in b["x"]]
    assert len(seen) == len(set(seen)) == (examples // batch * batch if drop else examples)
    assert all(len(b["x"]) == batch for b in batches[:-1])
    if not shuffled:
        assert seen == sorted(seen)


def test_order_depends_on_key_and_epoch_alone() -> None:
    order = lambda key, epoch, prefetch=2: [
        b.tolist() for b in DataLoader(np.arange(50), 7, key=key, prefetch=prefetch).epoch(epoch)
    ]
    assert order(1, 0) == order(1, 0, prefetch=0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    key = fnx.random.key(5)
    assert order(key, 2) == order(fnx.random.key(5), 2) != order(fnx.random.key(6), 2)


def test_stopping_early_ends_the_thread() -> None:
    before = loader_threads()
    for _ in range(5):
        for batch in DataLoader(np.arange(1000), 2):
            assert batch.tolist() == [0, 1]
            break
    deadline = time.monotonic() + 10
    while loader_threads() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert loader_threads() == before


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_error_in_a_transform_reaches_the_caller(prefetch: int) -> None:
    def transform(batch: Any) -> Any:
        if batch[0] == 4:
            raise RuntimeError("cannot read example 4")
        return batch + 1

    batches = iter(DataLoader(np.arange(10), 2, transform=transform, prefetch=prefetch))
    assert next(batches).tolist() == [1, 2]
    assert next(batches).tolist() == [3, 4]
    with pytest.raises(RuntimeError, match="cannot read example 4"):
        next(batches)


def test_the_work_is_done_in_the_background() -> None:
    names: list[str] = []

    def transform(batch: Any) -> Any:
        names.append(threading.current_thread().name)
        return batch

    list(DataLoader(np.arange(6), 2, transform=transform))
    assert set(names) == {"fnx-loader"}


def test_bad_arguments_are_explained() -> None:
    with pytest.raises(TypeError, match="leading axis"):
        DataLoader({}, 2)
    with pytest.raises(TypeError, match="leading axis"):
        DataLoader(np.float32(3), 2)
    with pytest.raises(ValueError, match="equally many examples"):
        DataLoader((np.zeros(3), np.zeros(4)), 2)
    with pytest.raises(ValueError, match="at least 1"):
        DataLoader(np.zeros(3), 0)


def test_the_digits_are_what_they_should_be() -> None:
    train, test = digits()
    assert train.images.shape == (1438, 64)
    assert test.images.shape == (359, 64)
    assert train.images.dtype == np.float32
    assert 0.0 == train.images.min() < train.images.max() == 1.0
    assert set(test.labels.tolist()) == set(range(10))
    rows = {x.tobytes() for x in train.images}
    assert sum(x.tobytes() in rows for x in test.images) == 0
    again, _ = digits()
    assert np.array_equal(again.labels, train.labels)
