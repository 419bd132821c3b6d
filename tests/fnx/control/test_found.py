"""Bugs that were found by trying to break branches, loops and collectives, shrunk."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import checkify, lax
from fnx.errors import DerivativeError, FnxTypeError, FnxValueError

A = np.array([0, 1, 2, -3], np.float32)


@pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit])
def test_lanes_of_a_branch_that_read_each_other_are_themselves(wrap):
    """Lanes that do not take the branch still take part in its collectives, as in a `where`."""

    def mapped(collective):
        branch = lambda x: lax.cond(x > 0, lambda x: collective(x, "i"), lambda x: x, x)
        return np.asarray(wrap(fnx.vmap(branch, axis_name="i"))(A))

    np.testing.assert_array_equal(mapped(lax.psum), [0, 0, 0, -3])
    np.testing.assert_array_equal(mapped(lax.pmin), [0, -3, -3, -3])
    np.testing.assert_array_equal(
        mapped(lambda x, name: fnx.jit(lambda x: lax.psum(x, name))(x)), [0, 0, 0, -3]
    )


def test_lanes_of_a_loop_that_read_each_other_are_themselves():
    def f(x):
        return lax.fori_loop(0, x.astype("int32"), lambda i, c: c + lax.psum(c, "i"), x)

    np.testing.assert_array_equal(np.asarray(fnx.vmap(f, axis_name="i")(A)), [0, 1, 2, -3])


def test_a_known_branch_sees_what_a_traced_one_sees():
    cases = [
        (lambda x: x // 0, np.array([1], np.int8)),
        (lambda x: x / 2, np.arange(3, dtype=np.int32)),
        (lambda x: x.at[0].set(9.0), np.ones(3, np.float32)),
        (lambda x: 1.5, np.ones(3, np.float32)),
    ]
    for f, x in cases:
        eager = lax.cond(True, f, f, x)
        traced = fnx.jit(lambda p, x, f=f: lax.cond(p, f, f, x))(True, x)
        chosen = lax.switch(0, [f, f], x)
        assert isinstance(eager, fnx.Array)
        assert eager.dtype == traced.dtype == chosen.dtype
        np.testing.assert_array_equal(np.asarray(eager), np.asarray(traced))
        np.testing.assert_array_equal(np.asarray(chosen), np.asarray(traced))
    with pytest.raises(FnxTypeError, match="results must be arrays or numbers"):
        lax.cond(True, lambda: "text", lambda: "text")


@pytest.mark.parametrize("index", [np.int8(100), np.uint64(2**63), np.int64(-(2**60)), np.uint8(7)])
def test_an_index_of_any_integer_type_is_brought_into_range(index):
    branches = [lambda x, k=k: x + k for k in range(200)]
    expected = float(min(max(int(index), 0), 199))
    assert float(lax.switch(index, branches, 0.0)) == expected
    assert float(fnx.jit(lambda i: lax.switch(i, branches, 0.0))(index)) == expected


def test_an_argument_is_differentiated_once():
    for transform in (fnx.grad, fnx.value_and_grad, fnx.jacfwd, fnx.jacrev, fnx.hessian):
        for twice in ((0, 0), (1, -1)):
            with pytest.raises(FnxValueError, match="names an argument twice"):
                transform(lambda x, y: (x * y).sum(), argnums=twice)(A, A)


def test_an_axis_is_named_once():
    with pytest.raises(FnxValueError, match="named twice"):
        fnx.vmap(lambda x: lax.psum(x, ("i", "i")), axis_name="i")(A)


def test_nothing_is_read_from_nothing():
    none = np.zeros(0, np.int32)
    assert fnp.zeros(0)[none].shape == (0,)
    assert fnx.jit(lambda i: fnp.zeros(0)[i])(none).shape == (0,)
    assert fnx.jit(lambda i: fnp.zeros((0, 3))[i])(none).shape == (0, 3)
    assert fnx.jit(lambda i: fnp.zeros(0).at[i].set(1.0))(none).shape == (0,)
    assert fnx.jit(lambda i: fnp.zeros(0).at[i].add(1.0))(none).shape == (0,)


def test_arrays_of_other_byte_orders_are_converted():
    x = np.arange(4).astype(">f4")
    for f in (fnx.jit(lambda x: x + 1), lambda x: fnp.sin(x), fnx.grad(lambda x: (x * x).sum())):
        expected = f(x.astype("<f4"))
        assert f(x).dtype == np.float32
        np.testing.assert_array_equal(np.asarray(f(x)), np.asarray(expected))


@pytest.mark.parametrize("shape", [2**70, (2**32, 2**32), (1,) * 70])
def test_shapes_that_no_memory_holds_are_refused(shape):
    with pytest.raises(FnxValueError, match="expected a shape of at most 64 axes"):
        fnp.ones(shape)


def test_lanes_of_an_inner_map_stay_apart_for_an_outer_axis():
    def f(y):
        return lax.cond(y > 0, lambda y: lax.psum(y, "i"), lambda y: y, y)

    rows = np.stack([A, A + 1, A - 1])
    got = np.asarray(fnx.vmap(fnx.vmap(f), axis_name="i")(rows))
    np.testing.assert_array_equal(got, np.where(rows > 0, rows.sum(0), rows))


@pytest.mark.parametrize(
    ("first", "last", "steps"),
    [(np.int8(0), 300, 300), (-5, np.uint8(3), 8), (np.int32(2), 2**40, None), (3, np.int8(1), 0)],
)
def test_bounds_of_a_loop_meet_in_a_type_that_holds_both(first, last, steps):
    if steps is None:  # too many to run: only what the body sees
        jaxpr = fnx.make_jaxpr(lambda n: lax.fori_loop(n, last, lambda i, c: c + i, 0))(first)
        assert "i64" in str(jaxpr)
        return
    is_first = isinstance(first, np.integer)
    f = lambda n: lax.fori_loop(*((n, last) if is_first else (first, n)), lambda i, c: c + 1, 0)
    assert int(fnx.jit(f)(first if is_first else last)) == steps


def test_bounds_that_are_far_apart_are_counted_right():
    """Too far to run through: stopped by the text of the program, which counts in a `while`."""
    for bounds in ((0, 2**31 + 1), (-(2**31), 2**31 - 1)):
        text = str(fnx.make_jaxpr(lambda x, b=bounds: lax.fori_loop(*b, lambda i, c: c + 1, x))(0))
        assert "while" in text
        assert "scan" not in text
    with pytest.raises(FnxValueError, match="steps are counted in an int32, got max_steps=2147"):
        lax.while_loop(lambda c: c < 10, lambda c: c * 2, 1, max_steps=2**31)


def test_more_steps_than_are_counted_are_refused():
    with pytest.raises(FnxValueError, match="counted in an int32, got a length of 1180591620"):
        lax.scan(lambda c, _: (c, None), 0, None, length=2**70)


def ruled(fwd, bwd):
    f = fnx.custom_vjp(lambda x: x * 2)
    f.defvjp(fwd, bwd)
    return f


X = np.float32(2)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (ruled(lambda x: (x * 2, None), lambda r, c: (c.astype("float16"),)), r"got f16\[\]"),
        (ruled(lambda x: (x * 2, np.ones(3)), lambda r, c: (c * r.sum(),)), r"got f64\[\]"),
    ],
)
def test_cotangents_keep_their_dtype(f, message):
    for transform in (fnx.grad, lambda f: fnx.jit(fnx.grad(f)), lambda f: fnx.grad(fnx.jit(f))):
        with pytest.raises(DerivativeError, match=message):
            transform(f)(X)


def test_a_number_is_a_cotangent_of_any_dtype():
    f = ruled(lambda x: (x * 2, None), lambda r, c: (3.0,))
    for x in (X, np.float64(2)):
        assert fnx.grad(f)(x).dtype == x.dtype
        assert float(fnx.grad(f)(x)) == 3.0


def test_a_rule_gives_the_value_that_the_function_gives():
    f = ruled(lambda x: ((x * 2).astype("float16"), None), lambda r, c: (c.astype("float32"),))
    with pytest.raises(DerivativeError, match=r"expected the value .* f32\[\] .* got f16\[\]"):
        fnx.grad(fnx.jit(lambda x: f(x).astype("float32")))(X)


def test_a_rule_that_is_not_linear_is_named():
    f = fnx.custom_jvp(lambda x: x * 2)
    f.defjvp(lambda p, t: (p[0] * 2, t[0] * t[0]))
    with pytest.raises(DerivativeError, match="linear in its tangents") as found:
        fnx.grad(f)(X)
    assert "t[0] * t[0]" in str(found.value)


def test_an_assertion_of_nothing_holds():
    def f(x):
        checkify.check(x > 0, "x is {x}", x=x)
        return x

    for g in (fnx.vmap(f), fnx.jit(fnx.vmap(f))):
        error, out = checkify.checkify(g)(np.zeros(0, np.float32))
        assert error.get() is None
        assert out.shape == (0,)
    with pytest.raises(FnxTypeError, match="the message must be a string, got 3"):
        checkify.check(True, 3)


def test_a_policy_answers_true_or_false():
    f = fnx.checkpoint(lambda x: fnp.sin(x * x).sum(), policy=lambda *a, **k: "x")
    with pytest.raises(FnxTypeError, match="must answer True or False, got 'x' for"):
        fnx.grad(f)(np.ones(3, np.float32))


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin"])
def test_running_reductions_from_the_end(name):
    x = np.random.default_rng(0).uniform(-2, 2, (3, 5))
    f = getattr(lax, name)
    for axis in (0, 1, -1):
        expected = np.flip(np.asarray(f(fnp.asarray(np.flip(x, axis)), axis)), axis)
        got = np.asarray(f(fnp.asarray(x), axis, reverse=True))
        np.testing.assert_allclose(got, expected)


def test_elements_are_multiplied_by_either_name():
    x = fnp.arange(3.0)
    np.testing.assert_array_equal(np.asarray(x.at[1].mul(5.0)), np.asarray(x.at[1].multiply(5.0)))


def test_a_loop_with_computed_bounds_has_a_gradient_under_jit():
    def f(x, n, **bound):
        return lax.fori_loop(0, n, lambda i, c: c * x, 1.0, **bound)

    for n in (0, 1, 3, 5):
        expected = n * 1.5 ** (n - 1) if n else 0.0
        for g in (fnx.grad, lambda f: fnx.jit(fnx.grad(f))):
            got = g(lambda x, n: f(x, n, max_steps=5))(1.5, np.int32(n))
            np.testing.assert_allclose(float(got), expected, rtol=1e-6)
    with pytest.raises(FnxValueError, match="fori_loop: the condition still holds after max_steps"):
        f(1.5, fnp.asarray(6), max_steps=5)
    with pytest.raises(FnxTypeError, match="fori_loop: max_steps must be a whole number"):
        f(1.5, 3, max_steps=-1)


def test_a_policy_that_was_not_made_is_explained():
    f = fnx.checkpoint(
        lambda x: fnp.sin(x @ x).sum(), policy=fnx.checkpoint_policies.save_only_these_names
    )
    with pytest.raises(FnxTypeError, match=r"save_only_these_names\(\"x\"\)"):
        fnx.grad(f)(np.ones((2, 2), np.float32))


def test_checks_are_named():
    with pytest.raises(FnxValueError, match="check has True, which is no check"):
        fnx.jit(lambda x: x, check=True)(1.0)
