"""Text: spelling of numbers, names, locations; what is refused, and where the message points."""

from __future__ import annotations

import contextlib
import re
import struct

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnx_xla_lite.errors import CompilerError, ParseError, UnsupportedOpError, VerifyError
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.constants import same_bits
from fnx_xla_lite.hlo.dtypes import to_numpy
from fnx_xla_lite.hlo.ir import TensorType
from fnx_xla_lite.hlo.isomorphism import isomorphic
from fnx_xla_lite.hlo.text import parse, to_text
from fnx_xla_lite.hlo.text_numbers import format_dense, format_float, parse_dense
from tests.xla_lite.hlo.test_stablehlo import NAMES, read


def function(body, parameters="%arg0: tensor<3xf32>", results="tensor<3xf32>"):
    return (
        f"module @m {{\n  func.func public @main({parameters}) -> {results} {{\n{body}\n  }}\n}}\n"
    )


@pytest.mark.parametrize(
    ("number", "dtype", "text"),
    [
        (0.5, "f32", "5.000000e-01"),
        (-0.0, "f32", "-0.000000e+00"),
        (0.9, "f32", "0.899999976"),
        (1e-5, "f32", "9.99999974E-6"),
        (1e22, "f32", "9.99999977E+21"),
        (123456789, "f32", "0x4CEB79A3"),
        (0.1, "bf16", "1.000980e-01"),
        (np.inf, "f32", "0x7F800000"),
        (-np.inf, "bf16", "0xFF80"),
        (np.nan, "f64", "0x7FF8000000000000"),
        (1 / 3, "f64", "0.33333333333333331"),
        (100.0, "f16", "1.000000e+02"),
    ],
)
def test_floats_are_spelled_as_mlir_spells_them(number, dtype, text):
    assert format_float(to_numpy(dtype).type(number), dtype) == text


@given(bits=st.integers(0, 2**64 - 1))
def test_every_float_reads_back_bit_by_bit(bits):
    x = np.array(struct.unpack("d", struct.pack("Q", bits))[0])
    for dtype in ("f64", "f32", "f16", "bf16"):
        with np.errstate(all="ignore"):
            value = np.asarray(x.astype(to_numpy(dtype)))
        literal = format_dense(value, dtype)
        assert same_bits(parse_dense(literal, TensorType((), dtype)), value)


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (np.arange(4).reshape(2, 2), "i32", "dense<[[0, 1], [2, 3]]>"),
        (np.full((200, 3), 7), "ui8", "dense<7>"),
        (np.array([True, False]), "i1", "dense<[true, false]>"),
        (np.zeros((2, 0)), "f32", "dense<>"),
        (np.array(-3), "i64", "dense<-3>"),
    ],
)
def test_dense_literals(value, dtype, text):
    array = value.astype(to_numpy(dtype))
    assert format_dense(array, dtype) == text
    np.testing.assert_array_equal(parse_dense(text, TensorType(array.shape, dtype)), array)


def test_long_arrays_are_bytes():
    array = (np.arange(130) / 7).astype(ml_dtypes.bfloat16)
    text = format_dense(array, "bf16")
    assert text.startswith('dense<"0x0000123E')
    assert same_bits(parse_dense(text, TensorType((130,), "bf16")), array)


def test_a_splat_of_any_size_keeps_one_element():
    value = parse_dense("dense<2.0>", TensorType((1000, 1000), "f32"))
    assert value.strides == (0, 0)


def test_locations_survive():
    b = Builder("located")
    x = b.parameter((2,), "f32")
    with b.location("train.py:12 in step"):
        y = b.sine(x)
    with b.location('odd "name".py:7'):
        z = b.cosine(y)
    module = b.build(z)
    text = to_text(module, locations=True)
    assert 'loc("step"("train.py":12:0))' in text
    again = parse(text)
    assert [i.location for i in again.main.body.instructions] == [
        "train.py:12 in step",
        'odd "name".py:7',
    ]
    assert isomorphic(again, module, locations=True)


def test_jax_debug_locations_give_the_innermost_user_frame():
    text = (
        '#loc1 = loc("x")\n'
        + function(
            "%0 = stablehlo.sine %arg0 : tensor<3xf32> loc(#loc9)\n"
            "return %0 : tensor<3xf32> loc(unknown)",
            "%arg0: tensor<3xf32> loc(#loc1)",
        )
        + '#loc2 = loc("a.py":6:15 to :25)\n#loc3 = loc("b.py":4:10)\n#loc4 = loc("f"(#loc2))\n'
        + '#loc5 = loc("<module>"(#loc3))\n#loc6 = loc(callsite(#loc4 at #loc5))\n'
        + '#loc9 = loc("jit(f)/sin"(#loc6))\n'
    )
    (instr,) = parse(text).main.body.instructions
    assert instr.location == "a.py:6 in f"


def test_donation_is_read_from_either_attribute():
    text = function(
        "return %a : tensor<3xf32>",
        "%a: tensor<3xf32> {tf.aliasing_output = 0 : i32}, "
        '%b: tensor<f32> {mhlo.sharding = "{replicated}"}, '
        "%c: tensor<f32> {jax.buffer_donor = true}",
    )
    assert parse(text).main.donated == {0, 2}


def test_generic_form_of_pretty_ops():
    text = function(
        '%0 = "stablehlo.slice"(%arg0) <{limit_indices = array<i64: 2>, start_indices = '
        "array<i64: 0>, strides = array<i64: 1>}> : (tensor<3xf32>) -> tensor<2xf32>\n"
        '%1 = "stablehlo.compare"(%0, %0) {compare_type = #stablehlo<comparison_type FLOAT>, '
        "comparison_direction = #stablehlo<comparison_direction LT>} : "
        "(tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>\n"
        '%2 = "stablehlo.constant"() <{value = dense<1.5> : tensor<2xf32>}> : () -> tensor<2xf32>\n'
        '%3 = "stablehlo.select"(%1, %0, %2) : (tensor<2xi1>, tensor<2xf32>, tensor<2xf32>) -> '
        'tensor<2xf32>\n"func.return"(%3) : (tensor<2xf32>) -> ()',
        results="tensor<2xf32>",
    )
    module = parse(text)
    assert [i.op for i in module.main.body.instructions] == [
        "slice",
        "compare",
        "constant",
        "select",
    ]
    assert isomorphic(parse(to_text(module)), module)


def test_attributes_of_other_tools_are_passed_over():
    text = """
    module @m attributes {mhlo.num_partitions = 1 : i32, jax.uses_shape_polymorphism = false} {
      sdy.mesh @mesh = <["x"=2, "y"=4]>
      func.func public @main(%arg0: tensor<3xf32> {sdy.sharding = #sdy.sharding<@mesh, [{"x"}]>})
          -> (tensor<3xf32> {jax.result_info = "result"}) attributes {some.unit} {
        %0 = stablehlo.custom_call @Sharding(%arg0) {backend_config = "", api_version = 1 : i32}
            : (tensor<3xf32>) -> tensor<3xf32>
        %1 = stablehlo.exponential %0 {mhlo.frontend_attributes = {a = "b", c = [1, 2]}}
            : tensor<3xf32>
        %2 = stablehlo.custom_call @mhlo.erf(%1) {mhlo.version = 1 : i64}
            : (tensor<3xf32>) -> tensor<3xf32>
        return %2 : tensor<3xf32>
      }
    }
    """
    assert [i.op for i in parse(text).main.body.instructions] == ["exponential", "erf"]


REFUSED = [
    ("%0 = stablehlo.sine %x : tensor<3xf32>", ParseError, "line 3, column 21: value is not"),
    ("%0 = stablehlo.sort %arg0 : tensor<3xf32>", UnsupportedOpError, "line 3.*sort is not"),
    ("%0 = stablehlo.sine %arg0 : tensor<4xf32>", VerifyError, r"line 3.*must be tensor<3xf32>"),
    ("%0 = stablehlo.sine %arg0 : tensor<?xf32>", ParseError, "only static shapes"),
    ("%0 = stablehlo.sine %arg0 : tensor<3xc64>", ParseError, "type 'c64' is not supported"),
    ("%0 = stablehlo.sine %arg0 : tensor<3xcomplex<f32>>", ParseError, "expected a type"),
    ("%0:2 = stablehlo.sine %arg0 : tensor<3xf32>", ParseError, "number of results differs"),
    ("%0 = stablehlo.add %arg0 : tensor<3xf32>", ParseError, "wrong number of operands"),
    ("%0 = stablehlo.reverse %arg0 : tensor<3xf32>", ParseError, r"\['dimensions'\] missing"),
    ("%0 = stablehlo.constant dense<[1.0, 2.0]> : tensor<3xf32>", ParseError, "2 elements do not"),
    ("%0 = stablehlo.constant dense<maybe> : tensor<3xi1>", ParseError, "'maybe' is not a boolean"),
    ('%0 = stablehlo.constant dense<"0x00"> : tensor<3xf32>', ParseError, "1 bytes do not fill"),
    ("%0 = stablehlo.custom_call @lapack_qr(%arg0) : (tensor<3xf32>) -> tensor<3xf32>",
     UnsupportedOpError, "custom_call @lapack_qr is not supported"),
    ("%0 = stablehlo.gather %arg0 : tensor<3xf32>", ParseError, "generic form"),
    ("return %arg0 : tensor<4xf32>", ParseError, "returned values have other types"),
    ("%0 = stablehlo.negate %arg0 : (tensor<4xf32>) -> tensor<3xf32>", ParseError, "types differ"),
    ("$", ParseError, r"line 3, column 1: unexpected '\$'"),
    ("}", ParseError, "expected an operation or return"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "error", "message"), REFUSED)
def test_refused_with_line_and_column(line, error, message):
    with pytest.raises(error, match=message):
        parse(function(f"{line}\nreturn %arg0 : tensor<3xf32>"))


def test_results_must_be_as_declared():
    with pytest.raises(VerifyError, match="returns other types than it declares"):
        parse(function("return %arg0 : tensor<3xf32>", results="tensor<4xf32>"))


def test_empty_and_unfinished_texts():
    for text in ("", "module @m {", "module @m {}", "func.func @f(", "#loc = loc(unknown)"):
        with pytest.raises(ParseError):
            parse(text)


@pytest.mark.parametrize("name", NAMES[::4])
@given(data=st.data())
def test_damaged_texts_never_do_worse_than_a_compiler_error(name, data):
    text = read(name)
    for _ in range(data.draw(st.integers(1, 3))):
        words = [m.span() for m in re.finditer(r"\w+|\S", text)]
        (a, b), (c, d) = (data.draw(st.sampled_from(words)) for _ in range(2))
        text = text[:a] + text[c:d] + text[b:]
    with contextlib.suppress(CompilerError):
        parse(text)
