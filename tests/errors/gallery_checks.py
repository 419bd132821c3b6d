"""Values that go wrong while compiled code runs, and names of mapped axes."""

from __future__ import annotations

import fnx
import fnx.numpy as np
from fnx import checkify, lax
from fnx.errors import (
    FnxError,
    FnxTypeError,
    FnxValueError,
    IndexCheckError,
    NanError,
    OverflowCheckError,
    UnboundAxisError,
)
from tests.errors.mistake import mistake


@mistake(
    "A NaN that comes out of nothing (found by a sanitiser build)",
    NanError,
    at="np.log(x)",
    got="-1.0 of f32[3]",
    wanted="from operands without NaN",
    write="fnx.numpy.where(x > 0, x, 1.0)",
)
def nan():
    return fnx.jit(lambda x: np.log(x).sum(), check="nan")(np.asarray([1.0, -1.0, 2.0]))


@nan.mended
def nan():
    safe = lambda x: np.log(np.where(x > 0, x, 1.0)).sum()
    return fnx.jit(safe, check="nan")(np.asarray([1.0, -1.0, 2.0]))


@mistake(
    "A computed index out of range (found by a sanitiser build)",
    IndexCheckError,
    at="x[i]",
    got="index 7 is out of range for axis 0 of f32[3]",
    wanted="possible indices: 0 to 2",
    write="moved inside of the array",
)
def index():
    return fnx.jit(lambda x, i: x[i], check="index")(np.arange(3.0), 7)


@index.mended
def index():
    return fnx.jit(lambda x, i: x[i % x.shape[0]], check="index")(np.arange(3.0), 7)


@mistake(
    "A number that overflows (found by a sanitiser build)",
    OverflowCheckError,
    at="np.exp(x)",
    got="operands: 100.0 of f32~[]",
    wanted="from finite operands",
    write="Use a wider dtype",
)
def overflow():
    return fnx.jit(lambda x: np.exp(x) / (1 + np.exp(-x)), check="overflow")(100.0)


@overflow.mended
def overflow():
    return fnx.jit(lambda x: 1 / (1 + np.exp(-x)), check="overflow")(100.0)


@mistake(
    "An assertion in compiled code that nobody carries out",
    FnxError,
    at="checkify.check",
    got="'x is {x}'",
    wanted="cannot be compiled as it is",
    write='fnx.jit(f, check="user")',
)
def assertion():
    def root(x):
        checkify.check(x >= 0, "x is {x}", x=x)
        return np.sqrt(x)

    return fnx.jit(root)(4.0)


@assertion.mended
def assertion():
    def root(x):
        checkify.check(x >= 0, "x is {x}", x=x)
        return np.sqrt(x)

    return fnx.jit(root, check="user")(4.0)


@mistake(
    "The name of an axis that nothing maps",
    UnboundAxisError,
    at="lax.psum",
    got="no axis called 'rows'",
    wanted="named axes in scope: none",
    write="fnx.vmap(f, axis_name='rows')",
)
def axis_name():
    return fnx.vmap(lambda x: x / lax.psum(x, "rows"))(np.ones(3))


@axis_name.mended
def axis_name():
    return fnx.vmap(lambda x: x / lax.psum(x, "rows"), axis_name="rows")(np.ones(3))


@mistake(
    "A group of checks by its name in a string",
    FnxValueError,
    at="checkify.checkify",
    got="errors has 'float'",
    wanted="which is no check",
    write="errors=checkify.float_checks | checkify.index_checks",
)
def checkify_errors():
    return checkify.checkify(np.log, errors="float")(-1.0)


@checkify_errors.mended
def checkify_errors():
    return checkify.checkify(np.log, errors=checkify.float_checks)(-1.0)


@mistake(
    "The name of an axis in front of the value",
    FnxTypeError,
    at="lax.psum",
    got="got f32[]",
    wanted="expected the name of a mapped axis",
    write="Write fnx.lax.psum(x, 'i', ...), the value first",
)
def swapped_axis():
    return fnx.vmap(lambda x: x / lax.psum("i", x), axis_name="i")(np.ones(3))


@swapped_axis.mended
def swapped_axis():
    return fnx.vmap(lambda x: x / lax.psum(x, "i"), axis_name="i")(np.ones(3))
