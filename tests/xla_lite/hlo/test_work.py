"""Work: operations, bytes and trip counts against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.trip_counts import Definitions, trip_count
from fnx_xla_lite.hlo.work import module_work
from fnx_xla_lite.pipeline import stages


def counted(make, *shapes):
    """The work of ``make(builder, *parameters)``, before any pass."""
    b = Builder("test")
    outs = make(b, *[b.parameter(shape, "f32") for shape in shapes])
    return module_work(b.build(*(outs if isinstance(outs, tuple) else (outs,))))


def loop(start, limit, step, direction="LT", swap=False, op="add"):
    """A module whose loop moves a counter from ``start`` by ``step``."""
    b = Builder("loop")
    x = b.parameter((4,), "f32")
    first = b.constant(np.int32(start))
    last = b.constant(np.int32(limit))

    def holds(inner, i, y):
        pair = (last, i) if swap else (i, last)
        return inner.compare(*pair, direction)

    def body(inner, i, y):
        by = inner.constant(np.int32(step))
        return inner.apply(op, (i, by))[0], inner.multiply(y, y)

    return b.build(b.while_([first, x], holds, body)[1])


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((0, 10, 1), 10),
        ((0, 10, 3), 4),
        ((2, 11, 3), 3),
        ((0, 9, 3, "LE"), 4),
        ((10, 0, -1, "GT"), 10),
        ((10, 0, -2, "GE"), 6),
        ((0, 8, 2, "NE"), 4),
        ((0, 9, 2, "NE"), None),
        ((5, 5, 1), 0),
        ((9, 5, 1), 0),
        ((0, 5, 0), None),
        ((0, 5, -1), None),
        ((0, 10, 1, "GT", True), 10),
        ((10, 0, 2, "GT", False, "subtract"), 5),
        ((3, 3, 1, "EQ"), 1),
        ((1, 100, 2, "LT", False, "multiply"), None),
    ],
)
def test_trip_counts(arguments, wanted):
    module = loop(*arguments)
    for _, made in stages(module):
        (found,) = [i for i in made.main.body.instructions if i.op == "while"] or [None]
        if found is not None:
            assert trip_count(found, Definitions(made)) == wanted


def test_a_loop_counts_as_often_as_it_runs():
    work = module_work(loop(0, 10, 1))
    assert work.total.flops == 10 * (4 + 1) + 11
    assert work.unknown_loops == 0
    assert {(k.what, k.times) for k in work.kernels} == {
        ("compare", 11), ("add", 10), ("multiply", 10),
    }  # fmt: skip
    unknown = module_work(loop(0, 5, 0))
    assert (unknown.unknown_loops, unknown.total.flops) == (1, (4 + 1) + 2)


def test_products():
    axes = {"batching": ((0,), (0,)), "contracting": ((2,), (1,))}
    work = counted(lambda b, x, y: b.dot_general(x, y, **axes), (5, 3, 4), (5, 4, 7))
    assert work.total.flops == 2 * 5 * 3 * 4 * 7
    assert work.total.bytes == 4 * (5 * 3 * 4 + 5 * 4 * 7 + 5 * 3 * 7)


def test_elementwise():
    work = counted(lambda b, x, y: b.tanh(b.add(x, b.sqrt(y))), (6, 2), (6, 2))
    assert (work.total.flops, work.total.transcendentals) == (12, 24)
    assert work.total.bytes == 4 * 12 * (2 + 3 + 2)
    moved = counted(lambda b, x: b.transpose(b.reshape(x, (3, 4)), (1, 0)), (12,))
    assert (moved.total.flops, moved.total.bytes) == (0, 2 * 48)


def test_reductions():
    zero = lambda b: b.constant(np.float32(0))
    work = counted(lambda b, x: b.reduce(x, zero(b), (0,), "add"), (6, 5))
    assert work.total.flops == 30 - 5
    assert work.total.bytes == 4 * (30 + 1 + 5)
    windows = counted(lambda b, x: b.reduce_window(x, zero(b), "maximum", (3,)), (10,))
    assert windows.total.flops == 8 * 2


def test_parts_of_arrays():
    index = lambda b: b.constant(np.int32(3))
    row = counted(lambda b, x: b.dynamic_slice(x, [index(b), index(b)], (1, 5)), (1000, 5))
    assert row.total.bytes == 4 * (5 + 5 + 2)
    put = counted(
        lambda b, x, y: b.dynamic_update_slice(x, y, [index(b), index(b)]), (1000, 5), (1, 5)
    )
    assert put.total.bytes == 4 * (5 + 5 + 2)


def test_branches_count_as_their_costliest_case():
    def make(b, x):
        index = b.constant(np.int32(0))
        return b.case(index, [lambda c: (c.add(x, x),), lambda c: (c.add(c.add(x, x), x),)])

    assert counted(make, (7,)).total.flops == 14


def test_calls_count_as_what_they_call():
    b = Builder("main")
    x = b.parameter((4,), "f32")
    b.define("inner", (x.type,), lambda inner, y: (inner.multiply(y, y),))
    module = b.build(*b.call("inner", *b.call("inner", x)))
    assert module_work(module).total.flops == 8


def test_fusion_moves_fewer_bytes_for_the_same_operations():
    b = Builder("chain")
    x = b.parameter((1000,), "f32")
    module = b.build(b.exponential(b.multiply(b.add(x, x), x)))
    works = {stage: module_work(made).total for stage, made in stages(module)}
    assert works["hlo"].flops == works["fused"].flops == 2000
    assert works["fused"].bytes == 2 * 4000
    assert works["hlo"].bytes == (2 + 3 + 2) * 4000
