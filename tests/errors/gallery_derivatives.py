"""Gradients of what has none, and cotangents and tangents that do not fit."""

from __future__ import annotations

import fnx
import fnx.numpy as np
from fnx.errors import DerivativeError, FnxTypeError, FnxValueError, GradTypeError
from fnx.tree import TreeError
from tests.errors.mistake import mistake


@mistake(
    "The gradient of a function whose result is no scalar",
    GradTypeError,
    at="fnx.grad",
    got="got f32[4]",
    wanted="one floating-point scalar",
    write=".sum() or .mean()",
)
def not_scalar():
    return fnx.grad(lambda w, x: (x @ w) ** 2)(np.ones(3), np.ones((4, 3)))


@not_scalar.mended
def not_scalar():
    return fnx.grad(lambda w, x: ((x @ w) ** 2).mean())(np.ones(3), np.ones((4, 3)))


@mistake(
    "The gradient with respect to an integer",
    GradTypeError,
    at="fnx.grad",
    got="argument 0 is i32~[]",
    wanted="only floating-point values",
    write="2.0 for 2",
)
def of_an_integer():
    return fnx.grad(lambda x: x**2)(3)


@of_an_integer.mended
def of_an_integer():
    return fnx.grad(lambda x: x**2)(3.0)


@mistake(
    "An integer among parameters",
    GradTypeError,
    at="fnx.grad(loss)",
    got="argument 0['steps'] is i32~[]",
    wanted="only floating-point values",
    write="allow_int=True",
)
def integer_leaf():
    def loss(params):
        return (params["w"] * params["steps"]).sum()

    return fnx.grad(loss)({"w": np.ones(3), "steps": np.asarray(5)})


@integer_leaf.mended
def integer_leaf():
    def loss(params, steps):
        return (params["w"] * steps).sum()

    return fnx.grad(loss)({"w": np.ones(3)}, np.asarray(5))


@mistake(
    "The gradient of a function with an integer result",
    GradTypeError,
    at="fnx.grad",
    got="got i32[]",
    wanted="one floating-point scalar",
    write="return a float",
)
def integer_result():
    return fnx.grad(lambda x: np.argmax(x))(np.ones(3))


@integer_result.mended
def integer_result():
    return fnx.grad(lambda x: np.max(x))(np.ones(3))


@mistake(
    "A loss that returns nothing",
    FnxTypeError,
    at="fnx.grad",
    got="got NoneType",
    wanted="one floating-point scalar",
    write="end in return loss?",
)
def nothing():
    def loss(w):
        (w**2).sum()

    return fnx.grad(loss)(np.ones(3))


@nothing.mended
def nothing():
    def loss(w):
        return (w**2).sum()

    return fnx.grad(loss)(np.ones(3))


@mistake(
    "A loss that returns other data too",
    GradTypeError,
    at="fnx.grad",
    got="got tuple with leaves [f32[], f32[3]]",
    wanted="one floating-point scalar",
    write="fnx.grad(f, has_aux=True)",
)
def other_data():
    def loss(w):
        y = np.sin(w)
        return y.sum(), y

    return fnx.grad(loss)(np.ones(3))


@other_data.mended
def other_data():
    def loss(w):
        y = np.sin(w)
        return y.sum(), y

    return fnx.grad(loss, has_aux=True)(np.ones(3))


@mistake(
    "has_aux, but no pair",
    FnxTypeError,
    at="fnx.grad",
    got="got f32[]",
    wanted="a pair (out, aux)",
    write="Write return loss, (other, data)",
)
def no_pair():
    return fnx.grad(lambda w: np.sum(w), has_aux=True)(np.ones(3))


@no_pair.mended
def no_pair():
    return fnx.grad(lambda w: (np.sum(w), w), has_aux=True)(np.ones(3))


@mistake(
    "An argument to differentiate that the call does not have",
    FnxValueError,
    at="fnx.grad",
    got="argnums=1",
    wanted="a call with 1 positional arguments",
    write="Positions count from 0",
)
def no_such_argument():
    return fnx.grad(lambda w: w.sum(), argnums=1)(np.ones(3))


@no_such_argument.mended
def no_such_argument():
    return fnx.grad(lambda w: w.sum(), argnums=0)(np.ones(3))


@mistake(
    "Differentiating an argument that is passed by name",
    FnxValueError,
    at="fnx.grad",
    got="argnums=0",
    wanted="a call with 0 positional arguments",
    write="f(x) instead of f(x=x)",
)
def by_name():
    return fnx.grad(lambda w: w.sum())(w=np.ones(3))


@by_name.mended
def by_name():
    return fnx.grad(lambda w: w.sum())(np.ones(3))


@mistake(
    "Text among parameters",
    FnxTypeError,
    at="fnx.grad(loss)",
    got="a str ('linear')",
    wanted="expected an array or a number",
    write="fnx.nn.static()",
)
def text_leaf():
    def loss(params):
        return params["w"].sum()

    return fnx.grad(loss)({"w": np.ones(3), "name": "linear"})


@text_leaf.mended
def text_leaf():
    def loss(params, name):
        return params["w"].sum()

    return fnx.grad(loss)({"w": np.ones(3)}, "linear")


@mistake(
    "A cotangent of another shape",
    FnxTypeError,
    at="pull_back(1.0)",
    got="got f32~[]",
    wanted="the shape and dtype of its primal, f32[3]",
    write="write them in that shape",
)
def cotangent_shape():
    _y, pull_back = fnx.vjp(np.sin, np.ones(3))
    return pull_back(1.0)


@cotangent_shape.mended
def cotangent_shape():
    _y, pull_back = fnx.vjp(np.sin, np.ones(3))
    return pull_back(np.ones(3))


@mistake(
    "A cotangent of another structure",
    TreeError,
    at="pull_back([",
    got="Got: [*, *]",
    wanted="Expected there: (*, *)",
    write="Trees that go together have one structure",
)
def cotangent_structure():
    _y, pull_back = fnx.vjp(lambda x: (np.sin(x), np.cos(x)), 1.0)
    return pull_back([1.0, 0.0])


@cotangent_structure.mended
def cotangent_structure():
    _y, pull_back = fnx.vjp(lambda x: (np.sin(x), np.cos(x)), 1.0)
    return pull_back((1.0, 0.0))


@mistake(
    "A tangent of another dtype",
    FnxTypeError,
    at="fnx.jvp",
    got="got f64[3]",
    wanted="the shape and dtype of its primal, f32[3]",
    write=".astype('float32')",
)
def tangent_dtype():
    return fnx.jvp(np.sin, (np.ones(3),), (np.ones(3, "float64"),))


@tangent_dtype.mended
def tangent_dtype():
    return fnx.jvp(np.sin, (np.ones(3),), (np.ones(3, "float32"),))


@mistake(
    "Fewer tangents than arguments",
    TreeError,
    at="fnx.jvp",
    got="got 1",
    wanted="expected 2 children",
    write="Trees that go together have one structure",
)
def tangent_count():
    return fnx.jvp(np.multiply, (2.0, 3.0), (1.0,))


@tangent_count.mended
def tangent_count():
    return fnx.jvp(np.multiply, (2.0, 3.0), (1.0, 0.0))


@mistake(
    "Arguments of jvp that are no tuple",
    FnxTypeError,
    at="fnx.jvp",
    got="got float and float",
    wanted="must be tuples or lists",
    write="Write fnx.jvp(f, (x,), (t,))",
)
def primals():
    return fnx.jvp(np.sin, 1.0, 1.0)


@primals.mended
def primals():
    return fnx.jvp(np.sin, (1.0,), (1.0,))


@mistake(
    "Transposing a function that is not linear",
    DerivativeError,
    at="np.sin(x)",
    got="sin",
    wanted="not a linear operation",
    write="transpose fnx.linearize(f, x)[1]",
)
def not_linear():
    return fnx.linear_transpose(lambda x: np.sin(x), np.ones(3))(np.ones(3))


@not_linear.mended
def not_linear():
    return fnx.linear_transpose(lambda x: 2.0 * x, np.ones(3))(np.ones(3))
