"""The native call: identity checks, recycled memory, donation, threads."""

from __future__ import annotations

import gc
import sys
import threading
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest

from fnx_xla_lite.runtime import native_pool
from fnx_xla_lite.runtime.native_call import MISS, CallPlan, array_layout, native_call

ADD_ONE = """
define i32 @run(ptr %parameters, ptr %results, ptr %arena) {
  %x = load ptr, ptr %parameters
  %y = load ptr, ptr %results
  %v = load <8 x float>, ptr %x, align 4
  %w = fadd <8 x float> %v, splat (float 1.0)
  store <8 x float> %w, ptr %y, align 4
  ret i32 0
}
"""


class Aval:
    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)


class Box:
    __slots__ = ("aval", "buffer")

    def __init__(self, buffer: np.ndarray, aval: Aval) -> None:
        self.buffer, self.aval = buffer, aval


EIGHT = Aval((8,), "float32")


@pytest.fixture(scope="module")
def entry() -> Any:
    native_pool.support()
    module = llvm.parse_assembly(ADD_ONE)
    engine = llvm.create_mcjit_compiler(
        module, llvm.Target.from_default_triple().create_target_machine()
    )
    engine.finalize_object()
    yield engine.get_function_address("run")
    del engine


def make_call(entry: int, **options: Any) -> Any:
    layout = array_layout(Box, Box(np.zeros(8, np.float32), EIGHT), "buffer", "aval")
    assert layout is not None
    return native_call(layout, CallPlan(entry, (EIGHT,), (EIGHT,), **{"arena_bytes": 0, **options}))


def eight(start: float = 0.0) -> Box:
    buffer = native_pool.empty((8,), np.float32)
    buffer[:] = np.arange(8) + start
    return Box(buffer, EIGHT)


def test_results_are_fresh_arrays_of_the_class(entry: int) -> None:
    x = eight()
    (y,) = make_call(entry)(x)
    assert type(y) is Box
    assert y.aval is EIGHT
    assert y.buffer.tolist() == list(range(1, 9))
    assert x.buffer.tolist() == list(range(8))


@pytest.mark.parametrize("release", [False, True])
@pytest.mark.parametrize("arena", [0, 100_000])
def test_arena_and_gil_make_no_difference(entry: int, release: bool, arena: int) -> None:
    call = make_call(entry, release_gil=release, arena_bytes=arena)
    assert call(eight())[0].buffer.tolist() == list(range(1, 9))


def test_anything_that_does_not_fit_misses(entry: int) -> None:
    call = make_call(entry)
    other = Box(np.zeros(8, np.float32), Aval((8,), "float32"))
    for args in ((), (1,), (None,), (other,), (eight(), eight()), (np.zeros(8, np.float32),)):
        assert call(*args) is MISS
    gone = eight()
    del gone.buffer
    assert call(gone) is MISS


def test_a_donated_block_changes_hands(entry: int) -> None:
    call = make_call(entry, aliases=((0, 0),))
    x = eight()
    address = x.buffer.ctypes.data
    (y,) = call(x)
    assert y.buffer.ctypes.data == address
    assert not hasattr(x, "buffer")
    assert call(x) is MISS


def test_a_donated_block_that_others_see_is_copied(entry: int) -> None:
    call = make_call(entry, aliases=((0, 0),))
    for view in (lambda b: b, lambda b: b[2:4]):
        x = eight()
        seen = view(x.buffer)
        before = seen.tolist()
        (y,) = call(x)
        assert seen.tolist() == before
        assert y.buffer.tolist() == list(range(1, 9))
    foreign = Box(np.arange(8, dtype=np.float32), EIGHT)
    keep = foreign.buffer
    call(foreign)
    assert keep.tolist() == list(range(8))


def test_the_same_array_twice_cannot_be_donated(entry: int) -> None:
    layout = array_layout(Box, eight(), "buffer", "aval")
    assert layout is not None
    plan = CallPlan(entry, (EIGHT, EIGHT), (EIGHT,), 0, aliases=((0, 0),))
    x = eight()
    assert native_call(layout, plan)(x, x) is MISS
    assert x.buffer.tolist() == list(range(8))


def test_memory_comes_back_when_the_last_view_dies() -> None:
    gc.collect()
    live = native_pool.support().live_bytes()
    a = native_pool.empty((1000, 1000), np.float64)
    assert a.ctypes.data % 64 == 0
    view, address = a[10:20], a.ctypes.data
    del a
    assert native_pool.support().live_bytes() >= live + 8_000_000
    view[:] = 1.0
    del view
    assert native_pool.support().live_bytes() == live
    assert native_pool.empty((1000, 1000), np.float64).ctypes.data == address


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (7, 5)])
@pytest.mark.parametrize("dtype", ["bool", "int8", "float16", "float64"])
def test_empty_makes_arrays_of_any_shape(shape: tuple[int, ...], dtype: str) -> None:
    a = native_pool.empty(shape, dtype)
    assert a.shape == shape
    assert a.dtype == dtype
    assert a.flags.c_contiguous
    assert a.flags.writeable
    a[...] = 1
    assert a.sum() == a.size


def test_impossible_sizes_raise_and_change_nothing() -> None:
    live = native_pool.support().live_bytes()
    with pytest.raises(MemoryError, match="no memory for an array"):
        native_pool.empty((1 << 46,), np.float64)
    assert native_pool.support().live_bytes() == live


def test_no_reference_is_lost_or_gained(entry: int) -> None:
    call, x = make_call(entry), eight()
    call(x)
    before = (
        sys.getrefcount(x),
        sys.getrefcount(x.buffer),
        sys.getrefcount(EIGHT),
        sys.getrefcount(MISS),
    )
    for _ in range(100):
        call(x)
        call(1)
    after = (
        sys.getrefcount(x),
        sys.getrefcount(x.buffer),
        sys.getrefcount(EIGHT),
        sys.getrefcount(MISS),
    )
    assert before == after


def test_many_threads_call_at_once(entry: int) -> None:
    call = make_call(entry, arena_bytes=4096)
    wrong: list[Any] = []

    def work(start: float) -> None:
        for _ in range(300):
            (y,) = call(eight(start))
            if y.buffer[0] != start + 1:
                wrong.append(y.buffer)

    threads = [threading.Thread(target=work, args=(float(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_two_threads_cannot_both_take_a_donated_array(entry: int) -> None:
    call = make_call(entry, aliases=((0, 0),))
    for _ in range(200):
        x, outs = eight(), []
        threads = [
            threading.Thread(target=lambda x=x, outs=outs: outs.append(call(x))) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(out is MISS for out in outs) == [False, True]
