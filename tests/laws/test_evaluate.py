"""Law *evaluate*: evaluate(trace(f), x) = f(x), bit for bit; dead code makes no difference."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given

from fnx.api import make_jaxpr
from fnx.core.evaluate import evaluate
from fnx.core.verify import verify
from fnx.transforms.dce import dce_jaxpr
from tests.laws.drawing import each, examples
from tests.op_specs import SPECS, Case
from tests.oracles import assert_all_close, assert_same_bits
from tests.strategies import Recipe, recipes


@each
@examples(4)
@given(recipe=recipes())
def test_evaluating_the_trace_is_calling(name, recipe):
    program = recipe.program(name)
    expected = program(*program.inputs)
    jaxpr = verify(make_jaxpr(program)(*program.inputs))
    assert_same_bits(evaluate(jaxpr, *program.inputs), expected, program)
    assert_same_bits(evaluate(verify(dce_jaxpr(jaxpr)), *program.inputs), expected, program)


@each
@examples(2)
@example(recipe=Recipe(9664))
@given(recipe=recipes(before=0, after=0))
def test_a_step_means_what_its_spec_says(name, recipe):
    program = recipe.program(name)
    (step,) = program.steps
    drawn = [program.inputs[x.index] if x.kind == "input" else x.value for x in step.operands]
    if len(SPECS[name].domain) > 1:  # references of elementwise primitives want literals spread
        drawn = [np.array(x) for x in np.broadcast_arrays(*drawn)]
    expected = SPECS[name].expected(Case(tuple(drawn), step.params))
    actual = step(program.inputs)
    pairs = zip(actual, expected, strict=True)
    right = [y if y.dtype == x.dtype else y.astype(x.dtype) for x, y in pairs]
    assert_all_close(actual, right, program.tolerance, program)
