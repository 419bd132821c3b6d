"""Law: reading the operand where the access map says gives what the operation means."""

from __future__ import annotations

import numpy as np
import pytest

from fnx_xla_lite.fusion.access import Access, accesses, cuts_needed, make_access, row_major
from fnx_xla_lite.fusion.contractions import contraction, product_size
from fnx_xla_lite.fusion.cuts import extents_of, find_cuts
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.interpret import interpret

MOVES = {
    "broadcast": lambda b, x: b.broadcast_in_dim(x, (3, 4, 2, 5, 6), (1, 3, 4)),
    "broadcast of one": lambda b, x: b.broadcast_in_dim(
        b.slice(x, (0, 1, 0), (4, 2, 6)), (4, 3, 6), (0, 1, 2)
    ),
    "transpose": lambda b, x: b.transpose(x, (2, 0, 1)),
    "transpose of a pair": lambda b, x: b.transpose(x, (1, 2, 0)),
    "reverse": lambda b, x: b.reverse(x, (0, 2)),
    "reverse all": lambda b, x: b.reverse(x, (0, 1, 2)),
    "slice": lambda b, x: b.slice(x, (1, 0, 2), (4, 5, 5)),
    "slice of rows": lambda b, x: b.slice(x, (1, 0, 0), (3, 5, 6)),
    "strided slice": lambda b, x: b.slice(x, (0, 1, 0), (4, 5, 6), (2, 3, 1)),
    "pad": lambda b, x: b.pad(x, b.constant(np.float32(0)), (1, 0, -2), (0, 3, 1), (0, 0, 0)),
    "crop": lambda b, x: b.pad(x, b.constant(np.float32(0)), (-1, 0, -2), (0, -3, 0), (0, 0, 0)),
    "reshape": lambda b, x: b.reshape(x, (20, 6)),
    "negate": lambda b, x: b.negate(x),
}  # fmt: skip
RUNS = {
    "broadcast": (3, 4, 2, 30), "broadcast of one": (4, 3, 6), "transpose": (6, 20),
    "transpose of a pair": (30, 4), "reverse": (4, 5, 6), "reverse all": (120,),
    "slice of rows": (60,), "reshape": (120,), "negate": (120,),
}  # fmt: skip


def follow(access: Access, x: np.ndarray) -> np.ndarray:
    """The result that an access map describes; 0 outside of its limits."""
    places = np.indices(access.runs).reshape(len(access.runs), -1)
    inside = np.ones(places.shape[1], bool)
    for limit in access.limits:
        inside &= (places[limit.run] >= limit.lower) & (places[limit.run] < limit.upper)
    flat = np.tensordot(np.array(access.strides, int), places, 1) + access.offset
    return np.where(inside, x.reshape(-1)[np.where(inside, flat, 0)], 0)


@pytest.mark.parametrize("name", MOVES)
def test_maps_describe_operations(name):
    b = Builder()
    y = MOVES[name](b, b.parameter((4, 5, 6), "f32"))
    module = b.build(y)
    x = np.arange(1, 121, dtype=np.float32).reshape(4, 5, 6)
    instr = module.main.body.instructions[-1]
    access, *_ = accesses(instr)
    (wanted,) = interpret(module, x)
    (source,) = interpret(b.build(instr.operands[0]), x)
    np.testing.assert_array_equal(follow(access, source), np.abs(wanted).reshape(-1))
    if name in RUNS:
        assert access.runs == RUNS[name]


def test_concatenation_limits_its_operands():
    b = Builder()
    xs = [b.parameter((2, n, 3), "f32") for n in (1, 4, 2)]
    instr = b.build(b.concatenate(xs, 1)).main.body.instructions[-1]
    arrays = [np.random.default_rng(n).random((2, n, 3), np.float32) for n in (1, 4, 2)]
    total = sum(follow(a, x) for a, x in zip(accesses(instr), arrays, strict=True))
    np.testing.assert_array_equal(total, np.concatenate(arrays, 1).reshape(-1))


def test_axes_of_size_one_have_no_run():
    assert make_access((1, 3, 1), (7, 1, 9)) == Access((3,), (1,))
    assert row_major((2, 1, 4)) == (4, 4, 1)


@pytest.mark.parametrize(
    ("access", "below", "wanted"),
    [
        (Access((12,), (1,)), {4}, {4}),
        (Access((5, 12), (0, 1)), set(), {12}),
        (Access((5, 12), (0, 1)), {4}, {4, 12}),
        (Access((12, 5), (1, 0)), {4}, {5, 20}),
        (Access((10,), (1,), 1), {4}, None),
        (Access((3,), (1,), 4), {4}, set()),
        (Access((12,), (-1,), 11), {4}, {4}),
    ],
)
def test_cuts(access, below, wanted):
    assert cuts_needed(access, frozenset(below)) == wanted


def test_cuts_that_do_not_divide_one_another():
    assert extents_of({4, 12}, 24) == (2, 3, 4)
    assert extents_of({4, 6}, 24) is None
    assert extents_of({24, 1}, 24) == (24,)


def test_cuts_reach_the_root():
    b = Builder()
    x, y = b.parameter((4, 6), "f32"), b.parameter((6,), "f32")
    z = b.add(x, b.broadcast_in_dim(y, (4, 6), (1,)))
    w = b.transpose(b.reshape(z, (2, 2, 6)), (1, 0, 2))
    assert find_cuts(b.computation(w))[w] == {6, 12}


@pytest.mark.parametrize(
    ("shapes", "batching", "contracting", "sizes", "merges"),
    [
        (((5, 7), (7, 9)), ((), ()), ((1,), (0,)), (1, 5, 9, 7), True),
        (((7, 5), (9, 7)), ((), ()), ((0,), (1,)), (1, 5, 9, 7), True),
        (((2, 3, 7), (7, 9)), ((), ()), ((2,), (0,)), (1, 6, 9, 7), True),
        (((2, 3, 7), (2, 9, 7)), ((0,), (0,)), ((2,), (2,)), (2, 3, 9, 7), True),
        (((2, 3, 7), (3, 9, 7)), ((), ()), ((1,), (0,)), (1, 14, 63, 3), False),
        (((2, 3, 7), (3, 7, 9)), ((), ()), ((1, 2), (0, 1)), (1, 2, 9, 21), True),
        (((2, 3, 7), (7, 3, 9)), ((), ()), ((2, 1), (0, 1)), (1, 2, 9, 21), False),
    ],
)
def test_contractions(shapes, batching, contracting, sizes, merges):
    b = Builder()
    x, y = (b.parameter(shape, "f32") for shape in shapes)
    module = b.build(b.dot_general(x, y, batching=batching, contracting=contracting))
    instr = module.main.body.instructions[-1]
    assert product_size(instr) == sizes
    assert (contraction(instr) is not None) == merges
