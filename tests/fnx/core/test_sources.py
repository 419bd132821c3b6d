"""Sources: the user's line survives tracing, evaluation and transforms; flags are read once."""

from __future__ import annotations

import numpy as np
import pytest

from fnx.api import grad, make_jaxpr, vmap
from fnx.config import read
from fnx.core.evaluate import evaluate
from fnx.core.sources import Source, user_source
from fnx.core.trace import trace
from fnx.ops.arithmetic import mul
from fnx.ops.layout import reduce_sum
from fnx.ops.trigonometric import sin

X = np.ones(3, np.float32)


def loss(x):
    wave = sin(x)  # the line of sin
    return reduce_sum(mul(wave, x), axes=(0,))  # the line of mul


def lines(jaxpr):
    return {eqn.source.describe().split("#")[-1].strip() for eqn in jaxpr.eqns}


def test_the_innermost_line_outside_of_fnx():
    source = user_source()
    assert source.file == __file__
    assert source.function == "test_the_innermost_line_outside_of_fnx"
    assert str(source) == f"test_sources.py:{source.line} in {source.function}"


def test_a_line_that_cannot_be_read():
    assert Source("<stdin>", 3, "f").describe() == "<stdin>:3, in f"


def test_transforms_keep_the_users_lines():
    wanted = {"the line of sin", "the line of mul"}
    assert lines(make_jaxpr(loss)(X)) == wanted
    assert lines(make_jaxpr(grad(loss))(X)) == wanted
    assert lines(make_jaxpr(vmap(grad(loss)))(np.stack([X, X]))) == wanted


def test_evaluating_keeps_the_users_lines():
    jaxpr = make_jaxpr(loss)(X)
    again = trace(lambda x: evaluate(jaxpr, x), [jaxpr.inputs[0].aval])
    assert [eqn.source for eqn in again.eqns] == [eqn.source for eqn in jaxpr.eqns]


def test_flags():
    assert [read({"FNX_CHECK": text}).check for text in ("1", "yes", "0", "", "off")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert read({}).check is False
    for name in ("FNX_CHECK", "FNX_CHECK_KEYS"):
        with pytest.raises(ValueError, match=rf"{name}=nan: expected 1 or 0.*FNX_CHECKS=nan,index"):
            read({name: "nan"})
