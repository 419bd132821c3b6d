"""Indices out of range or of the wrong kind, and writing to arrays."""

from __future__ import annotations

import numpy

import fnx
import fnx.numpy as np
from fnx import lax
from fnx.errors import FnxIndexError, FnxTypeError, FnxValueError
from tests.errors.mistake import mistake


@mistake(
    "An index out of range",
    FnxIndexError,
    at="x[3]",
    got="3 is out of range for axis 0 of f32[3]",
    wanted="expected an int from -3 to 2",
    write="fnx.numpy.take(x, i)",
)
def out_of_range():
    x = np.arange(3.0)
    return x[3]


@out_of_range.mended
def out_of_range():
    x = np.arange(3.0)
    return x[-1]


@mistake(
    "A static index out of range of a traced array",
    FnxIndexError,
    at="x[0, 5]",
    got="5 is out of range for axis 1 of f32[2,3]",
    wanted="expected an int from -3 to 2",
    write="fnx.numpy.take(x, i)",
)
def out_of_range_traced():
    return fnx.jit(lambda x: x[0, 5])(np.ones((2, 3)))


@out_of_range_traced.mended
def out_of_range_traced():
    return fnx.jit(lambda x: x[0, 2])(np.ones((2, 3)))


@mistake(
    "Too many indices",
    FnxIndexError,
    at="x[0, 1, 2]",
    got="got 3",
    wanted="at most 2 indices for f32[2,3]",
    write="Leave some out",
)
def too_many():
    x = np.ones((2, 3))
    return x[0, 1, 2]


@too_many.mended
def too_many():
    x = np.ones((2, 3))
    return x[0, 1]


@mistake(
    "A float as an index",
    FnxTypeError,
    at="x[len(x) / 2]",
    got="got float 2.0",
    wanted="ints, slices and arrays",
    write="n // 2 for n / 2",
)
def float_index():
    x = np.arange(4.0)
    return x[len(x) / 2]


@float_index.mended
def float_index():
    x = np.arange(4.0)
    return x[len(x) // 2]


@mistake(
    "A float array as an index",
    FnxTypeError,
    at="x[places]",
    got="got f32[2]",
    wanted="holds integers",
    write="x.astype('int32')",
)
def float_array_index():
    x, places = np.arange(4.0), np.asarray([0.0, 2.0])
    return x[places]


@float_array_index.mended
def float_array_index():
    x, places = np.arange(4.0), np.asarray([0, 2])
    return x[places]


@mistake(
    "A name as an index",
    FnxTypeError,
    at='batch["x"]',
    got="got str 'x'",
    wanted="ints, slices and arrays",
    write="have names",
)
def name_index():
    batch = np.ones((2, 3))
    return batch["x"]


@name_index.mended
def name_index():
    batch = {"x": np.ones((2, 3))}
    return batch["x"]


@mistake(
    "A slice that goes nowhere",
    FnxValueError,
    at="x[::0]",
    got="got x[::0]",
    wanted="the step must not be 0",
    write="Write x[::-1]",
)
def step_zero():
    x = np.arange(4.0)
    return x[::0]


@step_zero.mended
def step_zero():
    x = np.arange(4.0)
    return x[::1]


@mistake(
    "A mask of another shape",
    FnxIndexError,
    at="x[mask]",
    got="the mask's shape [3]",
    wanted="[4] of f32[4]",
    write="one element for each of x",
)
def mask_shape():
    x, mask = np.arange(4.0), np.asarray([True, False, True])
    return x[mask]


@mask_shape.mended
def mask_shape():
    x, mask = np.arange(4.0), np.asarray([True, False, True, False])
    return x[mask]


@mistake(
    "Two ellipses",
    FnxIndexError,
    at="x[..., 0, ...]",
    got="got 2 for f32[2,3,4]",
    wanted="at most one ellipsis",
    write="Write : for the axes between",
)
def two_ellipses():
    x = np.ones((2, 3, 4))
    return x[..., 0, ...]


@two_ellipses.mended
def two_ellipses():
    x = np.ones((2, 3, 4))
    return x[:, 0, ...]


@mistake(
    "Index arrays that do not broadcast",
    FnxValueError,
    at="x[rows, columns]",
    got="shapes [3] and [2]",
    wanted="sizes must be equal or 1",
    write="insert axes with x[:, None]",
)
def index_arrays():
    x, rows, columns = np.ones((4, 4)), np.arange(3), np.arange(2)
    return x[rows, columns]


@index_arrays.mended
def index_arrays():
    x, rows, columns = np.ones((4, 4)), np.arange(3), np.arange(2)
    return x[rows[:, None], columns]


@mistake(
    "Writing to an array",
    FnxTypeError,
    at="x[0] = 1.0",
    got="x is f32[3]",
    wanted="immutable",
    write="Write x = x.at[index].set(y)",
)
def assignment():
    x = np.zeros(3)
    x[0] = 1.0
    return x


@assignment.mended
def assignment():
    x = np.zeros(3)
    x = x.at[0].set(1.0)
    return x


@mistake(
    "Adding to an element of an array",
    FnxTypeError,
    at="x[0] += 1.0",
    got="x is f32[3]",
    wanted="immutable",
    write=".add(y) for +=",
)
def addition():
    @fnx.jit
    def count(x):
        x[0] += 1.0
        return x

    return count(np.zeros(3))


@addition.mended
def addition():
    @fnx.jit
    def count(x):
        return x.at[0].add(1.0)

    return count(np.zeros(3))


@mistake(
    "at without an index",
    AttributeError,
    at="x.at.set",
    got="x.at.set",
    wanted="expected an index between",
    write="Write x.at[:].set(...)",
)
def at_without_index():
    x = np.zeros(3)
    return x.at.set(1.0)


@at_without_index.mended
def at_without_index():
    x = np.zeros(3)
    return x.at[:].set(1.0)


@mistake(
    "Setting elements to values of another shape",
    FnxValueError,
    at="set(",
    got="got f32[4]",
    wanted="the shape of x[index], [3]",
    write="x.at[:, 0]",
)
def set_shape():
    x = np.zeros((4, 3))
    return x.at[0].set(np.ones(4))


@set_shape.mended
def set_shape():
    x = np.zeros((4, 3))
    return x.at[:, 0].set(np.ones(4))


@mistake(
    "Deleting an element",
    FnxTypeError,
    at="del x[0]",
    got="x is f32[3]",
    wanted="immutable",
    write="Write fnx.numpy.concatenate",
)
def deletion():
    x = np.arange(3.0)
    del x[0]
    return x


@deletion.mended
def deletion():
    x = np.arange(3.0)
    return x[1:]


@mistake(
    "Starts of a slice for the wrong number of axes",
    FnxTypeError,
    at="lax.dynamic_slice",
    got="got (i32[],)",
    wanted="one start of rank 0 for each axis of f32[4,3]",
    write="Write 0 for an axis",
)
def starts():
    return lax.dynamic_slice(np.ones((4, 3)), (1,), (2, 3))


@starts.mended
def starts():
    return lax.dynamic_slice(np.ones((4, 3)), (1, 0), (2, 3))


@mistake(
    "A dynamic slice larger than its array",
    FnxTypeError,
    at="lax.dynamic_slice",
    got="got (5,) for f32[4]",
    wanted="at most (4,)",
    write="pad the array first",
)
def slice_size():
    return lax.dynamic_slice(np.ones(4), (0,), (5,))


@slice_size.mended
def slice_size():
    return lax.dynamic_slice(np.ones(4), (0,), (4,))


@mistake(
    "Taking with float indices",
    FnxTypeError,
    at="np.take",
    got="got f32[2]",
    wanted="indices are integers",
    write="indices.astype('int32')",
)
def take_floats():
    return np.take(np.arange(4.0), np.asarray([0.0, 1.0]))


@take_floats.mended
def take_floats():
    return np.take(np.arange(4.0), np.asarray([0, 1]))


@mistake(
    "The length of a scalar",
    FnxTypeError,
    at="len(x)",
    got="rank 0 (f32~[])",
    wanted="at least one axis",
    write="Write x.size or x.ndim",
)
def length():
    x = np.asarray(3.0)
    return len(x)


@length.mended
def length():
    x = np.asarray(3.0)
    return x.size


@mistake(
    "Iterating over a scalar",
    FnxTypeError,
    at="for row in x",
    got="rank 0 (f32~[])",
    wanted="at least one axis",
    write="fnx.numpy.atleast_1d(x)",
)
def iteration():
    x = np.asarray(3.0)
    for row in x:
        print(row)


@iteration.mended
def iteration():
    x = np.asarray(3.0)
    for row in np.atleast_1d(x):
        print(row)


@mistake(
    "An attribute that arrays do not have",
    AttributeError,
    at="x.append",
    got="an array (f32[3])",
    wanted="no attribute 'append'",
    write="Write fnx.numpy.concatenate([x, y])",
)
def attribute():
    x = np.arange(3.0)
    return x.append(4.0)


@attribute.mended
def attribute():
    x = np.arange(3.0)
    return np.concatenate([x, np.asarray([4.0])])


@mistake(
    "A function that fnx.numpy does not have",
    AttributeError,
    at="np.summ",
    got="'summ'",
    wanted="fnx.numpy has no",
    write="Did you mean 'sum'?",
)
def unknown_function():
    return np.summ(np.ones(3))


@unknown_function.mended
def unknown_function():
    return np.sum(np.ones(3))


@mistake(
    "A function that JAX has and fnx does not have yet",
    AttributeError,
    at="np.sort",
    got="'sort'",
    wanted="fnx.numpy has no 'sort' yet",
    write="Write fnx.numpy.asarray(numpy.sort(x)) where x is known; elsewhere",
)
def missing_function():
    return np.sort(np.asarray([3.0, 1.0, 2.0]))


@missing_function.mended
def missing_function():
    x = np.asarray([3.0, 1.0, 2.0])
    return np.asarray(numpy.sort(x))


@mistake(
    "A function of JAX that has another name here",
    AttributeError,
    at="np.nanmean",
    got="'nanmean'",
    wanted="fnx.numpy has no 'nanmean'",
    write="Write fnx.numpy.mean(x, where=~fnx.numpy.isnan(x)).",
)
def renamed_function():
    return np.nanmean(np.asarray([1.0, np.nan]))


@renamed_function.mended
def renamed_function():
    x = np.asarray([1.0, np.nan])
    return np.mean(x, where=~np.isnan(x))
