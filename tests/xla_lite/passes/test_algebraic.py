"""Each identity fires where it holds, not where NaN, infinities or signed zeros forbid it."""

from __future__ import annotations

import pytest

from fnx_xla_lite.hlo.builder import Builder
from fnx_xla_lite.passes.algebraic import algebraic
from fnx_xla_lite.passes.canonicalize import canonicalize
from fnx_xla_lite.passes.constant_fold import constant_fold
from fnx_xla_lite.passes.dce import dce
from tests.xla_lite.passes.rewriting import check

PARAMETERS = {"x": "f", "y": "f", "i": "i", "j": "i", "p": "p", "s": "s"}
C = "%c = stablehlo.constant dense<{}> : {}\n"


def simplify(module):
    return dce(algebraic(canonicalize(module)))


def float_constant(value):
    return C.format(value, "tensor<2x3xf32>")


def int_constant(value):
    return C.format(value, "tensor<2x3xi32>")


TO_X = [
    ("add", "-0.0"), ("subtract", "0.0"), ("multiply", "1.0"), ("divide", "1.0"), ("power", "1.0"),
    ("maximum", "0xFF800000"), ("minimum", "0x7F800000"),
]  # fmt: skip
NOT_TO_X = [
    ("add", "0.0"), ("subtract", "-0.0"), ("multiply", "0.0"), ("divide", "3.0"), ("power", "0.5"),
    ("maximum", "0.0"), ("minimum", "0xFF800000"), ("multiply", "-0.0"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "number"), TO_X)
def test_float_identities(op, number):
    before = f"{float_constant(number)}%0 = stablehlo.{op} %x, %c : F\n%0"
    check(simplify, before, "%x", PARAMETERS, "f")


@pytest.mark.parametrize(("op", "number"), NOT_TO_X)
def test_what_is_no_identity_of_floats_stays(op, number):
    before = f"{float_constant(number)}%0 = stablehlo.{op} %x, %c : F\n%0"
    check(simplify, before, before, PARAMETERS, "f")


@pytest.mark.parametrize("op", ["subtract", "divide", "remainder"])
def test_x_with_itself_stays_for_floats(op):
    before = f"%0 = stablehlo.{op} %x, %x : F\n%0"
    check(simplify, before, before, PARAMETERS, "f")


@pytest.mark.parametrize(
    ("op", "number"),
    [
        ("add", 0),
        ("subtract", 0),
        ("multiply", 1),
        ("divide", 1),
        ("or", 0),
        ("xor", 0),
        ("and", -1),
        ("shift_left", 0),
        ("shift_right_logical", 0),
        ("maximum", -(2**31)),
        ("minimum", 2**31 - 1),
    ],
)
def test_integer_identities(op, number):
    before = f"{int_constant(number)}%0 = stablehlo.{op} %i, %c : I\n%0"
    check(simplify, before, "%i", PARAMETERS, "i")


@pytest.mark.parametrize(
    "statement", ["multiply %i, %c", "and %i, %c", "subtract %i, %i", "xor %i, %i"]
)
def test_integer_zeros(statement):
    before = f"{int_constant(0)}%0 = stablehlo.{statement} : I\n%0"
    check(simplify, before, f"{int_constant(0)}%c", PARAMETERS, "i")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("%0 = stablehlo.negate %y : F\n"
         "%1 = stablehlo.add %x, %0 : F\n"
         "%1", "%0 = stablehlo.subtract %x, %y : F\n"
         "%0"),
        ("%0 = stablehlo.negate %y : F\n"
         "%1 = stablehlo.add %0, %x : F\n"
         "%1", "%0 = stablehlo.subtract %x, %y : F\n"
         "%0"),
        ("%0 = stablehlo.negate %y : F\n"
         "%1 = stablehlo.subtract %x, %0 : F\n"
         "%1", "%0 = stablehlo.add %x, %y : F\n"
         "%0"),
        ("%0 = stablehlo.negate %x : F\n%1 = stablehlo.negate %0 : F\n%1", "%x"),
        ("%0 = stablehlo.negate %x : F\n"
         "%1 = stablehlo.abs %0 : F\n"
         "%1", "%0 = stablehlo.abs %x : F\n"
         "%0"),
        ("%0 = stablehlo.abs %x : F\n"
         "%1 = stablehlo.abs %0 : F\n"
         "%1", "%0 = stablehlo.abs %x : F\n"
         "%0"),
        ("%0 = stablehlo.maximum %x, %x : F\n%0", "%x"),
        ("%0 = stablehlo.select %p, %x, %x : P, F\n%0", "%x"),
        ("%0 = stablehlo.not %p : P\n%1 = stablehlo.select %0, %x, %y : P, F\n%1",
         "%0 = stablehlo.select %p, %y, %x : P, F\n%0"),
        ("%0 = stablehlo.compare EQ, %i, %i, SIGNED : (I, I) -> P\n"
         "%1 = stablehlo.select %0, %x, %y : P, F\n"
         "%1", "%x"),
        (f"{float_constant(4.0)}%0 = stablehlo.divide %x, %c : F\n%0",
         f"{float_constant(0.25)}%0 = stablehlo.multiply %x, %c : F\n%0"),
        (f"{float_constant(-1.0)}%0 = stablehlo.multiply %x, %c : F\n"
         "%0", "%0 = stablehlo.negate %x : F\n"
         "%0"),
        (f"{float_constant(2.0)}%0 = stablehlo.power %x, %c : F\n"
         "%0", "%0 = stablehlo.multiply %x, %x : F\n"
         "%0"),
        (f"{float_constant(0.0)}%0 = stablehlo.power %x, %c : F\n%0", f"{float_constant(1.0)}%c"),
        ("%0 = stablehlo.convert %x : (F) -> tensor<2x3xf64>\n"
         "%1 = stablehlo.convert %0 : (tensor<2x3xf64>) -> F\n"
         "%1", "%x"),
        (f"{float_constant(0.0)}%0 = stablehlo.exponential %x : F\n"
         "%1 = stablehlo.add %0, %c : F\n"
         "%1",
         "%0 = stablehlo.exponential %x : F\n%0"),
        ("%0 = stablehlo.broadcast_in_dim %s, dims = [] : (S) -> F\n%1 = stablehlo.sine %0 : F\n%1",
         "%0 = stablehlo.sine %s : S\n"
          "%1 = stablehlo.broadcast_in_dim %0, dims = [] : (S) -> F\n"
          "%1"),
    ],
)  # fmt: skip
def test_rewrites(before, after):
    check(simplify, before, after, PARAMETERS, "f")


@pytest.mark.parametrize(
    "before",
    [
        "%0 = stablehlo.convert %x : (F) -> tensor<2x3xbf16>\n"
        "%1 = stablehlo.convert %0 : (tensor<2x3xbf16>) -> F\n"
        "%1",
        "%0 = stablehlo.convert %x : (F) -> I\n%1 = stablehlo.convert %0 : (I) -> F\n%1",
        "%0 = stablehlo.compare EQ, %x, %x, FLOAT : (F, F) -> P\n"
        "%1 = stablehlo.select %0, %x, %y : P, F\n"
        "%1",
        "%0 = stablehlo.add %x, %y : F\n%1 = stablehlo.subtract %0, %y : F\n%1",
        "%0 = stablehlo.multiply %x, %y : F\n%1 = stablehlo.divide %0, %y : F\n%1",
        "%0 = stablehlo.subtract %x, %y : F\n%1 = stablehlo.negate %0 : F\n%1",
        f"{float_constant('0x00000001')}%0 = stablehlo.divide %x, %c : F\n%0",
    ],
)
def test_inexact_rewrites_do_not_happen(before):
    check(simplify, before, before, PARAMETERS, "f")


def test_negated_comparison():
    before = (
        "%0 = stablehlo.compare LT, %i, %j, SIGNED : (I, I) -> P\n%1 = stablehlo.not %0 : P\n%1"
    )
    after = "%0 = stablehlo.compare GE, %i, %j, SIGNED : (I, I) -> P\n%0"
    check(simplify, before, after, PARAMETERS, "p")
    unordered = (
        "%0 = stablehlo.compare LT, %x, %y, FLOAT : (F, F) -> P\n%1 = stablehlo.not %0 : P\n%1"
    )
    check(simplify, unordered, unordered, PARAMETERS, "p")


def test_sum_from_zero_is_never_negative_zero():
    head = (
        "%z = stablehlo.constant dense<0.0> : S\n%0 = stablehlo.reduce(%x init: %z) applies "
        "stablehlo.add across dimensions = [0, 1] : (F, S) -> S\n"
    )
    check(simplify, f"{head}%1 = stablehlo.add %0, %z : S\n%1", f"{head}%0", PARAMETERS, "s")


def test_a_rewrite_keeps_the_users_line():
    b = Builder()
    x = b.parameter((2,), "f32")
    with b.location("train.py:3 in loss"):
        y = b.add(x, b.negate(x))
    module = simplify(b.build(y))
    assert [i.location for i in module.main.body.instructions] == ["train.py:3 in loss"]


def test_folding_comes_before_algebra_in_any_order():
    before = (
        "%z = stablehlo.constant dense<1.0> : S\n"
        "%c = stablehlo.broadcast_in_dim %z, dims = [] : (S) -> F\n"
        "%0 = stablehlo.multiply %c, %x : F\n%0"
    )
    check(lambda m: simplify(constant_fold(m)), before, "%x", PARAMETERS, "f")
