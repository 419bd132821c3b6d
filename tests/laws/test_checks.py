"""Law *checks*: a sanitiser build reports the first equation that fails, and changes nothing else.

The oracle runs the program equation by equation with NumPy, and looks for NaNs and infinities that
come out of operands without any.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import fnx
from fnx.checks.classes import class_of
from fnx.checks.replay import first_failure
from fnx.core.dtypes import FLOAT32, FLOAT64, FLOATS
from fnx.core.evaluate import literal_value
from fnx.core.flatten import trace_closed
from fnx.core.ir import Jaxpr, Literal
from fnx.core.primitive import REGISTRY
from fnx.core.trace import bind
from fnx.errors import CheckError, NanError
from fnx.ops.elementwise_math import log
from tests.laws.drawing import each, each_smooth, examples
from tests.op_specs import SPECS, Draw
from tests.oracles import assert_same_bits
from tests.strategies import MOSTLY_FLOATS, NAMES, recipes

COMPILES = True
KINDS = frozenset({"nan", "overflow"})
SPECIAL = (0.0, -1.0, 2.5, 1e30, -1e30, np.inf, -np.inf, np.nan, 1e-30)


def takes_floats(name):
    spec = SPECS[name]
    is_float = FLOAT32 in spec.dtypes
    return is_float and any(x.dtype == FLOAT32 for x in spec.draw(Draw(0, FLOAT32)).args)


TAKE_FLOATS = [name for name in NAMES if takes_floats(name)]


def with_special_values(program, seed):
    """The inputs with some floats replaced."""
    rng = np.random.default_rng(seed)
    inputs = []
    for x in program.inputs:
        x = np.array(x)
        if x.dtype in FLOATS and x.size and rng.random() < 0.7:
            places = rng.random(x.shape) < 0.3
            with np.errstate(over="ignore"):
                x = np.where(places, rng.choice(SPECIAL, x.shape).astype(x.dtype), x)
        inputs.append(x.astype(x.dtype))
    return inputs


def walk(jaxpr, args):
    """Results of a jaxpr; and its equations without functions, with operands and results."""
    env = {**dict(jaxpr.consts), **dict(zip(jaxpr.inputs, args, strict=True))}
    passed = []
    for eqn in jaxpr.eqns:
        ins = [literal_value(a) if isinstance(a, Literal) else env[a] for a in eqn.inputs]
        inner = inner_function(eqn, ins)
        if inner is not None:
            outs, inside = walk(*inner)
            passed += inside
        else:
            outs = bind(eqn.primitive, *ins, **eqn.params)
            passed.append((eqn, ins, outs))
        env.update(zip(eqn.outputs, outs, strict=True))
    outs = [literal_value(a) if isinstance(a, Literal) else env[a] for a in jaxpr.outputs]
    return outs, passed


def inner_function(eqn, ins):
    if eqn.primitive.name in ("scan", "while"):
        return None
    if eqn.primitive.name == "cond":
        return eqn.params["branches"][int(ins[0])], ins[1:]
    for name in ("jaxpr", "body"):
        if isinstance(eqn.params.get(name), Jaxpr):
            return eqn.params[name], ins
    return None


def made(eqn, ins, outs):
    """Whether an equation made a NaN or an infinity: surely, and possibly."""
    out = np.asarray(outs[0])
    if out.dtype not in FLOATS:
        return False, False
    fails = class_of(eqn.primitive).fails
    out = out.astype(FLOAT64)
    floats = [np.asarray(x).astype(FLOAT64) for x in ins if np.asarray(x).dtype in FLOATS]
    is_nan, is_inf = np.isnan(out), np.isinf(out)
    possibly = bool(("nan" in fails and is_nan.any()) or ("overflow" in fails and is_inf.any()))
    if class_of(eqn.primitive).is_pointwise:
        for x in floats:
            is_nan, is_inf = is_nan & ~np.isnan(x), is_inf & np.isfinite(x)
    else:
        is_nan = is_nan & (not any(np.isnan(x).any() for x in floats))
        is_inf = is_inf & all(np.isfinite(x).all() for x in floats)
    surely = bool(("nan" in fails and is_nan.any()) or ("overflow" in fails and is_inf.any()))
    return surely, surely if class_of(eqn.primitive).is_pointwise else possibly


def same(xs, ys):
    return all(
        np.asarray(x).tobytes() == np.asarray(y).tobytes() for x, y in zip(xs, ys, strict=True)
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name != "select"])
@examples(3)
@given(recipe=recipes(), seed=st.integers(0, 10_000))
def test_the_first_equation_that_fails_is_reported(name, recipe, seed):
    program = recipe.program(name, MOSTLY_FLOATS)
    inputs = [fnx.numpy.asarray(x) for x in with_special_values(program, seed)]
    jaxpr, consts = trace_closed(program, [x.aval for x in inputs])
    _, passed = walk(jaxpr, [*consts, *inputs])
    assume(not any(eqn.primitive.name in ("select", "scan", "while") for eqn, _, _ in passed))
    marks = [made(*row) for row in passed]
    first = next((i for i, (surely, _) in enumerate(marks) if surely), None)
    failure = first_failure(jaxpr, KINDS, [*consts, *inputs], iter(()))
    if failure is None:
        assert first is None, (passed[first], program)
        return
    assume(np.asarray(failure.outs[0]).dtype in FLOATS)  # integers have tests of their own
    places = [
        i
        for i, (eqn, ins, outs) in enumerate(passed)
        if eqn.primitive is failure.eqn.primitive
        and same(ins, failure.ins)
        and same(outs, failure.outs)
    ]
    assert marks[places[0]][1], program
    assert first is None or places[0] <= first, (passed[first], program)


@each
@examples(1)
@given(recipe=recipes(), seed=st.integers(0, 10_000))
def test_the_compiled_flag_agrees_and_nothing_else_changes(name, recipe, seed):
    program = recipe.program(name, MOSTLY_FLOATS)
    inputs = [fnx.numpy.asarray(x) for x in with_special_values(program, seed)]
    plain = fnx.jit(program)(*inputs)
    jaxpr, consts = trace_closed(program, [x.aval for x in inputs])
    failure = first_failure(jaxpr, KINDS, [*consts, *inputs], iter(()))
    checked = fnx.jit(program, check=KINDS)
    try:
        outs = checked(*inputs)
    except CheckError:
        return  # by NumPy's arithmetic or, in the last bits, by the compiler's
    assert failure is None, (failure, program)
    assert_same_bits(outs, plain, program)


@each_smooth
@examples(1)
@given(recipe=recipes(after=1), seed=st.integers(0, 10_000))
def test_gradients_without_nans_pass_and_those_with_are_caught(name, recipe, seed):
    """From finite values a NaN in a result is always reported; without one, nothing changes."""
    program = recipe.program(name, MOSTLY_FLOATS)
    assume(program.active)
    inputs = with_special_values(program, seed)
    point = [inputs[i] for i in program.active]
    assume(all(x.dtype in (FLOAT32, FLOAT64) for x in point))
    assume(all(np.isfinite(x).all() for x in point))

    def scalar(*moving):
        filled = list(inputs)
        for i, x in zip(program.active, moving, strict=True):
            filled[i] = x
        total = 0.0
        for y in program.at_inputs(filled):
            total = total + y.astype("float64").sum()
        return total

    f = fnx.value_and_grad(scalar, argnums=tuple(range(len(point))))
    value, gradient = fnx.jit(f)(*point)
    outs = [np.asarray(x) for x in (value, *gradient)]
    try:
        checked_value, checked_gradient = fnx.jit(f, check="nan")(*point)
    except NanError:
        return
    assert not any(np.isnan(x).any() for x in outs), program
    assert_same_bits([checked_value, *checked_gradient], outs, program)


@pytest.mark.parametrize("name", TAKE_FLOATS)
@examples(6)
@given(seed=st.integers(0, 10_000))
def test_a_nan_in_one_element_of_any_operand_is_reported(name, seed):
    """Whatever an operation does with it, but for questions and the side that is not taken."""
    spec, rng = SPECS[name], np.random.default_rng(seed)
    case = spec.draw(Draw(seed, FLOAT32))
    makes = [i for i, x in enumerate(case.args) if x.dtype == FLOAT32 and x.size]
    assume(makes)
    position = makes[int(rng.integers(len(makes)))]

    def f(*xs):
        xs = [*xs[:position], log(xs[position]), *xs[position + 1 :]]
        return bind(REGISTRY[name], *xs, **case.params)

    checked, size = fnx.jit(f, check="nan"), case.args[position].size
    for place in rng.permutation(size)[:12]:  # also those that a slice cuts off
        bad = np.ones(case.args[position].shape, FLOAT32)
        bad.flat[place] = -1.0
        args = [*case.args[:position], bad, *case.args[position + 1 :]]
        index = np.unravel_index(place, bad.shape)
        is_seen = name != "is_finite" and any(np.asarray(y).size for y in f(*args))
        if name == "select":
            is_seen = bool(np.broadcast_to(case.args[0], bad.shape)[index]) == (position == 1)
        if not is_seen:
            checked(*args)
            continue
        with pytest.raises(NanError) as caught:
            checked(*args)
        assert caught.value.primitive == "log"
        assert caught.value.index == tuple(int(i) for i in index)


@pytest.mark.parametrize("kinds", [("nan",), ("overflow",), ("index", "nan"), ("user",)])
def test_checks_nest(kinds):
    """Checks of a function inside of another with other checks: each finds its own."""
    inner = fnx.jit(lambda x: fnx.numpy.log(x), check=kinds)
    outer = fnx.jit(lambda x: inner(x), check="nan")
    with pytest.raises(NanError):
        outer(-1.0)
    if "overflow" in kinds:
        with pytest.raises(CheckError, match="made -inf"):
            outer(0.0)
    else:
        assert float(outer(0.0)) == -np.inf
