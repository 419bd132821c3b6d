"""while_loop, fori_loop, map, associative_scan: what they mean, at the edges too."""

from __future__ import annotations

import collections
import subprocess
import sys

import numpy as np
import pytest

import fnx
import fnx.numpy as jnp
from fnx import lax

EVERY = pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit], ids=["eager", "jit"])


def close(found, expected, tolerance=1e-10):
    pairs = zip(fnx.tree.leaves(found), fnx.tree.leaves(expected), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def root(a, max_steps=None):
    """The square root by Newton's method; the number of steps depends on ``a``."""

    def better(state):
        x, _ = state
        y = 0.5 * (x + a / x)
        return y, jnp.abs(y - x)

    start = (a, a * 0 + 1.0)
    return lax.while_loop(lambda state: state[1] > 1e-12, better, start, max_steps=max_steps)[0]


A = np.array([2.0, 1e6, 7.0, 1e-3])


@EVERY
def test_while_loop_computes_and_has_forward_derivatives(wrap):
    a = A[0]
    close(wrap(root)(a), np.sqrt(a))
    _, tangent = wrap(lambda a: fnx.jvp(root, (a,), (1.0,)))(a)
    close(tangent, 0.5 / np.sqrt(a))
    close(wrap(fnx.jacfwd(fnx.jacfwd(root)))(a), -0.25 * a**-1.5)
    close(wrap(lambda a: fnx.linearize(root, a)[1](1.0))(a), 0.5 / np.sqrt(a))


@pytest.mark.parametrize("max_steps", [None, 60])
def test_an_unjitted_gradient_records_as_many_steps_as_there_are(max_steps):
    f = lambda a: root(a, max_steps)
    for a in A:
        close(fnx.grad(f)(a), 0.5 / np.sqrt(a))
        close(fnx.grad(fnx.grad(f))(a), -0.25 * a**-1.5)
        close(fnx.jacfwd(fnx.grad(f))(a), -0.25 * a**-1.5)


def test_a_tape_grows_over_many_chunks():
    n = 1000

    def f(x):
        return lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * x), (0, 1.0))[1]

    x = np.float64(1.001)
    close(fnx.grad(f)(x), n * x ** (n - 1))
    close(fnx.grad(fnx.grad(f))(x), n * (n - 1) * x ** (n - 2))


@EVERY
def test_a_bounded_loop_has_gradients_everywhere(wrap):
    f = lambda a: root(a, 60)
    close(wrap(fnx.grad(f))(A[1]), 0.5 / np.sqrt(A[1]))
    close(wrap(fnx.grad(fnx.grad(f)))(A[2]), -0.25 * A[2] ** -1.5)
    close(wrap(fnx.vmap(fnx.grad(f)))(A), 0.5 / np.sqrt(A))
    close(wrap(fnx.grad(lambda a: fnx.vmap(f)(a).sum()))(A), 0.5 / np.sqrt(A))
    close(wrap(fnx.vmap(fnx.grad(fnx.grad(f))))(A), -0.25 * A**-1.5)
    close(wrap(fnx.vmap(fnx.jacfwd(fnx.grad(f))))(A), -0.25 * A**-1.5)


def test_unbounded_loops_inside_of_loops_run_step_by_step_in_an_unjitted_gradient():
    def power(x, n):  # x ** n
        return lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * x), (0, 1.0))[1]

    def f(x):  # x ** 2 + x ** 3, twice, by a while and by a scan
        outer = lambda s: (s[0] + 1, s[1] + power(x, s[0]))
        total = lax.while_loop(lambda s: s[0] < 4, outer, (2, 0.0))[1]
        last, ys = lax.scan(lambda c, n: (c + power(x, n), power(x, n)), total, np.array([2, 3]))
        return last + ys.sum()

    x = np.float64(1.5)
    close(f(x), 3 * (x**2 + x**3))
    close(fnx.grad(f)(x), 3 * (2 * x + 3 * x**2))
    close(fnx.grad(fnx.grad(f))(x), 3 * (2 + 6 * x))


def test_branches_in_a_loop_that_runs_step_by_step_may_have_unbounded_loops():
    def power(x, n):
        return lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * x), (0, 1.0))[1]

    def f(x):  # x ** 2 + (1 + x) + x ** 4, each branch by its own step's index
        def step(i, total):
            return total + lax.cond(i == 1, lambda: 1 + x, lambda: power(x, i + 2))

        return lax.fori_loop(0, 3, step, 0.0)

    x = np.float64(1.5)
    close(fnx.grad(f)(x), 2 * x + 1 + 4 * x**3)
    close(fnx.grad(fnx.grad(f))(x), 2 + 12 * x**2)
    close(fnx.vmap(fnx.jacfwd(f))(np.array([x, x])), 2 * x + 1 + 4 * x**3)


def test_unbounded_loops_in_a_checkpoint_are_recorded_in_an_unjitted_gradient():
    def power(x):  # x ** 3
        return lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * x), (0, 1.0))[1]

    f = lambda x: fnx.checkpoint(lambda x: x * power(x))(x)
    x = np.float64(1.5)
    close(fnx.grad(f)(x), 4 * x**3)
    close(fnx.grad(fnx.grad(f))(x), 12 * x**2)
    close(fnx.jit(fnx.jacfwd(f))(x), 4 * x**3)


def test_a_bound_that_is_exceeded_is_an_error_where_values_are_known_and_nan_elsewhere():
    f = lambda a: root(a, 2)
    with pytest.raises(ValueError, match=r"still holds after max_steps=2[\s\S]*test_loops\.py"):
        f(A[0])
    with pytest.raises(ValueError, match="still holds after max_steps=2"):
        fnx.grad(f)(A[0])
    assert np.isnan(fnx.jit(f)(A[0]))
    assert np.isnan(fnx.jit(fnx.grad(f))(A[0]))
    counts = fnx.jit(lambda n: lax.while_loop(lambda i: i < n, lambda i: i + 1, 0, max_steps=3))
    assert [int(counts(n)) for n in (0, 2, 3, 5)] == [0, 2, 3, 3]  # integers: as they are then


def test_reverse_mode_of_a_compiled_loop_without_a_bound_teaches():
    with pytest.raises(fnx.errors.DerivativeError) as error:
        fnx.jit(fnx.grad(root))(A[0])
    text = str(error.value)
    assert "max_steps=N" in text
    assert "fori_loop" in text
    assert "test_loops.py" in text
    assert "in root" in text


def test_a_result_that_no_gradient_needs_asks_for_no_bound():
    def f(a):
        steps = lax.while_loop(lambda s: s[1] > 1.0, lambda s: (s[0] + 1, s[1] / 2), (0, a))
        return a * a * (steps[0] > 3)

    close(fnx.jit(fnx.grad(f))(16.5), 33.0)


@EVERY
def test_examples_that_stop_at_different_times_keep_what_they_had(wrap):
    """Collatz: the lanes take 0 to 111 steps; then each carries its own integers."""

    def steps(n):
        def step(s):
            n, count = s
            return jnp.where(n % 2 == 0, n // 2, 3 * n + 1), count + 1

        return lax.while_loop(lambda s: s[0] != 1, step, (n, 0))

    ns = np.array([1, 2, 27, 7])
    last, counts = wrap(fnx.vmap(steps))(ns)
    assert last.tolist() == [1, 1, 1, 1]
    assert counts.tolist() == [0, 1, 111, 16]
    close(wrap(fnx.vmap(root))(A), np.sqrt(A))
    twice = wrap(fnx.vmap(fnx.vmap(root)))(A.reshape(2, 2))
    close(twice, np.sqrt(A).reshape(2, 2))
    assert wrap(fnx.vmap(root))(A[:0]).shape == (0,)


@EVERY
def test_what_a_stopped_example_would_compute_next_does_not_matter(wrap):
    """The body ends only, and has a finite derivative only, where the condition holds."""

    def f(x):
        def step(y):
            inner = lax.while_loop(  # never ends at 0
                lambda z: z < 8.0, lambda z: 2 * z, y, max_steps=100
            )
            return jnp.sqrt(y - 1.0) * inner * 0.1

        return lax.while_loop(lambda y: y > 1.0, step, x, max_steps=20)

    xs = np.array([0.0, 1.0, 3.0, 2.0])
    expected = np.array([float(f(x)) for x in xs])
    close(wrap(fnx.vmap(f))(xs), expected)
    slopes = np.array([float(fnx.grad(f)(x)) for x in xs])
    close(wrap(fnx.grad(lambda xs: fnx.vmap(f)(xs).sum()))(xs), slopes)
    close(wrap(fnx.vmap(fnx.grad(f)))(xs), slopes)


@EVERY
def test_an_unmapped_condition_stays_one(wrap):
    f = lambda n, x: lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * x), (0, x))
    count, powers = fnx.vmap(lambda x: wrap(f)(3, x), out_axes=(None, 0))(np.array([1.0, 2.0]))
    assert int(count) == 3
    assert powers.tolist() == [1.0, 16.0]


# fori_loop


@EVERY
@pytest.mark.parametrize(
    ("lower", "upper"), [(0, 5), (3, 4), (-2, 2), (4, 4), (5, 1), (np.int32(1), np.int64(4))]
)
def test_fori_loop_is_the_python_loop(wrap, lower, upper):
    def f(x):
        return lax.fori_loop(lower, upper, lambda i, x: jnp.sin(x) * i + x, x)

    def g(x):
        for i in range(lower, upper):
            x = jnp.sin(x) * i + x
        return x

    x = np.float64(0.3)
    close(wrap(f)(x), g(x))
    close(wrap(fnx.grad(f))(x), fnx.grad(g)(x))
    close(wrap(fnx.grad(fnx.grad(f)))(x), fnx.grad(fnx.grad(g))(x))
    close(wrap(fnx.vmap(fnx.grad(f)))(np.ones(2)), fnx.vmap(fnx.grad(g))(np.ones(2)))


def test_fori_loop_takes_computed_bounds():
    f = lambda n, x: lax.fori_loop(0, n, lambda i, x: x * 0.5 + i, x)
    expected = lambda n, x: f(int(n), x)
    for n in (0, 1, 7):
        close(fnx.jit(f)(n, 1.0), expected(n, 1.0))
        close(fnx.grad(f, 1)(jnp.asarray(n), 1.0), 0.5**n)
        close(fnx.jit(lambda n, x: fnx.jvp(lambda x: f(n, x), (x,), (1.0,))[1])(n, 1.0), 0.5**n)
    ns = np.array([3, 0, 5])
    close(fnx.vmap(f, (0, None))(ns, 1.0), np.array([float(expected(n, 1.0)) for n in ns]), 1e-6)


def test_fori_loop_unrolls():
    f = lambda x, unroll: lax.fori_loop(0, 7, lambda i, x: x * 2 + i, x, unroll=unroll)
    plain = int(f(1, None))
    for unroll in (1, 2, 3, 7, 100, True, False):
        assert int(f(1, unroll)) == plain
        assert int(fnx.jit(f, static_argnums=1)(1, unroll)) == plain


# All loops


Point = collections.namedtuple("Point", "x y")


@EVERY
def test_carries_and_rows_are_pytrees(wrap):
    def f(start, rows):
        def step(p, row):
            p = Point(p.x + row["a"], {"inner": p.y["inner"] * row["b"][0]})
            return p, (p.x, None, [p.y])

        return lax.scan(step, start, rows)

    start = Point(jnp.zeros(2), {"inner": 1.0})
    rows = {"a": np.ones((3, 2), np.float32), "b": (np.full(3, 2.0, np.float32),)}
    last, (xs, nothing, ys) = wrap(f)(start, rows)
    assert isinstance(last, Point)
    assert last.x.tolist() == [3.0, 3.0]
    assert nothing is None
    assert xs.shape == (3, 2)
    assert ys[0]["inner"].tolist() == [2.0, 4.0, 8.0]


@EVERY
def test_bodies_close_over_values_of_every_enclosing_trace(wrap):
    def f(w, xs):
        def outer(c, x):
            inner = lambda i, v: v * w + x * c
            return lax.fori_loop(0, 3, inner, c), w * x

        last, ys = lax.scan(outer, w, xs)
        return last + ys.sum()

    def g(w, xs):
        c, total = w, 0.0
        for x in xs:
            start, v = c, c
            for _ in range(3):
                v = v * w + x * start
            c, total = v, total + w * x
        return c + total

    w, xs = np.float64(0.7), np.array([0.3, -0.2])
    close(wrap(f)(w, xs), g(w, xs))
    close(wrap(fnx.grad(f, (0, 1)))(w, xs), fnx.grad(g, (0, 1))(w, xs))
    close(wrap(fnx.hessian(f))(w, xs), fnx.hessian(g)(w, xs))
    both = lambda w: fnx.vmap(lambda xs: f(w, xs))(np.stack([xs, -xs])).sum()
    nested = lambda a: fnx.grad(lambda b: both(a * b))(a)
    plain = lambda a: fnx.grad(lambda b: g(a * b, xs) + g(a * b, -xs))(a)
    close(wrap(fnx.grad(nested))(w), fnx.grad(plain)(w))


@pytest.mark.parametrize(
    ("start", "factor", "dtype"),
    [
        (0, np.float32(1.5), np.float32),
        (0, np.float64(1.5), np.float64),
        (1.0, np.float64(2.0), np.float64),
        (1, 1, np.int32),
    ],
)
def test_a_python_scalar_takes_the_dtype_of_the_body(start, factor, dtype):
    last, _ = lax.scan(lambda c, _: (c + factor, None), start, None, length=2)
    assert last.dtype == dtype
    assert lax.fori_loop(0, 2, lambda i, c: c + factor, start).dtype == dtype
    found = lax.while_loop(lambda s: s[0] < 2, lambda s: (s[0] + 1, s[1] + factor), (0, start))
    assert found[1].dtype == dtype
    assert float(found[1]) == float(last) == start + 2 * factor


def test_weak_results_of_the_body_become_what_is_carried():
    last, ys = lax.scan(lambda c, x: (0, c), jnp.asarray(3.0), np.arange(2))
    assert last.dtype == np.float32
    assert ys.tolist() == [3.0, 0.0]


@EVERY
def test_no_steps(wrap):
    f = lambda c, xs: lax.scan(lambda c, x: (c * x, c + x), c, xs)
    last, ys = wrap(f)(2.0, np.zeros((0, 3)).sum(axis=1))
    assert float(last) == 2.0
    assert ys.shape == (0,)
    loss = lambda c, xs: f(c, xs)[0] + f(c, xs)[1].sum()
    close(wrap(fnx.grad(loss, (0, 1)))(np.float64(2.0), np.zeros(0)), (1.0, np.zeros(0)))
    assert float(wrap(lambda x: lax.while_loop(lambda x: x > 5, lambda x: x * 2, x))(1.0)) == 1.0
    close(fnx.grad(lambda x: lax.while_loop(lambda x: x > 5, lambda x: x * 2, x))(1.0), 1.0)
    assert lax.map(lambda x: x + 1, np.zeros((0, 2))).shape == (0, 2)


@EVERY
def test_arrays_without_elements_are_carried(wrap):
    f = lambda x: lax.scan(lambda c, _: (c * 2, c[:0]), x, None, length=3)
    last, ys = wrap(f)(np.zeros((0, 2)))
    assert last.shape == (0, 2)
    assert ys.shape == (3, 0, 2)


@EVERY
def test_carries_that_depend_on_nothing(wrap):
    f = lambda x: lax.fori_loop(0, 3, lambda i, s: (s[0] * 2, 7, s[2], s[4], s[3]), (x, 0, x, 1, 2))
    assert [float(v) for v in wrap(f)(1.0)] == [8.0, 7.0, 1.0, 2.0, 1.0]
    close(wrap(fnx.grad(lambda x: sum(map(jnp.asarray, f(x)))))(1.0), 9.0)


@EVERY
def test_integer_and_boolean_carries_beside_floats(wrap):
    def f(x):
        def step(c, _):
            x, n, b = c
            return (jnp.where(b, x * 2, x + n), n + 1, ~b), n

        return lax.scan(step, (x, 1, True), None, length=4)

    (x, n, b), ns = wrap(f)(1.0)
    assert (float(x), int(n), bool(b), ns.tolist()) == (12.0, 5, True, [1, 2, 3, 4])
    close(wrap(fnx.grad(lambda x: f(x)[0][0]))(1.0), 4.0)


def test_a_linear_loop_with_a_counter_is_transposed():
    """The counter is no linear function: it runs forward first."""

    def f(x):
        step = lambda i, s: (s[0] * (i + 1), s[1] + s[0])
        return lax.fori_loop(0, 3, step, (x, jnp.zeros(2)))

    f = fnx.jit(f)
    x = jnp.ones(2)
    (back,) = fnx.vjp(f, x)[1]((jnp.ones(2), jnp.ones(2)))
    assert back.tolist() == [10.0, 10.0]
    (transposed,) = fnx.linear_transpose(f, x)((jnp.ones(2), jnp.ones(2)))
    assert transposed.tolist() == [10.0, 10.0]


def test_the_body_is_traced_once_and_the_program_found_again(monkeypatch):
    traced, compiled = [], []
    compile_ = fnx.lowering.compiled.fnx_xla_lite.compile
    monkeypatch.setattr(
        fnx.lowering.compiled.fnx_xla_lite,
        "compile",
        lambda *args, **options: compiled.append(1) or compile_(*args, **options),
    )
    for n in range(4):

        def step(c, x, n=n):
            traced.append(n)
            return c * 0.5 + x, c

        last, _ = lax.scan(step, 0.0, np.full(5000, n, np.float32))
        np.testing.assert_allclose(last, 2.0 * n, rtol=1e-6)
    assert traced.count(3) <= 2  # a second time for the dtype of the carry
    assert len(compiled) == 1


def test_a_long_loop_is_compiled_though_nothing_was_jitted():
    """In a new process: the compiler is imported when the first loop is worth it."""
    code = (
        "import sys, fnx; from fnx import lax\n"
        "lax.fori_loop(0, 5, lambda i, x: x + i, 0); print('fnx.lowering' in sys.modules)\n"
        "print(int(lax.fori_loop(0, 100_000, lambda i, x: x ^ i, 0)))\n"
        "print(fnx.control.call.can_compile())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "0", "True"]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 8, 9])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_is_the_running_result(n, reverse):
    rng = np.random.default_rng(n)
    ms = rng.normal(size=(n, 2, 2))  # products of matrices do not commute
    order = range(n)[::-1] if reverse else range(n)
    total, rows = np.eye(2), {}
    for i in order:
        rows[i] = total = total @ ms[i]
    expected = np.stack([rows[i] for i in range(n)]) if n else ms
    f = lambda ms: lax.associative_scan(jnp.matmul, ms, reverse=reverse)
    close(f(ms), expected)
    close(fnx.jit(f)(ms), expected)


def test_associative_scan_takes_trees_and_axes():
    def combine(a, b):  # y = m x + c, one after the other
        return {"m": a["m"] * b["m"], "c": a["c"] * b["m"] + b["c"]}

    elems = {"m": np.full((3, 5), 0.5), "c": np.ones((3, 5))}
    found = fnx.jit(lambda e: lax.associative_scan(combine, e, axis=-1))(elems)
    value, rows = 0.0, []
    for _ in range(5):
        value = 0.5 * value + 1
        rows.append(value)
    close(found["c"], np.stack([rows] * 3))
    loss = lambda c: lax.associative_scan(combine, {"m": elems["m"], "c": c}, axis=1)["c"].sum()
    grads = fnx.grad(loss)(elems["c"])
    close(grads[0], np.array([sum(0.5**k for k in range(5 - i)) for i in range(5)]))


@pytest.mark.parametrize("n", [0, 1, 6, 7])
@pytest.mark.parametrize("batch_size", [None, 1, 3, 10])
def test_map_is_vmap(n, batch_size):
    xs = np.arange(2.0 * n).reshape(n, 2)
    f = lambda x: {"sum": x.sum(), "sin": jnp.sin(x)}
    found = lax.map(f, xs, batch_size=batch_size)
    expected = fnx.vmap(f)(xs)
    close(found, expected)
    close(fnx.jit(lambda xs: lax.map(f, xs, batch_size=batch_size))(xs), expected)
