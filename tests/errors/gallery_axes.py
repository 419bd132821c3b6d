"""Axes that do not exist, and axes to map over."""

from __future__ import annotations

import fnx
import fnx.numpy as np
from fnx import nn
from fnx.errors import AxisError, FnxTypeError, FnxValueError
from fnx.tree import TreeError
from tests.errors.mistake import mistake


@mistake(
    "An axis that does not exist",
    FnxValueError,
    at="sum",
    got="axis 2",
    wanted="expected an int from -2 to 1",
    write="axis=-1 is the last one",
)
def no_such_axis():
    return np.ones((4, 3)).sum(axis=2)


@no_such_axis.mended
def no_such_axis():
    return np.ones((4, 3)).sum(axis=1)


@mistake(
    "An axis named twice",
    FnxValueError,
    at="mean",
    got="got (1, -1)",
    wanted="expected different axes",
    write="write (1,)",
)
def axis_twice():
    return np.mean(np.ones((4, 3)), axis=(1, -1))


@axis_twice.mended
def axis_twice():
    return np.mean(np.ones((4, 3)), axis=(0, 1))


@mistake(
    "An axis that is no int",
    FnxTypeError,
    at="np.max",
    got="got str 'rows'",
    wanted="an axis is an int",
    write="Axes have no names",
)
def axis_of_another_type():
    return np.max(np.ones((4, 3)), axis="rows")


@axis_of_another_type.mended
def axis_of_another_type():
    return np.max(np.ones((4, 3)), axis=0)


@mistake(
    "The largest element's index along two axes",
    FnxTypeError,
    at="argmax",
    got="got tuple (1, 2)",
    wanted="an axis is an int",
    write="reshape them into one",
)
def argmax_axes():
    return np.argmax(np.ones((2, 3, 4)), axis=(1, 2))


@argmax_axes.mended
def argmax_axes():
    return np.argmax(np.ones((2, 3, 4)).reshape(2, -1), axis=1)


@mistake(
    "A traced axis",
    fnx.errors.AbstractValueError,
    at="np.sum",
    got="a traced i32~[]",
    wanted="needs the value",
    write="fnx.jit(f, static_argnums=...)",
)
def traced_axis():
    @fnx.jit
    def total(x, axis):
        return np.sum(x, axis=axis)

    return total(np.ones((4, 3)), 1)


@traced_axis.mended
def traced_axis():
    @fnx.jit(static_argnums=1)
    def total(x, axis):
        return np.sum(x, axis=axis)

    return total(np.ones((4, 3)), 1)


@mistake(
    "Softmax along an axis that does not exist",
    FnxValueError,
    at="softmax",
    got="axis 1",
    wanted="expected an int from -1 to 0",
    write="axis=-1 is the last one",
)
def softmax_axis():
    return nn.softmax(np.ones(3), axis=1)


@softmax_axis.mended
def softmax_axis():
    return nn.softmax(np.ones(3), axis=-1)


@mistake(
    "Mapped arguments of different sizes",
    AxisError,
    at="fnx.vmap",
    got="argument 1 is f32[3]: size 3 at axis 0",
    wanted="mapped axes must have one size",
    write="in_axes=(0, None)",
)
def vmap_sizes():
    x, w = np.ones((8, 3)), np.ones(3)
    return fnx.vmap(np.dot)(x, w)


@vmap_sizes.mended
def vmap_sizes():
    x, w = np.ones((8, 3)), np.ones(3)
    return fnx.vmap(np.dot, in_axes=(0, None))(x, w)


@mistake(
    "More entries in in_axes than arguments",
    AxisError,
    at="fnx.vmap",
    got="2 entries for 1 positional arguments",
    wanted="one entry for each",
    write="an axis for all arguments",
)
def vmap_entries():
    return fnx.vmap(np.sin, in_axes=(0, 0))(np.ones((8, 3)))


@vmap_entries.mended
def vmap_entries():
    return fnx.vmap(np.sin, in_axes=0)(np.ones((8, 3)))


@mistake(
    "Mapping an axis that an argument does not have",
    AxisError,
    at="fnx.vmap",
    got="argument 1 is f32~[]",
    wanted="it has no axis 0 to map",
    write="None for an argument that is not mapped",
)
def vmap_axis():
    return fnx.vmap(np.multiply)(np.ones(8), 2.0)


@vmap_axis.mended
def vmap_axis():
    return fnx.vmap(np.multiply, in_axes=(0, None))(np.ones(8), 2.0)


@mistake(
    "Mapping nothing",
    AxisError,
    at="fnx.vmap",
    got="no argument is mapped",
    wanted="the size of the batch is not known",
    write="Write axis_size=...",
)
def vmap_nothing():
    return fnx.vmap(np.sin, in_axes=None)(np.ones(3))


@vmap_nothing.mended
def vmap_nothing():
    return fnx.vmap(np.sin, in_axes=None, axis_size=8)(np.ones(3))


@mistake(
    "in_axes of another structure than its argument",
    TreeError,
    at="fnx.vmap",
    got="Got: {'b': *, 'w': *}",
    wanted="Expected there: {'w': *}",
    write="Trees that go together have one structure",
)
def vmap_structure():
    params = {"w": np.ones((8, 3)), "b": np.ones(8)}
    return fnx.vmap(lambda p: p["w"] * p["b"], in_axes=({"w": 0},))(params)


@vmap_structure.mended
def vmap_structure():
    params = {"w": np.ones((8, 3)), "b": np.ones(8)}
    return fnx.vmap(lambda p: p["w"] * p["b"], in_axes=({"w": 0, "b": 0},))(params)


@mistake(
    "out_axes says that a mapped result is not mapped",
    AxisError,
    at="fnx.vmap",
    got="a result (f32[8])",
    wanted="differs over the batch",
    write="out_axes=0",
)
def vmap_out_none():
    return fnx.vmap(np.sin, out_axes=None)(np.ones(8))


@vmap_out_none.mended
def vmap_out_none():
    return fnx.vmap(np.sin, out_axes=0)(np.ones(8))


@mistake(
    "An out_axes that the result does not have",
    AxisError,
    at="fnx.vmap",
    got="out_axes=1",
    wanted="a result of 1 axes",
    write="write out_axes from -1 to 0",
)
def vmap_out_axis():
    return fnx.vmap(np.sum, out_axes=1)(np.ones((8, 3)))


@vmap_out_axis.mended
def vmap_out_axis():
    return fnx.vmap(np.sum, out_axes=0)(np.ones((8, 3)))
