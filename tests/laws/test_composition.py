"""Law *commuting*: vmap of grad = grad of the sum of vmap; jit and grad commute; all at once."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given

import fnx
from fnx.api import grad, jvp, vmap
from fnx.ops.arithmetic import mul
from fnx.ops.families import add
from fnx.ops.layout import reduce_sum
from tests.laws.drawing import each_smooth, examples
from tests.oracles import assert_all_close, assert_close, directions
from tests.strategies import FLOAT64_ONLY, SMOOTH, Options, recipes

COMPILES = True


def total(x):
    return reduce_sum(x, axes=tuple(range(len(x.shape))))


def scalar_of(program):
    """A weighted sum of all results, as a function of the floating-point inputs."""
    values = [np.asarray(y) for y in program.at(program.point)]
    weights = directions(np.random.default_rng(5), values)

    def scalar(*xs):
        parts = [total(mul(y, w)) for y, w in zip(program.at(xs), weights, strict=True)]
        return functools.reduce(add, parts)

    return scalar


@each_smooth
@examples(2)
@given(recipe=recipes(SMOOTH))
def test_vmap_of_grad_is_grad_of_the_sum_of_vmap(name, recipe):
    program = recipe.program(name, FLOAT64_ONLY).without_wrappers("jit")
    scalar, numbers = scalar_of(program), tuple(range(len(program.point)))
    if not numbers:
        return
    ts = directions(np.random.default_rng(recipe.seed), program.point)
    batch = [np.stack([x, x + 0.01 * t]) for x, t in zip(program.point, ts, strict=True)]
    rows = vmap(grad(scalar, numbers))(*batch)
    at_once = grad(lambda *xs: total(vmap(scalar)(*xs)), numbers)(*batch)
    assert_all_close(rows, at_once, 1e-9, program)
    for i in range(2):
        one = grad(scalar, numbers)(*[x[i] for x in batch])
        assert_all_close([np.asarray(x)[i] for x in rows], one, 1e-9, program)


@each_smooth
@examples(1)
@given(recipe=recipes(SMOOTH))
def test_jit_and_grad_commute(name, recipe):
    program = recipe.program(name, FLOAT64_ONLY)
    scalar, numbers = scalar_of(program.without_wrappers()), tuple(range(len(program.point)))
    if not numbers:
        return
    expected = grad(scalar, numbers)(*program.point)
    wrapped = scalar_of(program)
    assert_all_close(fnx.jit(grad(wrapped, numbers))(*program.point), expected, 1e-9, program)
    assert_all_close(grad(fnx.jit(wrapped), numbers)(*program.point), expected, 1e-9, program)


@each_smooth
@examples(1)
@given(recipe=recipes(SMOOTH, before=0, after=1))
def test_jit_of_vmap_of_second_derivatives(name, recipe):
    """jit(vmap(grad(grad g))) of g(s) = scalar(x + s t), against forward mode twice, row by row."""
    program = recipe.program(name, FLOAT64_ONLY)
    if not program.point:
        return
    scalar, ts = scalar_of(program), directions(np.random.default_rng(2), program.point)

    def along(s):
        moved = [mul(t, fnx.numpy.broadcast_to(s, t.shape)) for t in ts]
        return scalar(*map(add, program.point, moved))

    points = np.array([-0.01, 0.0, 0.01])
    seconds = fnx.jit(vmap(grad(grad(along))))(points)
    slope = lambda s: jvp(along, (s,), (np.float64(1),))[1]
    expected = [np.asarray(jvp(slope, (s,), (np.float64(1),))[1]) for s in points]
    assert_close(seconds, np.array(expected), 1e-8, program)


@pytest.mark.parametrize("wrapper", ["cond", "scan", "fori", "while", "nested"])
@pytest.mark.parametrize("name", ["mul", "sin", "div"])
@examples(2)
@given(recipe=recipes(SMOOTH, before=0, after=1))
def test_jit_and_grad_commute_in_loops_and_branches(name, wrapper, recipe):
    """Every step of the program is in one: so residuals are stacked, and read, natively."""
    program = recipe.program(name, Options(smooth=True, wrappers=(wrapper,)))
    scalar, numbers = scalar_of(program.without_wrappers()), tuple(range(len(program.point)))
    if not numbers:
        return
    expected = grad(scalar, numbers)(*program.point)
    wrapped = scalar_of(program)
    assert_all_close(grad(wrapped, numbers)(*program.point), expected, 1e-9, program)
    assert_all_close(fnx.jit(grad(wrapped, numbers))(*program.point), expected, 1e-9, program)
