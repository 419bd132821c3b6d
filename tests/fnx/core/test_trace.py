"""Trace and bind: recording, constants, literals, forwarding, leaks, threads, values."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from fnx import numpy as fnp
from fnx.api import grad
from fnx.core.array import Array
from fnx.core.avals import Aval
from fnx.core.eager import aval_of
from fnx.core.evaluate import evaluate
from fnx.core.ir import Literal
from fnx.core.trace import Trace, Tracer, bind, current_trace, trace
from fnx.errors import AbstractValueError, FnxTypeError, LeakedTracerError
from fnx.ops.arithmetic import mul, mul_p
from fnx.ops.families import add
from fnx.ops.trigonometric import sin

F3 = Aval.of((3,), np.float32)
X = np.array([1, 2, 3], np.float32)


def test_without_a_trace_operations_run_now():
    assert current_trace() is None
    (y,) = bind(mul_p, X, X)
    assert type(y) is Array
    np.testing.assert_array_equal(y, X * X)


def test_equations_carry_the_users_line():
    jaxpr = trace(lambda x: [sin(x)], [F3])
    (eqn,) = jaxpr.eqns
    assert eqn.source.file == __file__
    assert "<lambda>" in eqn.source.function
    assert "jaxpr = trace" in eqn.source.describe()


def test_scalars_become_literals():
    jaxpr = trace(lambda x: [mul(x, 2.0), mul(x, np.float32(3))], [F3])
    assert [type(eqn.inputs[1]) for eqn in jaxpr.eqns] == [Literal, Literal]
    assert all(eqn.inputs[1].value.dtype == np.float32 for eqn in jaxpr.eqns)


def test_arrays_become_constants_once():
    c = Array(X)
    jaxpr = trace(lambda x: [add(mul(x, c), c)], [F3])
    assert len(jaxpr.consts) == 1
    assert jaxpr.consts[0][1] is c


def test_numpy_arrays_are_copied_into_constants():
    buffer = X.copy()
    jaxpr = trace(lambda x: [mul(x, buffer)], [F3])
    buffer[:] = 0
    np.testing.assert_array_equal(evaluate(jaxpr, X)[0], X * X)


def test_a_staging_trace_records_everything():
    jaxpr = trace(lambda x: [add(x, sin(Array(X)))], [F3])
    assert [eqn.primitive.name for eqn in jaxpr.eqns] == ["sin", "add"]


def test_other_traces_forward_what_is_not_theirs():
    with Trace(stage_all=False) as t:
        x = t.add_input(F3)
        y = sin(Array(X))
        assert type(y) is Array
        jaxpr = t.finish([mul(x, y)])
    assert [eqn.primitive.name for eqn in jaxpr.eqns] == ["mul"]
    np.testing.assert_array_equal(jaxpr.consts[0][1], np.sin(X))


def test_tracers_of_outer_traces_become_constants():
    inner = []

    def outer(x):
        inner.append(trace(lambda y: [mul(x, y)], [F3]))
        assert type(inner[0].consts[0][1]) is Tracer
        return evaluate(inner[0], x)

    jaxpr = trace(outer, [F3])
    assert [eqn.primitive.name for eqn in jaxpr.eqns] == ["mul"]
    assert jaxpr.eqns[0].inputs == (jaxpr.inputs[0],) * 2


def test_results_that_are_arguments_scalars_or_constants():
    jaxpr = trace(lambda x: [x, 1.0, Array(X), x], [F3])
    x, one, c, again = evaluate(jaxpr, X)
    assert x is again is X
    assert one == 1.0
    np.testing.assert_array_equal(c, X)


def test_a_leaked_tracer_names_where_it_was_made_and_used():
    leaked = []
    trace(lambda x: leaked.append(sin(x)) or [x], [F3])
    with pytest.raises(LeakedTracerError) as error:
        mul(leaked[0], 2.0)
    assert "it was made in test_trace.py" in str(error.value)
    assert "leaked.append(sin(x))" in str(error.value)
    assert "mul(leaked[0], 2.0)" in str(error.value)


def test_a_leaked_tracer_in_a_later_trace():
    leaked = []
    trace(lambda x: leaked.append(x) or [x], [F3])
    with pytest.raises(LeakedTracerError, match=r"traced value \(f32\[3\]\) was used outside"):
        trace(lambda x: [mul(x, leaked[0])], [F3])


def test_a_trace_ends_when_the_function_raises():
    leaked = []

    def f(x):
        leaked.append(x)
        raise KeyError

    with pytest.raises(KeyError):
        trace(f, [F3])
    assert current_trace() is None
    with pytest.raises(LeakedTracerError):
        sin(leaked[0])


def test_threads_do_not_see_each_others_traces():
    seen = []

    def f(x):
        worker = threading.Thread(target=lambda: seen.append((current_trace(), sin(Array(X)))))
        worker.start()
        worker.join()
        return [sin(x)]

    assert len(trace(f, [F3]).eqns) == 1
    assert seen[0][0] is None
    assert type(seen[0][1]) is Array


def test_a_tracer_in_another_thread_is_a_leak():
    errors = []

    def use(x):
        try:
            sin(x)
        except LeakedTracerError as error:
            errors.append(error)

    def f(x):
        worker = threading.Thread(target=use, args=(x,))
        worker.start()
        worker.join()
        return [x]

    trace(f, [F3])
    assert len(errors) == 1


@pytest.mark.parametrize(
    ("wanted", "ask"),
    [
        (r"bool\(\)", bool),
        (r"int\(\)", int),
        (r"float\(\)", float),
        (r"complex\(\)", complex),
        (r"index\(\)", lambda x: [1, 2][x]),
        (r"round\(\)", round),
        (r"numpy.asarray\(\)", np.asarray),
        (r"item\(\)", lambda x: x.item()),
        (r"tolist\(\)", lambda x: x.tolist()),
        (r"format\(\)", lambda x: f"{x:.3f}"),
    ],
)
def test_the_value_of_an_abstract_tracer(wanted, ask):
    with pytest.raises(AbstractValueError, match=wanted) as error:
        trace(lambda x: [ask(x)], [Aval.of((), np.int32)])
    assert "traced i32[]" in str(error.value)
    assert "test_trace.py" in str(error.value)


def test_an_if_on_an_abstract_tracer_teaches():
    with pytest.raises(AbstractValueError, match=r"fnx.lax.cond.*\n.*fnx.numpy.where"):
        trace(lambda x: [x if x else 0.0], [Aval.of((), np.float32)])


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("sin", np.sin),
        ("add", lambda x: np.add(x, x)),
        ("add", lambda x: np.add.reduce(x)),
        ("multiply", lambda x: np.multiply(X, x, dtype=np.float64)),
        ("sum", np.sum),
        ("concatenate", lambda x: np.concatenate([x, X])),
    ],
)
def test_numpy_functions_refuse_tracers(name, function):
    with pytest.raises(FnxTypeError, match=rf"numpy.{name} was given a traced f32\[3\]") as error:
        trace(lambda x: [function(x)], [F3])
    assert f"Write fnx.numpy.{name}" in str(error.value)
    with pytest.raises(FnxTypeError, match=rf"numpy.{name} was given a traced"):
        grad(lambda x: function(x))(
            X
        )  # where the value is known, too: the derivative would be lost


def test_numpy_asks_for_shapes():
    seen = []
    trace(lambda x: seen.append((np.shape(x), np.ndim(x), np.size(x))) or [x], [F3])
    assert seen == [((3,), 1, 3)]


def test_numpy_arrays_on_the_left_of_an_operator():
    np.testing.assert_array_equal(grad(lambda x: fnp.sum(2 * X * x))(X), 2 * X)
    np.testing.assert_array_equal(grad(lambda x: fnp.sum(X - np.float32(3) * x))(X), [-3, -3, -3])
    jaxpr = trace(lambda x: [x > X, X @ x, x == X, X // x], [F3])
    compared, product, equal, quotient = evaluate(jaxpr, X + 1)
    assert np.asarray(compared).all()
    assert float(product) == 20.0
    assert not np.asarray(equal).any()
    np.testing.assert_array_equal(quotient, [0, 0, 0])


def test_item_assignment_teaches():
    def f(x):
        x[0] = 1.0
        return [x]

    with pytest.raises(FnxTypeError, match=r"x.at\[index\].set\(y\)"):
        trace(f, [F3])


def test_operands_that_are_no_values():
    with pytest.raises(FnxTypeError, match="expected an array or a number, got str: 'two'"):
        trace(lambda x: bind(mul_p, x, "two"), [F3])
    with pytest.raises(FnxTypeError, match="got list"):
        bind(mul_p, X, [1.0, 2.0, 3.0])


def test_type_errors_show_the_users_line():
    with pytest.raises(FnxTypeError, match=r"(?s)equal shapes.*test_trace.py.*mul\(x, X\[:2\]\)"):
        trace(lambda x: [mul(x, X[:2])], [F3])


def test_tracers_print():
    seen = []
    trace(lambda x: seen.append(f"{x} {x!r}") or [x], [F3])
    assert seen == ["Tracer<f32[3]> Tracer<f32[3]>"]


def test_avals_of_values():
    assert [str(aval_of(x)) for x in (1, 1.5, True, np.int8(1), X, Array(X))] == [
        "i32~[]", "f32~[]", "bool[]", "i8[]", "f32[3]", "f32[3]",
    ]  # fmt: skip
    with pytest.raises(FnxTypeError, match="got NoneType"):
        aval_of(None)
