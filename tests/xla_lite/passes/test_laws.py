"""Laws of passes over drawn programs: the same bits, valid in and out, settled after some runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from fnx_xla_lite.hlo.interpret import interpret
from fnx_xla_lite.hlo.isomorphism import isomorphic
from fnx_xla_lite.hlo.text import parse, to_text
from fnx_xla_lite.hlo.verify import verify
from fnx_xla_lite.passes.algebraic import algebraic
from fnx_xla_lite.passes.canonicalize import canonicalize
from fnx_xla_lite.passes.constant_fold import constant_fold
from fnx_xla_lite.passes.cse import cse
from fnx_xla_lite.passes.dce import dce
from fnx_xla_lite.passes.inline_calls import inline_calls
from fnx_xla_lite.passes.reshapes import reshapes
from tests.xla_lite.hlo.programs import programs

PASSES = (inline_calls, constant_fold, canonicalize, algebraic, reshapes, cse, dce)


def assert_same(got, want, note):
    """The same bits, but for the payload and sign of NaN."""
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    is_nan = want != want
    np.testing.assert_array_equal(got != got, is_nan, err_msg=note)
    assert np.where(is_nan, 0, got).tobytes() == np.where(is_nan, 0, want).tobytes(), note


@pytest.mark.parametrize("run", PASSES, ids=lambda run: run.__name__)
@given(program=programs())
def test_a_pass_keeps_results(run, program):
    module, arrays = program
    expected = interpret(verify(module), *arrays)
    rewritten = verify(run(module))
    for got, want in zip(interpret(rewritten, *arrays), expected, strict=True):
        assert_same(got, want, to_text(module))


@given(program=programs())
def test_all_passes_keep_results_and_settle(program):
    module, arrays = program
    expected = interpret(module, *arrays)
    for run in PASSES * 4:
        module = verify(run(module))
    for got, want in zip(interpret(module, *arrays), expected, strict=True):
        assert_same(got, want, to_text(module))
    for run in PASSES:
        assert isomorphic(run(module), module), run.__name__


@given(program=programs())
def test_text_round_trip(program):
    module, _ = program
    text = to_text(module)
    assert isomorphic(parse(text), module)
    assert to_text(parse(text)) == text
