"""Tests of the drawn programs: every rule is reached, and so is every kind of program."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from fnx.api import grad, jvp, make_jaxpr, vjp, vmap
from fnx.control import call
from fnx.control.effects.assertion import check
from fnx.core.dtypes import FLOATS
from fnx.core.evaluate import evaluate
from fnx.core.primitive import REGISTRY
from fnx.lowering.lower import lower
from fnx.ops.comparison import lt
from fnx.ops.layout import reduce_sum
from fnx.transforms.transpose import transpose_jaxpr
from tests.laws.lowered import modules_of
from tests.laws.talking import Writer, run
from tests.laws.test_derivatives import check_push, check_transpose
from tests.laws.test_effects import Fnx, events_of
from tests.meta.reached import all_slots, recorded
from tests.op_specs import SPECS
from tests.oracles import directions
from tests.programs import WRAPPERS
from tests.strategies import ANY, FLOAT64_ONLY, NAMES, SMOOTH, WIDE, Recipe

UNREACHABLE = {
    ("iota", "batch"),  # it has no operand that could be mapped
    ("while", "transpose"),  # an error that says what to write
    ("check", "split"),  # it has no derivative
    *((name, slot) for name in ("pure_callback", "io_callback") for slot in ("jvp", "split")),
}


@pytest.fixture(autouse=True)
def _calls_are_evaluated():
    compiler = list(call._compiler)
    call.set_compiler(None)
    yield
    call._compiler[:] = compiler


def recipe_of(seed, names, name=""):
    rng = np.random.default_rng([seed, *name.encode()])
    pick = lambda most: tuple(str(x) for x in rng.choice(names, rng.integers(0, most + 1)))
    return Recipe(seed, pick(1), pick(2))


def run_laws(name, seed):
    """What the laws do with a program, without their checks."""
    program = recipe_of(seed, NAMES, name).program(name, ANY)
    program(*program.inputs)
    if program.inputs:
        vmap(program)(*[np.stack([x, x]) for x in program.inputs])
    for jaxpr, arguments in modules_of(program):
        lower(jaxpr)
        evaluate(jaxpr, *arguments)
    if name not in SMOOTH:
        return
    program = recipe_of(seed, SMOOTH, name).program(name, FLOAT64_ONLY)
    ts = tuple(directions(np.random.default_rng(seed), program.point))
    if not ts:
        return
    f = lambda *xs: program.at(xs)
    tangent = lambda *xs: jvp(f, xs, ts)[1]
    pull = lambda *xs: vjp(f, *xs)[1](tuple(f(*xs)))
    jvp(tangent, program.point, ts)
    batch = [np.stack([x, x]) for x in program.point]
    for g in (tangent, pull, lambda *xs: jvp(pull, xs, ts)[1]):
        vmap(g)(*batch)
        lower(make_jaxpr(g)(*program.point))
    check_push(program)
    for number in range(4 * bool(SPECS[name].linear)):
        linear = Recipe(100 * seed + number).program(name, FLOAT64_ONLY)
        linear = linear.without_wrappers("cond", "while", "nested")
        for group in SPECS[name].linear:
            chosen = [linear.steps[0].operands[i] for i in group]
            if all(x.kind == "input" for x in chosen):
                check_transpose(linear, [x.index for x in chosen], seed)


def run_blocks(seed):
    """What the laws of effects do with blocks."""
    block = (("vmap", 2, Writer(seed).block(2)), ("pure",))
    events_of(block, lambda f: f)
    lower(make_jaxpr(lambda x: run(Fnx(), block, x))(0.5))
    events_of(Writer(seed, ("scan",)).block(1), grad)
    events_of(Writer(seed, ("scan",)).block(1), lambda f: lambda x: jvp(f, (x,), (x,)))


def run_assertions():
    """What transforms do with an assertion that may be left out."""

    def f(x):
        check(lt(x, 9.0), "x is {}", x, debug=True)
        return x

    assert grad(f)(1.0) == 1.0
    vmap(f)(np.ones(2))
    lower(make_jaxpr(f)(1.0))


def test_every_rule_of_every_primitive_is_reached():
    assert set(REGISTRY) - set(SPECS) == {
        name for name, p in REGISTRY.items() if p.split is not None or p.collect is not None
    }, "a primitive has no op spec"
    with recorded() as found:
        run_assertions()
        for seed in range(12):  # until all have been reached
            run_blocks(seed)
            for name in NAMES:
                run_laws(name, seed)
            if found >= all_slots() - UNREACHABLE:
                break
    missing = sorted(f"{name}.{slot}" for name, slot in all_slots() - found - UNREACHABLE)
    assert not missing, f"rules that no drawn program reaches: {missing}"


def test_every_kind_of_program_is_drawn():
    seen = collections.Counter()
    for options in (ANY, WIDE):
        for seed in range(5):
            for name in NAMES:
                program = recipe_of(seed, NAMES, name).program(name, options)
                seen.update(f"rank {x.ndim}" for x in program.inputs)
                seen.update(f"size {n}" for x in program.inputs for n in x.shape)
                seen.update(str(x.dtype) for x in program.inputs)
                operands = [x for step in program.steps for x in step.operands]
                seen.update(x.kind for x in operands)
                seen.update("link" for x in operands if x.link is not None)
                seen.update(step.wrapper for step in program.steps)
                seen[f"{len(program.steps)} steps"] += 1
    wanted = [f"rank {n}" for n in range(4)] + [f"size {n}" for n in (0, 1, 2, 3, 17, 33)]
    wanted += ["input", "constant", "literal", "direct", "link", *WRAPPERS]
    wanted += [str(d) for spec in SPECS.values() for d in spec.dtypes]
    wanted += [f"{n} steps" for n in (1, 2, 3, 4)]
    assert not [kind for kind in wanted if seen[kind] < 3], seen


@pytest.mark.parametrize("options", [ANY, FLOAT64_ONLY, WIDE])
def test_a_recipe_is_one_program(options):
    for name in SMOOTH:
        one, other = (recipe_of(7, SMOOTH).program(name, options) for _ in range(2))
        assert repr(one) == repr(other)
        pairs = zip(one.inputs, other.inputs, strict=True)
        assert all(a.tobytes() == b.tobytes() for a, b in pairs)


def test_results_depend_on_inputs_through_links():
    """A later step's result moves when the first step's input does."""
    moved = 0
    for seed in range(40):
        program = Recipe(seed, (), ("cos",)).program("sin", FLOAT64_ONLY)
        operand = program.steps[1].operands[0]
        if program.point and (operand.link is not None or operand.kind == "direct"):
            ts = tuple(directions(np.random.default_rng(0), program.point))
            _, tangents = jvp(lambda *xs, p=program: p.at(xs), program.point, ts)
            last = np.asarray(tangents[-1])
            moved += bool(np.any(last != 0)) or not last.size
    assert moved > 20


def test_smooth_programs_are_float64_and_finite():
    finite = 0
    for seed in range(3):
        for name in SMOOTH:
            program = recipe_of(seed, SMOOTH, name).program(name, FLOAT64_ONLY)
            values = [np.asarray(y) for y in program(*program.inputs)]
            floats = [x for x in (*program.inputs, *values) if x.dtype in FLOATS]
            assert all(x.dtype == np.float64 for x in floats)
            finite += all(np.isfinite(y).all() for y in values)
    assert finite > 2.7 * len(SMOOTH)


def test_grad_of_a_drawn_program_is_what_evaluate_of_its_transpose_gives():
    program = Recipe(3).program("mul", FLOAT64_ONLY).without_wrappers()
    jaxpr = make_jaxpr(lambda *xs: program.at(xs))(*program.point)
    marks = [True] + [False] * (len(program.point) - 1)
    back, _, *_ = transpose_jaxpr(jaxpr, marks)
    ct = np.ones(jaxpr.outputs[0].aval.shape)
    (found,) = evaluate(back, *program.point[1:], ct)
    total = lambda x: np.ones(()) * 0 + _total(program.at((x, *program.point[1:]))[0])
    np.testing.assert_allclose(found, grad(total)(program.point[0]))


def _total(x):
    return reduce_sum(x, axes=tuple(range(len(x.shape))))
