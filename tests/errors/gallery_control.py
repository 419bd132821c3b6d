"""Branches and loops whose parts do not fit together."""

from __future__ import annotations

import fnx
import fnx.numpy as np
from fnx import lax
from fnx.errors import FnxTypeError
from tests.errors.mistake import mistake


@mistake(
    "A condition that is no boolean",
    FnxTypeError,
    at="lax.cond",
    got="got f32~[]",
    wanted="a boolean of rank 0",
    write="for example x > 0",
)
def float_condition():
    return lax.cond(1.0, np.sin, np.cos, 0.5)


@float_condition.mended
def float_condition():
    return lax.cond(1.0 > 0, np.sin, np.cos, 0.5)


@mistake(
    "A condition for each element",
    FnxTypeError,
    at="lax.cond",
    got="got bool[3]",
    wanted="a boolean of rank 0",
    write=".any() or .all()",
)
def array_condition():
    x = np.arange(3.0)
    return lax.cond(x > 0, np.sin, np.cos, x)


@array_condition.mended
def array_condition():
    x = np.arange(3.0)
    return np.where(x > 0, np.sin(x), np.cos(x))


@mistake(
    "Branches with results of different shapes",
    FnxTypeError,
    at="lax.cond",
    got="got f32[] and f32[3]",
    wanted="the same structure, shapes and dtypes",
    write="broadcast in one of them",
)
def branch_shapes():
    choose = lambda x: lax.cond(x[0] > 0, lambda x: x, lambda x: x.sum(), x)
    return fnx.jit(choose)(np.ones(3))


@branch_shapes.mended
def branch_shapes():
    choose = lambda x: lax.cond(x[0] > 0, lambda x: x.max(), lambda x: x.sum(), x)
    return fnx.jit(choose)(np.ones(3))


@mistake(
    "Branches with results of different dtypes",
    FnxTypeError,
    at="lax.cond",
    got="got i32[] and f32[]",
    wanted="the same structure, shapes and dtypes",
    write="Convert with .astype(...)",
)
def branch_dtypes():
    choose = lambda x: lax.cond(x > 0, lambda x: x, lambda x: np.zeros((), "int32"), x)
    return fnx.jit(choose)(1.0)


@branch_dtypes.mended
def branch_dtypes():
    choose = lambda x: lax.cond(x > 0, lambda x: x, lambda x: np.zeros(()), x)
    return fnx.jit(choose)(1.0)


@mistake(
    "Branches with results of different structure",
    FnxTypeError,
    at="lax.cond",
    got="{'x': f32[], 'y': f32[]} and (f32[], f32[])",
    wanted="the same structure",
    write="Return the same containers",
)
def branch_structures():
    choose = lambda x: lax.cond(x > 0, lambda x: (x, x), lambda x: {"x": x, "y": x}, x)
    return fnx.jit(choose)(1.0)


@branch_structures.mended
def branch_structures():
    choose = lambda x: lax.cond(x > 0, lambda x: (x, x), lambda x: (-x, x), x)
    return fnx.jit(choose)(1.0)


@mistake(
    "A branch that forgets to return",
    FnxTypeError,
    at="lax.cond",
    got="got f32[] and None",
    wanted="the same structure",
    write="end in return?",
)
def branch_without_result():
    def clip(x):
        np.minimum(x, 1.0)

    return fnx.jit(lambda x: lax.cond(x > 0, clip, lambda x: x, x))(2.0)


@branch_without_result.mended
def branch_without_result():
    def clip(x):
        return np.minimum(x, 1.0)

    return fnx.jit(lambda x: lax.cond(x > 0, clip, lambda x: x, x))(2.0)


@mistake(
    "Branches that are values, not functions",
    FnxTypeError,
    at="lax.cond",
    got="got f32~[] (Array)",
    wanted="the branches must be functions",
    write="Write lambda: value",
)
def branch_values():
    x = np.asarray(2.0)
    return lax.cond(x > 0, x, -x)


@branch_values.mended
def branch_values():
    x = np.asarray(2.0)
    return lax.cond(x > 0, lambda: x, lambda: -x)


@mistake(
    "A switch without branches",
    FnxTypeError,
    at="lax.switch",
    got="0 branches",
    wanted="at least one branch",
    write="fnx.lax.switch(i, [f, g], x)",
)
def no_branches():
    return lax.switch(0, [], 1.0)


@no_branches.mended
def no_branches():
    return lax.switch(0, [np.sin], 1.0)
