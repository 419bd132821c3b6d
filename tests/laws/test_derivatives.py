"""Laws *forward*, *duality* and *linearity* of derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnx.api import jvp, linear_transpose, linearize, make_jaxpr, vjp, vmap
from fnx.core.evaluate import evaluate
from fnx.core.verify import verify
from fnx.lowering.jit import jit
from fnx.lowering.lower import lower
from fnx.transforms.linearize import linearize_jaxpr
from fnx.transforms.transpose import transpose_jaxpr
from fnx_xla_lite.hlo.interpret import interpret
from tests.laws.drawing import each_smooth, examples, some_smooth
from tests.op_specs import SPECS
from tests.oracles import (
    assert_all_close,
    assert_close,
    central_difference,
    directions,
    inner,
)
from tests.programs import WRAPPERS
from tests.strategies import FLOAT64_ONLY, MOSTLY_FLOATS, SMOOTH, recipes


def moves_of(program, count, seed=0):
    """The program as a function of its floating-point inputs, and ``count`` directions."""
    rng = np.random.default_rng(seed)
    return lambda *xs: program.at(xs), [directions(rng, program.point) for _ in range(count)]


@each_smooth
@examples(4)
@given(recipe=recipes(SMOOTH))
def test_jvp_agrees_with_central_differences(name, recipe):
    program = recipe.program(name, FLOAT64_ONLY)
    f, (t,) = moves_of(program, 1)
    outs, out_ts = jvp(f, program.point, tuple(t))
    assert_all_close(outs, f(*program.point), program.tolerance, program)
    expected = central_difference(program.at, program.point, t)
    assert_all_close(out_ts, expected, 1e-6, program)


@each_smooth
@examples(2)
@given(recipe=recipes(SMOOTH, after=1))
def test_second_derivatives_agree_with_central_differences(name, recipe):
    program = recipe.program(name, FLOAT64_ONLY)
    f, (t, u) = moves_of(program, 2)
    tangent = lambda *xs: jvp(f, xs, tuple(t))[1]
    _, second = jvp(tangent, program.point, tuple(u))
    expected = central_difference(lambda xs: tangent(*xs), program.point, u)
    assert_all_close(second, expected, 1e-5, program)


@each_smooth
@examples(6)
@given(recipe=recipes())
def test_reverse_mode_is_dual_to_forward_mode(name, recipe):
    """<ct, jvp(t)> = <vjp(ct), t>, in every dtype."""
    program = recipe.program(name, MOSTLY_FLOATS)
    f, (t,) = moves_of(program, 1)
    if not program.point:
        return
    outs, out_ts = jvp(f, program.point, tuple(t))
    again, pull_back = vjp(f, *program.point)
    assert_all_close(again, outs, program.tolerance, program)
    cts = directions(np.random.default_rng(1), [np.asarray(y) for y in outs])
    found = pull_back(tuple(cts))
    assert [x.aval for x in found] == [x.aval for x in map(_as_array, program.point)]
    size = 1 + inner(np.abs(_flat(cts)), np.abs(_flat(out_ts)))
    error = abs(inner(cts, out_ts) - inner(found, t))
    assert not error > program.tolerance * size, (error, size, program)


def _as_array(x):
    return make_jaxpr(lambda y: y)(x).inputs[0]


def _flat(xs):
    return [np.concatenate([np.zeros(1), *[np.ravel(np.asarray(x, np.float64)) for x in xs]])]


@each_smooth
@examples(3)
@given(recipe=recipes(SMOOTH))
def test_a_linearised_function_is_linear_and_the_jvp(name, recipe):
    program = recipe.program(name, FLOAT64_ONLY)
    f, (t, u) = moves_of(program, 2)
    outs, push = linearize(f, *program.point)
    assert_all_close(outs, f(*program.point), program.tolerance, program)
    first, second = push(*t), push(*u)
    assert_all_close(first, jvp(f, program.point, tuple(t))[1], 1e-9, program)
    both = push(*[2 * a - 3 * b for a, b in zip(t, u, strict=True)])
    for x, a, b in zip(both, first, second, strict=True):
        assert_close(x, 2 * np.asarray(a) - 3 * np.asarray(b), 1e-9, program)


@each_smooth
@examples(2)
@given(recipe=recipes(SMOOTH, after=1))
def test_a_linearised_function_transforms_like_any_other(name, recipe):
    program = recipe.program(name, FLOAT64_ONLY)
    check_push(program)


@some_smooth
@examples(2)
@given(recipe=recipes(SMOOTH))
def test_the_transpose_of_a_linearised_function_is_the_vjp(name, recipe):
    program = recipe.program(name, FLOAT64_ONLY)
    if not program.point:
        return
    f, (t,) = moves_of(program, 1)
    outs, push = linearize(f, *program.point)
    cts = tuple(directions(np.random.default_rng(1), [np.asarray(y) for y in outs]))
    _, pull_back = vjp(f, *program.point)
    transposed = linear_transpose(push, *t)
    for found in (transposed(cts), jit(transposed)(cts), jit(linear_transpose(jit(push), *t))(cts)):
        assert_all_close(found, pull_back(cts), 1e-9, program)


def check_push(program):
    """vmap, jvp, linearize and lowering of a linearised function, against its rows and itself."""
    f, (t, u) = moves_of(program, 2)
    _, push = linearize(f, *program.point)
    expected = push(*u)
    for _, found in (jvp(push, tuple(t), tuple(u)), _pushed_twice(push, t, u)):
        assert_all_close(found, expected, 1e-9, program)
    if t:
        rows = vmap(push)(*[np.stack([a, b]) for a, b in zip(t, u, strict=True)])
        assert_all_close([np.asarray(y)[1] for y in rows], expected, 1e-9, program)
    jaxpr = make_jaxpr(push)(*u)
    assert_all_close(interpret(lower(jaxpr), *u), expected, 1e-9, program)
    assert_all_close(evaluate(jaxpr, *u), expected, 1e-9, program)


@each_smooth
@examples(2)
@given(recipe=recipes(SMOOTH), wrapper=st.sampled_from(sorted(set(WRAPPERS) - {"plain"})))
def test_a_call_of_the_whole_program_changes_no_derivative(name, recipe, wrapper):
    program = recipe.program(name, FLOAT64_ONLY).without_wrappers()
    if not program.point:
        return
    f, (t, u) = moves_of(program, 2)
    called = lambda *xs: tuple(WRAPPERS[wrapper](f)(*xs))
    outs, pull_back = vjp(f, *program.point)
    again, pull_called = vjp(called, *program.point)
    cts = tuple(directions(np.random.default_rng(1), [np.asarray(y) for y in outs]))
    note = f"{wrapper}\n{program!r}"
    assert_all_close(again, outs, 1e-12, note)
    assert_all_close(pull_called(cts), pull_back(cts), 1e-9, note)
    slope, slope_called = (lambda *xs, g=g: jvp(g, xs, tuple(t))[1] for g in (f, called))
    expected, found = (jvp(g, program.point, tuple(u)) for g in (slope, slope_called))
    assert_all_close(found[0], expected[0], 1e-9, note)
    assert_all_close(found[1], expected[1], 1e-8, note)


def _pushed_twice(push, t, u):
    outs, again = linearize(push, *t)
    return outs, again(*u)


@each_smooth
@examples(2)
@given(recipe=recipes(SMOOTH))
def test_transposing_twice_is_the_identity(name, recipe):
    program = recipe.program(name, FLOAT64_ONLY)
    f, (t,) = moves_of(program, 1)
    jaxpr = make_jaxpr(f)(*program.point)
    parts = linearize_jaxpr(jaxpr, [True] * len(program.point))
    values = evaluate(verify(parts.forward), *program.point)
    count = len(jaxpr.outputs)
    known, rest = (*program.point, *values[:count]), iter(values[count:])
    residuals = [next(rest) if i is None else known[i] for i in parts.residuals]
    fixed = [False] * len(residuals)
    expected = evaluate(verify(parts.linear), *residuals, *t)
    back, nonzero, *_ = transpose_jaxpr(parts.linear, fixed + [True] * len(t))
    again, active, *_ = transpose_jaxpr(back, fixed + [True] * len(expected), [True] * sum(nonzero))
    given_ts = [x for x, is_used in zip(t, nonzero, strict=True) if is_used]
    found = iter(evaluate(verify(again), *residuals, *given_ts))
    pairs = zip(active, expected, strict=True)
    actual = [next(found) if is_active else np.zeros(y.shape) for is_active, y in pairs]
    assert_all_close(actual, expected, 1e-9, program)


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.linear])
@examples(8)
@given(recipe=recipes(before=0, after=0))
def test_transposes_of_linear_programs_pass_the_dot_product_test(name, recipe):
    """<ct, f(t)> = <f^T(ct), t>, for operands in which the primitive is jointly linear."""
    program = recipe.program(name, FLOAT64_ONLY)
    program = program.without_wrappers("cond", "while", "nested")  # whose predicates are not linear
    (step,) = program.steps
    for group in SPECS[name].linear:
        chosen = [step.operands[i] for i in group]
        if all(x.kind == "input" for x in chosen):
            check_transpose(program, [x.index for x in chosen], recipe.seed)


def check_transpose(program, places, seed):
    jaxpr = make_jaxpr(program)(*program.inputs)
    args, zeroed = list(program.inputs), list(program.inputs)
    for i in places:
        args[i] = directions(np.random.default_rng((seed, i)), [args[i]])[0]
        zeroed[i] = np.zeros_like(args[i])
    (y,), (offset,) = program(*args), program(*zeroed)
    (ct,) = directions(np.random.default_rng(seed), [np.asarray(y)])
    back, nonzero, *_ = transpose_jaxpr(jaxpr, [i in places for i in range(len(args))])
    known = [x for i, x in enumerate(args) if i not in places]
    found = iter(evaluate(verify(back), *known, ct))
    cts = [next(found) if is_nonzero else None for is_nonzero in nonzero]
    right = inner(cts, [args[i] for i in sorted(places)])
    assert_close(inner([ct], [np.asarray(y) - np.asarray(offset)]), right, 1e-11, program)
