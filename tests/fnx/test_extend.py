"""Primitives made outside of fnx: all rules, checked, compiled."""

from __future__ import annotations

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import extend
from fnx.core.primitive import REGISTRY
from fnx.errors import FnxValueError, RuleError
from fnx.ops.arithmetic import mul_p


@pytest.fixture(autouse=True)
def forgotten():
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def scale_primitive(**changes):
    """``factor * x``, with a static factor."""
    rules = {
        "type": lambda x, *, factor: (x,),
        "numpy": lambda xp, x, *, factor: (factor * x,),
        "jvp": lambda primals, tangents, outs, *, factor: scale(tangents[0], factor),
        "transpose": lambda cts, inputs, *, factor: scale(cts[0], factor),
        "batch": lambda inputs, axes, size, *, factor: (scale(inputs[0], factor), axes),
        "lower": extend.lowered_by(lambda x, *, factor: x * factor),
    }
    primitive = extend.Primitive(name="test.scale", **{**rules, **changes})

    def scale(x, factor):
        return extend.bind(primitive, x, factor=factor)

    return scale


X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit], ids=["eager", "jit"])
def test_every_transform_takes_it(wrap):
    scale = scale_primitive()
    f = lambda x: scale(x, 3.0)[0] ** 2
    np.testing.assert_allclose(wrap(f)(X), 9 * X**2, rtol=1e-6)
    total = lambda x: fnp.sum(f(x))
    np.testing.assert_allclose(wrap(fnx.grad(total))(X), 18 * X, rtol=1e-6)
    np.testing.assert_allclose(wrap(fnx.vmap(fnx.grad(total), in_axes=1))(X), 18 * X.T, rtol=1e-6)
    second = fnx.grad(lambda x: fnp.sum(fnx.grad(total)(x)))
    np.testing.assert_allclose(wrap(second)(X), np.full_like(X, 18), rtol=1e-6)
    _, out_t = fnx.jvp(wrap(f), (X,), (np.ones_like(X),))
    np.testing.assert_allclose(out_t, 18 * X, rtol=1e-6)


_CELL = """
from fnx import extend
double_p = extend.elementwise(
    "my.double", numpy=lambda xp, x: factor * x, jvp=lambda t, out, x: t, lower=lambda b, x: x
)
"""


def run_cell(file, line=0, factor=2.0):
    space = {"factor": factor, "__name__": "__main__"}
    exec(compile("\n" * line + _CELL, file, "exec"), space)
    return lambda x: extend.apply(space["double_p"], x)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("cell.py", 3), ("cell.py", 3)),  # a module that is loaded again
        (("<ipython-input-1-aa>", 0), ("<ipython-input-2-bb>", 5)),
        (("/tmp/ipykernel_17/111.py", 0), ("/tmp/ipykernel_17/222.py", 2)),
        (("<stdin>", 0), ("<stdin>", 1)),
    ],
)
def test_a_cell_that_runs_again_makes_its_primitive_again(before, after):
    first = run_cell(*before, factor=2.0)
    program = fnx.make_jaxpr(first)(X)
    second = run_cell(*after, factor=3.0)
    np.testing.assert_array_equal(second(X), 3 * X)
    np.testing.assert_array_equal(first(X), 2 * X)
    assert program.eqns[0].primitive is not REGISTRY["my.double"]


@pytest.mark.parametrize(
    ("before", "after"),
    [(("cell.py", 3), ("cell.py", 4)), (("a.py", 0), ("b.py", 0)), (("<stdin>", 0), ("b.py", 0))],
)
def test_other_lines_need_other_names(before, after):
    run_cell(*before)
    with pytest.raises(FnxValueError, match=r"expected a new name, got 'my\.double'"):
        run_cell(*after)


def test_names_of_ours_are_never_replaced():
    with pytest.raises(FnxValueError, match="expected a new name, got 'sin'"):
        exec(compile(_CELL.replace("my.double", "sin"), "<stdin>", "exec"), {"factor": 1.0})


def test_an_elementwise_primitive_may_be_lowered_by_a_function():
    twice_p = extend.elementwise(
        "test.twice",
        numpy=lambda xp, x, y: x * y * 2,
        jvp=(lambda t, out, x, y: 2 * t * y, lambda t, out, x, y: 2 * t * x),
        lower=extend.lowered_by(lambda x, y: 2 * x * y),
    )
    f = lambda x: extend.apply(twice_p, x, 3.0)
    np.testing.assert_array_equal(fnx.jit(f)(X), 6 * X)
    np.testing.assert_array_equal(fnx.jit(fnx.grad(lambda x: f(x).sum()))(X), np.full_like(X, 6))


def test_rules_of_ours_are_not_wrapped_and_those_of_users_are():
    assert not mul_p.is_checked
    scale_primitive()
    assert REGISTRY["test.scale"].is_checked


@pytest.mark.parametrize("dtype", ["float32", "bool", "uint8", "int64", "bfloat16", "float8_e5m2"])
def test_lowered_by_takes_every_dtype_and_returns_several_results(dtype):
    table = np.arange(3)
    primitive = extend.Primitive(
        name="test.pair",
        type=lambda x: (x, extend.Aval.of((3,), "int64")),
        numpy=lambda xp, x: (x, table),
        jvp=extend.NotDifferentiable("a test"),
        transpose=extend.NotLinear(),
        batch=lambda inputs, axes, size: ((inputs[0], table), (axes[0], None)),
        lower=extend.lowered_by(lambda x: (x, fnp.asarray(table))),
    )
    x = fnp.asarray([1, 0, 1], dtype)
    first, second = fnx.jit(lambda x: extend.bind(primitive, x))(x)
    np.testing.assert_array_equal(np.asarray(first, "float32"), [1, 0, 1])
    np.testing.assert_array_equal(second, table)
    assert first.dtype == x.dtype


@pytest.mark.parametrize(
    ("changes", "run", "message"),
    [
        ({"numpy": lambda xp, x, *, factor: x}, lambda f: f(X), "must return a tuple of 1 arrays"),
        ({"numpy": lambda xp, x, *, factor: (x, x)}, lambda f: f(X), "1 arrays, got 2"),
        (
            {"transpose": lambda cts, inputs, *, factor: (fnp.ones(2),)},
            lambda f: fnx.grad(lambda x: f(x).sum())(X),
            r"cotangent 0 as f32\[2\], expected f32\[2,3\]",
        ),
        (
            {"batch": lambda inputs, axes, size, *, factor: inputs},
            lambda f: fnx.vmap(f)(X),
            "a pair of equally long tuples",
        ),
        ({"lower": lambda b, x, *, factor: x}, lambda f: fnx.jit(f)(X), "a tuple of HLO values"),
        ({"lower": lambda b, x, *, factor: (x, x)}, lambda f: fnx.jit(f)(X), "1 HLO values, got 2"),
        (
            {"jvp": lambda primals, tangents, outs, *, factor: (1.0,)},
            lambda f: fnx.jvp(f, (X,), (X,)),
            r"tangent 0 as float\[\], expected f32\[2,3\]",
        ),
    ],
)
def test_what_a_rule_returns_is_checked(changes, run, message):
    scale = scale_primitive(**changes)
    with pytest.raises(RuleError, match=message) as caught:
        run(lambda x: scale(x, 2.0)[0])
    assert "test_extend.py:" in caught.value.message


def test_names_are_new():
    scale_primitive()
    with pytest.raises(FnxValueError, match=r"got 'test\.scale', which exists already"):
        scale_primitive()


def test_elementwise_primitives_take_numbers():
    double = extend.elementwise(
        "test.double",
        numpy=lambda xp, x: x + x,
        jvp=lambda t, out, x: t + t,
        lower=lambda b, x: b.multiply(x, extend.constant_like(b, x, 2)),
    )
    assert float(fnx.jit(lambda x: extend.apply(double, x))(1.5)) == 3.0
    assert float(fnx.grad(lambda x: extend.apply(double, x))(1.5)) == 2.0
    with pytest.raises(TypeError, match="floating-point"):
        extend.apply(double, fnp.arange(3))


def test_an_elementwise_numpy_rule_that_is_none_is_refused():
    total = extend.elementwise(
        "test.total", numpy=lambda xp, x: x.sum(), jvp=lambda t, out, x: t, lower=lambda b, x: x
    )
    message = r"test\.total: the numpy rule returns shape \[\], the type rule f32\[3\]\."
    with pytest.raises(RuleError, match=message):
        extend.apply(total, np.ones(3, np.float32))
