"""Python called from inside of compiled code."""

from __future__ import annotations

import numpy

import fnx
import fnx.numpy as np
from fnx import debug
from fnx.errors import CallbackError, DerivativeError, FnxTypeError, FnxValueError
from tests.errors.mistake import mistake


@mistake(
    "A callback whose result is not what was promised",
    CallbackError,
    at="fnx.pure_callback",
    got="returned an array float32[3]",
    wanted="f32[2] was promised",
    write="promise what it returns",
)
def callback_shape():
    def sort(x):
        promised = fnx.ShapeDtypeStruct.of((2,), "float32")
        return fnx.pure_callback(numpy.sort, promised, x)

    return fnx.jit(sort)(np.asarray([3.0, 1.0, 2.0]))


@callback_shape.mended
def callback_shape():
    def sort(x):
        promised = fnx.ShapeDtypeStruct.of(x.shape, x.dtype)
        return fnx.pure_callback(numpy.sort, promised, x)

    return fnx.jit(sort)(np.asarray([3.0, 1.0, 2.0]))


@mistake(
    "The gradient of a callback",
    DerivativeError,
    at="fnx.pure_callback",
    got="sin",
    wanted="is not differentiable",
    write="fnx.custom_jvp",
)
def callback_gradient():
    def sine(x):
        return fnx.pure_callback(numpy.sin, fnx.ShapeDtypeStruct.of((), "float32"), x)

    return fnx.grad(sine)(1.0)


@callback_gradient.mended
def callback_gradient():
    @fnx.custom_jvp
    def sine(x):
        return fnx.pure_callback(numpy.sin, fnx.ShapeDtypeStruct.of((), "float32"), x)

    sine.defjvp(lambda primals, tangents: (sine(*primals), np.cos(primals[0]) * tangents[0]))
    return fnx.grad(sine)(1.0)


@mistake(
    "debug.print without a value for a field",
    FnxValueError,
    at="debug.print",
    got="the arguments (x)",
    wanted="there is no argument 'y'",
    write="Write fnx.debug.print(",
)
def print_field():
    return fnx.jit(lambda x: debug.print("x = {x}, y = {y}", x=x))(1.0)


@print_field.mended
def print_field():
    return fnx.jit(lambda x: debug.print("x = {x}, y = {y}", x=x, y=2 * x))(1.0)


@mistake(
    "debug.print of an f-string",
    FnxTypeError,
    at="debug.print",
    got="got Tracer",
    wanted="the format must be a string",
    write='Write fnx.debug.print("x = {x}", x=x)',
)
def print_f_string():
    @fnx.jit
    def f(x):
        debug.print(x)
        return x

    return f(1.0)


@print_f_string.mended
def print_f_string():
    @fnx.jit
    def f(x):
        debug.print("x = {}", x)
        return x

    return f(1.0)
