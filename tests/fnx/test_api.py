"""The public transforms: signatures, trees, aux, Python control flow, nesting, errors."""

from __future__ import annotations

import dataclasses
import gc
import threading
import weakref

import numpy as np
import pytest

from fnx import tree
from fnx.api import (
    eval_shape,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    make_jaxpr,
    value_and_grad,
    vjp,
    vmap,
)
from fnx.core.array import Array
from fnx.core.avals import Aval
from fnx.core.trace import Tracer
from fnx.errors import (
    AbstractValueError,
    AxisError,
    FnxTypeError,
    FnxValueError,
    GradTypeError,
)
from fnx.ops.arithmetic import mul, sub
from fnx.ops.comparison import gt
from fnx.ops.conversion import convert
from fnx.ops.elementwise_math import exp
from fnx.ops.families import add
from fnx.ops.layout import reduce_sum
from fnx.ops.trigonometric import cos, sin
from fnx.tree import TreeError

X = np.array([1.0, 2.0, 3.0], np.float32)


def total(x):
    return reduce_sum(x, axes=tuple(range(len(x.shape))))


def cube(x):
    return mul(x, mul(x, x))


# grad and value_and_grad


def test_derivatives_of_any_order():
    f = cube
    for expected in (12.0, 12.0, 6.0, 0.0):
        f = grad(f)
        assert float(f(2.0)) == expected


def test_gradients_have_the_dtype_of_the_argument():
    for dtype in ("float16", "float32", "float64"):
        assert grad(lambda x: total(mul(x, x)))(X.astype(dtype)).dtype == dtype


def test_argnums():
    f = lambda x, y, z: mul(mul(x, x), mul(y, z))
    assert float(grad(f)(2.0, 3.0, 5.0)) == 60.0
    assert float(grad(f, 1)(2.0, 3.0, 5.0)) == 20.0
    assert [float(g) for g in grad(f, (0, -1))(2.0, 3.0, 5.0)] == [60.0, 12.0]
    assert type(grad(f, [1])(2.0, 3.0, 5.0)) is tuple


def test_other_arguments_can_be_anything():
    def f(x, power, *, name):
        assert name == "anything"
        for _ in range(power - 1):
            x = mul(x, 2.0)
        return x

    assert float(grad(f)(1.0, 3, name="anything")) == 4.0


def test_gradients_have_the_structure_of_the_argument():
    params = {"w": X, "b": (np.float32(2), None)}
    gradient = grad(lambda p: add(total(mul(p["w"], p["w"])), cube(p["b"][0])))(params)
    np.testing.assert_array_equal(gradient["w"], 2 * X)
    assert (float(gradient["b"][0]), gradient["b"][1]) == (12.0, None)
    assert tree.structure(gradient) == tree.structure(params)


def test_auxiliary_data():
    def f(x):
        y = cube(x)
        return y, {"y": y, "name": "cube", "shape": (1, 2)}

    (value, aux), gradient = value_and_grad(f, has_aux=True)(2.0)
    assert (float(value), float(gradient)) == (8.0, 12.0)
    assert aux["name"] == "cube"
    assert type(aux["y"]) is Array
    assert float(aux["y"]) == 8.0
    gradient, aux = grad(f, has_aux=True)(2.0)
    assert (float(gradient), float(aux["y"])) == (12.0, 8.0)


def test_auxiliary_data_under_an_outer_gradient():
    def f(x):
        gradient, aux = grad(lambda y: (cube(y), mul(y, y)), has_aux=True)(x)
        return mul(gradient, aux)  # 3 x^2 x^2

    assert float(grad(f)(2.0)) == 12 * 8.0


def test_a_result_that_does_not_depend_on_the_argument():
    assert float(grad(lambda x: 3.0)(2.0)) == 0.0
    np.testing.assert_array_equal(grad(lambda x: np.float32(1))(X), np.zeros(3))
    assert float(grad(lambda x: x)(2.0)) == 1.0


def test_integers_stop_gradients():
    f = lambda x: mul(x, convert(convert(x, dtype=np.dtype("int32")), dtype=np.dtype("float32")))
    assert float(grad(f)(np.float32(2.5))) == 2.0


def test_integer_arguments_with_allow_int():
    gradient = grad(lambda p: mul(p["x"], 2.0), allow_int=True)({"x": 1.0, "n": np.int32([1, 2])})
    assert float(gradient["x"]) == 2.0
    assert gradient["n"].dtype == np.int32
    np.testing.assert_array_equal(gradient["n"], [0, 0])


@pytest.mark.parametrize(
    "result", [lambda x: x, lambda x: (x, x), lambda x: gt(x, 0.0), lambda x: {"y": x}]
)
def test_results_without_a_gradient(result):
    with pytest.raises(
        GradTypeError, match=r"must return one floating-point scalar, got .*\n.*test_api.py"
    ) as error:
        grad(result)(X)
    assert ".sum()" in str(error.value)
    assert "has_aux=True" in str(error.value)


@pytest.mark.parametrize(
    ("argument", "place"),
    [(3, "argument 0 is i32"), ({"a": 1.0, "b": [True]}, r"argument 0\['b'\]\[0\] is bool\[\]")],
)
def test_arguments_without_a_gradient(argument, place):
    with pytest.raises(GradTypeError, match=place) as error:
        grad(lambda x: 1.0)(argument)
    assert "allow_int=True" in str(error.value)
    assert "test_api.py" in str(error.value)


def test_arguments_that_are_no_arrays():
    with pytest.raises(FnxTypeError, match=r"is a str \('text'\): expected an array or a number"):
        grad(lambda x: 1.0)("text")


def test_results_that_are_no_arrays():
    with pytest.raises(
        FnxTypeError, match=r"results must be arrays or numbers, got str at result\[1\]: 'text'"
    ):
        vjp(lambda x: (x, "text"), 1.0)


def test_wrong_argnums():
    with pytest.raises(
        FnxValueError, match="argnums=2 does not exist in a call with 1 positional arguments"
    ):
        grad(cube, 2)(1.0)


def test_has_aux_without_a_pair():
    with pytest.raises(FnxTypeError, match=r"must return a pair \(out, aux\), got f32"):
        grad(cube, has_aux=True)(1.0)


# Values while a function runs


def test_python_control_flow_follows_values():
    def f(x):
        y = x
        while float(y) < 100:  # 3, 9, 81, 6561
            y = mul(y, y)
        return y if gt(y, 0.0) else sub(0.0, y)

    assert float(grad(f)(3.0)) == 8 * 3.0**7
    assert float(grad(lambda x: mul(x, x) if gt(x, 0.0) else sub(0.0, x))(-3.0)) == -1.0


def test_values_can_be_looked_at():
    seen = []

    def f(x):
        seen.extend([x.item(), int(x), np.asarray(x).shape, f"{x:.1f}", round(x, 0), x.tolist()])
        assert type(gt(x, 1.0)) is Array  # what has no tangent is no tracer
        return mul(x, [10.0, 20.0, 30.0][int(x)])

    assert float(grad(f)(2.0)) == 30.0
    assert seen == [2.0, 2, (), "2.0", 2.0, 2.0]


def test_values_are_known_under_nested_derivatives():
    def f(x):
        return mul(mul(x, x), x) if gt(x, 1.0) else x

    assert float(grad(grad(f))(2.0)) == 12.0
    assert float(jvp(grad(f), (2.0,), (1.0,))[1]) == 12.0


def test_values_are_not_known_inside_of_vmap():
    with pytest.raises(AbstractValueError, match=r"(?s)traced bool\[\].*fnx.lax.cond"):
        vmap(lambda x: x if gt(x, 0.0) else 0.0)(X)
    with pytest.raises(AbstractValueError):
        grad(lambda x: total(vmap(lambda s: s if gt(s, 0.0) else 0.0)(x)))(X)


def test_what_is_not_mapped_is_known_inside_of_vmap():
    f = lambda x, flag: mul(x, 2.0) if flag else x
    np.testing.assert_array_equal(vmap(f, (0, None))(X, True), 2 * X)
    g = lambda s: vmap(lambda x: mul(x, s) if gt(s, 0.0) else x)(X)
    np.testing.assert_array_equal(g(np.float32(2)), 2 * X)


def test_only_what_the_linear_half_reads_stays_alive():
    alive = []

    def f(x):
        a = add(x, x)  # linear: needs nothing
        b = sin(a)  # needs cos(a) only
        c = exp(b)  # needs its result
        alive.extend(weakref.ref(v._value) for v in (a, b, c))
        return total(add(c, b))

    _, pull_back = vjp(f, Array(X.copy()))
    gc.collect()
    a, b, c = (ref() is not None for ref in alive)
    assert (a, b, c) == (False, False, True)
    np.testing.assert_allclose(
        pull_back(np.float32(1))[0], 2 * np.cos(2 * X) * (1 + np.exp(np.sin(2 * X))), rtol=1e-6
    )


# Nesting


def test_perturbations_are_not_confused():
    inner = lambda x: grad(lambda y: add(x, y))(1.0)
    assert float(grad(lambda x: mul(x, inner(x)))(1.0)) == 1.0
    forward = lambda x: jvp(lambda y: add(x, y), (1.0,), (1.0,))[1]
    assert [float(v) for v in jvp(lambda x: mul(x, forward(x)), (1.0,), (1.0,))] == [1.0, 1.0]
    assert float(grad(lambda x: mul(x, forward(x)))(1.0)) == 1.0


def test_closing_over_an_outer_tracer():
    f = lambda x: grad(lambda y: mul(mul(x, x), y))(x)  # x^2
    assert float(f(3.0)) == 9.0
    assert float(grad(f)(3.0)) == 6.0
    assert float(grad(grad(f))(3.0)) == 2.0
    mapped = vmap(lambda x: grad(lambda y: mul(mul(x, x), y))(1.0))(X)
    np.testing.assert_array_equal(mapped, X * X)


def test_vmap_of_second_derivatives():
    np.testing.assert_allclose(vmap(grad(grad(sin)))(X), -np.sin(X), rtol=1e-6)
    np.testing.assert_allclose(
        vmap(vmap(grad(grad(grad(sin)))))(np.stack([X, X])), [-np.cos(X)] * 2, rtol=1e-6
    )


def test_threads_differentiate_at_the_same_time():
    results = {}

    def work(k):
        results[k] = float(grad(lambda x: mul(cube(x), float(k)))(1.0))

    workers = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == {k: 3.0 * k for k in range(8)}


# vjp, jvp, linearize


def test_vjp_of_trees():
    out, pull_back = vjp(lambda p, y: {"s": mul(p["x"], y), "n": 3}, {"x": X}, 2 * X)
    np.testing.assert_array_equal(out["s"], 2 * X * X)
    first, second = pull_back({"s": X, "n": 0})
    np.testing.assert_array_equal(first["x"], X * 2 * X)
    np.testing.assert_array_equal(second, X * X)
    again = pull_back({"s": X, "n": 0})  # any number of times
    np.testing.assert_array_equal(again[1], X * X)


def test_vjp_with_aux_and_integers():
    out, pull_back, aux = vjp(lambda x, n: (mul(x, 2.0), n), 3.0, 4, has_aux=True)
    assert (float(out), int(aux)) == (6.0, 4)
    x_ct, n_ct = pull_back(1.0)
    assert (float(x_ct), int(n_ct), n_ct.dtype) == (2.0, 0, np.int32)


def test_cotangents_must_fit():
    _, pull_back = vjp(sin, X)
    with pytest.raises(FnxTypeError, match=r"vjp: a cotangent must have .* f32\[3\], got f32\[2\]"):
        pull_back(X[:2])
    with pytest.raises(FnxTypeError, match=r"f32\[3\], got f64\[3\]"):
        pull_back(X.astype("float64"))
    with pytest.raises(TreeError, match="vjp: a cotangent: expected a tuple at the root, got list"):
        vjp(lambda x: (x, x), 1.0)[1]([1.0, 1.0])


def test_tangents_must_fit():
    with pytest.raises(FnxTypeError, match=r"jvp: a tangent must have .* f32\[3\], got f32\[2\]"):
        jvp(sin, (X,), (X[:2],))
    with pytest.raises(TreeError, match="jvp: a tangent: different tuples"):
        jvp(sin, (X,), (X, X))


def test_jvp_with_integers_and_aux():
    out, tangent, aux = jvp(lambda x, n: (mul(x, 2.0), n), (3.0, 4), (1.0, None), has_aux=True)
    assert (float(out), float(tangent), int(aux)) == (6.0, 2.0, 4)


def test_linearize_runs_the_primal_once():
    calls = []

    def f(x):
        calls.append(1)
        return sin(x), 1

    (out, _), f_jvp = linearize(f, X)
    np.testing.assert_allclose(out, np.sin(X))
    for t in (X, 2 * X):
        tangent, zero = f_jvp(t)
        np.testing.assert_allclose(tangent, np.cos(X) * t, rtol=1e-6)
        assert int(zero) == 0
    assert len(calls) == 1


# Jacobians


def test_jacobians_of_trees():
    f = lambda p, s: {"y": mul(p["x"], p["x"]), "z": mul(s, total(p["x"]))}
    for jacobian in (jacfwd, jacrev):
        blocks = jacobian(f, (0, 1))({"x": X}, np.float32(2))
        np.testing.assert_array_equal(blocks["y"][0]["x"], np.diag(2 * X))
        np.testing.assert_array_equal(blocks["y"][1], np.zeros(3))
        np.testing.assert_array_equal(blocks["z"][0]["x"], [2, 2, 2])
        assert float(blocks["z"][1]) == 6.0


def test_jacobians_of_matrices_and_constants():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for jacobian in (jacfwd, jacrev):
        block = np.asarray(jacobian(lambda x: reduce_sum(mul(x, x), axes=(1,)))(x))
        assert block.shape == (2, 2, 3)
        np.testing.assert_array_equal(block, np.einsum("ij,ik->ijk", np.eye(2), 2 * x))
        assert jacobian(lambda x: np.ones(4, np.float32))(x).shape == (4, 2, 3)


def test_hessian_and_aux():
    f = lambda x: (total(mul(sin(x), x)), "aux")
    matrix, aux = jacfwd(lambda x: grad(f, has_aux=True)(x), has_aux=True)(X)
    assert aux == "aux"
    np.testing.assert_allclose(matrix, np.diag(2 * np.cos(X) - X * np.sin(X)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(hessian(lambda x: f(x)[0])(X), matrix, rtol=1e-5, atol=1e-6)


def test_jacobians_of_integers():
    with pytest.raises(GradTypeError, match=r"jacfwd\(<lambda>\): argument 0 is i32"):
        jacfwd(lambda x: x)(3)
    with pytest.raises(
        GradTypeError, match=r"jacrev: only floating-point results .* got bool\[3\]"
    ):
        jacrev(lambda x: gt(x, 0.0))(X)


# vmap


def test_axes_as_trees():
    f = lambda p, y: {"s": add(mul(p["a"], p["b"]), y)}
    a, y = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((3, 2), np.float32)
    out = vmap(f, in_axes=({"a": 1, "b": None}, 0), out_axes={"s": -1})({"a": a, "b": X[:2]}, y)
    np.testing.assert_array_equal(out["s"], a * X[:2, None] + 1)


def test_negative_axes_lists_and_keywords():
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(vmap(lambda x: mul(x, 2.0), in_axes=[-1], out_axes=1)(a), 2 * a)
    np.testing.assert_array_equal(vmap(lambda x, *, y: add(x, y))(X, y=X), 2 * X)


def test_results_that_are_not_mapped():
    assert vmap(lambda x: 1.0)(X).shape == (3,)
    assert vmap(lambda x: 1.0, out_axes=None)(X).shape == ()
    assert vmap(lambda: np.float32([1, 2]), axis_size=4, out_axes=1)().shape == (2, 4)
    with pytest.raises(AxisError, match="out_axes is None for a result"):
        vmap(lambda x: x, out_axes=None)(X)
    with pytest.raises(AxisError, match="out_axes=1 does not exist in a result of 1 axes"):
        vmap(lambda x: x, out_axes=1)(X)
    with pytest.raises(TreeError, match="vmap: out_axes: expected a tuple"):
        vmap(lambda x: x, out_axes=(0, 0))(X)


def test_size_zero_and_one():
    assert vmap(sin)(X[:0]).shape == (0,)
    assert vmap(grad(cube))(X[:1]).shape == (1,)
    assert grad(total)(X[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("in_axes", "args", "message"),
    [
        ((0,), (X, X), r"in_axes has 1 entries for 2 positional arguments"),
        ((0, 1), (X, X), r"argument 1 is f32\[3\]: it has no axis 1 to map"),
        (0, (X, 1.0), r"argument 1 is f32~\[\]: it has no axis 0 to map"),
        (0, (X, X[:2]), r"must have one size, got \[2, 3\]"),
        ((None, None), (X, X), "no argument is mapped"),
        ("0", (X, X), "an axis is an int or None, got '0'"),
        (({"a": 0}, 0), (X, X), "vmap: in_axes: expected a dict"),
    ],
)
def test_axes_that_do_not_fit(in_axes, args, message):
    error = TreeError if "expected a dict" in message else AxisError
    with pytest.raises(error, match=message):
        vmap(add, in_axes=in_axes)(*args)


def test_sizes_are_listed():
    with pytest.raises(AxisError) as error:
        vmap(lambda p, y: p["x"])({"x": X, "z": X[:2]}, X)
    assert "argument 0['x'] is f32[3]: size 3 at axis 0" in str(error.value)
    assert "argument 0['z'] is f32[2]: size 2 at axis 0" in str(error.value)


# make_jaxpr and eval_shape


def test_make_jaxpr():
    jaxpr, shape = make_jaxpr(
        lambda x, n: {"y": mul(x, float(n))}, static_argnums=1, return_shape=True
    )(X, 3)
    assert str(jaxpr) == "{ lambda ; a:f32[3]. let b:f32[3] = mul a 3.0:f32~[] in (b,) }"
    assert shape == {"y": Aval.of((3,), np.float32)}


def test_eval_shape_computes_nothing():
    calls = []

    def f(x, *, y):
        calls.append(type(x))
        return {"z": total(mul(x, y))}

    out = eval_shape(f, Aval.of((10**6, 10**6), np.float64), y=Aval.of((10**6, 10**6), np.float64))
    assert out == {"z": Aval.of((), np.float64)}
    assert calls == [Tracer]


def test_dataclasses_pass_through():
    @tree.register_dataclass
    @dataclasses.dataclass
    class Model:
        w: object
        name: str = dataclasses.field(default="m", metadata={"static": True})

        def __call__(self, x):
            return total(mul(self.w, x))

    gradient = grad(lambda m, x: m(x))(Model(X), X)
    assert (type(gradient), gradient.name) == (Model, "m")
    np.testing.assert_array_equal(gradient.w, X)
    rows = vmap(Model(X))(np.stack([X, cos(X)]))
    assert rows.shape == (2,)
