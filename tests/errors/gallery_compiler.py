"""The compiler by itself: texts and arrays that do not fit."""

from __future__ import annotations

import numpy

import fnx_xla_lite
from fnx_xla_lite.errors import ParseError, UnsupportedOpError, VerifyError
from tests.errors.mistake import mistake

DOUBLE = """
func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = stablehlo.add %x, %x : tensor<3xf32>
  return %y : tensor<3xf32>
}
"""


@mistake(
    "A text with a mistake in its syntax",
    ParseError,
    at="fnx_xla_lite.parse",
    got="got '%x'",
    wanted="expected ':'",
    write="^",
    text="%y = stablehlo.add %x %x",
)
def syntax():
    return fnx_xla_lite.parse(DOUBLE.replace("%x, %x", "%x %x"))


@syntax.mended
def syntax():
    return fnx_xla_lite.parse(DOUBLE)


@mistake(
    "A value that is not defined",
    ParseError,
    at="fnx_xla_lite.parse",
    got="got '%z'",
    wanted="value is not defined here",
    write="^",
    text="%y = stablehlo.add %x, %z",
)
def undefined():
    return fnx_xla_lite.parse(DOUBLE.replace("%x, %x", "%x, %z"))


@undefined.mended
def undefined():
    return fnx_xla_lite.parse(DOUBLE)


@mistake(
    "An operation that we do not have",
    UnsupportedOpError,
    at="fnx_xla_lite.parse",
    got="operation stablehlo.adds",
    wanted="not one that this compiler has",
    write="near it: add",
    text="%y = stablehlo.adds %x, %x",
)
def unknown_operation():
    return fnx_xla_lite.parse(DOUBLE.replace("stablehlo.add", "stablehlo.adds"))


@unknown_operation.mended
def unknown_operation():
    return fnx_xla_lite.parse(DOUBLE)


@mistake(
    "A type that an operation does not give",
    VerifyError,
    at="fnx_xla_lite.compile",
    got="got tensor<4xf32>",
    wanted="result types must be tensor<3xf32>",
    write="^",
    text="%y = stablehlo.add %x, %x : tensor<4xf32>",
)
def wrong_type():
    return fnx_xla_lite.compile(DOUBLE.replace("%x, %x : tensor<3xf32>", "%x, %x : tensor<4xf32>"))


@wrong_type.mended
def wrong_type():
    return fnx_xla_lite.compile(DOUBLE)


@mistake(
    "An array of another dtype than the program's",
    VerifyError,
    at="interpret",
    got="got an array float64[3]",
    wanted="expected tensor<3xf32>",
    write="write x.astype('float32')",
    text="argument 0",
)
def argument_dtype():
    return fnx_xla_lite.interpret(fnx_xla_lite.parse(DOUBLE), numpy.ones(3))


@argument_dtype.mended
def argument_dtype():
    return fnx_xla_lite.interpret(fnx_xla_lite.parse(DOUBLE), numpy.ones(3, "float32"))
