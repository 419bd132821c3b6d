"""Overflow of integers: exact, compared with Python's integers, which never overflow."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fnx.checks.failures import failures
from fnx.checks.integers import exactly
from fnx.core.array import wrap
from fnx.core.dtypes import INTS
from fnx.core.eager import aval_of
from fnx.core.trace import bind, trace
from fnx.ops import (
    arithmetic,
    bitwise,
    contraction,
    conversion,
    elementwise_math,
    gather,
    layout,
    reduction,
)

SMALL = (np.dtype("i1"), np.dtype("u1"))
ALL_DTYPES = sorted(INTS, key=str)


def overflowed(f, *arrays):
    """The mask of the last equation of ``f`` on these arrays."""
    values = [wrap(np.asarray(x)) for x in arrays]
    eqn = trace(lambda *xs: [f(*xs)], [aval_of(x) for x in values]).eqns[-1]
    rest = iter(values)
    ins = [next(rest) if hasattr(a, "aval") and not hasattr(a, "value") else a.value
           for a in eqn.inputs]  # fmt: skip
    outs = bind(eqn.primitive, *ins, **eqn.params)
    masks = failures("overflow", eqn, ins, outs, exact=True)
    if not masks:
        return np.zeros(aval_of(outs[0]).shape, bool)
    mask = np.asarray(masks[0].value)
    known = exactly(eqn.primitive.name, eqn.params, [np.asarray(x) for x in ins],
                    np.asarray(outs[0]))  # fmt: skip
    return mask if known is None else mask & known


def fits(value, dtype):
    info = np.iinfo(dtype)
    return info.min <= value <= info.max


def truncated(x, y):
    return None if y == 0 else abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def power(x, y):
    if y < 0:
        return None if x == 0 else 0
    return x**y


BINARY = {
    "add": (arithmetic.add, lambda x, y: x + y),
    "sub": (arithmetic.sub, lambda x, y: x - y),
    "mul": (arithmetic.mul, lambda x, y: x * y),
    "div": (arithmetic.div, truncated),
    "rem": (arithmetic.rem, lambda x, y: None if y == 0 else 0),
    "pow": (elementwise_math.pow, power),
}
UNARY = {
    "neg": (arithmetic.neg, lambda x: -x),
    "abs": (arithmetic.abs, abs),
    "square": (arithmetic.square, lambda x: x * x),
    "integer_pow": (lambda x: elementwise_math.integer_pow(x, exponent=3), lambda x: x**3),
    "integer_pow_even": (lambda x: elementwise_math.integer_pow(x, exponent=4), lambda x: x**4),
}


@pytest.mark.parametrize("dtype", SMALL, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_every_pair_of_small_integers(name, dtype):
    f, true = BINARY[name]
    info = np.iinfo(dtype)
    numbers = range(info.min, info.max + 1)
    pairs = list(itertools.product(numbers, numbers))
    x, y = (np.array([p[i] for p in pairs], dtype) for i in (0, 1))
    results = [true(a, b) for a, b in pairs]
    wanted = np.array([r is None or not fits(r, dtype) for r in results])
    np.testing.assert_array_equal(overflowed(f, x, y), wanted)


def edges(dtype):
    info = np.iinfo(dtype)
    numbers = {0, 1, 2, 3, 7, 10, 46340, 46341, 2**31, 2**32 - 1, 3037000499, 3037000500}
    numbers |= {info.max, info.max - 1, info.max // 2, info.max // 3 + 1, info.min, info.min + 1}
    numbers |= {-n for n in numbers}
    return sorted(n for n in numbers if fits(n, dtype))


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_pairs_at_the_ends_of_the_range(name, dtype):
    f, true = BINARY[name]
    left, right = edges(dtype), edges(dtype)
    if name == "pow":
        right = [n for n in right if abs(n) < 70]
    pairs = list(itertools.product(left, right))
    x, y = (np.array([p[i] for p in pairs], dtype) for i in (0, 1))
    results = [true(a, b) for a, b in pairs]
    wanted = np.array([r is None or not fits(r, dtype) for r in results])
    np.testing.assert_array_equal(overflowed(f, x, y), wanted)


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_one_integer(name, dtype):
    f, true = UNARY[name]
    info = np.iinfo(dtype)
    numbers = range(info.min, info.max + 1) if dtype.itemsize == 1 else edges(dtype)
    wanted = [not fits(true(n), dtype) for n in numbers]
    np.testing.assert_array_equal(overflowed(f, np.array(numbers, dtype)), wanted)


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
def test_shifts_of_signed_integers(dtype):
    if dtype.kind == "u":
        x, y = np.array([200], dtype), np.array([7], dtype)
        assert not overflowed(bitwise.shift_left, x, y).any()
        return
    bits = 8 * dtype.itemsize
    pairs = list(itertools.product(edges(dtype), [0, 1, 3, bits - 2, bits - 1, bits, bits + 3, -1]))
    x, y = (np.array([p[i] for p in pairs], dtype) for i in (0, 1))
    wanted = [a != 0 and (not 0 <= b < bits or not fits(a << b, dtype)) for a, b in pairs]
    np.testing.assert_array_equal(overflowed(bitwise.shift_left, x, y), wanted)


@pytest.mark.parametrize("target", ALL_DTYPES, ids=str)
@pytest.mark.parametrize("source", ALL_DTYPES, ids=str)
def test_conversions_between_integers(source, target):
    numbers = edges(source)
    mask = overflowed(lambda x: conversion.convert(x, dtype=target), np.array(numbers, source))
    np.testing.assert_array_equal(mask, [not fits(n, target) for n in numbers])


@pytest.mark.parametrize("target", ALL_DTYPES, ids=str)
@pytest.mark.parametrize("source", [np.dtype("f4"), np.dtype("f8")], ids=str)
def test_conversions_from_floats(source, target):
    info = np.iinfo(target)
    near = [float(info.min), float(info.max), 0.0, -0.5, -1.0, 0.999, np.inf, -np.inf, np.nan]
    numbers = np.array(near, source)
    numbers = np.concatenate(
        [numbers, np.nextafter(numbers, np.inf), np.nextafter(numbers, -np.inf)]
    )
    mask = overflowed(lambda x: conversion.convert(x, dtype=target), numbers)
    wanted = [not np.isfinite(x) or not fits(int(x), target) for x in numbers.tolist()]
    np.testing.assert_array_equal(mask, wanted)


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
def test_sums_and_products_of_rows(dtype):
    rng = np.random.default_rng(0)
    numbers = edges(dtype)
    rows = np.array([rng.choice(np.array(numbers, object), 4) for _ in range(200)])
    x = rows.astype(dtype)
    sums = [not fits(sum(row), dtype) for row in rows.tolist()]
    products = [not fits(int(np.prod(np.array(row, object))), dtype) for row in rows.tolist()]
    f = lambda x: layout.reduce_sum(x, axes=(1,))
    np.testing.assert_array_equal(overflowed(f, x), sums)
    f = lambda x: reduction.reduce_prod(x, axes=(1,))
    np.testing.assert_array_equal(overflowed(f, x), products)


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
def test_matrix_products(dtype):
    rng = np.random.default_rng(1)
    numbers = np.array(edges(dtype), object)
    x, y = rng.choice(numbers, (6, 3)), rng.choice(numbers, (3, 7))
    x[rng.random(x.shape) < 0.6] = 1
    y[rng.random(y.shape) < 0.4] = 1
    true = x @ y
    f = lambda x, y: contraction.dot_general(x, y, contracting=((1,), (0,)), batch=((), ()))
    mask = overflowed(f, x.astype(dtype), y.astype(dtype))
    np.testing.assert_array_equal(mask, [[not fits(v, dtype) for v in row] for row in true])
    assert mask.any()
    assert not mask.all()


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=str)
def test_scattered_sums(dtype):
    top = np.iinfo(dtype).max
    x = np.array([top - 3, 0, top], dtype)
    indices, updates = np.array([[0], [0], [1], [2]], "i4"), np.array([2, 2, top, 0], dtype)
    f = lambda x, u: gather.scatter(
        x, wrap(indices), u, start_index_map=(0,), collapsed_slice_dims=(0,), kind="add"
    )
    eqn = trace(lambda x, u: [f(x, u)], [aval_of(wrap(v)) for v in (x, updates)]).eqns[-1]
    ins = [wrap(x), wrap(indices), wrap(updates)]
    outs = bind(eqn.primitive, *ins, **eqn.params)
    (mask,) = failures("overflow", eqn, ins, outs, exact=True)
    np.testing.assert_array_equal(np.asarray(mask.value), [True, False, False])
