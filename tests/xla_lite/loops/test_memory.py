"""Memory: what lives together lies apart; in-place where it is safe; donation honoured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.inplace import Touches
from fnx_xla_lite.loops.memory import Storage, need, pack
from fnx_xla_lite.loops.parse import parse
from fnx_xla_lite.loops.program import Copy, Launch, While
from tests.xla_lite.loops.cases import splat, total

BYTE = TensorType((1,), "i8")


def test_pack_keeps_what_lives_together_apart():
    rng = np.random.default_rng(0)
    storages = []
    for size in rng.integers(1, 5000, 120):
        starts = sorted(rng.choice(60, 2, replace=False))
        storages.append(Storage(int(size), BYTE))
        for first in starts:
            need(storages[-1], 2 * int(first) + 1, 2 * int(first + rng.integers(1, 9)))
    total_bytes = pack(storages)
    for i, x in enumerate(storages):
        assert x.index % 64 == 0
        assert x.index + x.size <= total_bytes
        for y in storages[:i]:
            # What is written in a step lies apart from what is read in it.
            together = any(
                a // 2 <= d // 2 and c // 2 <= b // 2 for a, b in x.live for c, d in y.live
            )
            apart = x.index + x.size <= y.index or y.index + y.size <= x.index
            assert apart or not together
    assert total_bytes < sum(s.size for s in storages) / 2


SAFE = "parallel i < 4 { vector j < 6 { let v = x[i, j] y[i, j] = negate.f32(v) } }"
UNSAFE = {
    "another place": "vector j < 5 { y[0, j] = x[0, j + 1] }",
    "read after the store": "vector j < 6 { y[0, j] = 1.0:f32 let v = x[0, j] }",
    "another body": "let v = x[0, 0] vector j < 6 { y[0, j] = v }",
    "two passes": "serial i < 4 { vector j < 6 { let v = x[i, j] } "
    "vector j < 6 { y[i, j] = x[i, j] } }",
    "a product": "matmul s: f32 [; i < 4; j < 4; k < 4] = x[i, k] * x[k, j] { y[i, j] = s }",
    "read from data": "vector i < 4 { y[i, 0] = x[clamp(1:i32, 0, 3) + 0, 0] }",
}
HEAD = "kernel k(input x: f32[4,6], output y: f32[4,6]) {{ {} }}"


def test_in_place_is_safe_at_one_index():
    assert Touches(parse(HEAD.format(SAFE))).safe("x", "y")


@pytest.mark.parametrize("name", UNSAFE)
def test_in_place_is_not_safe(name):
    assert not Touches(parse(HEAD.format(UNSAFE[name]))).safe("x", "y")


def donated(module, *numbers):
    return replace(module, functions=(replace(module.main, donated=frozenset(numbers)),))


def test_a_chain_of_kernels_needs_one_buffer():
    b = Builder()
    x = b.parameter((100, 100), "f32")
    for _ in range(6):  # a reduction between keeps the kernels apart
        mean = total(b, b.tanh(x), (0, 1), "maximum")
        x = b.multiply(x, b.broadcast_in_dim(mean, (100, 100), ()))
    program = build_program(b.build(total(b, x, (0, 1))))
    assert program.arena_bytes < 2 * 40000


def test_results_take_donated_parameters():
    b = Builder()
    x, m, g = (b.parameter((30, 20), "f32") for _ in range(3))
    new = b.add(b.multiply(m, splat(b, 0.9, m)), g)
    program = build_program(donated(b.build(b.subtract(x, new), new), 0, 1))
    assert dict(program.aliases) == {0: 0, 1: 1}
    assert program.arena_bytes == 0
    assert len(program.steps) == 1


def test_a_parameter_that_is_read_later_is_kept():
    b = Builder()
    x = b.parameter((30, 20), "f32")
    y = b.add(x, x)
    w = b.dot_general(x, y, contracting=((1,), (1,)))
    program = build_program(donated(b.build(b.negate(y), w), 0))
    steps = [s for s in program.steps if isinstance(s, Launch)]
    readers = [i for i, s in enumerate(steps) if any(t.place == "parameter" for t in s.slots)]
    writers = [i for i, s in enumerate(steps) if s.slots[-1].place == "parameter"]
    assert all(max(readers) <= w for w in writers)


def test_a_donated_parameter_of_another_type_is_not_taken():
    b = Builder()
    x = b.parameter((6,), "f32")
    program = build_program(donated(b.build(b.convert(x, "i32")), 0))
    assert program.aliases == ()


def test_a_scan_writes_into_its_state():
    b = Builder()
    xs = b.parameter((50, 8), "f32")
    zero, one = b.constant(np.int32(0)), b.constant(np.int32(1))

    def body(b, i, ys):
        row = b.dynamic_slice(xs, (i, zero), (1, 8))
        return b.add(i, one), b.dynamic_update_slice(ys, b.tanh(row), (i, zero))

    state = zero, b.broadcast_in_dim(b.constant(np.float32(0)), (50, 8), ())
    _, ys = b.while_(state, lambda b, i, ys: b.compare(i, b.constant(np.int32(50)), "LT"), body)
    (loop,) = (s for s in build_program(b.build(ys)).steps if isinstance(s, While))
    assert not any(isinstance(step, Copy) for step in loop.body)
