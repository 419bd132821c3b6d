"""Each invariant of ``hlo/verify.py`` has a module that breaks it and a message that says so."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from fnx_xla_lite.errors import UnsupportedOpError, VerifyError
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.ir import Computation, Function, HloModule, Instruction, TensorType, Value
from fnx_xla_lite.hlo.verify import verify

F32 = TensorType((2,), "f32")


def module_of(*instructions, parameters=(), results=(), donated=()):
    body = Computation(tuple(parameters), tuple(instructions), tuple(results))
    return HloModule("m", (Function("main", body, frozenset(donated)),))


def refused(module, message):
    with pytest.raises(VerifyError, match=re.escape(message)):
        verify(module)


def test_a_valid_module_passes_through():
    b = Builder("ok")
    module = b.build(b.sine(b.parameter((2,), "f32")))
    assert verify(module) is module


def test_no_functions():
    refused(HloModule("m", ()), "at least one function")


def test_equal_function_names():
    (main,) = module_of().functions
    refused(HloModule("m", (main, main)), "names must differ")


def test_use_before_definition():
    x, y = Value(F32), Value(F32)
    refused(module_of(Instruction("sine", (x,), (y,))), "sine: an operand of type tensor<2xf32>")


def test_undefined_result():
    refused(module_of(results=(Value(F32),)), "a result of type tensor<2xf32> is not defined")


def test_defined_twice():
    x = Value(F32)
    refused(module_of(Instruction("sine", (x,), (x,)), parameters=(x,)), "defined twice")


def test_unknown_op_names_the_users_line():
    x, y = Value(F32), Value(F32)
    instr = Instruction("frobnicate", (x,), (y,), location="train.py:3 in loss")
    refused(module_of(instr, parameters=(x,)), "frobnicate at train.py:3 in loss: is not in the op")


def test_arity_regions_attributes():
    x, y = Value(F32), Value(F32)
    refused(module_of(Instruction("add", (x,), (y,)), parameters=(x,)), "takes 2 operands, has 1")
    refused(module_of(Instruction("fusion", (x,), (y,)), parameters=(x,)), "takes 1 regions")
    refused(module_of(Instruction("reverse", (x,), (y,)), parameters=(x,)), "lacks attributes dim")


def test_result_types():
    x, y = Value(F32), Value(TensorType((3,), "f32"))
    instr = Instruction("sine", (x,), (y,))
    refused(module_of(instr, parameters=(x,)), "must be tensor<2xf32>, are tensor<3xf32>")


def test_bad_element_type():
    x = Value(TensorType((2,), "c64"))
    refused(module_of(parameters=(x,)), "tensor<2xc64> is not a type")


def test_donated_positions():
    refused(module_of(donated=(1,)), "donated positions [1] are not parameters")


def test_calls():
    b = Builder("calls")
    x = b.parameter((2,), "f32")
    b.define("f", [F32], lambda b, x: b.sine(x))
    module = b.build(*b.call("f", x))
    verify(module)
    refused(replace(module, functions=module.functions[:1]), "function 'f' is not in the module")
    other = replace(module.main, name="f", body=Computation((), (), ()))
    refused(replace(module, functions=(module.main, other)), "types differ")


def test_recursion():
    x, y = Value(F32), Value(F32)
    call = Instruction("call", (x,), (y,), {"callee": "main"})
    refused(module_of(call, parameters=(x,), results=(y,)), "main -> main")


def test_constants_must_match_and_be_frozen():
    x = Value(F32)
    writable = Instruction("constant", (), (x,), {"value": np.zeros(2, np.float32)})
    refused(module_of(writable), "read-only")
    wrong = Instruction("constant", (), (x,), {"value": np.zeros(3, np.float32)})
    refused(module_of(wrong), "the value is float32[3]")


def test_reduction_bodies_are_closed():
    b = Builder()
    x, outer = b.parameter((2,), "f32"), b.parameter((), "f32")
    result = b.reduce(x, outer, (0,), lambda b, a, y: b.add(b.add(a, y), outer))
    refused(b.build(result), "must not read values from outside")


def test_branches_read_outer_values():
    b = Builder()
    x, p = b.parameter((2,), "f32"), b.parameter((), "i1")
    verify(b.build(*b.if_(p, lambda b: b.sine(x), lambda b: x)))


def refuses(message, build):
    b = Builder()
    x, y = b.parameter((2, 3), "f32"), b.parameter((3, 2), "f32")
    n = b.parameter((2,), "i32")
    with pytest.raises(VerifyError, match=re.escape(message)):
        build(b, x, y, n)


def test_builder_refuses_with_what_came_in():
    refuses("add: operands must have equal types; got tensor<2x3xf32>, tensor<3x2xf32>",
            lambda b, x, y, n: b.add(x, y))  # fmt: skip
    refuses("sine: element type must be one of", lambda b, x, y, n: b.sine(n))
    refuses("shift_left: element type", lambda b, x, y, n: b.shift_left(x, x))
    refuses(
        "reshape: the number of elements stays (6, not 5)", lambda b, x, y, n: b.reshape(x, (5,))
    )
    refuses("transpose: permutation must not repeat", lambda b, x, y, n: b.transpose(x, (0, 0)))
    refuses(
        "broadcast_in_dim: operand sizes must be 1 or",
        lambda b, x, y, n: b.broadcast_in_dim(n, (4,), (0,)),
    )
    refuses("slice: 0 <= start <= limit", lambda b, x, y, n: b.slice(x, (0, 2), (2, 4)))
    refuses("concatenate: operands must agree", lambda b, x, y, n: b.concatenate([x, y], 0))
    refuses("concatenate: needs at least one", lambda b, x, y, n: b.concatenate([], 0))
    refuses(
        "dot_general: batching and contracting axes",
        lambda b, x, y, n: b.dot_general(x, y, contracting=((0,), (0,))),
    )
    refuses("select: the predicate must be i1", lambda b, x, y, n: b.select(n, n, n))
    refuses("compare: unknown comparison", lambda b, x, y, n: b.compare(x, x, "LESS"))
    refuses(
        "dynamic_slice: slice sizes",
        lambda b, x, y, n: b.dynamic_slice(x, [b.constant(0)] * 2, (3, 1)),
    )
    refuses("iota: iota_dimension", lambda b, x, y, n: b.iota((2,), "f32", 1))
    refuses("gather: unknown attributes ['axis']", lambda b, x, y, n: b.gather(x, n, axis=0))
    refuses("call: function 'f' is not defined", lambda b, x, y, n: b.call("f", x))
    refuses(
        "while: the condition must return",
        lambda b, x, y, n: b.while_([x], lambda b, x: x, lambda b, x: x),
    )
    refuses("case: the operand must be tensor<i32>", lambda b, x, y, n: b.case(n, [lambda b: x]))
    refuses("pad: the padding value", lambda b, x, y, n: b.pad(x, n, (0, 0), (0, 0), (0, 0)))
    refuses(
        "pad: result sizes",
        lambda b, x, y, n: b.pad(x, b.constant(0, "f32"), (-3, 0), (0, 0), (0, 0)),
    )


def test_unknown_dtypes():
    b = Builder()
    with pytest.raises(UnsupportedOpError, match="complex64 is not supported"):
        b.parameter((2,), np.complex64)


def test_unknown_ops():
    b = Builder()
    with pytest.raises(UnsupportedOpError, match="'sort' is not one that this compiler has"):
        b.apply("sort", (b.parameter((2,), "f32"),))
