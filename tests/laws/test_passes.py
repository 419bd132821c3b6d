"""Law *passes*: interpret(pass(m)) = interpret(m), and canonicalising twice changes nothing.

Here over programs that were traced, transformed and lowered; over modules that were drawn, with
special numbers, in ``tests/xla_lite/passes``.
"""

from __future__ import annotations

from hypothesis import given

from fnx.lowering.lower import lower
from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.hlo.isomorphism import isomorphic
from fnx_xla_lite.hlo.text import to_text
from fnx_xla_lite.hlo.verify import verify
from fnx_xla_lite.passes.canonicalize import canonicalize
from fnx_xla_lite.pipeline import FUSE, PASSES
from tests.laws.drawing import each, examples
from tests.laws.lowered import modules_of
from tests.oracles import assert_same_bits
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


@each
@examples(2)
@given(recipe=recipes())
def test_canonical_modules_stay_as_they_are(name, recipe):
    for jaxpr, _ in modules_of(recipe.program(name)):
        once = canonicalize(lower(jaxpr))
        assert isomorphic(canonicalize(once), once), to_text(once)
