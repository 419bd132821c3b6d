"""Callbacks: what runs, how often, in which order, with which values, under every transform."""

from __future__ import annotations

import functools

import ml_dtypes
import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import lax
from fnx.core.effects import has_effect
from fnx.lax import cond, fori_loop, scan, stop_gradient, switch, while_loop

F32 = fnx.ShapeDtypeStruct((), "float32")
I32 = fnx.ShapeDtypeStruct((), "int32")


class Log:
    """Notes what it is given, as Python numbers."""

    def __init__(self):
        self.events = []

    def __call__(self, name, *values):
        self.events.append((name, *[np.asarray(x).tolist() for x in values]))

    def note(self, name, *values):
        """From inside of a program."""
        fnx.debug.callback(self, name, *values)

    def take(self):
        """What was noted since the last time."""
        found, self.events = self.events, []
        return found


@pytest.fixture
def log():
    return Log()


JITS = {"eager": lambda f: f, "jit": fnx.jit, "jit of jit": lambda f: fnx.jit(fnx.jit(f))}


@pytest.fixture(params=JITS)
def jit(request):
    return JITS[request.param]


def test_a_result_nobody_reads_does_not_drop_an_effect(jit, log):
    def f(x):
        fnx.io_callback(lambda x: log("io", x), None, x)
        log.note("debug", fnp.sin(x) * 0)
        return 2.0

    assert float(jit(f)(1.0)) == 2.0
    assert log.take() == [("io", 1.0), ("debug", 0.0)]


def test_equal_effects_happen_as_often_as_they_are_written(jit, log):
    def f(x):
        for _ in range(3):
            log.note("same", x)
        return x

    jit(f)(1.0)
    assert log.take() == [("same", 1.0)] * 3


def test_a_pure_callback_that_nobody_reads_may_be_dropped(log):
    def f(x):
        fnx.pure_callback(lambda x: log("pure", x) or x, F32, x)
        return x

    assert float(fnx.jit(f)(1.0)) == 1.0
    assert log.take() == []


def test_effects_of_all_kinds_keep_their_order(jit, log):
    def f(x):
        log.note("a", x)
        y = fnx.pure_callback(lambda x: log("b", x) or x * 2, F32, x)
        log.note("c", y)
        z = fnx.io_callback(lambda x: log("d", x) or x * 2, F32, 1.0)
        fnx.io_callback(lambda: log("e"), None)
        return y + z

    assert float(jit(f)(1.0)) == 4.0
    assert [name for name, *_ in log.take()] == list("abcde")


def test_only_the_branch_taken_runs(jit, log):
    def branch(name):
        return lambda x: log.note(name, x) or x + 1.0

    def f(i, x):
        return cond(
            i > 0, lambda x: switch(i, [branch("0"), branch("1"), branch("2")], x), lambda x: x, x
        )

    g = jit(f)
    for i in (0, 2, 1):
        g(fnp.asarray(i), 1.0)
    assert [name for name, *_ in log.take()] == ["2", "1"]


def test_each_lane_in_order(jit, log):
    def f(x, y):
        log.note("a", x, y)
        log.note("b", x + y)
        log.note("c", y)
        return x

    fnx.vmap(jit(f), in_axes=(0, None))(fnp.arange(3.0), 10.0)
    assert log.take() == [
        ("a", 0.0, 10.0), ("a", 1.0, 10.0), ("a", 2.0, 10.0),
        ("b", 10.0), ("b", 11.0), ("b", 12.0),
        ("c", 10.0),
    ]  # fmt: skip
    jit(fnx.vmap(fnx.vmap(f), in_axes=(1, 1)))(fnp.arange(4.0).reshape(2, 2), fnp.zeros((2, 2)))
    assert [values for name, *values in log.take() if name == "b"] == [[0.0], [2.0], [1.0], [3.0]]


def test_a_mapped_predicate_takes_each_lane_its_own_way(jit, log):
    def f(i, x):
        return cond(
            i > 0, lambda x: log.note("up", x) or x + 1, lambda x: log.note("down", x) or -x, x
        )

    signs = fnp.asarray([1, -1, 1])
    y = jit(fnx.vmap(f))(signs, fnp.arange(3.0))
    assert log.take() == [("up", 0.0), ("down", 1.0), ("up", 2.0)]
    assert y.tolist() == [1.0, -1.0, 3.0]
    y = jit(fnx.vmap(f, in_axes=(0, None)))(fnp.zeros(0, "int32"), 1.0)
    assert y.shape == (0,)
    assert log.take() == []


def test_derivatives_run_it_once_with_the_primals(jit, log):
    def f(x):
        log.note("x", x)
        y = fnp.sin(x)
        log.note("y", y)
        return y * y

    expected = [("x", 0.0), ("y", 0.0)]
    for run in (
        lambda: jit(fnx.grad(f))(0.0),
        lambda: fnx.grad(jit(f))(0.0),
        lambda: jit(lambda x: fnx.jvp(f, (x,), (1.0,)))(0.0),
        lambda: fnx.value_and_grad(jit(f))(0.0),
        lambda: jit(fnx.hessian(f))(0.0),
        lambda: jit(fnx.grad(fnx.grad(f)))(0.0),
    ):
        run()
        assert log.take() == expected
    y, forward = fnx.linearize(f, 0.0)
    assert log.take() == expected
    forward(1.0)
    assert log.take() == []
    y, back = fnx.vjp(jit(f), 0.0)
    assert log.take() == expected
    back(y)
    assert log.take() == []


def test_a_checkpoint_runs_it_again_in_the_backward_pass(jit, log):
    def f(x):
        log.note("f", x)
        return fnp.sin(x) * x

    again = fnx.checkpoint(f)
    jit(again)(1.0)
    assert log.take() == [("f", 1.0)]
    jit(fnx.grad(again))(1.0)
    assert log.take() == [("f", 1.0)] * 2
    kept = fnx.checkpoint(f, policy=fnx.checkpoint_policies.everything_saveable)
    jit(fnx.grad(kept))(1.0)
    assert log.take() == [("f", 1.0)]


def test_a_checkpoint_does_not_do_io_again(jit, log):
    @fnx.checkpoint
    def f(x):
        y = fnx.io_callback(lambda: log("io") or 2.0, F32)
        return fnp.sin(x * y) * cond(x > 0, lambda x: fnx.io_callback(lambda x: log("in") or x, F32,
                                     stop_gradient(x)) * x, lambda x: x, x)  # fmt: skip

    for run in (jit(f), jit(fnx.grad(f)), fnx.grad(jit(f))):
        run(1.0)
        assert log.take() == [("io",), ("in",)]


def test_custom_rules_note_what_they_run(jit, log):
    @fnx.custom_vjp
    def f(x):
        log.note("call", x)
        return x * x

    def forward(x):
        log.note("forward", x)
        return x * x, x

    def backward(x, ct):
        log.note("backward", ct)
        return (2 * x * ct,)

    f.defvjp(forward, backward)
    jit(f)(3.0)
    assert log.take() == [("call", 3.0)]
    assert float(jit(fnx.grad(f))(3.0)) == 6.0
    assert log.take() == [("forward", 3.0), ("backward", 1.0)]

    @fnx.custom_jvp
    def g(x):
        return x * x

    @g.defjvp
    def rule(primals, tangents):
        log.note("rule", *primals)
        return g(*primals), 2 * primals[0] * tangents[0]

    assert float(jit(fnx.grad(g))(3.0)) == 6.0
    assert log.take() == [("rule", 3.0)]


def test_a_pure_callback_with_a_derivative(jit):
    @fnx.custom_jvp
    def sin(x):
        return fnx.pure_callback(np.sin, fnx.ShapeDtypeStruct(x.shape, x.dtype), x,
                                 vmap_method="expand_dims")  # fmt: skip

    @sin.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        cos = fnx.pure_callback(np.cos, fnx.ShapeDtypeStruct(x.shape, x.dtype), x,
                                vmap_method="expand_dims")  # fmt: skip
        return sin(x), cos * t

    x = fnp.linspace(-1.0, 1.0, 5)
    assert np.allclose(jit(fnx.vmap(fnx.grad(sin)))(x), np.cos(x))
    assert np.allclose(jit(sin)(x), np.sin(x))
    assert (
        float(jit(fnx.grad(lambda x: fnx.pure_callback(np.sin, F32, stop_gradient(x)) * x))(0.0))
        == 0.0
    )


def test_integer_results_have_zero_tangents(jit, log):
    """An order found by Python: a result that steps has no slope, and the effect happens once."""

    def sorted_sum(call, x):
        shape = fnx.ShapeDtypeStruct(x.shape, np.int32)
        order = call(lambda v: (log("order", v.size), np.argsort(v).astype(np.int32))[1],
                     shape, x)  # fmt: skip
        return (x[order] * fnp.arange(3.0)).sum()

    x = fnp.asarray([3.0, 1.0, 2.0])
    for call in (fnx.pure_callback, fnx.io_callback):
        f = functools.partial(sorted_sum, call)
        assert jit(fnx.grad(f))(x).tolist() == [2.0, 0.0, 1.0]
        assert log.take() == [("order", 3)]
        assert float(jit(lambda x, f=f: fnx.jvp(f, (x,), (fnp.ones(3),))[1])(x)) == 3.0
        assert not np.any(jit(fnx.hessian(f))(x))
        log.take()
    mixed = lambda x: fnx.pure_callback(lambda v: (1, 2.0), (I32, F32), x)[1]
    with pytest.raises(fnx.errors.DerivativeError, match="is not differentiable"):
        jit(fnx.grad(mixed))(1.0)


@pytest.mark.parametrize(("method", "shapes"), [
    ("sequential", [((2,), ()), ((2,), ()), ((2,), ())]),
    ("expand_dims", [((3, 2), (1,))]),
    ("broadcast_all", [((3, 2), (3,))]),
])  # fmt: skip
def test_methods_of_vmap(jit, method, shapes):
    seen = []

    def add(x, y):
        seen.append((x.shape, y.shape))
        return x + (y[:, None] if y.ndim else y)

    def f(x, y):
        return fnx.pure_callback(
            add, fnx.ShapeDtypeStruct((2,), "float32"), x, y, vmap_method=method
        )

    x = fnp.arange(6.0).reshape(2, 3)
    out = jit(fnx.vmap(f, in_axes=(1, None)))(x, 10.0)
    assert out.tolist() == (np.asarray(x).T + 10).tolist()
    assert seen == shapes


def test_methods_of_vmap_nest(jit):
    def f(x, y):
        return fnx.pure_callback(np.add, F32, x, y, vmap_method="broadcast_all")

    def g(x, y):
        return fnx.io_callback(np.add, F32, x, y)

    x, y = fnp.arange(3.0), fnp.arange(2.0)
    for h in (f, g):
        out = jit(fnx.vmap(fnx.vmap(h, in_axes=(None, 0)), in_axes=(0, None)))(x, y)
        assert out.tolist() == (np.arange(3.0)[:, None] + np.arange(2.0)).tolist()


def test_nothing_runs_while_a_function_is_only_traced(log):
    def f(x):
        log.note("f", x)
        return fnx.io_callback(lambda x: log("g", x) or x, F32, x)

    jaxpr = fnx.make_jaxpr(f)(1.0)
    assert [eqn.primitive.name for eqn in jaxpr.eqns] == ["debug_callback", "io_callback"]
    assert all(map(has_effect, jaxpr.eqns))
    assert str(fnx.eval_shape(f, 1.0)) == "f32[]"
    fnx.jit(f).compiled(1.0)
    assert log.take() == []


def test_pytrees_go_in_and_come_out(jit):
    def f(a, *, b):
        assert a["x"].tolist() == [1.0, 2.0]
        return {"sum": a["x"].sum(), "pair": (b[0] + 1, np.asarray(True))}

    spec = {
        "sum": F32,
        "pair": (fnx.ShapeDtypeStruct((2,), "int32"), fnx.ShapeDtypeStruct((), bool)),
    }
    out = jit(lambda x, i: fnx.pure_callback(f, spec, {"x": x}, b=[i]))(
        fnp.asarray([1.0, 2.0]), fnp.asarray([1, 2])
    )
    assert float(out["sum"]) == 3.0
    assert out["pair"][0].tolist() == [2, 3]
    assert out["pair"][1].dtype == bool


DTYPES = ["bool", "int8", "uint64", "float16", "bfloat16", "float8_e4m3fn", "float32", "float64"]


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 1, 2)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_and_shape(jit, dtype, shape):
    dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
    values = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    if dtype.kind == "f" and values.size:
        values.reshape(-1)[-1] = np.nan
    seen = []

    def f(x):
        seen.append(x)
        return x

    out = jit(lambda x: fnx.pure_callback(f, x, x))(fnp.asarray(values))
    assert out.dtype == dtype
    assert out.shape == shape
    assert np.asarray(out).tobytes() == values.tobytes()
    assert seen[0].dtype == dtype
    assert not seen[0].flags.writeable


def test_what_a_callback_was_given_stays(log):
    kept = []

    @fnx.jit
    def f(x):
        for _ in range(4):
            fnx.debug.callback(kept.append, x)
            x = fnp.tanh(x) + 1
        return x

    for start in range(3):
        f(fnp.full((1000,), float(start)))
    values = np.zeros(1000, np.float32), np.ones(1000, np.float32)
    assert np.array_equal(kept[0], values[0])
    assert np.array_equal(kept[4], values[1])
    assert len({x.ctypes.data for x in kept}) == 12


def test_a_callback_may_keep_what_it_returns(jit):
    mine = np.zeros(3, np.float32)
    f = jit(lambda x: fnx.io_callback(lambda x: mine, fnx.ShapeDtypeStruct((3,), "float32"), x))
    y = f(1.0)
    mine[:] = 7
    assert y.tolist() == [0.0, 0.0, 0.0]


def test_numbers_fit_any_dtype_that_holds_them(jit):
    for value, dtype in (
        (1, "float32"),
        (2.5, "bfloat16"),
        (True, "bool"),
        (200, "uint8"),
        (3, "int64"),
    ):
        out = jit(
            lambda v=value, d=dtype: fnx.pure_callback(lambda: v, fnx.ShapeDtypeStruct((), d))
        )()
        assert float(out) == float(value)
        assert out.dtype == np.dtype(getattr(ml_dtypes, dtype, dtype))


def test_fnx_inside_of_a_callback(jit):
    """Also what is jitted, and the very function that is running."""
    square = fnx.jit(lambda x: x * x)

    @jit
    def factorial(n):
        def rest(n):
            return fnx.pure_callback(
                lambda n: factorial(fnp.asarray(n) - 1), fnx.ShapeDtypeStruct((), "int32"), n
            )

        return n * cond(n > 1, rest, lambda n: n, n)

    assert int(factorial(fnp.asarray(6))) == 720
    f = jit(lambda x: fnx.pure_callback(lambda x: fnx.grad(square)(x), F32, x) + square(x))
    assert float(f(3.0)) == 15.0


def test_numpy_warns_inside_of_a_callback_as_usual(jit):
    f = jit(lambda x: fnx.pure_callback(np.log, F32, x))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        f(0.0)


def test_the_same_program_text_calls_its_own_functions(log):
    def make(name):
        return fnx.jit(lambda x: fnx.debug.callback(lambda x: log(name, x), x))

    first, second = make("first"), make("second")
    first(1.0), second(2.0), first(3.0)
    assert log.take() == [("first", 1.0), ("second", 2.0), ("first", 3.0)]


def loop_over(log, times):
    def step(c, x):
        log.note("step", c, x)
        return c * x, fnp.sin(c)

    return lambda c, xs: scan(step, c, xs)[0]


def test_every_step_of_a_loop(jit, log):
    xs = fnp.asarray([2.0, 3.0])
    expected = [("step", 1.0, 2.0), ("step", 2.0, 3.0)]
    f = loop_over(log, 2)
    for run in (
        lambda: jit(f)(1.0, xs),
        lambda: jit(fnx.grad(f))(1.0, xs),
        lambda: fnx.grad(jit(f), argnums=1)(1.0, xs),
        lambda: jit(fnx.hessian(f))(1.0, xs),
        lambda: jit(fnx.value_and_grad(fnx.grad(f)))(1.0, xs),
    ):
        run()
        assert log.take() == expected
    jit(fnx.vmap(f, in_axes=(0, None)))(fnp.asarray([1.0, 10.0]), xs)
    assert [event[1:] for event in log.take()] == [(1.0, 2.0), (10.0, 2.0), (2.0, 3.0), (20.0, 3.0)]


def test_a_loop_whose_result_nobody_reads(jit, log):
    def f(x):
        fori_loop(0, 3, lambda i, x: log.note("i", i) or x + i, x)
        lax.map(lambda y: log.note("y", y), fnp.arange(2.0))
        return x

    jit(f)(1.0)
    assert log.take() == [("i", 0), ("i", 1), ("i", 2), ("y", 0.0), ("y", 1.0)]


def test_lanes_of_a_while_loop_stop_each_for_itself(jit, log):
    def f(x):
        def goes_on(x):
            log.note("test", x)
            return x < 4

        return while_loop(goes_on, lambda x: log.note("body", x) or x * 2, x)

    alone = []
    for x in (3.0, 1.0, 5.0):
        f(x)
        alone += log.take()
    assert alone.count(("test", 4.0)) == 1
    assert jit(fnx.vmap(f))(fnp.asarray([3.0, 1.0, 5.0])).tolist() == [6.0, 4.0, 5.0]
    assert log.take() == alone
    for _ in range(2):  # and if it is compiled
        assert float(jit(f)(1.0)) == 4.0
        assert log.take() == alone[3:8]


def test_reverse_mode_of_a_while_loop(jit, log):
    def goes_on(x):
        log.note("test", x)
        return x < 100_000

    def f(x, bound=None):
        return while_loop(goes_on, lambda x: log.note("body", x) or x * 2, x, max_steps=bound)

    f(1.0)
    expected = log.take()
    assert len(expected) == 35
    assert float(fnx.grad(f)(1.0)) == 2.0**17
    assert log.take() == expected
    assert float(jit(fnx.grad(lambda x: f(x, 20)))(1.0)) == 2.0**17
    assert log.take() == expected
    jit(lambda x: fnx.linearize(f, x)[1](1.0))(1.0)
    assert log.take() == expected


def test_what_is_the_same_in_every_step_still_happens_in_every_step(jit, log):
    def f(x):
        def step(c, _):
            y = fnx.io_callback(lambda: log("io") or 2.0, F32)
            log.note("const", fnp.sin(x))
            return c * fnp.cos(x) * stop_gradient(y), None

        return scan(step, x, None, length=3)[0]

    for run in (jit(f), jit(fnx.grad(f)), fnx.grad(jit(f))):
        run(0.0)
        assert log.take() == [("io",), ("const", 0.0)] * 3


def test_rules_that_loop_run_once(jit, log):
    """In reverse mode a rule is cut in two; what it does is not done twice."""
    steps = loop_over(log, 2)

    @fnx.custom_jvp
    def f(x):
        return steps(x, fnp.asarray([2.0, 3.0]))

    @f.defjvp
    def rule(primals, tangents):
        log.note("rule", *primals)
        y, dy = fnx.jvp(lambda x: steps(x, fnp.asarray([2.0, 3.0])), primals, tangents)
        log.note("after", y)
        return y, dy

    expected = [("rule", 1.0), ("step", 1.0, 2.0), ("step", 2.0, 3.0), ("after", 6.0)]
    assert float(jit(fnx.grad(f))(1.0)) == 6.0
    assert sorted(log.take()) == sorted(expected)
    jit(lambda x: fnx.jvp(f, (x,), (x,)))(1.0)
    assert log.take() == expected


def test_un_jitted_loops_with_callbacks_compile_nothing(log, monkeypatch):
    f = loop_over(log, 2)
    monkeypatch.setattr("fnx.control.call.run_compiled", None)
    f(1.0, fnp.ones(2000))
    assert len(log.take()) == 2000
