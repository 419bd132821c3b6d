"""Law *jit*: jit(f) = f, and a second call compiles nothing."""

from __future__ import annotations

import contextlib

import numpy as np
from hypothesis import given

import fnx
import fnx_xla_lite
from tests.laws.drawing import each, examples, some
from tests.oracles import assert_all_close, assert_same_bits
from tests.strategies import recipes

COMPILES = True


@contextlib.contextmanager
def counted_compilations():
    """A list that grows with every program that is compiled."""
    compiled, real = [], fnx_xla_lite.compile

    def compile(module, *args, **kwargs):
        compiled.append(module.name)
        return real(module, *args, **kwargs)

    fnx_xla_lite.compile = compile
    try:
        yield compiled
    finally:
        fnx_xla_lite.compile = real


@each
@examples(2)
@given(recipe=recipes())
def test_jit_changes_nothing_and_compiles_once(name, recipe):
    program = recipe.program(name)
    jitted = fnx.jit(program)
    with counted_compilations() as compiled:
        outs = jitted(*program.inputs)
        assert len(compiled) == 1
        again = jitted(*[np.array(x) for x in program.inputs])
        assert len(compiled) == 1
    assert_same_bits(again, outs, program)
    plain = program.without_wrappers()
    assert_all_close(outs, plain(*program.inputs), program.tolerance, program)


@some
@examples(1)
@given(recipe=recipes(after=1))
def test_the_stages_and_the_kept_arguments_give_the_same_bits(name, recipe):
    program = recipe.program(name)
    jitted = fnx.jit(program)
    outs = jitted(*program.inputs)
    lowered = jitted.trace(*program.inputs).lower()
    compiled = lowered.compile()
    assert_same_bits(compiled(*program.inputs), outs, program)
    assert_same_bits(fnx.jit(program, keep_unused=True)(*program.inputs), outs, program)
    memory = compiled.memory_analysis()
    assert memory.output_size_in_bytes == sum(np.asarray(y).nbytes for y in outs)
    assert memory.peak_memory_in_bytes >= memory.output_size_in_bytes - memory.alias_size_in_bytes
    kept = fnx.jit(program, keep_unused=True).trace(*program.inputs).lower()
    module = fnx_xla_lite.parse(kept.as_text())  # the text alone means the same
    if len(module.main.body.parameters) == len(program.inputs):  # no arrays were closed over
        run = fnx_xla_lite.compile(module)
        found = run(*[np.asarray(fnx.numpy.asarray(x)) for x in program.inputs])
        assert_same_bits(found, outs, program)


@each
@examples(1)
@given(recipe=recipes(after=1))
def test_donated_arguments_change_nothing(name, recipe):
    program = recipe.program(name)
    expected = program.without_wrappers()(*program.inputs)
    donated = tuple(range(len(program.inputs)))
    jitted = fnx.jit(program.without_wrappers(), donate_argnums=donated)
    arrays = [fnx.numpy.array(x) for x in program.inputs]
    assert_all_close(jitted(*arrays), expected, program.tolerance, program)
    assert all(x.is_deleted() for x in arrays)
