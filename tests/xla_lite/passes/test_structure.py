"""Canonical forms, folding, moves, and the passes about whole instructions."""

from __future__ import annotations

import numpy as np
import pytest

from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.hlo.ir import Computation, Function, HloModule, Instruction, TensorType, Value
from fnx_xla_lite.passes.canonicalize import canonicalize
from fnx_xla_lite.passes.constant_fold import LIMIT, constant_fold
from fnx_xla_lite.passes.cse import cse
from fnx_xla_lite.passes.dce import dce
from fnx_xla_lite.passes.inline_calls import inline_calls
from fnx_xla_lite.passes.reshapes import reshapes
from tests.xla_lite.passes.rewriting import check

PARAMETERS = {
    "x": "f",
    "y": "f",
    "s": "s",
    "p": "p",
    "n": "n",
    "q": "tensor<i1>",
    "w": "tensor<3x2xf32>",
    "v": "tensor<3xf32>",
}
R = "tensor<2x1x3xf32>"

CANONICAL = [
    ("%0 = stablehlo.reshape %x : (F) -> F\n%0", "%x"),
    ("%0 = stablehlo.convert %x : F\n%0", "%x"),
    ("%0 = stablehlo.transpose %x, dims = [0, 1] : (F) -> F\n%0", "%x"),
    ("%0 = stablehlo.slice %x [0:2, 0:3] : (F) -> F\n%0", "%x"),
    ("%0 = stablehlo.pad %x, %s, low = [0, 0], high = [0, 0], interior = [0, 0] : (F, S) -> F\n"
     "%0", "%x"),
    ("%0 = stablehlo.broadcast_in_dim %x, dims = [0, 1] : (F) -> F\n%0", "%x"),
    ("%0 = stablehlo.concatenate %x, dim = 0 : (F) -> F\n%0", "%x"),
    ("%0 = chlo.square %x : F -> F\n%0", "%0 = stablehlo.multiply %x, %x : F\n%0"),
    ("%0 = stablehlo.select %q, %x, %y : Q, F\n%0",
     "%0 = stablehlo.broadcast_in_dim %q, dims = [] : (Q) -> P\n"
      "%1 = stablehlo.select %0, %x, %y : P, F\n"
      "%1"),
    ("%c = stablehlo.constant dense<2.0> : F\n%0 = stablehlo.add %c, %x : F\n%0",
     "%c = stablehlo.constant dense<2.0> : F\n%0 = stablehlo.add %x, %c : F\n%0"),
    ("%c = stablehlo.constant dense<0> : N\n"
     "%0 = stablehlo.dynamic_slice %x, %n, %c, sizes = [2, 3] : (F, N, N) -> F\n"
     "%0", "%x"),
    ("%c = stablehlo.constant dense<2.0> : F\n"
     "%0 = stablehlo.dynamic_slice %c, %n, %n, sizes = [1, 3] : (F, N, N) -> tensor<1x3xf32>\n"
     "%1 = stablehlo.broadcast_in_dim %0, dims = [0, 1] : (tensor<1x3xf32>) -> F\n%1",
     "%0 = stablehlo.constant dense<2.0> : tensor<1x3xf32>\n"
     "%1 = stablehlo.broadcast_in_dim %0, dims = [0, 1] : (tensor<1x3xf32>) -> F\n%1"),
    ("%0 = stablehlo.broadcast_in_dim %v, dims = [1] : (tensor<3xf32>) -> F\n"
     "%1 = stablehlo.dynamic_slice %0, %n, %n, sizes = [1, 3] : (F, N, N) -> tensor<1x3xf32>\n"
     "%2 = stablehlo.broadcast_in_dim %1, dims = [0, 1] : (tensor<1x3xf32>) -> F\n%2",
     "%0 = stablehlo.reshape %v : (tensor<3xf32>) -> tensor<1x3xf32>\n"
     "%1 = stablehlo.broadcast_in_dim %0, dims = [0, 1] : (tensor<1x3xf32>) -> F\n%1"),
    ("%0 = stablehlo.dynamic_update_slice %x, %y, %n, %n : (F, F, N, N) -> F\n%0", "%y"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), CANONICAL)
def test_canonical_forms(before, after):
    check(lambda m: dce(canonicalize(m)), before, after, PARAMETERS, "f")


def test_constant_on_the_left_of_a_comparison_moves_right():
    c = "%c = stablehlo.constant dense<2.0> : F\n"
    before = f"{c}%0 = stablehlo.compare LT, %c, %x, FLOAT : (F, F) -> P\n%0"
    check(
        canonicalize,
        before,
        f"{c}%0 = stablehlo.compare GT, %x, %c, FLOAT : (F, F) -> P\n%0",
        PARAMETERS,
        "p",
    )


def test_dynamic_slice_at_constants_is_clamped():
    before = (
        "%a = stablehlo.constant dense<7> : N\n%b = stablehlo.constant dense<-1> : N\n"
        "%0 = stablehlo.dynamic_slice %x, %a, %b, sizes = [1, 2] : (F, N, N) -> tensor<1x2xf32>\n%0"
    )
    after = "%0 = stablehlo.slice %x [1:2, 0:2] : (F) -> tensor<1x2xf32>\n%0"
    check(lambda m: dce(canonicalize(m)), before, after, PARAMETERS, "tensor<1x2xf32>")


MOVES = [
    ("%0 = stablehlo.transpose %x, dims = [1, 0] : (F) -> W\n"
     "%1 = stablehlo.transpose %0, dims = [1, 0] : (W) -> F\n"
     "%1", "%x"),
    ("%0 = stablehlo.reshape %x : (F) -> tensor<6xf32>\n"
     "%1 = stablehlo.reshape %0 : (tensor<6xf32>) -> F\n"
     "%1", "%x"),
    ("%0 = stablehlo.broadcast_in_dim %s, dims = [] : (S) -> W\n"
     "%1 = stablehlo.transpose %0, dims = [1, 0] : (W) -> F\n"
     "%1",
     "%0 = stablehlo.broadcast_in_dim %s, dims = [] : (S) -> F\n%0"),
    (f"%0 = stablehlo.reshape %x : (F) -> {R}\n"
     f"%1 = stablehlo.sine %0 : {R}\n"
     f"%2 = stablehlo.reshape %1 : ({R}) -> F\n"
     "%2",
     "%0 = stablehlo.sine %x : F\n%0"),
    ("%0 = stablehlo.slice %x [0:2, 1:3] : (F) -> tensor<2x2xf32>\n"
     "%1 = stablehlo.concatenate %0, %x, dim = 1 : (tensor<2x2xf32>, F) -> tensor<2x5xf32>\n"
     "%2 = stablehlo.slice %1 [0:2, 2:5] : (tensor<2x5xf32>) -> F\n%2",
     "%0 = stablehlo.slice %x [0:2, 0:3] : (F) -> F\n%0"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), MOVES)
def test_moves_compose(before, after):
    check(lambda m: dce(reshapes(m)), before, after, PARAMETERS, "f")


def test_keepdims_broadcast_is_one_broadcast():
    b = Builder("m")
    bias = b.parameter((3,), "f32")
    row = b.broadcast_in_dim(bias, (1, 3), (1,))
    module = dce(reshapes(canonicalize(b.build(b.broadcast_in_dim(row, (4, 3), (0, 1))))))
    (instr,) = module.main.body.instructions
    assert instr.op == "broadcast_in_dim"
    assert instr.operands == (bias,)
    assert instr.attributes["broadcast_dimensions"] == (1,)


def test_slice_of_slice():
    b = Builder()
    x = b.parameter((20,), "f32")
    module = dce(reshapes(b.build(b.slice(b.slice(x, (2,), (18,), (3,)), (1,), (5,), (2,)))))
    (instr,) = module.main.body.instructions
    assert instr.attributes == {"start_indices": (5,), "limit_indices": (12,), "strides": (6,)}


@pytest.mark.parametrize("side", ["lhs", "rhs", "result"])
def test_transposes_go_into_products(side):
    b = Builder()
    x, y = b.parameter((5, 4), "f32"), b.parameter((5, 6), "f32")
    if side == "lhs":
        result = b.dot_general(b.transpose(x, (1, 0)), y, contracting=((1,), (0,)))
    elif side == "rhs":
        result = b.dot_general(x, b.transpose(y, (1, 0)), contracting=((0,), (1,)))
    else:
        result = b.transpose(b.dot_general(y, x, contracting=((0,), (0,))), (1, 0))
    (dot,) = dce(reshapes(b.build(result))).main.body.instructions
    assert dot.op == "dot_general"
    assert dot.operands == (x, y)
    assert dot.attributes["lhs_contracting_dimensions"] == (0,)
    assert dot.attributes["rhs_contracting_dimensions"] == (0,)


def test_transposes_that_reorder_free_axes_stay():
    b = Builder()
    x, y = b.parameter((2, 3, 4), "f32"), b.parameter((4, 5), "f32")
    module = b.build(b.dot_general(b.transpose(x, (1, 0, 2)), y, contracting=((2,), (0,))))
    assert [i.op for i in dce(reshapes(module)).main.body.instructions] == [
        "transpose",
        "dot_general",
    ]


def test_reduction_of_a_transpose_renames_axes():
    b = Builder()
    x = b.parameter((2, 3, 4), "f32")
    total = b.reduce(b.transpose(x, (2, 0, 1)), b.constant(0, "f32"), (0, 2), "add")
    *_, instr = dce(reshapes(b.build(total))).main.body.instructions
    assert instr.operands[0] is x
    assert instr.attributes["dimensions"] == (1, 2)


def folded(b, *results):
    return dce(constant_fold(b.build(*results))).main.body.instructions


def test_splats_fold_whatever_their_shape():
    b = Builder()
    big = b.broadcast_in_dim(b.constant(3.0, "f32"), (10_000, 1000), ())
    instr, negated = folded(b, b.sqrt(big), b.negate(big))
    assert instr.attributes["value"].strides == (0, 0)
    assert negated.attributes["value"][5, 7] == -3.0


def test_iotas_and_large_results_are_not_expanded():
    b = Builder()
    line = b.constant(np.arange(LIMIT + 1, dtype=np.float32))
    results = (
        b.iota((4,), "f32", 0),
        b.negate(line),
        b.broadcast_in_dim(b.constant([1.0, 2.0]), (2, 2), (0,)),
    )
    assert [i.op for i in folded(b, *results)] == [
        "constant",
        "iota",
        "negate",
        "constant",
        "broadcast_in_dim",
    ]


def test_small_constants_fold():
    b = Builder()
    x = b.constant(np.arange(6, dtype=np.float32).reshape(2, 3))
    (instr,) = folded(
        b, b.dot_general(b.exponential(x), b.transpose(x, (1, 0)), contracting=((1,), (0,)))
    )
    assert instr.op == "constant"
    assert instr.attributes["value"].shape == (2, 2)
    assert not instr.attributes["value"].flags.writeable


def test_known_branches_run_in_place():
    b = Builder()
    x = b.parameter((2,), "f32")
    (y,) = b.case(b.constant(7, "i32"), [lambda b: b.sine(x), lambda b: b.cosine(x)])
    assert [i.op for i in folded(b, b.negate(y))] == ["cosine", "negate"]


def test_cse_merges_equal_instructions_and_reductions():
    b = Builder()
    x, y = b.parameter((2, 3), "f32"), b.parameter((2, 3), "f32")

    def total(x):
        return b.reduce(x, b.constant(0.0, "f32"), (1,), "add")

    product = b.multiply(total(b.add(x, y)), total(b.add(y, x)))
    module = dce(cse(b.build(product)))
    assert [i.op for i in module.main.body.instructions] == [
        "add",
        "constant",
        "reduce",
        "multiply",
    ]


def test_cse_tells_apart_what_differs_in_bits_types_or_attributes():
    b = Builder()
    x = b.parameter((2, 2), "f32")
    results = (
        b.constant(0.0, "f32"),
        b.constant(-0.0, "f32"),
        b.constant(0.0, "f64"),
        b.constant([0.0, 0.0], "f32"),
        b.reverse(x, (0,)),
        b.reverse(x, (1,)),
        b.subtract(x, b.reverse(x, (0,))),
        b.compare(x, x, "LT"),
        b.compare(x, x, "LE"),
    )
    before = b.build(*results)
    after = cse(before)
    assert len(set(after.main.body.results)) == len(results)


def test_cse_leaves_barriers_apart():
    b = Builder()
    x = b.parameter((2,), "f32")
    (y,), (z,) = b.optimization_barrier(x), b.optimization_barrier(x)
    module = cse(b.build(b.sine(y), b.sine(z)))
    assert len(module.main.body.instructions) == 4


def test_dce_looks_into_regions():
    b = Builder()
    x, used, unused = b.parameter((2,), "f32"), b.parameter((), "f32"), b.parameter((), "f32")
    outer = b.sine(used)
    b.cosine(unused)

    def body(b, x):
        b.tanh(x)
        return b.multiply(x, b.broadcast_in_dim(outer, (2,), ()))

    (y,) = b.while_([x], lambda b, x: b.constant(False), body)
    module = dce(b.build(y))
    assert [i.op for i in module.main.body.instructions] == ["sine", "while"]
    loop = module.main.body.instructions[-1]
    assert [i.op for i in loop.regions[1].instructions] == ["broadcast_in_dim", "multiply"]


def test_calls_are_inlined_at_any_depth():
    b = Builder()
    x = b.parameter((2,), "f32")
    b.define("inner", [x.type], lambda b, x: b.sine(x))
    b.define("outer", [x.type], lambda b, x: b.add(*b.call("inner", x), *b.call("inner", x)))
    (y,) = b.while_([x], lambda b, x: b.constant(False), lambda b, x: b.call("outer", x))
    module = inline_calls(b.build(*b.call("outer", y)))
    assert [f.name for f in module.functions] == ["main"]
    assert [i.op for i in module.main.body.instructions] == ["while", "sine", "sine", "add"]


def test_recursion_is_refused():
    x, y = Value(TensorType((), "f32")), Value(TensorType((), "f32"))
    call = Instruction("call", (x,), (y,), {"callee": "main"})
    module = HloModule("m", (Function("main", Computation((x,), (call,), (y,))),))
    with pytest.raises(VerifyError, match="main -> main"):
        inline_calls(module)
