"""Law *passes*: interpret(pass(m)) = interpret(m), and canonicalising twice changes nothing.

Here over programs that were traced, transformed and lowered; over modules that were drawn, with
special numbers, in ``tests/xla_lite/passes``.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from fnx.lowering.lower import lower
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.hlo.isomorphism import isomorphic
from fnx_xla_lite.hlo.opset import SCALAR_OPS
from fnx_xla_lite.hlo.text import to_text
from fnx_xla_lite.hlo.verify import verify
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.execute import execute
from fnx_xla_lite.passes.canonicalize import canonicalize
from fnx_xla_lite.pipeline import FUSE, PASSES
from tests.laws.drawing import each, examples
from tests.laws.lowered import modules_of
from tests.laws.moves import MOVES, chain_of
from tests.laws.special import SPECIAL, attempt, patterns
from tests.oracles import assert_all_close, assert_same_bits
from tests.strategies import recipes


@each
@examples(3)
@given(recipe=recipes())
def test_every_pass_keeps_results(name, recipe):
    program = recipe.program(name)
    for jaxpr, arrays in modules_of(program):
        module = verify(lower(jaxpr))
        expected = interpret(module, *arrays)
        for step in (*PASSES, FUSE):
            after = verify(step.run(module))
            note = f"{step.name}\n{to_text(module)}\nbecame\n{to_text(after)}"
            assert_same_bits(interpret(after, *arrays), expected, note)
            module = after


@pytest.mark.parametrize("op", sorted(SCALAR_OPS))
def test_identities_hold_for_special_numbers(op):
    """f(x, x), f(x, c), f(c, x) and f of every unary operation, on every special number."""
    for dtype, numbers in SPECIAL.items():
        check_identities(op, dtype, np.array(numbers, to_numpy(dtype)))


def check_identities(op, dtype, x_value):
    """Build all of them in one module; patterns that the op table refuses are left out."""
    b = Builder(op)
    x, y = b.parameter(x_value.shape, dtype), b.parameter(x_value.shape, dtype)
    splats = [b.constant(np.full(x_value.shape, number)) for number in x_value]
    unary = ("negate", "abs", "not", "convert", "square")
    inner = [attempt(b, name, (x,), dtype) for name in unary]
    flags = [f for d in ("LT", "EQ", "GE") for f in (b.compare(x, y, d),)]
    operands = [x, y, *splats, *[v for v in inner if v is not None], *[b.not_(f) for f in flags]]
    results = [attempt(b, op, pattern, dtype) for pattern in patterns(op, x, y, operands, flags, b)]
    module = verify(b.build(*[r for r in results if r is not None]))
    arrays = [x_value, np.roll(x_value, 1)]
    expected = interpret(module, *arrays)
    for step in PASSES:
        after = verify(step.run(module))
        assert_same_bits(interpret(after, *arrays), expected, f"{step.name}\n{to_text(module)}")
        module = after


@pytest.mark.parametrize("second", MOVES)
@pytest.mark.parametrize("first", MOVES)
def test_moves_after_each_other(first, second):
    """Passes, fusion and loops on chains of all pairs of moves: sums of small integers, exact."""
    for seed in range(6):
        module, arrays = chain_of(first, second, seed)
        expected = interpret(verify(module), *arrays)
        for step in (*PASSES, FUSE):
            after = verify(step.run(module))
            note = f"{step.name}\n{to_text(module)}\nbecame\n{to_text(after)}"
            assert_all_close(interpret(after, *arrays), expected, 0, note)
            module = after
        assert_all_close(execute(build_program(module), *arrays), expected, 0, to_text(module))


@each
@examples(2)
@given(recipe=recipes())
def test_canonical_modules_stay_as_they_are(name, recipe):
    for jaxpr, _ in modules_of(recipe.program(name)):
        once = canonicalize(lower(jaxpr))
        assert isomorphic(canonicalize(once), once), to_text(once)
