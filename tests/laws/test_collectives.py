"""Law *collectives*: they are functions of the whole batch, and so are their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnx
from tests.collectives import CASES, NAMES, N
from tests.laws.drawing import examples
from tests.oracles import assert_close, inner

each_collective = pytest.mark.parametrize("collective", NAMES)
seeds = st.integers(0, 2**32 - 1)


def mapped(f):
    return fnx.vmap(f, axis_name="i")


def drawn(seed, count=3):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(N, N, 2)) for _ in range(count)]


@each_collective
@examples(3)
@given(seed=seeds)
def test_a_collective_is_a_function_of_the_batch(collective, seed):
    f, whole = CASES[collective]
    (x, other, _) = drawn(seed)
    assert_close(mapped(f)(x), whole(x), 1e-12)
    rows = fnx.vmap(mapped(f))(np.stack([x, other]))
    assert_close(rows, np.stack([whole(x), whole(other)]), 1e-12)
    columns = mapped(fnx.vmap(f))(np.stack([x, other], 1))
    assert_close(np.moveaxis(np.asarray(columns), 1, 0), rows, 1e-12)
    unmapped = mapped(lambda _: f(fnx.numpy.asarray(x[0])))(np.arange(N))
    assert_close(unmapped, whole(np.stack([x[0]] * N)), 1e-12)


@each_collective
@examples(3)
@given(seed=seeds)
def test_derivatives_inside_are_those_outside(collective, seed):
    f, whole = CASES[collective]
    x, t, _ = drawn(seed)
    ct = np.random.default_rng(seed).normal(size=whole(x).shape)
    h = 1e-6
    slope = (whole(x + h * t) - whole(x - h * t)) / (2 * h)
    along = mapped(lambda x, t: fnx.jvp(f, (x,), (t,))[1])(x, t)
    assert_close(along, slope, 1e-6)
    back = mapped(lambda x, ct: fnx.vjp(f, x)[1](ct)[0])(x, ct)
    assert_close(inner([along], [ct]), inner([back], [t]), 1e-9)
    assert_close(fnx.vjp(mapped(f), x)[1](ct)[0], np.asarray(back), 1e-12)
    rows = fnx.vmap(mapped(lambda x, ct: fnx.vjp(f, x)[1](ct)[0]))(x[None], ct[None])
    assert_close(rows[0], np.asarray(back), 1e-12)
