"""Modules large enough for threads, chunks and tiles.

They have chains, rows, columns, sums, products and moves.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from fnx_xla_lite.hlo.builder import Builder


def spread(b, x, shape, *dimensions):
    return b.broadcast_in_dim(x, shape, dimensions)


def sums(b, x, *dimensions):
    return b.reduce(x, b.constant(np.zeros((), np.float32)), dimensions, "add")


def chain(b, x):
    return b.tanh(b.multiply(x, b.exponential(x))), b.add(x, x)


def rows(b, x):
    e = b.exponential(x)
    return (b.divide(e, spread(b, sums(b, e, 1), x.type.shape, 0)),)


def columns(b, x):
    return (sums(b, x, 0),)


def everything(b, x):
    return (sums(b, b.multiply(x, x), 0, 1),)


def product(b, x):
    y = b.dot_general(x, b.parameter((x.type.shape[1], 96), "f32"), contracting=((1,), (0,)))
    return (b.tanh(y), b.transpose(x, (1, 0)))


def turned(b, x):
    y = b.parameter(x.type.shape[::-1], "f32")
    return (b.add(b.transpose(x, (1, 0)), y), b.reverse(x, (1,)))


def stages(b, x):
    """Values that live for different times, so that memory is used again."""
    y = sums(b, x, 1)
    z = b.multiply(x, spread(b, y, x.type.shape, 0))
    u = sums(b, z, 0)
    v = b.subtract(z, spread(b, u, x.type.shape, 1))
    squares, plain = sums(b, b.multiply(v, v), 1), sums(b, x, 1)
    w = b.divide(b.add(v, x), spread(b, b.add(squares, plain), x.type.shape, 0))
    return sums(b, w, 0), b.add(w, z)


def shared(b, x):
    """Kernels kept apart: the second could write in place of what the third reads once more."""
    (t,) = b.optimization_barrier(b.add(x, x))
    (a,) = b.optimization_barrier(b.multiply(t, t))
    (c,) = b.optimization_barrier(b.subtract(a, b.reverse(t, (1,))))
    return (b.subtract(c, b.reverse(a, (0,))),)


MAKERS = (chain, rows, columns, everything, product, turned, stages, shared)
EXACT = (columns, everything, turned, shared)  # on small whole numbers: a lost element shows
ROWS, COLUMNS = (1, 3, 70, 257, 1000), (1, 7, 130, 513, 2000)


def large_module(make, shape, seed=0):
    """A module and its arguments."""
    b = Builder(make.__name__)
    module = b.build(*make(b, b.parameter(shape, "f32")))
    rng = np.random.default_rng(seed)
    draw = (
        (lambda t: rng.integers(-4, 5, t.shape))
        if make in EXACT
        else (lambda t: rng.uniform(-1, 1, t.shape))
    )
    types = [p.type for p in module.main.body.parameters]
    return module, [np.asarray(draw(t)).astype(np.float32) for t in types]


def tolerance_of(module):
    """Sums of a thousand terms round differently, but sums of small whole numbers are exact."""
    return 0.0 if module.name in {make.__name__ for make in EXACT} else 1e-3


large_modules = st.builds(
    large_module,
    st.sampled_from(MAKERS),
    st.tuples(st.sampled_from(ROWS), st.sampled_from(COLUMNS)),
    st.integers(0, 100),
)
