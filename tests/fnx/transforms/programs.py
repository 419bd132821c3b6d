"""Programs for the tests of transforms: compositions of smooth steps f64[3] -> f64[3]."""

from __future__ import annotations

import functools

import numpy as np
from hypothesis import strategies as st

from fnx.api import grad, jvp, vmap
from fnx.control.call import call
from fnx.core.array import Array
from fnx.core.eager import aval_of
from fnx.core.flatten import trace_closed
from fnx.ops.arithmetic import mul, sub
from fnx.ops.comparison import gt, select
from fnx.ops.contraction import dot_general
from fnx.ops.elementwise_math import exp
from fnx.ops.families import add
from fnx.ops.joining import concatenate, reverse
from fnx.ops.layout import broadcast_in_dim, reduce_sum, reshape, transpose
from fnx.ops.slicing import slice
from fnx.ops.trigonometric import cos, sin

M = Array(np.array([[0.5, -0.3, 0.2], [0.1, 0.4, -0.6], [0.3, 0.2, 0.7]]))


def total(x):
    """The sum of all elements."""
    return reduce_sum(x, axes=tuple(range(len(x.shape))))


def called(f):
    """``f`` as one `jit` equation: what ``fnx.jit`` binds, without a compiler."""

    @functools.wraps(f)
    def wrapped(*args):
        jaxpr, consts = trace_closed(lambda *xs: [f(*xs)], [aval_of(x) for x in args])
        return call(jaxpr, *consts, *args, name=getattr(f, "__name__", "f").strip("<>"))[0]

    return wrapped


def matvec(x):
    return dot_general(M, x, contracting=((1,), (0,)), batch=((), ()))


def spread(x):
    return mul(x, broadcast_in_dim(mul(0.2, total(x)), shape=x.shape, dimensions=()))


def rotate(x):
    parts = (
        slice(x, start=(1,), limit=(3,), strides=(1,)),
        slice(x, start=(0,), limit=(1,), strides=(1,)),
    )
    return concatenate(*parts, dimension=0)


def outer(x):
    rows = mul(broadcast_in_dim(x, shape=(3, 3), dimensions=(0,)), transpose(M, permutation=(1, 0)))
    return reduce_sum(rows, axes=(0,))


def piecewise(x):
    return select(gt(x, 0.1), mul(x, x), mul(x, 0.5))


STEPS = [
    sin,
    cos,
    lambda x: exp(mul(x, -0.5)),
    lambda x: mul(x, x),
    lambda x: sub(mul(2.0, x), 1.0),
    lambda x: reverse(x, dimensions=(0,)),
    lambda x: reshape(reshape(x, shape=(3, 1)), shape=(3,)),
    matvec,
    spread,
    rotate,
    outer,
    piecewise,
    lambda x: x,
]

HIGHER = [
    called,
    lambda f: lambda x: grad(lambda y: total(mul(f(y), 0.3)))(x),
    lambda f: lambda x: jvp(f, (x,), (sin(x),))[1],
    lambda f: (
        lambda x: mul(x, jvp(lambda y: mul(f(x), y), (x,), (x,))[1])
    ),  # closes over an outer tracer
    lambda f: lambda x: total_rows(vmap(f)(broadcast_in_dim(x, shape=(2, 3), dimensions=(1,)))),
    lambda f: lambda x: vmap(lambda s: mul(s, total(f(x))))(x),
    lambda f: lambda x: add(f(x), x),
]


def total_rows(x):
    return reduce_sum(x, axes=(0,))


def compose(steps):
    def program(x):
        for step in steps:
            x = step(x)
        return x

    return program


simple = st.lists(st.sampled_from(STEPS), min_size=1, max_size=3).map(compose)
wrapped = st.builds(lambda wrap, f: wrap(f), st.sampled_from(HIGHER), simple)
programs = st.lists(simple | wrapped, min_size=1, max_size=3).map(compose)
points = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).uniform(-1, 1, 3))
