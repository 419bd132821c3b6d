"""A rule gives what its function gives: said when it does not, jitted or not."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import random
from fnx.errors import DerivativeError

X = np.ones(3, np.float32)
WRONG = {
    "shape": (fnp.sin, r"returns, f32\[\] for its leaf 0, got f32\[3\]"),
    "dtype": (lambda x: fnp.sin(x).sum().astype("float64"), r"f32\[\] for its leaf 0, got f64\[\]"),
    "structure": (
        lambda x: (fnp.sin(x).sum(),),
        r"structure TreeDef\(\*\).*got TreeDef\(\(\*,\)\)",
    ),
}


def with_vjp(forward):
    @fnx.custom_vjp
    def f(x):
        return fnp.sin(x).sum()

    f.defvjp(lambda x: (forward(x), x), lambda x, ct: (fnp.cos(x) * ct,))
    return f


def with_jvp(forward):
    @fnx.custom_jvp
    def f(x):
        return fnp.sin(x).sum()

    @f.defjvp
    def rule(primals, tangents):
        out = forward(*primals)
        return out, fnx.tree.map(lambda y: fnp.sum(tangents[0]).astype(y.dtype) + 0 * y, out)

    return f


@pytest.mark.parametrize("make", [with_vjp, with_jvp])
@pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit], ids=["plain", "jit"])
@pytest.mark.parametrize("what", WRONG)
def test_another_value_than_the_functions(make, wrap, what):
    forward, message = WRONG[what]
    with pytest.raises(DerivativeError, match=message):
        fnx.vjp(wrap(make(forward)), X)
    with pytest.raises(DerivativeError, match=r"expected the (value|function's structure)"):
        fnx.vjp(fnx.vmap(wrap(make(forward))), np.stack([X, X]))


def test_a_function_is_rehearsed_once_for_each_signature():
    calls = []

    @fnx.custom_vjp
    def f(x, n):
        calls.append(x.shape)
        return x * n

    f.defvjp(lambda x, n: (x * n, n), lambda n, ct: (ct * n, None))
    slope = fnx.grad(lambda x, n: f(x, n).sum())
    for _ in range(3):
        slope(X, 2.0)
    assert calls == [(3,)]
    slope(X[:2], 2.0)
    assert calls == [(3,), (2,)]


def test_rehearsals_end_where_a_fixed_argument_counts_steps():
    rehearsed = []

    def times(n, x):
        rehearsed.append(n)
        return x * n

    f = fnx.custom_jvp(times, nondiff_argnums=(0,))
    f.defjvp(lambda n, primals, tangents: (primals[0] * n, tangents[0] * n))
    for n in range(300):
        assert float(fnx.grad(lambda x, n=n: f(n, x))(1.0)) == n
    assert 0 < len(rehearsed) == len(f._known) < 300


def test_functions_that_branch_on_values_are_left_alone():
    @fnx.custom_vjp
    def f(x):
        return x if x > 0 else -x

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (ct if x > 0 else -ct,))
    assert float(fnx.grad(f)(-2.0)) == -1.0


def test_a_rehearsal_uses_no_key_up():
    """So that a function that draws is compared, too, while keys are checked."""

    def loss(forward):
        def of(key, x):
            f = fnx.custom_vjp(lambda x: x + random.normal(key, x.shape))
            f.defvjp(lambda x: (forward(key, x), None), lambda _, ct: (ct,))
            return f(x).sum()

        return fnx.jit(fnx.grad(of, argnums=1))

    with random.debug_key_reuse():
        found = loss(lambda key, x: x + random.normal(key, x.shape))(random.key(0), X)
        np.testing.assert_array_equal(np.asarray(found), np.ones(3))
        with pytest.raises(DerivativeError, match=r"f32\[3\] for its leaf 0, got f32\[\]"):
            loss(lambda key, x: random.normal(key))(random.key(0), X)
