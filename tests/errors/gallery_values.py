"""Python asks for a value where only shape and dtype are known."""

from __future__ import annotations

import math

import numpy

import fnx
import fnx.numpy as np
from fnx import lax
from fnx.errors import AbstractValueError, FnxTypeError, FnxValueError
from tests.errors.mistake import mistake


@mistake(
    "An if on a traced value",
    AbstractValueError,
    at="if x > 0",
    got="a traced bool[]",
    wanted="needs the value",
    write="fnx.lax.cond(x > 0, f, g, x)",
)
def branch():
    @fnx.jit
    def relu(x):
        if x > 0:
            return x
        return 0.0 * x

    return relu(3.0)


@branch.mended
def branch():
    @fnx.jit
    def relu(x):
        return lax.cond(x > 0, lambda x: x, lambda x: 0.0 * x, x)

    return relu(3.0)


@mistake(
    "A while on a traced value",
    AbstractValueError,
    at="while x > 1",
    got="a traced bool[]",
    wanted="needs the value",
    write="`fnx.lax.while_loop` instead of `while`",
)
def loop():
    @fnx.jit
    def halve(x):
        while x > 1:
            x = x / 2
        return x

    return halve(9.0)


@loop.mended
def loop():
    def halve(x):
        while x > 1:
            x = x / 2
        return x

    return fnx.grad(halve)(9.0)


@mistake(
    "and, or, not on traced values",
    AbstractValueError,
    at="x > 0 and x < 1",
    got="a traced bool[]",
    wanted="needs the value",
    write="`a & b`",
)
def logic():
    return fnx.jit(lambda x: x > 0 and x < 1)(0.5)


@logic.mended
def logic():
    return fnx.jit(lambda x: (x > 0) & (x < 1))(0.5)


@mistake(
    "A chain of comparisons",
    AbstractValueError,
    at="0 < x < 1",
    got="a traced bool[]",
    wanted="needs the value",
    write="`a & b`",
)
def chain():
    return fnx.vmap(lambda x: np.where(0 < x < 1, x, 0.0))(np.arange(3.0))


@chain.mended
def chain():
    return fnx.vmap(lambda x: np.where((x > 0) & (x < 1), x, 0.0))(np.arange(3.0))


@mistake(
    "An assert on a traced value",
    AbstractValueError,
    at="assert x.sum() > 0",
    got="a traced bool[]",
    wanted="needs the value",
    write="fnx.numpy.where(x > 0, a, b)",
)
def assertion():
    @fnx.jit
    def normalise(x):
        assert x.sum() > 0
        return x / x.sum()

    return normalise(np.ones(3))


@assertion.mended
def assertion():
    @fnx.jit
    def normalise(x):
        return np.where(x.sum() > 0, x / x.sum(), np.nan)

    return normalise(np.ones(3))


@mistake(
    "int() of a traced value",
    AbstractValueError,
    at="int(n)",
    got="a traced i32~[]",
    wanted="needs the value",
    write="fnx.jit(f, static_argnums=...)",
)
def to_int():
    return fnx.jit(lambda x, n: x ** int(n))(2.0, 3)


@to_int.mended
def to_int():
    return fnx.jit(lambda x, n: x ** int(n), static_argnums=1)(2.0, 3)


@mistake(
    "float() of a traced value",
    AbstractValueError,
    at="float(x.mean())",
    got="a traced f32[]",
    wanted="needs the value",
    write="x / x.mean()",
)
def to_float():
    return fnx.jit(lambda x: x / float(x.mean()))(np.ones(3))


@to_float.mended
def to_float():
    return fnx.jit(lambda x: x / x.mean())(np.ones(3))


@mistake(
    "A traced number of turns",
    AbstractValueError,
    at="range(n)",
    got="a traced i32~[]",
    wanted="needs the value",
    write="fnx.lax.fori_loop instead of range(n)",
)
def turns():
    @fnx.jit
    def power(x, n):
        y = 1.0
        for _ in range(n):
            y = y * x
        return y

    return power(2.0, 3)


@turns.mended
def turns():
    @fnx.jit(static_argnames="n")
    def power(x, n):
        y = 1.0
        for _ in range(n):
            y = y * x
        return y

    return power(2.0, 3)


@mistake(
    "A list indexed by a traced value",
    AbstractValueError,
    at="layers[i]",
    got="a traced i32~[]",
    wanted="needs the value",
    write="fnx.lax.switch instead of functions[i]",
)
def list_index():
    layers = [np.sin, np.cos]
    return fnx.jit(lambda i, x: layers[i](x))(1, 0.0)


@list_index.mended
def list_index():
    layers = [np.sin, np.cos]
    return fnx.jit(lambda i, x: lax.switch(i, layers, x))(1, 0.0)


@mistake(
    "A mask as an index, under jit",
    AbstractValueError,
    at="x[x > 0]",
    got="bool[3]",
    wanted="the shape of the result would depend on values",
    write="fnx.numpy.where(mask, x, other)",
)
def mask_index():
    return fnx.jit(lambda x: x[x > 0].sum())(np.arange(3.0))


@mask_index.mended
def mask_index():
    return fnx.jit(lambda x: np.where(x > 0, x, 0.0).sum())(np.arange(3.0))


@mistake(
    "A shape that depends on a value",
    AbstractValueError,
    at="np.zeros(n)",
    got="got Tracer<i32~[]>",
    wanted="zeros: shapes must be known while tracing",
    write="fnx.jit(f, static_argnums=...)",
)
def traced_shape():
    return fnx.jit(lambda n: np.zeros(n))(3)


@traced_shape.mended
def traced_shape():
    return fnx.jit(lambda n: np.zeros(n), static_argnums=0)(3)


@mistake(
    "A range up to a traced value",
    AbstractValueError,
    at="np.arange(n)",
    got="got Tracer<i32~[]>",
    wanted="arange: shapes must be known while tracing",
    write="leave out what is too much by a mask",
)
def traced_range():
    return fnx.jit(lambda x, n: x[np.arange(n)].sum())(np.arange(9.0), 3)


@traced_range.mended
def traced_range():
    f = lambda x, n: np.where(np.arange(len(x)) < n, x, 0).sum()
    return fnx.jit(f)(np.arange(9.0), 3)


@mistake(
    "The places of nonzero elements, under jit",
    AbstractValueError,
    at="np.nonzero",
    got="f32[3]",
    wanted="the shape of the result would depend on values",
    write="fnx.numpy.where(x != 0, a, b)",
)
def nonzero():
    return fnx.jit(lambda x: np.nonzero(x)[0])(np.arange(3.0))


@nonzero.mended
def nonzero():
    return np.nonzero(np.arange(3.0))[0]


@mistake(
    "A slice with traced bounds",
    AbstractValueError,
    at="x[i : i + 2]",
    got="x[Tracer<i32~[]>:Tracer<i32~[]>:]",
    wanted="the bounds of a slice must be known",
    write="fnx.lax.dynamic_slice",
)
def traced_slice():
    return fnx.jit(lambda x, i: x[i : i + 2])(np.arange(9.0), 3)


@traced_slice.mended
def traced_slice():
    return fnx.jit(lambda x, i: lax.dynamic_slice(x, (i,), (2,)))(np.arange(9.0), 3)


@mistake(
    "A function of NumPy's on a traced value",
    FnxTypeError,
    at="numpy.sin",
    got="a traced f32~[]",
    wanted="lose its derivative",
    write="Write fnx.numpy.sin(...)",
)
def numpy_function():
    return fnx.grad(lambda x: numpy.sin(x) * x)(1.0)


@numpy_function.mended
def numpy_function():
    return fnx.grad(lambda x: np.sin(x) * x)(1.0)


@mistake(
    "A traced value as a NumPy array",
    AbstractValueError,
    at="numpy.asarray",
    got="a traced f32[3]",
    wanted="needs the value",
    write="stay with fnx.numpy",
)
def numpy_array():
    return fnx.jit(lambda x: numpy.asarray(x).max())(np.ones(3))


@numpy_array.mended
def numpy_array():
    return fnx.jit(lambda x: x.max())(np.ones(3))


@mistake(
    "A function of math on a traced value",
    AbstractValueError,
    at="math.sin",
    got="a traced f32[]",
    wanted="needs the value",
    write="fnx.numpy.sin(x) instead of",
)
def math_function():
    return fnx.vmap(lambda x: math.sin(x))(np.arange(3.0))


@math_function.mended
def math_function():
    return fnx.vmap(lambda x: np.sin(x))(np.arange(3.0))


@mistake(
    "A traced value in a formatted text",
    AbstractValueError,
    at='f"loss {x:.3f}"',
    got="a traced f32~[]",
    wanted="needs the value",
    write="Write fnx.debug.print(",
)
def format_spec():
    @fnx.jit
    def report(x):
        print(f"loss {x:.3f}")
        return x

    return report(1.0)


@format_spec.mended
def format_spec():
    @fnx.jit
    def report(x):
        fnx.debug.print("loss {x:.3f}", x=x)
        return x

    return report(1.0)


@mistake(
    "item() of a traced value",
    AbstractValueError,
    at="x.item()",
    got="a traced f32~[]",
    wanted="needs the value",
    write="Leave the conversion out",
)
def item():
    return fnx.jit(lambda x: 2 * x.item())(1.0)


@item.mended
def item():
    return fnx.jit(lambda x: 2 * x)(1.0)


@mistake(
    "sorted() of a traced array",
    AbstractValueError,
    at="sorted(x)",
    got="a traced bool[]",
    wanted="needs the value",
    write="fnx.numpy.where(x > 0, a, b)",
)
def builtin_sorted():
    return fnx.jit(lambda x: sorted(x)[0])(np.arange(3.0))


@builtin_sorted.mended
def builtin_sorted():
    return fnx.jit(lambda x: np.min(x))(np.arange(3.0))


@mistake(
    "The larger of two traced values, by Python",
    AbstractValueError,
    at="max(x, 0.0)",
    got="a traced bool[]",
    wanted="needs the value",
    write="`fnx.numpy.maximum(a, b)` instead of `max(a, b)`",
)
def builtin_max():
    return fnx.jit(lambda x: max(x, 0.0))(1.0)


@builtin_max.mended
def builtin_max():
    return fnx.jit(lambda x: np.maximum(x, 0.0))(1.0)


@mistake(
    "A traced value as the key of a dict",
    FnxTypeError,
    at="{x: 1}",
    got="an array (f32~[])",
    wanted="cannot be hashed",
    write="must be Python",
)
def dict_key():
    return fnx.jit(lambda x: {x: 1}[x])(1.0)


@dict_key.mended
def dict_key():
    return fnx.jit(lambda x: {"x": x}["x"])(1.0)


@mistake(
    "The truth of an array of several elements",
    FnxValueError,
    at="if mask",
    got="3 elements (bool[3])",
    wanted="expected one element",
    write="Write x.any() or x.all()",
)
def truth():
    mask = np.arange(3) > 0
    if mask:
        return 1
    return 0


@truth.mended
def truth():
    mask = np.arange(3) > 0
    if mask.any():
        return 1
    return 0


@mistake(
    "float() of an array of several elements",
    FnxTypeError,
    at="float(x)",
    got="got f32[3]",
    wanted="needs an array of rank 0",
    write="x.item()",
)
def float_of_array():
    x = np.ones(3)
    return float(x)


@float_of_array.mended
def float_of_array():
    x = np.ones(3)
    return float(x.sum())


@mistake(
    "An array as a static argument",
    FnxTypeError,
    at="hash(",
    got="an array (f32[3])",
    wanted="cannot be hashed",
    write="x.tobytes()",
)
def array_hash():
    return hash(np.ones(3))


@array_hash.mended
def array_hash():
    return hash(np.ones(3).tobytes())
