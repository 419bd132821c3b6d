"""What the laws have found, shrunk by hand: each was an error once."""

from __future__ import annotations

import numpy as np
import pytest

from fnx.api import vmap
from fnx.ops.indexing import dynamic_slice, dynamic_update_slice
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.execute import execute
from tests.oracles import assert_all_close


def test_windows_of_an_empty_batch():
    x, starts = np.zeros((0, 5), np.float32), np.zeros((0,), np.int32)
    assert vmap(lambda x, i: dynamic_slice(x, i, sizes=(2,)))(x, starts).shape == (0, 2)
    write = lambda x, i: dynamic_update_slice(x, np.zeros(2, np.float32), i)
    assert vmap(write)(x, starts).shape == (0, 5)


def product_of_one_column(b):
    x, y = b.parameter((2, 3, 6), "f32"), b.parameter((2, 6), "f32")
    return b.dot_general(x, y, batching=((0,), (0,)), contracting=((2,), (1,)))


def transpose_in_one_tile(b):
    x = b.parameter((40, 17, 3), "ui8")
    return b.transpose(b.add(x, x), (1, 2, 0))


def branches_that_read_a_broadcast_from_outside(b):
    x = b.sine(b.parameter((1,), "f32"))
    spread = b.broadcast_in_dim(x, (2,), (0,))
    branches = [lambda b: b.add(spread, spread), lambda b: spread]
    (chosen,) = b.case(b.parameter((), "i32"), branches)
    return chosen, b.multiply(x, x)  # one kernel with the sine, later than the branches


MAKERS = [
    product_of_one_column,
    transpose_in_one_tile,
    branches_that_read_a_broadcast_from_outside,
]


@pytest.mark.parametrize("make", MAKERS)
def test_loops_mean_what_the_module_means(make):
    b = Builder(make.__name__)
    made = make(b)
    module = b.build(*(made if isinstance(made, tuple) else (made,)))
    rng = np.random.default_rng(0)
    dtypes = {"f32": np.float32, "i32": np.int32, "ui8": np.uint8}
    types = [p.type for p in module.main.body.parameters]
    arrays = [rng.integers(0, 9, t.shape).astype(dtypes[t.dtype]) for t in types]
    assert_all_close(execute(build_program(module), *arrays), interpret(module, *arrays), 1e-5)
