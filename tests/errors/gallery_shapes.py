"""Shapes that do not fit."""

from __future__ import annotations

import fnx.numpy as np
from fnx import lax
from fnx.errors import FnxMemoryError, FnxTypeError, FnxValueError
from tests.errors.mistake import mistake


@mistake(
    "Adding arrays that do not broadcast",
    FnxValueError,
    at="x + bias",
    got="shapes [4,3] and [4]",
    wanted="sizes must be equal or 1",
    write="x[:, None]",
)
def broadcast():
    x, bias = np.ones((4, 3)), np.ones(4)
    return x + bias


@broadcast.mended
def broadcast():
    x, bias = np.ones((4, 3)), np.ones(4)
    return x + bias[:, None]


@mistake(
    "A matrix product of sizes that differ",
    FnxValueError,
    at="x @ w",
    got="f32[4,3] @ f32[2,3]",
    wanted="They must be equal",
    write="x.mT",
)
def product():
    x, w = np.ones((4, 3)), np.ones((2, 3))
    return x @ w


@product.mended
def product():
    x, w = np.ones((4, 3)), np.ones((2, 3))
    return x @ w.mT


@mistake(
    "A letter of einsum that means two sizes",
    FnxValueError,
    at="np.einsum",
    got="got 3 and 2",
    wanted="expected one size for axis 'i'",
    write="'oi' for 'io'",
)
def einsum_sizes():
    x, w = np.ones((4, 3)), np.ones((2, 3))
    return np.einsum("bi,io->bo", x, w)


@einsum_sizes.mended
def einsum_sizes():
    x, w = np.ones((4, 3)), np.ones((2, 3))
    return np.einsum("bi,oi->bo", x, w)


@mistake(
    "An einsum with too few letters",
    FnxValueError,
    at="np.einsum",
    got="got 'ij'",
    wanted="expected 3 letters for shape [2,4,3]",
    write="'...' stands for any axes",
)
def einsum_letters():
    x = np.ones((2, 4, 3))
    return np.einsum("ij->ji", x)


@einsum_letters.mended
def einsum_letters():
    x = np.ones((2, 4, 3))
    return np.einsum("...ij->...ji", x)


@mistake(
    "Dot of vectors of different lengths",
    FnxValueError,
    at="np.dot",
    got="f32[3] and axis 0 of f32[4]",
    wanted="They must be equal",
    write="x.mT",
)
def dot():
    return np.dot(np.ones(3), np.ones(4))


@dot.mended
def dot():
    return np.dot(np.ones(3), np.ones(4)[:3])


@mistake(
    "Concatenating along an axis where other sizes differ",
    FnxValueError,
    at="np.concatenate",
    got="got f32[2,3] and f32[2,4]",
    wanted="must agree except along axis 0",
    write="axis=1",
)
def concatenate():
    return np.concatenate([np.ones((2, 3)), np.ones((2, 4))])


@concatenate.mended
def concatenate():
    return np.concatenate([np.ones((2, 3)), np.ones((2, 4))], axis=1)


@mistake(
    "Stacking arrays of different shapes",
    FnxValueError,
    at="np.stack",
    got="got f32[3] and f32[4]",
    wanted="shapes must be equal",
    write="Write concatenate",
)
def stack():
    return np.stack([np.ones(3), np.ones(4)])


@stack.mended
def stack():
    return np.concatenate([np.ones(3), np.ones(4)])


@mistake(
    "Reshaping to another number of elements",
    FnxValueError,
    at="reshape",
    got="f32[10,8,8] has 640 elements",
    wanted="the product of the sizes must be the same",
    write="Write -1 for one size",
)
def reshape():
    images = np.ones((10, 8, 8))
    return images.reshape(10, 784)


@reshape.mended
def reshape():
    images = np.ones((10, 8, 8))
    return images.reshape(10, -1)


@mistake(
    "Two unknown sizes in one reshape",
    FnxValueError,
    at="reshape",
    got="got (3, -1)",
    wanted="sizes cannot be negative",
    write="in reshape only, and there once",
)
def reshape_twice():
    return np.ones(12).reshape(-1, 3, -1)


@reshape_twice.mended
def reshape_twice():
    return np.ones(12).reshape(-1, 3, 2)


@mistake(
    "Broadcasting to a shape that does not fit",
    FnxValueError,
    at="broadcast_to",
    got="f32[4] does not broadcast to [4,3]",
    wanted="sizes must be equal or 1",
    write="x[:, None]",
)
def broadcast_to():
    return np.broadcast_to(np.ones(4), (4, 3))


@broadcast_to.mended
def broadcast_to():
    return np.broadcast_to(np.ones(4)[:, None], (4, 3))


@mistake(
    "Transposing with axes that are no permutation",
    FnxValueError,
    at="transpose",
    got="got (0, 2)",
    wanted="each axis of f32[2,3,4] once",
    write="Write all of them in their new order",
)
def transpose():
    return np.ones((2, 3, 4)).transpose(0, 2)


@transpose.mended
def transpose():
    return np.ones((2, 3, 4)).transpose(0, 2, 1)


@mistake(
    "Squeezing an axis that has several elements",
    FnxValueError,
    at="squeeze",
    got="axis 0 of f32[2,3] has size 2",
    wanted="expected 1",
    write="Index it (x[0])",
)
def squeeze():
    return np.squeeze(np.ones((2, 3)), axis=0)


@squeeze.mended
def squeeze():
    return np.squeeze(np.ones((1, 3)), axis=0)


@mistake(
    "Splitting into parts that are not equal",
    FnxValueError,
    at="np.split",
    got="axis 0 of f32[10]",
    wanted="3 equal pieces",
    write="Write array_split",
)
def split():
    return np.split(np.ones(10), 3)


@split.mended
def split():
    return np.array_split(np.ones(10), 3)


@mistake(
    "A negative size",
    FnxValueError,
    at="np.zeros",
    got="got (3, -1)",
    wanted="sizes cannot be negative",
    write="in reshape only",
)
def negative_size():
    return np.zeros((3, -1))


@negative_size.mended
def negative_size():
    return np.zeros((3, 1))


@mistake(
    "A size that is a float",
    FnxTypeError,
    at="np.zeros",
    got="got tuple (3, 5.0)",
    wanted="a shape is made of ints",
    write="n // 2 for n / 2",
)
def float_size():
    return np.zeros((3, 10 / 2))


@float_size.mended
def float_size():
    return np.zeros((3, 10 // 2))


@mistake(
    "Lists of different lengths as an array",
    FnxValueError,
    at="np.asarray",
    got="got 2, 1",
    wanted="must have equal lengths",
    write="Pad the shorter ones",
)
def ragged():
    return np.asarray([[1.0, 2.0], [3.0]])


@ragged.mended
def ragged():
    return np.asarray([[1.0, 2.0], [3.0, 0.0]])


@mistake(
    "Padding with too few widths",
    FnxValueError,
    at="np.pad",
    got="[(1, 1), (0, 0)]",
    wanted="for each axis",
    write="Write 3 pairs",
)
def pad():
    return np.pad(np.ones((2, 3, 4)), [(1, 1), (0, 0)])


@pad.mended
def pad():
    return np.pad(np.ones((2, 3, 4)), [(1, 1), (0, 0), (0, 0)])


@mistake(
    "Strict operations do not broadcast",
    FnxTypeError,
    at="lax.add",
    got="got f32[4,3] and f32[3]",
    wanted="equal shapes",
    write="fnx.numpy broadcast",
)
def strict_shapes():
    return lax.add(np.ones((4, 3)), np.ones(3))


@strict_shapes.mended
def strict_shapes():
    return np.add(np.ones((4, 3)), np.ones(3))


@mistake(
    "An array that needs more memory than there is",
    FnxMemoryError,
    at="np.zeros",
    got="f32[10000000,10000000]",
    wanted="no memory",
    write="Choose a smaller shape",
)
def too_large():
    return np.zeros((10**7, 10**7))


@too_large.mended
def too_large():
    return np.zeros((10**3, 10**3))


@mistake(
    "Arrays to be joined as two arguments",
    FnxTypeError,
    at="np.concatenate",
    got="got f32[3]",
    wanted="an axis is an int",
    write="fnx.numpy.concatenate([x, y])",
)
def joined_arguments():
    x, y = np.ones(2), np.ones(3)
    return np.concatenate(x, y)


@joined_arguments.mended
def joined_arguments():
    x, y = np.ones(2), np.ones(3)
    return np.concatenate([x, y])
