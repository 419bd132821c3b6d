"""Law *choices*: what a `select` did not choose has no influence on derivatives.

Elements that are not chosen are replaced by special numbers, at which derivatives are infinite or
NaN: cotangents of chosen elements stay what they were, all others are zero.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnx
from fnx.core.dtypes import FLOAT64
from fnx.core.primitive import REGISTRY, NotDifferentiable
from fnx.core.trace import bind
from fnx.ops.arithmetic import neg, sub
from fnx.ops.bitwise import not_
from fnx.ops.comparison import select
from fnx.ops.layout import broadcast_in_dim, reduce_sum, reshape, transpose
from fnx.ops.slicing import pad, slice
from tests.laws.drawing import examples
from tests.op_specs import SPECS

SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, 1.0])
POINTWISE = [
    name
    for name, spec in SPECS.items()
    if REGISTRY[name].pointwise
    and FLOAT64 in spec.dtypes
    and not isinstance(REGISTRY[name].jvp, NotDifferentiable)
    and name != "convert"
]


def turned(x):
    """There and back, over all axes: every move that a mask has to follow."""
    flat = reshape(x, shape=(x.size,))
    wide = pad(flat, np.float64(0), low=(2,), high=(1,), interior=(0,))
    flat = slice(wide, start=(2,), limit=(2 + x.size,), strides=(1,))
    rows = broadcast_in_dim(flat, shape=(2, x.size), dimensions=(1,))
    rows = transpose(rows, permutation=(1, 0))
    return reshape(reduce_sum(rows, axes=(1,)), shape=x.shape)


def kept(x):
    return x


WRAPPERS = {"plainly": lambda f: f, "jit": fnx.jit, "checkpoint": fnx.checkpoint}


@pytest.mark.parametrize("name", POINTWISE)
@examples(4)
@given(
    seed=st.integers(0, 2**32 - 1),
    move=st.sampled_from([kept, turned]),
    wrap=st.sampled_from(sorted(WRAPPERS)),
)
def test_what_is_not_chosen_does_not_matter(name, seed, move, wrap):
    case = SPECS[name].case(seed, FLOAT64)
    rng = np.random.default_rng(seed)
    floats = [np.asarray(x) for x in case.args if np.asarray(x).dtype == FLOAT64]
    shape = floats[0].shape
    first, second = (rng.random(shape) < 0.4 for _ in range(2))
    chosen = first | second
    spoilt = [np.where(chosen, x, rng.choice(SPECIAL, shape)) for x in floats]
    inner = WRAPPERS[wrap](lambda *xs: move(_apply(name, case, xs)))

    def f(*xs):
        y = inner(*xs)
        return sub(select(first, y, 0), select(not_(second), 0, neg(y)))

    ct = rng.standard_normal(shape)
    _, pull = fnx.vjp(inner, *floats)
    expected = [np.asarray(x) for x in pull(ct * first + ct * second)]
    for g in (f, fnx.jit(f)):
        _, pull_spoilt = fnx.vjp(g, *spoilt)
        for got, wanted in zip(pull_spoilt(ct), expected, strict=True):
            np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-12)


def _apply(name, case, xs):
    """The primitive with its float operands replaced."""
    rest = iter(xs)
    args = [next(rest) if np.asarray(x).dtype == FLOAT64 else x for x in case.args]
    return bind(REGISTRY[name], *args, **case.params)[0]
