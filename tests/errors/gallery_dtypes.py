"""Dtypes that do not exist or do not fit."""

from __future__ import annotations

import numpy

import fnx.numpy as np
from fnx import lax
from fnx.errors import FnxTypeError, FnxValueError
from tests.errors.mistake import mistake


@mistake(
    "A dtype that nobody has",
    FnxTypeError,
    at="np.ones",
    got="'float33'",
    wanted="The dtypes are: bool, int8",
    write="Did you mean 'float32'?",
)
def unknown_name():
    return np.ones(3, dtype="float33")


@unknown_name.mended
def unknown_name():
    return np.ones(3, dtype="float32")


@mistake(
    "A dtype that NumPy has and fnx has not",
    FnxTypeError,
    at="astype",
    got="float128",
    wanted="The dtypes are: bool, int8",
    write="Convert the data first",
)
def long_double():
    return np.ones(3).astype(numpy.longdouble)


@long_double.mended
def long_double():
    return np.ones(3).astype("float64")


@mistake(
    "Complex numbers",
    FnxTypeError,
    at="np.asarray",
    got="got lists of complex128",
    wanted="expected real numbers",
    write="keep two",
)
def complex_numbers():
    return np.asarray([1 + 2j, 3j])


@complex_numbers.mended
def complex_numbers():
    z = numpy.asarray([1 + 2j, 3j])
    return np.asarray(z.real, "float32"), np.asarray(z.imag, "float32")


@mistake(
    "Text as an array",
    FnxTypeError,
    at="np.asarray",
    got="got lists of <U3",
    wanted="expected real numbers",
    write="[float(x) for x in items]",
)
def text():
    return np.asarray(["3.5", "4.5"])


@text.mended
def text():
    return np.asarray([float(word) for word in ("3.5", "4.5")])


@mistake(
    "A list where an array is needed",
    FnxTypeError,
    at="np.sin",
    got="got list [1.0, 2.0]",
    wanted="expected an array or a Python number",
    write="Write fnx.numpy.asarray(x)",
)
def a_list():
    return np.sin([1.0, 2.0])


@a_list.mended
def a_list():
    return np.sin(np.asarray([1.0, 2.0]))


@mistake(
    "None where an array is needed",
    FnxTypeError,
    at="np.add",
    got="got NoneType None",
    wanted="expected an array or a Python number",
    write="A value is missing here",
)
def nothing():
    scale = {}.get("scale")
    return np.add(np.ones(3), scale)


@nothing.mended
def nothing():
    scale = {}.get("scale", 1.0)
    return np.add(np.ones(3), scale)


@mistake(
    "Minus a mask",
    FnxTypeError,
    at="-mask",
    got="got bool[3]",
    wanted="expected numbers",
    write="Write ~x",
)
def minus_bools():
    mask = np.ones(3) > 0
    return -mask


@minus_bools.mended
def minus_bools():
    mask = np.ones(3) > 0
    return ~mask


@mistake(
    "Bitwise operations on floats",
    FnxTypeError,
    at="x & 3",
    got="got float32",
    wanted="expected integers or bools",
    write="x.astype(int)",
)
def bitwise_floats():
    x = np.arange(4.0)
    return x & 3


@bitwise_floats.mended
def bitwise_floats():
    x = np.arange(4)
    return x & 3


@mistake(
    "A number that its dtype does not hold",
    FnxValueError,
    at="np.asarray",
    got="got 300",
    wanted="expected numbers that int8 holds, -128 to 127",
    write="Choose a wider dtype",
)
def overflow():
    return np.asarray([1, 300], dtype="int8")


@overflow.mended
def overflow():
    return np.asarray([1, 300], dtype="int16")


@mistake(
    "An int that no integer dtype holds",
    FnxValueError,
    at="counts + 2**70",
    got="1180591620717411303424",
    wanted="expected at most 64 bits",
    write="Write it as a float",
)
def huge_int():
    counts = np.arange(3)
    return counts + 2**70


@huge_int.mended
def huge_int():
    counts = np.arange(3)
    return counts + 2.0**70


@mistake(
    "Strict operations do not promote",
    FnxTypeError,
    at="lax.mul",
    got="got f32[3] and i32[3]",
    wanted="the same dtype",
    write="the functions of fnx.numpy do",
)
def strict_dtypes():
    return lax.mul(np.ones(3), np.arange(3))


@strict_dtypes.mended
def strict_dtypes():
    return np.multiply(np.ones(3), np.arange(3))


@mistake(
    "A strict operation on the wrong kind of number",
    FnxTypeError,
    at="lax.sin",
    got="got i32[3]",
    wanted="takes floating-point operands",
    write="x.astype(dtype)",
)
def strict_kind():
    return lax.sin(np.arange(3))


@strict_kind.mended
def strict_kind():
    return lax.sin(np.arange(3).astype("float32"))


@mistake(
    "Bits as a dtype of another size",
    FnxTypeError,
    at="view",
    got="got f32[4] for int8",
    wanted="dtypes of equal size",
    write="Take one of 32 bits",
)
def view_size():
    return np.ones(4).view("int8")


@view_size.mended
def view_size():
    return np.ones(4).view("int32")


@mistake(
    "An index of the largest element in a dtype that cannot count so far",
    FnxTypeError,
    at="argmax",
    got="axis 0 of i32[1000]",
    wanted="expected a wider dtype",
    write="Write dtype='int64'",
)
def small_counter():
    return np.argmax(np.arange(1000), dtype="int8")


@small_counter.mended
def small_counter():
    return np.argmax(np.arange(1000), dtype="int16")


@mistake(
    "A shape as two arguments",
    FnxTypeError,
    at="np.ones(2, 3)",
    got="got 3",
    wanted="a dtype was expected",
    write="fnx.numpy.ones((2, 3))",
)
def shape_as_arguments():
    return np.ones(2, 3)


@shape_as_arguments.mended
def shape_as_arguments():
    return np.ones((2, 3))
