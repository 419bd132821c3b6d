"""What callbacks raise reaches the caller as itself; wrong uses are explained."""

from __future__ import annotations

import gc
import threading
import traceback

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx.errors import CallbackError, DerivativeError, FnxTypeError, FnxValueError
from fnx.lax import cond, fori_loop, scan, while_loop
from fnx_xla_lite.runtime import native_pool

F32 = fnx.ShapeDtypeStruct((), "float32")
JITS = {"eager": lambda f: f, "jit": fnx.jit}


@pytest.fixture(params=JITS)
def jit(request):
    return JITS[request.param]


class Mine(Exception):
    pass


@pytest.mark.parametrize(
    "kind", [Mine, KeyError, KeyboardInterrupt, SystemExit, MemoryError, StopIteration]
)
@pytest.mark.parametrize("caller", ["debug", "pure", "io"])
def test_the_very_exception_arrives(jit, kind, caller):
    error = kind("why")

    def fails(x):
        raise error

    def f(x):
        if caller == "debug":
            fnx.debug.callback(fails, x)
            return x
        call = fnx.pure_callback if caller == "pure" else fnx.io_callback
        return call(fails, F32, x)

    g = jit(f)
    for _ in range(2):
        with pytest.raises(kind) as caught:
            g(1.0)
        assert caught.value is error
        frames = traceback.extract_tb(error.__traceback__)
        assert frames[-1].name == "fails"
        assert any(frame.name == "test_the_very_exception_arrives" for frame in frames)
        assert error.__context__ is None
        error.__traceback__ = None


def test_nothing_after_a_failure_runs(jit):
    events = []

    def fails(x):
        events.append("fails")
        raise Mine

    def f(x):
        fnx.debug.callback(lambda x: events.append("before"), x)
        y = cond(x > 0, lambda x: fnx.io_callback(fails, F32, x), lambda x: x, x)
        fnx.debug.callback(lambda y: events.append("after"), y)
        return y

    g = jit(f)
    with pytest.raises(Mine):
        g(1.0)
    assert events == ["before", "fails"]
    events.clear()
    assert float(g(-1.0)) == -1.0
    assert events == ["before", "after"]


def test_a_failure_leaks_no_memory():
    """Neither result blocks nor scratch memory, nor the arguments."""

    def fails(x):
        raise Mine

    @fnx.jit
    def f(x):
        y = fnp.sin(x) @ fnp.cos(x)
        fnx.debug.callback(fails, y)
        return y, x + 1, fnp.sum(y)

    x = fnp.ones((200, 200))

    def attempt():
        with pytest.raises(Mine):
            f(x)
        gc.collect()
        return native_pool.support().live_bytes()

    first = attempt()
    assert [attempt() for _ in range(5)] == [first] * 5


def test_a_donated_argument_is_gone_after_a_failure_and_its_memory_is_free():
    def fails(x):
        raise Mine

    def f(x):
        y = x * 2
        fnx.debug.callback(fails, fnp.sum(y))
        return y

    g = fnx.jit(f, donate_argnums=0)

    def attempt():
        x = fnx.jit(lambda x: x + 1)(fnp.zeros(10_000))
        with pytest.raises(Mine):
            g(x)
        assert x.is_deleted()
        del x
        gc.collect()
        return native_pool.support().live_bytes()

    first = attempt()
    assert [attempt() for _ in range(5)] == [first] * 5


def through_python(x):
    """``x`` through Python five times; multiples of three raise."""

    def fails(x):
        if int(x) % 3 == 0:
            raise Mine(int(x))
        return x

    for _ in range(5):
        x = fnx.pure_callback(fails, x, x)
    return x


def outcome(f, i):
    try:
        return int(f(float(i)))
    except Mine as error:
        return error.args


def test_many_threads_each_get_their_own_error():
    f, wrong = fnx.jit(through_python), []

    def work(start):
        for i in range(start, start + 200):
            found = outcome(f, i)
            if found != (i if i % 3 else (i,)):
                wrong.append((i, found))

    threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_endless_recursion_is_an_error():
    @fnx.jit
    def f(x):
        return fnx.pure_callback(lambda x: f(fnp.asarray(x)), F32, x)

    with pytest.raises(RecursionError):
        f(1.0)


def test_an_error_inside_an_error(jit):
    def inner(x):
        raise KeyError("inner")

    g = jit(lambda x: fnx.pure_callback(inner, F32, x))

    def outer(x):
        try:
            return g(fnp.asarray(x))
        except KeyError as error:
            raise Mine("outer") from error

    with pytest.raises(Mine, match="outer") as caught:
        jit(lambda x: fnx.pure_callback(outer, F32, x))(1.0)
    assert isinstance(caught.value.__cause__, KeyError)


WRONG = {
    "dtype": (lambda x: np.float64(x), F32, r"returned an array float64\[\], but f32\[\] was prom"),
    "shape": (lambda x: np.ones(3, np.float32), F32, r"returned an array float32\[3\], but f32"),
    "structure": (
        lambda x: (x, x),
        F32,
        r"returned \(array.*of structure .*but TreeDef\(\*\) was prom",
    ),
    "nothing": (lambda x: None, F32, "returned None, of structure"),
    "inside": (
        lambda x: {"a": x, "b": 1.5},
        {"a": F32, "b": fnx.ShapeDtypeStruct((), "int32")},
        r"returned 1.5 at result\['b'\], but i32\[\] was promised",
    ),
    "too large": (lambda x: 300, fnx.ShapeDtypeStruct((), "int8"), r"returned 300, but i8\[\]"),
    "a number for an array": (lambda x: 1.0, fnx.ShapeDtypeStruct((2,), "float32"), "returned 1.0"),
    "something for None": (lambda x: x, None, r"but TreeDef\(None\) was promised"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("call", [fnx.pure_callback, fnx.io_callback])
def test_results_must_be_what_was_promised(jit, call, case):
    def wrong_callback(x):
        return WRONG[case][0](x)

    if call is fnx.pure_callback and case == "something for None":
        pytest.skip("a pure callback without results is not called")
    with pytest.raises(CallbackError, match=WRONG[case][2]) as caught:
        jit(lambda x: call(wrong_callback, WRONG[case][1], x))(1.0)
    text = str(caught.value)
    assert f"{call.__name__}: wrong_callback returned" in text
    assert "in test_callback_errors.py:" in text
    assert "x.astype(dtype)" in text


def test_what_can_be_promised():
    with pytest.raises(
        FnxTypeError, match=r"result_shape_dtypes must be.*got float: 1.0"
    ) as caught:
        fnx.pure_callback(np.sin, 1.0, 1.0)
    assert "fnx.ShapeDtypeStruct" in str(caught.value)


@pytest.mark.parametrize("call", [
    lambda: fnx.pure_callback(3, F32),
    lambda: fnx.io_callback(3, F32),
    lambda: fnx.debug.callback(3),
])  # fmt: skip
def test_a_callback_must_be_a_function(call):
    with pytest.raises(FnxTypeError, match="the callback must be a function, got int: 3"):
        call()


def test_arguments_must_be_arrays():
    with pytest.raises(FnxTypeError, match="expected an array or a number, got str"):
        fnx.pure_callback(np.sin, F32, "x")


@pytest.mark.parametrize("call", [fnx.pure_callback, fnx.io_callback])
@pytest.mark.parametrize("transform", [fnx.grad, lambda f: lambda x: fnx.jvp(f, (x,), (x,))])
def test_python_has_no_derivative(jit, call, transform):
    ran = []

    def seen(x):
        ran.append(x)
        return x

    f = transform(jit(lambda x: call(seen, F32, x)))
    with pytest.raises(DerivativeError, match=f"{call.__name__}: seen is not diff") as caught:
        f(1.0)
    assert "wrap the call in fnx.custom_jvp or" in str(caught.value)
    assert "stop_gradient" in str(caught.value)
    assert "test_callback_errors.py" in str(caught.value)
    assert not ran


def test_vmap_of_a_pure_callback_needs_a_method(jit):
    f = jit(lambda x: fnx.pure_callback(np.sin, F32, x))
    with pytest.raises(FnxValueError, match="sin is called under vmap, without a vmap_method") as e:
        fnx.vmap(f)(fnp.ones(3))
    for method in ("sequential", "expand_dims", "broadcast_all"):
        assert f'vmap_method="{method}"' in str(e.value)
    with pytest.raises(FnxValueError, match=r"vmap_method must be one of seq.*got 'fast'"):
        fnx.pure_callback(np.sin, F32, 1.0, vmap_method="fast")


def test_a_tangent_cannot_be_looked_at_in_reverse_mode(jit):
    @fnx.custom_jvp
    def f(x):
        return x * x

    @f.defjvp
    def rule(primals, tangents):
        fnx.debug.print("{}", tangents[0])
        return f(*primals), 2 * primals[0] * tangents[0]

    fnx.jvp(jit(f), (1.0,), (1.0,))
    with pytest.raises(DerivativeError, match="given a tangent, which does not exist in reverse"):
        jit(fnx.grad(f))(1.0)


def test_a_failure_leaves_nested_loops_at_once(jit):
    seen = []

    def look(i, j):
        seen.append((int(i), int(j)))
        if (int(i), int(j)) == (2, 1):
            raise Mine(i)

    def f(x):
        def inner(i, j, x):
            fnx.debug.callback(look, i, j)
            return x + fnp.sin(x)

        outer = lambda i, x: cond(i > 0, lambda x: fori_loop(0, 3, lambda j, x: inner(i, j, x), x),
                                  lambda x: x, x)  # fmt: skip
        return fori_loop(0, 5, outer, x)

    g = jit(f)
    for _ in range(2):
        with pytest.raises(Mine):
            g(fnp.ones(100))
        assert seen == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
        seen.clear()


def test_an_error_in_a_loop_inside_of_a_gradient(jit):
    def step(c, x):
        fnx.debug.callback(fails_at_three, x)
        return c * x, None

    def fails_at_three(x):
        if x == 3:
            raise Mine

    f = jit(fnx.grad(lambda c: scan(step, c, fnp.arange(5.0))[0]))
    with pytest.raises(Mine):
        f(1.0)


def test_a_condition_that_raises(jit):
    def fails(x):
        if x > 10:
            raise Mine(float(x))
        return x

    g = jit(
        lambda x: while_loop(lambda x: fnx.pure_callback(fails, F32, x) < 100, lambda x: x * 2, x)
    )
    with pytest.raises(Mine, match="16"):
        g(1.0)


def test_a_backward_rule_cannot_look_at_what_forward_mode_does_not_have(jit):
    @fnx.custom_vjp
    def f(x):
        return x * x

    def backward(x, ct):
        fnx.debug.print("{}", ct)
        return (2 * x * ct,)

    f.defvjp(lambda x: (x * x, x), backward)
    with pytest.raises(DerivativeError, match="debug_callback has no cotangent to look at") as e:
        jit(lambda x: fnx.jvp(f, (x,), (x,)))(1.0)
    assert "or use reverse mode" in str(e.value)
    assert float(jit(fnx.grad(fnx.grad(f)))(1.0)) == 2.0
