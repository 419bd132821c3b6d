"""Compiled functions: static, donated and other arguments."""

from __future__ import annotations

import fnx
import fnx.numpy as np
from fnx import nn
from fnx.errors import DeletedArrayError, FnxTypeError, FnxValueError
from tests.errors.mistake import mistake


@mistake(
    "Compiling what is no function",
    FnxTypeError,
    at="fnx.jit",
    got="got Array Array(0.841471",
    wanted="expected a function",
    write="fnx.jit(f)(x), not fnx.jit(f(x))",
)
def not_a_function():
    return fnx.jit(np.sin(1.0))


@not_a_function.mended
def not_a_function():
    return fnx.jit(np.sin)(1.0)


@mistake(
    "Differentiating what is no function",
    FnxTypeError,
    at="fnx.grad",
    got="got f32~[] (Array)",
    wanted="expected a function",
    write="Pass the function itself",
)
def gradient_of_a_value():
    return fnx.grad(np.sin(1.0))(1.0)


@gradient_of_a_value.mended
def gradient_of_a_value():
    return fnx.grad(np.sin)(1.0)


@mistake(
    "An argument that is no array",
    FnxTypeError,
    at='apply("relu"',
    got="argument 0 is a str ('relu')",
    wanted="expected arrays and numbers",
    write="fnx.jit(f, static_argnums=...)",
)
def not_an_array():
    apply = fnx.jit(lambda name, x: nn.ACTIVATIONS[name](x))
    return apply("relu", np.ones(3))


@not_an_array.mended
def not_an_array():
    apply = fnx.jit(lambda name, x: nn.ACTIVATIONS[name](x), static_argnums=0)
    return apply("relu", np.ones(3))


@mistake(
    "A static argument that is a list",
    FnxTypeError,
    at="reshape(np.ones(6), [2, 3])",
    got="static argument 1 is a list",
    wanted="cannot be hashed",
    write="Write a tuple for a list",
)
def static_list():
    reshape = fnx.jit(np.reshape, static_argnums=1)
    return reshape(np.ones(6), [2, 3])


@static_list.mended
def static_list():
    reshape = fnx.jit(np.reshape, static_argnums=1)
    return reshape(np.ones(6), (2, 3))


@mistake(
    "A static argument that is an array",
    FnxTypeError,
    at="shift(np.ones(3), np.ones(3))",
    got="static argument 1 is a Array",
    wanted="cannot be hashed",
    write="ordinary arguments",
)
def static_array():
    shift = fnx.jit(lambda x, by: x + by, static_argnums=1)
    return shift(np.ones(3), np.ones(3))


@static_array.mended
def static_array():
    shift = fnx.jit(lambda x, by: x + by)
    return shift(np.ones(3), np.ones(3))


@mistake(
    "A position that the function does not have",
    FnxTypeError,
    at="fnx.jit",
    got="static_argnums has 2",
    wanted="the function takes 2 positional arguments",
    write="the last one is 1",
)
def static_position():
    return fnx.jit(lambda x, n: x**n, static_argnums=2)


@static_position.mended
def static_position():
    return fnx.jit(lambda x, n: x**n, static_argnums=1)


@mistake(
    "A name that the function does not have",
    FnxTypeError,
    at="fnx.jit",
    got="static_argnames has 'exponent'",
    wanted="the function's arguments are ['n', 'x']",
    write="Write the name of a parameter",
)
def static_name():
    return fnx.jit(lambda x, n: x**n, static_argnames="exponent")


@static_name.mended
def static_name():
    return fnx.jit(lambda x, n: x**n, static_argnames="n")


@mistake(
    "A result that is no array",
    FnxTypeError,
    at="fnx.jit",
    got="got str at result['unit']: 'nats'",
    wanted="results must be arrays or numbers",
    write="has_aux=True",
)
def text_result():
    return fnx.jit(lambda x: {"loss": x, "unit": "nats"})(1.0)


@text_result.mended
def text_result():
    return {"loss": fnx.jit(lambda x: x)(1.0), "unit": "nats"}


@mistake(
    "A donated array, used again",
    DeletedArrayError,
    at="params + 1",
    got="this array (f32[1000])",
    wanted="was donated to a jitted function",
    write="Use the function's result",
)
def donated():
    step = fnx.jit(lambda p: 0.9 * p, donate_argnums=0)
    params = np.ones(1000)
    step(params)
    return params + 1


@donated.mended
def donated():
    step = fnx.jit(lambda p: 0.9 * p, donate_argnums=0)
    params = np.ones(1000)
    params = step(params)
    return params + 1


@mistake(
    "A donated array, passed again",
    DeletedArrayError,
    at="return step(params)",
    got="this array (f32[1000])",
    wanted="was donated to a jitted function",
    write="do not donate the argument",
)
def donated_again():
    step = fnx.jit(lambda p: 0.9 * p, donate_argnums=0)
    params = np.ones(1000)
    step(params)
    return step(params)


@donated_again.mended
def donated_again():
    step = fnx.jit(lambda p: 0.9 * p, donate_argnums=0)
    params = np.ones(1000)
    params = step(params)
    return step(params)


@mistake(
    "A donated array that is passed twice",
    FnxValueError,
    at="step(x, x)",
    got="an array is passed twice",
    wanted="expected two arrays",
    write="pass a copy",
)
def donated_twice():
    step = fnx.jit(lambda p, target: 0.9 * p + target, donate_argnums=0)
    x = np.ones(1000)
    return step(x, x)


@donated_twice.mended
def donated_twice():
    step = fnx.jit(lambda p, target: 0.9 * p + target, donate_argnums=0)
    x = np.ones(1000)
    return step(np.array(x, copy=True), x)


@mistake(
    "A method compiled with its object as an argument",
    FnxTypeError,
    at="Model().forward",
    got="argument 0 is a Model",
    wanted="expected arrays and numbers",
    write="fnx.nn.Module",
)
def method():
    class Model:
        def __init__(self):
            self.w = np.ones(3)

        @fnx.jit
        def forward(self, x):
            return x @ self.w

    return Model().forward(np.ones(3))


@method.mended
def method():
    class Model(nn.Module):
        w: fnx.Array

        @fnx.jit
        def forward(self, x):
            return x @ self.w

    return Model(np.ones(3)).forward(np.ones(3))


@mistake(
    "No threads",
    FnxValueError,
    at="fnx.set_threads",
    got="got 0",
    wanted="must be from 1 to 256",
    write="Write fnx.set_threads(1)",
)
def no_threads():
    fnx.set_threads(0)


@no_threads.mended
def no_threads():
    fnx.set_threads(fnx.get_threads())
