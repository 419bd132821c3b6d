"""``jit(f, check=...)``: what is reported, where, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import config, lax
from fnx.core.array import DeletedArrayError
from fnx.errors import (
    CheckError,
    DivisionCheckError,
    FnxValueError,
    IndexCheckError,
    NanError,
    OverflowCheckError,
)


def error_of(f, *args, check="nan,overflow,index", **options):
    with pytest.raises(CheckError) as caught:
        fnx.jit(f, check=check, **options)(*args)
    return caught.value


def line_of(error):
    return error.source.describe().split(":  ")[1]


# What is reported


def test_a_nan_is_reported_with_its_line_element_and_operands():
    def f(x):
        y = x - 2.0
        z = fnp.log(y)
        return z.sum()

    error = error_of(f, fnp.asarray([[3.0, 4.0], [5.0, 1.5]]))
    assert isinstance(error, NanError | FloatingPointError)
    assert line_of(error) == "z = fnp.log(y)"
    assert (error.kind, error.primitive, error.index) == ("nan", "log", (1, 1))
    assert [float(x) for x in error.operands] == [-0.5]
    text = str(error)
    assert "f: log made nan at element (1, 1) of its result f32[2,2]" in text
    assert "operands there: -0.5 of f32[2,2]" in text
    assert "in test_sanitiser.py:" in text
    assert "fnx.numpy.where(x > 0, x, 1.0)" in text


def test_only_the_first_equation_is_reported():
    def f(x):
        y = fnp.sqrt(x)
        return fnp.log(-y - 1.0) + y

    assert line_of(error_of(f, -1.0)) == "y = fnp.sqrt(x)"
    assert line_of(error_of(f, 1.0)) == "return fnp.log(-y - 1.0) + y"


def test_a_nan_that_comes_in_is_not_the_fault_of_the_program():
    f = fnx.jit(lambda x: (fnp.sin(x) * 2).sum(), check="nan")
    assert np.isnan(float(f(fnp.asarray([1.0, np.nan]))))


def test_how_many_elements_fail():
    text = str(error_of(lambda x: fnp.log(x), fnp.asarray([-1.0, 1.0, -2.0])))
    assert "2 of 3 elements fail; this is the first" in text


def test_sums_say_what_they_were_given():
    x = fnp.asarray([np.inf, 1.0, -np.inf])
    error = error_of(lambda x: x.sum(), x, check="nan")
    assert (error.primitive, error.index, error.operands) == ("reduce_sum", (), ())
    assert "operand 0: f32[3], from 1.0 to 1.0, 1 times inf, 1 times -inf" in str(error)


@pytest.mark.parametrize(
    ("f", "args", "primitive"),
    [
        (lambda x: fnp.exp(x), (100.0,), "exp"),
        (lambda x: fnp.dot(x, x), (fnp.asarray([3e38, 1.0]),), "dot_general"),
        (lambda x: x.astype("float16"), (fnp.asarray(70000.0),), "convert"),
        (lambda x: x.astype("int32"), (fnp.asarray(3e9),), "convert"),
        (lambda x: x.astype("int8"), (fnp.asarray(200),), "convert"),
        (lambda x: x + x, (fnp.asarray(2**30),), "add"),
        (lambda x: x * x, (fnp.asarray([1, 50000]),), "mul"),
        (lambda x: fnp.abs(x), (fnp.asarray(-(2**31)),), "abs"),
        (lambda x: fnp.cumsum(x), (fnp.asarray([2**30, 2**30]),), "add"),
        (lambda x: x.sum(), (fnp.asarray([2**30, 2**30]),), "reduce_sum"),
        (lambda x: x @ x, (fnp.asarray([2**16, 2**16]),), "dot_general"),
        (lambda x: x << 4, (fnp.asarray(2**28),), "shift_left"),
    ],
)
def test_overflow(f, args, primitive):
    error = error_of(f, *args, check="overflow")
    assert isinstance(error, OverflowCheckError | OverflowError)
    assert error.primitive == primitive
    assert "Use a wider dtype" in str(error)
    fnx.jit(f, check="nan,index")(*args)


@pytest.mark.parametrize(
    ("f", "args", "write"),
    [
        (lambda x, y: lax.div(x, y), (fnp.asarray(3), fnp.asarray(0)), "Replace a divisor of zero"),
        (lambda x: 1.0 / x, (0.0,), "Replace a divisor of zero"),
        (fnp.log, (fnp.zeros(2),), "Keep the operand away from zero"),
        (lambda x: x**-0.5, (0.0,), "Keep the operand away from zero"),
    ],
)
def test_the_hint_for_an_infinity_made_of_a_zero(f, args, write):
    error = error_of(f, *args, check="overflow")
    assert isinstance(error, OverflowCheckError)
    assert write in str(error)


def test_a_nan_made_of_an_infinity_says_how_to_find_that():
    f = lambda x: 0.0 * fnp.log(x)
    assert 'check="nan,overflow" names' in str(error_of(f, 0.0, check="nan"))
    assert error_of(f, 0.0, check="nan,overflow").primitive == "log"
    assert 'check="nan,overflow"' in str(error_of(fnp.sum, fnp.asarray([np.inf, -np.inf])))
    assert "inside of the domain" in str(error_of(fnp.log, -1.0))


def test_a_scalar_result_is_made_whole():
    assert "log made nan as its result f32~[]," in str(error_of(fnp.log, -1.0))


def test_an_integer_overflow_says_what_the_result_holds():
    error = error_of(lambda x: x * x, fnp.asarray([1, 50000]))
    assert "mul overflowed at element 1: the result i32[2] holds -1794967296" in str(error)


def test_an_infinity_that_comes_in_is_no_overflow():
    assert float(fnx.jit(lambda x: x + 1.0, check="overflow")(np.float32(np.inf))) == np.inf


def test_division_by_zero():
    error = error_of(lambda x, y: x / y, fnp.ones(3), fnp.asarray([1.0, 0.0, 2.0]), check="div")
    assert isinstance(error, DivisionCheckError | ZeroDivisionError)
    assert error.index == (1,)
    assert error_of(lambda x: x % 0, fnp.asarray(3), check="div").primitive in ("rem", "div")


TABLE = fnp.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize(
    ("f", "args", "index", "words"),
    [
        (lambda x, i: x[i], (TABLE, 3), (0,), "index 3 is out of range for axis 0 of f32[3,4]"),
        (lambda x, i: x[i], (TABLE, -4), (0,), "index -4 is out of range for axis 0"),
        (lambda x, i: x[:, i], (TABLE, fnp.asarray([0, 3, 4])), (2, 0), "index 4 (at element 2 of"),
        (lambda x, i: x[i, i], (TABLE, 3), (0,), "for axis 0"),
        (lambda x, i: x.at[i].set(0.0), (TABLE, 5), (0,), "scatter: index 5"),
        (lambda x, i: x.at[i].add(0.0), (TABLE, -5), (0,), "scatter: index -5"),
        (lambda x, i: lax.dynamic_slice(x, (i, 0), (2, 4)), (TABLE, 2), (), "starts: 0 to 1"),
        (lambda x, i: lax.dynamic_update_slice(x, x[:1], (i, 0)), (TABLE, 3), (), "index 3"),
        (lambda x, i: fnp.take(x, i, axis=1), (TABLE, 4), (0,), "for axis 1"),
        (lambda x, i: x[i], (TABLE, np.int64(2**40)), (0,), "index 1099511627776 is"),
        (lambda x, i: fnx.vmap(lambda i: x[i])(i), (TABLE, fnp.asarray([0, 7])), (1, 0), "7"),
    ],
)
def test_indices(f, args, index, words):
    error = error_of(f, *args)
    assert isinstance(error, IndexCheckError | IndexError)
    assert error.kind == "index"
    assert words in str(error)
    assert error.index == index
    fnx.jit(f, check="nan,overflow")(*args)


def test_indices_inside_are_fine():
    f = fnx.jit(lambda x, i: x[i] + x.at[i].add(1.0)[-1], check="all")
    for i in (0, 2, -1, -3):
        f(TABLE, i)


def test_every_subset_of_the_checks():
    def f(x, i):
        return fnp.log(x[i]) + fnp.exp(x[0])

    x = fnp.asarray([100.0, -1.0])
    assert fnx.jit(f)(x, 1) is not None
    assert error_of(f, x, 2, check="nan").kind == "nan"
    assert error_of(f, x, 2, check="index,nan").kind == "index"
    assert error_of(f, x, 1, check=("overflow",)).kind == "overflow"
    assert error_of(f, x, 1, check={"nan", "overflow"}).kind == "nan"


# Backward equations


def test_a_backward_equation_names_the_forward_line_and_who_asked():
    def loss(w):
        y = fnp.sqrt(w * w)
        return y.sum()

    def step(w):
        return w - fnx.grad(loss)(w)

    error = error_of(step, fnp.asarray([4.0, 0.0]), check="nan")
    text = str(error)
    assert line_of(error) == "y = fnp.sqrt(w * w)"
    assert error.index == (1,)
    assert "in the backward pass of the equation written in the line below" in text
    assert "asked for in test_sanitiser.py:" in text
    assert "return w - fnx.grad(loss)(w)" in text
    assert "backward pass" not in str(error_of(loss, fnp.asarray([1e30]), check="overflow"))


def test_forward_mode_and_higher_orders_are_named_too():
    f = lambda x: fnp.sqrt(x)
    error = error_of(lambda x: fnx.jvp(f, (x,), (0.0,))[1], 0.0, check="nan")
    assert "in the derivative of the equation" in str(error)
    error = error_of(lambda x: fnx.grad(lambda x: fnx.grad(f)(x) * x)(x), 0.0, check="nan")
    assert "of the equation written in the line below" in str(error)


def test_gradients_of_jitted_functions_with_checks_are_checked():
    f = fnx.jit(lambda x: fnp.sqrt(x * x), check="nan")
    assert float(fnx.grad(f)(2.0)) == 1.0
    with pytest.raises(NanError, match="backward pass"):
        fnx.grad(f)(0.0)
    with pytest.raises(NanError, match="backward pass"):
        fnx.jit(fnx.grad(f))(0.0)


def test_custom_rules_and_checkpoints_are_looked_into():
    @fnx.custom_vjp
    def f(x):
        return fnp.sin(x)

    def bwd(residual, ct):
        return (ct * fnp.log(residual),)

    f.defvjp(lambda x: (f(x), x), bwd)
    error = error_of(fnx.grad(f), -1.0, check="nan")
    assert error.primitive == "log"
    assert "backward pass" in str(error)
    g = fnx.checkpoint(lambda x: fnp.log(x) * 2)
    assert error_of(lambda x: fnx.value_and_grad(g)(x)[0], -1.0, check="nan").primitive == "log"


# What is not looked at


def test_the_side_of_a_where_that_is_not_taken_may_be_anything():
    x = fnp.asarray([1.0, -1.0, 0.0])
    for check in ("nan", "all"):
        f = fnx.jit(lambda x: fnp.where(x > 0, fnp.log(x), 0.0).sum(), check=check)
        assert float(f(x)) == 0.0
        f = fnx.jit(lambda x: fnp.where(x > 0, fnp.log(x) * 2 + 1, 0.0).sum(), check=check)
        assert float(f(x)) == 1.0
    f = lambda x: fnp.where(x < 0, fnp.log(x), 0.0).sum()
    assert error_of(f, x, check="nan").index == (1,)


def test_questions_whether_a_value_is_nan_are_answered():
    f = fnx.jit(lambda x: fnp.where(fnp.isnan(fnp.log(x)), 0.0, 1.0), check="nan")
    assert float(f(-1.0)) == 0.0
    f = fnx.jit(lambda x: fnp.nan_to_num(fnp.log(x)), check="nan")
    assert float(f(-1.0)) == 0.0


def test_a_comparison_is_a_use():
    assert error_of(lambda x: fnp.log(x) > 0, -1.0, check="nan").primitive == "log"
    assert error_of(lambda x: fnp.argmax(fnp.log(x)), fnp.asarray([1.0, -1.0])).primitive == "log"
    assert error_of(lambda x: fnp.log(x)[:1], fnp.asarray([-1.0, 1.0])).primitive == "log"


def test_what_is_not_used_is_not_looked_at():
    def f(x):
        fnp.log(x)
        return x

    assert float(fnx.jit(f, check="all")(-1.0)) == -1.0


def test_the_branch_not_taken_may_be_anything():
    f = fnx.jit(lambda p, x: lax.cond(p, fnp.log, lambda x: x, x), check="all")
    assert float(f(False, -1.0)) == -1.0
    with pytest.raises(NanError):
        f(True, -1.0)
    lanes = fnx.jit(fnx.vmap(lambda p, x: lax.cond(p, fnp.log, lambda x: x, x)), check="all")
    np.testing.assert_array_equal(
        lanes(fnp.asarray([True, False]), fnp.asarray([1.0, -1.0])), [0.0, -1.0]
    )
    with pytest.raises(NanError):
        lanes(fnp.asarray([True, True]), fnp.asarray([1.0, -1.0]))


def test_what_is_meant_can_be_left_out():
    def mix(x):
        with fnx.checkify.unchecked("overflow"):
            return x * np.uint32(2654435761)

    fnx.jit(mix, check="all")(fnp.asarray([5, 6], dtype="uint32"))
    assert error_of(lambda x: x * np.uint32(2654435761), fnp.uint32(5)).primitive == "mul"


# Loops


def test_loops_name_their_iterations():
    def body(carry, x):
        carry = carry - x
        return carry, fnp.log(carry)

    error = error_of(lambda c, xs: lax.scan(body, c, xs), 3.0, fnp.ones(5))
    assert (error.iterations, error.kind) == ((2,), "overflow")
    error = error_of(lambda c, xs: lax.scan(body, c, xs), 2.5, fnp.ones(5), check="nan")
    assert (error.iterations, error.primitive) == ((2,), "log")
    assert "in iteration 2 of the loop around it" in str(error)
    reverse = lambda c, xs: lax.scan(body, c, xs, reverse=True)
    assert error_of(reverse, 9.0, fnp.asarray([1.0, 9.0, 1.0])).iterations == (1,)


def test_nested_loops_name_the_outermost_iteration_first():
    def f(x):
        inner = lambda i, x: lax.fori_loop(0, 4, lambda j, x: x + 1.0 / (3.0 * i + j - 5.0), x)
        return lax.fori_loop(0, 3, inner, x)

    assert error_of(f, 0.0, check="div").iterations == (1, 2)


def test_a_while_loop_that_a_nan_would_keep_running_stops():
    def f(x):
        return lax.while_loop(lambda x: ~(x > 100.0), lambda x: fnp.sqrt(x) - 1.0, x)

    error = error_of(f, 9.0, check="nan")
    assert error.primitive == "sqrt"
    assert error.iterations == (3,)


def test_the_condition_of_a_loop_is_checked():
    def f(x):
        return lax.while_loop(lambda x: fnp.log(x) < 1.0, lambda x: x - 1.0, x)

    error = error_of(f, 1.5, check="nan")
    assert (error.primitive, error.iterations) == ("log", (2,))


def test_gradients_of_loops():
    def f(x):
        return lax.fori_loop(0, 3, lambda i, s: fnp.sqrt(s * x), x)

    error = error_of(fnx.grad(f), 0.0, check="nan")
    assert "backward pass" in str(error)
    assert np.isfinite(float(fnx.jit(fnx.grad(f), check="all")(1.0)))


# Callbacks


def test_ordered_callbacks_are_called_once_also_when_something_fails():
    calls = []

    def read(x):
        calls.append(float(x))
        return np.float32(-1.0 - len(calls))

    def f(x):
        y = fnx.io_callback(read, fnx.ShapeDtypeStruct((), "float32"), x, ordered=True)
        z = lax.fori_loop(
            0, 2, lambda i, s: s + fnx.io_callback(
                read, fnx.ShapeDtypeStruct((), "float32"), s, ordered=True), y
        )  # fmt: skip
        fnx.debug.callback(lambda v: calls.append(None), z)
        return fnp.log(z)

    error = error_of(f, 1.0, check="nan")
    assert (error.primitive, [float(x) for x in error.operands]) == ("log", [-9.0])
    assert calls == [1.0, -2.0, -5.0, None]


def test_printing_a_nan_is_no_failure(capsys):
    def f(x):
        fnx.debug.print("{}", fnp.log(x))
        return x

    assert float(fnx.jit(f, check="all")(-1.0)) == -1.0
    assert capsys.readouterr().out.count("nan") == 1


# Around it


def test_results_are_the_same_bits_without_a_failure():
    rng = np.random.default_rng(0)
    x = fnp.asarray(rng.normal(size=(33, 17)).astype("f"))

    def f(x):
        y = fnp.tanh(x @ x.T) / 3
        return fnx.grad(lambda x: fnp.log(fnp.exp(x).sum()) * x.mean())(y), y.sum(0)

    for plain, checked in zip(fnx.jit(f)(x), fnx.jit(f, check="all")(x), strict=True):
        assert np.asarray(plain).tobytes() == np.asarray(checked).tobytes()


def test_donated_arguments_are_taken_on_success_and_kept_on_failure():
    f = fnx.jit(lambda x: fnp.log(x), check="nan", donate_argnums=0)
    x, bad = fnp.ones(4), fnp.asarray([1.0, -1.0])
    f(x)
    f(fnp.ones(4))
    assert x.is_deleted()
    with pytest.raises(DeletedArrayError):
        f(x)
    with pytest.raises(NanError):
        f(bad)
    assert not bad.is_deleted()
    with pytest.raises(FnxValueError, match="passed twice"):
        fnx.jit(lambda x, y: x + y, check="nan", donate_argnums=0)(bad, bad)


def test_static_arguments_closures_and_structures():
    scale = fnp.asarray(2.0)

    @fnx.jit(check="nan", static_argnames="power")
    def f(tree, power):
        return {"y": fnp.log(tree["x"]) ** power * scale}

    assert float(f({"x": 1.0}, power=2)["y"]) == 0.0
    assert float(f({"x": 1.0}, power=2)["y"]) == 0.0
    with pytest.raises(NanError):
        f({"x": -1.0}, power=2)
    assert float(f({"x": 1.0}, power=3)["y"]) == 0.0


def test_checks_of_an_inner_function_hold_for_it_alone():
    inner = fnx.jit(lambda x: fnp.log(x), check="nan", inline=True)
    outer = fnx.jit(lambda x: inner(x) + fnp.sqrt(x - 5.0))
    assert np.isnan(float(outer(1.0)))
    with pytest.raises(NanError, match="log made nan"):
        outer(-1.0)
    with pytest.raises(NanError, match="log made nan"):
        fnx.jit(lambda xs: fnx.vmap(inner)(xs).sum())(fnp.asarray([1.0, -1.0]))
    with pytest.raises(NanError, match="log made nan"):
        fnx.jit(lambda x: lax.fori_loop(0, 3, lambda i, x: inner(x), x))(2.0)
    both = fnx.jit(lambda x: inner(x) + fnp.exp(x), check="overflow")
    with pytest.raises(OverflowCheckError, match="exp made inf"):
        both(100.0)


def test_an_unknown_check():
    with pytest.raises(FnxValueError, match="check has 'nans', which is no check") as caught:
        fnx.jit(lambda x: x, check="index,nans")
    assert "'overflow': a result that does not fit in its dtype" in str(caught.value)


def test_checks_for_all_functions_come_from_the_environment(monkeypatch):
    assert config.read({"FNX_CHECKS": "nan"}).checks == "nan"
    changed = config.read({"FNX_CHECKS": "nan"})
    wrong = config.read({"FNX_CHECKS": "nans"})
    monkeypatch.setattr("fnx.lowering.jit.config", wrong)
    with pytest.raises(FnxValueError, match=r"^FNX_CHECKS has 'nans', which is no check"):
        fnx.jit(lambda x: x)
    monkeypatch.setattr("fnx.lowering.jit.config", changed)
    with pytest.raises(NanError):
        fnx.jit(lambda x: fnp.log(x))(-1.0)
    assert np.isnan(float(fnx.jit(lambda x: fnp.log(x), check="")(-1.0)))


def test_what_numpy_rounds_otherwise_is_found_in_the_compilers_arithmetic():
    log = fnx.core.primitive.REGISTRY["log"]
    object.__setattr__(log, "numpy", lambda xp, x: (xp.zeros_like(x),))
    try:
        with pytest.raises(NanError, match="log made nan"):
            fnx.jit(lambda x: fnp.log(x), check="nan")(-1.0)
    finally:
        object.__setattr__(log, "numpy", LOG)


LOG = fnx.core.primitive.REGISTRY["log"].numpy
