"""The jit primitive: derived programs are made once, calls checked, residuals not copied."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from fnx.api import grad, hessian, jvp, linearize, make_jaxpr, vjp, vmap
from fnx.control import call as call_module
from fnx.control.call import call, jit_p, set_compiler
from fnx.core.array import Array
from fnx.core.avals import Aval
from fnx.core.evaluate import evaluate
from fnx.core.flatten import close, trace_closed
from fnx.core.text import parse
from fnx.core.trace import bind, trace
from fnx.errors import FnxTypeError
from fnx.ops.arithmetic import mul
from fnx.ops.families import add
from fnx.ops.trigonometric import cos, sin
from tests.fnx.transforms.programs import called, total

X = np.array([0.5, -1.0, 2.0])
F3 = Aval.of((3,), np.float64)


@pytest.fixture
def compiled():
    """A compiler that evaluates, and remembers by identity what it was asked to compile."""
    programs = {}

    def compiler(jaxpr, name, donated):
        programs[jaxpr] = name
        return lambda *buffers: evaluate(jaxpr, *buffers)

    before = list(call_module._compiler)
    set_compiler(compiler)
    yield programs
    set_compiler(before[0] if before else None)


def closed(f, *avals):
    jaxpr, consts = trace_closed(f, avals)
    assert not consts
    return jaxpr


def test_closing_hoists_constants_in_front():
    c = Array(X)
    jaxpr = trace(lambda x: [mul(x, c)], [F3])
    shut, values = close(jaxpr)
    assert values[0] is c
    assert [v.aval for v in shut.inputs] == [F3, F3]
    assert not shut.consts
    np.testing.assert_array_equal(evaluate(shut, *values, X + 1)[0], (X + 1) * X)
    assert close(shut) == (shut, ())


def test_the_compiler_is_asked_for_the_program(compiled):
    jaxpr = closed(lambda x: [sin(x)], F3)
    (y,) = call(jaxpr, X, name="wave")
    np.testing.assert_array_equal(y, np.sin(X))
    assert compiled == {jaxpr: "wave"}


MATRIX = np.stack([X, X])


@pytest.mark.parametrize(
    ("transformed", "x"),
    [
        (lambda f: grad(lambda x: total(f(x))), X),
        (lambda f: lambda x: jvp(f, (x,), (x,))[1], X),
        (lambda f: lambda x: linearize(f, x)[1](x), X),
        (lambda f: vmap(f), MATRIX),
        (lambda f: lambda x: vmap(f, in_axes=1, out_axes=1)(x.T), MATRIX),
        (lambda f: vmap(grad(lambda x: total(f(x)))), MATRIX),
        (lambda f: hessian(lambda x: total(f(x))), X),
        (lambda f: grad(lambda x: total(grad(lambda y: total(f(y)))(x))), X),
    ],
)
def test_a_second_run_compiles_nothing(compiled, transformed, x):
    jaxpr = closed(lambda x: [mul(sin(x), cos(x))], F3)
    f = transformed(lambda x: call(jaxpr, x, name="f")[0])
    first = f(x)
    programs = len(compiled)
    assert programs > 0
    np.testing.assert_array_equal(f(x), first)
    assert len(compiled) == programs


def test_derived_programs_die_with_the_jaxpr():
    def differentiate():
        jaxpr = closed(lambda x: [sin(x)], F3)
        grad(lambda x: total(call(jaxpr, x, name="f")[0]))(X)
        return weakref.ref(jaxpr)

    ref = differentiate()
    gc.collect()
    assert ref() is None


def test_names_say_where_a_program_comes_from(compiled):
    jaxpr = closed(lambda x: [sin(x)], F3)
    f = lambda x: call(jaxpr, x, name="f")[0]
    grad(lambda x: total(f(x)))(X)
    jvp(f, (X,), (X,))
    vmap(f)(np.stack([X, X]))
    assert set(compiled.values()) == {"forward_f", "transpose_linear_f", "jvp_f", "vmap_f"}


def test_residuals_that_are_arguments_or_results_are_not_returned_again():
    jaxpr = closed(lambda w, x: [mul(w, x)], F3, F3)
    text = str(
        make_jaxpr(lambda w, x: vjp(lambda *a: call(jaxpr, *a, name="f")[0], w, x)[1](x))(X, X)
    )
    forward = text.split("name='forward_f'")[0]
    assert forward.count("in (c,) }") == 1  # one result: no residuals beside it


def test_what_has_no_tangent_stays_out_of_the_linear_half():
    jaxpr = closed(lambda x, y: [add(mul(x, y), sin(y))], F3, F3)
    f = lambda x: call(jaxpr, x, Array(X), name="f")[0]
    text = str(make_jaxpr(lambda x: linearize(f, x)[1](x))(X))
    linear = text[text.index("forward_f") :]
    assert "sin" not in linear


def test_integers_pass_through_calls():
    n = np.int32([1, 2, 3])
    jaxpr = closed(lambda x, n: [mul(x, 2.0), add(n, n)], F3, Aval.of((3,), np.int32))
    f = lambda x: call(jaxpr, x, n, name="f")
    np.testing.assert_array_equal(grad(lambda x: total(f(x)[0]))(X), [2, 2, 2])
    np.testing.assert_array_equal(jvp(f, (X,), (X,))[1][1], [0, 0, 0])


def test_a_result_that_is_not_active():
    jaxpr = closed(lambda x, y: [mul(x, 2.0), sin(y)], F3, F3)
    f = lambda x: call(jaxpr, x, Array(X), name="f")
    out, pull_back = vjp(f, X)
    np.testing.assert_array_equal(pull_back(out)[0], 4 * X)
    np.testing.assert_array_equal(jvp(f, (X,), (X,))[1][1], 0 * X)


def test_inline_calls_leave_no_trace():
    jaxpr = closed(lambda x: [sin(x)], F3)
    program = make_jaxpr(lambda x: call(jaxpr, x, name="f", inline=True)[0])(X)
    assert [eqn.primitive.name for eqn in program.eqns] == ["sin"]
    np.testing.assert_array_equal(call(jaxpr, X, name="f", inline=True)[0], np.sin(X))


def test_arguments_must_be_those_that_were_traced():
    jaxpr = closed(lambda x: [sin(x)], F3)
    with pytest.raises(FnxTypeError, match=r"jit: f was traced for \[f64\[3\]\], got \[f64\[2\]\]"):
        call(jaxpr, X[:2], name="f")
    with pytest.raises(FnxTypeError, match="was traced for"):
        bind(jit_p, np.float32(X), jaxpr=jaxpr, name="f", donated=(False,), inline=False)


def test_calls_print_and_parse():
    f = called(lambda x: mul(x, x))
    text = str(make_jaxpr(vmap(f))(X))
    assert str(parse(text)) == text
