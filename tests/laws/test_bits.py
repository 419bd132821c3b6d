"""Law *bits*: for one and two threads, compiled or loaded from the cache, the same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given

import fnx_xla_lite
from fnx.lowering.lower import lower
from fnx_xla_lite.backends.cpu.backend import CpuBackend
from fnx_xla_lite.backends.cpu.target import host
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.pipeline import stages
from fnx_xla_lite.runtime.cache import ObjectCache
from fnx_xla_lite.runtime.executable import Executable
from tests.laws.drawing import each, examples
from tests.laws.large import large_modules
from tests.laws.lowered import modules_of
from tests.strategies import WIDE, recipes


@pytest.fixture(autouse=True, scope="module")
def _restore_threads():
    before = fnx_xla_lite.get_threads()
    yield
    fnx_xla_lite.set_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("objects")


def compiled(module, cache):
    *_, (_, fused) = stages(module)
    program = build_program(fused)
    made = CpuBackend(host(), cache).compile_program(program)
    return Executable(
        program, made.entry, stages={},
        cost=made.nanoseconds, code_bytes=made.code_bytes, keep=made.keep,
    )  # fmt: skip


def bytes_of(run, arrays, threads):
    fnx_xla_lite.set_threads(threads)
    return [y.tobytes() for y in run(*arrays)]


def assert_same_bytes(module, arrays, folder):
    cache = ObjectCache(folder)
    first = compiled(module, cache)
    expected = bytes_of(first, arrays, 1)
    stored = set(folder.glob("*.o"))
    loaded = compiled(module, cache)
    assert set(folder.glob("*.o")) == stored, "the second time, nothing is compiled"
    for run in (first, loaded):
        for threads in (2, 3, 1):
            assert bytes_of(run, arrays, threads) == expected, threads


@each
@examples(1)
@given(recipe=recipes(after=1))
def test_small_programs(name, recipe, folder):
    for jaxpr, arrays in modules_of(recipe.program(name, WIDE)):
        assert_same_bytes(lower(jaxpr), arrays, folder)


@examples(8)
@given(drawn=large_modules)
def test_programs_large_enough_for_threads(drawn, folder):
    assert_same_bytes(*drawn, folder)
