"""Law *batching*: vmap(f)(xs)[i] = f(xs[i]), for all choices of mapped arguments and their axes."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given

from fnx.api import vmap
from tests.laws.drawing import each, examples
from tests.oracles import assert_close, loop_vmap
from tests.strategies import recipes

MOST_CHOICES = 7


def rows_of(rng, x, size):
    """``size`` arrays with the elements of ``x`` in other places, so within the same domain."""
    return [x, *[rng.permuted(x.reshape(-1)).reshape(x.shape) for _ in range(size - 1)]]


def choices(rng, count):
    """Which inputs are mapped: every choice, or a sample with the simplest ones."""
    if count <= 3:
        return [c for c in itertools.product((False, True), repeat=count) if any(c)]
    single = tuple(i == int(rng.integers(count)) for i in range(count))
    some = [tuple(rng.random(count) < 0.5) for _ in range(MOST_CHOICES - 2)]
    return [(True,) * count, *[c for c in (single, *some) if any(c)]]


@each
@examples(3)
@given(recipe=recipes())
def test_vmap_is_a_loop(name, recipe):
    program = recipe.program(name)
    rng = np.random.default_rng(recipe.seed)
    for mapped in choices(rng, len(program.inputs)):
        size = int(rng.integers(1, 4))
        xs, axes = [], []
        for x, is_mapped in zip(program.inputs, mapped, strict=True):
            axes.append(int(rng.integers(x.ndim + 1)) if is_mapped else None)
            xs.append(np.stack(rows_of(rng, x, size), axes[-1]) if is_mapped else x)
        expected = loop_vmap(program, xs, axes, size)
        out_axes = tuple(int(rng.integers(y.ndim + 1)) for y in expected[0])
        outs = vmap(program, in_axes=tuple(axes), out_axes=out_axes)(*xs)
        note = f"in_axes {axes}, out_axes {out_axes}, size {size}\n{program!r}"
        for position, (out, axis) in enumerate(zip(outs, out_axes, strict=True)):
            rows = np.stack([row[position] for row in expected], axis)
            assert_close(out, rows, program.tolerance, note)


@each
@examples(1)
@given(recipe=recipes(after=1))
def test_vmap_over_nothing_has_the_right_shape(name, recipe):
    program = recipe.program(name)
    if not program.inputs:
        return
    empty = [np.zeros((0, *x.shape), x.dtype) for x in program.inputs]
    outs = vmap(program)(*empty)
    expected = program(*program.inputs)
    assert [(y.shape, y.dtype) for y in outs] == [((0, *y.shape), y.dtype) for y in expected]
