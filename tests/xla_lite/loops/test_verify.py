"""The verifier refuses what would read or write outside of a buffer.

It also refuses what breaks a structural rule.
"""

from __future__ import annotations

import pytest

from fnx_xla_lite.errors import VerifyError
from fnx_xla_lite.loops.parse import parse
from fnx_xla_lite.loops.verify import verify

HEAD = (
    "kernel k(input x: f32[4,6], input n: i32[4], output y: f32[4,6], scratch t: f32[6]) {{\n{}\n}}"
)


def kernel(body):
    return parse(HEAD.format(body))


ACCEPTED = {
    "bound": "parallel c < 2 { vector j < 16, -16*c + 24 { let v = x[0, 0] } }",
    "guard": "vector j < 9 { let v = guard.f32(j - 2 in 0:6 ? x[0, j - 2] : 0.0:f32) }",
    "two guards": "serial i < 9 { vector j < 9 { let v = guard.f32(i - 1 in 0:4 ? "
    "guard.f32(-j + 7 in 0:6 ? x[i - 1, -j + 7] : 1.0:f32) : 0.0:f32) } }",
    "clamp": "serial i < 4 { y[clamp(n[i], 0, 3) + 0, clamp(n[i], 0, 2) + i] = 1.0:f32 }",
    "columns of rows": "parallel i < 4 { parallel c < 3 { "
    "vector j < 2 { y[i, 2*c + j] = 0.0:f32 } } }",
    "scratch of each": "parallel i < 4 { t[0] = 1.0:f32 y[i, 0] = t[0] }",
    "one moved window": "parallel i < 2 { let s = n[0] y[clamp(s, 0, 2) + i, 0] = 1.0:f32 }",
    "serial in vector": "vector i < 4 { acc a: f32 = 0.0:f32 serial j < 6 { a add= x[i, j] } }",
    "matmul": "matmul s: f32 [; i < 4; j < 4; k < 6] = x[i, k] * x[j, k] { y[i, j] = s }",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name):
    verify(kernel(ACCEPTED[name]))


def test_a_bounded_loop_reaches_no_further_than_its_bound():
    head = "kernel k(input x: f32[24], output y: f32[24])"
    flat = head + "{{ parallel c < 2 {{ vector j < 16{} {{ y[16*c + j] = x[16*c + j] }} }} }}"
    verify(parse(flat.format(", -16*c + 24")))
    with pytest.raises(VerifyError, match=r"index of x reaches 0\.\.31, its size is 24"):
        verify(parse(flat.format("")))
    with pytest.raises(VerifyError, match=r"reaches 0\.\.24"):
        verify(parse(flat.format(", -16*c + 25")))


REFUSED = {
    "load beyond": ("vector j < 7 { let v = x[0, j] }", r"x reaches 0\.\.6, its size is 6"),
    "load before": ("vector j < 6 { let v = x[0, j - 1] }", r"reaches -1\.\.4"),
    "store beyond": ("serial i < 5 { y[i, 0] = 0.0:f32 }", r"index of y reaches 0\.\.4"),
    "guard on another index": (
        "vector j < 9 { let v = guard.f32(j in 0:6 ? x[0, j + 1] : 0.0:f32) }",
        r"reaches 1\.\.6",
    ),
    "guard too wide": ("vector j < 9 { let v = guard.f32(j in 0:7 ? x[0, j] : 0.0:f32) }", "0..6"),
    "outside of a guard": (
        "vector j < 9 { let v = guard.f32(j in 0:6 ? 0.0:f32 : x[0, j]) }",
        r"reaches 0\.\.8",
    ),
    "clamp too wide": ("y[clamp(n[0], 0, 4) + 0, 0] = 1.0:f32", r"index of y reaches 0\.\.4"),
    "clamp and more": ("vector i < 2 { y[clamp(n[0], 0, 3) + i, 0] = 1.0:f32 }", r"reaches 0\.\.4"),
    "empty clamp": ("y[clamp(n[0], 2, 1) + 0, 0] = 1.0:f32", "empty clamp"),
    "rank": ("let v = x[0]", "x has 2 dimensions"),
    "unknown variable": ("let v = x[i, 0]", "loop variable i is not in scope"),
    "variable after its loop": ("vector i < 4 { let v = x[i, 0] } let w = x[i, 0]", "not in scope"),
    "input is written": ("x[0, 0] = 1.0:f32", "store to input x"),
    "type of a store": ("y[0, 0] = 1:i32", "store of i32 to y: f32"),
    "imperfect prefix": (
        "let v = x[0, 0] parallel i < 4 { y[i, 0] = v }",
        "outside of the perfect prefix",
    ),
    "vector in vector": (
        "vector i < 4 { vector j < 6 { y[i, j] = 0.0:f32 } }",
        "vector loop j inside a vector loop",
    ),
    "variable twice": ("serial i < 4 { serial i < 6 { let v = x[0, 0] } }", "i is redefined"),
    "name twice": ("let v = 1:i32 let v = 2:i32", "v is redefined"),
    "update of a let": ("let v = 1.0:f32 v add= 1.0:f32", "v is not an accumulator"),
    "update type": ("acc a: f32 = 0.0:f32 a add= 1:i32", "another type"),
    "update op": ("acc a: f32 = 0.0:f32 a subtract= 1.0:f32", "update of a by subtract"),
    "init type": ("acc a: f32 = 0:i32", "starts with another type"),
    "guard types": ("let v = guard.f32(0 in 0:1 ? 1:i32 : 0.0:f32)", "differ in type"),
    "empty loop": ("serial i < 0 { let v = 1:i32 }", "extent 0"),
    "race": ("parallel i < 4 { y[0, 0] = 0.0:f32 }", "write one element of y"),
    "race of one loop": ("parallel i < 4 { parallel j < 6 { y[i, 0] = 0.0:f32 } }", "one element"),
    "overlapping columns": (
        "parallel c < 3 { vector j < 3 { y[0, c + j] = 0.0:f32 } }",
        "two iterations might write one element of y",
    ),
    "lanes meet": ("vector j < 6 { y[0, 0] = x[0, j] }", "one element of y"),
    "lanes meet in scratch": ("parallel i < 4 { vector j < 6 { t[0] = x[i, j] } }", "of t"),
    "race through data": (
        "parallel i < 4 { let s = n[i] y[clamp(s, 0, 3) + 0, 0] = 1.0:f32 }",
        "one element of y",
    ),
    "matmul operand": (
        "matmul s: f32 [; i < 4; j < 4; k < 6] = x[j, k] * x[j, k] { y[i, j] = s }",
        "foreign variable",
    ),
    "matmul epilogue": (
        "matmul s: f32 [; i < 4; j < 7; k < 6] = x[i, k] * x[0, k] { y[i, j] = s }",
        r"index of y reaches 0\.\.6",
    ),
    "matmul k in epilogue": (
        "matmul s: f32 [; i < 4; j < 4; k < 6] = x[i, k] * x[j, k] { y[i, k] = s }",
        "k is not in scope",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    body, problem = REFUSED[name]
    with pytest.raises(VerifyError, match=problem):
        verify(kernel(body))


def test_two_buffers_with_one_name():
    with pytest.raises(VerifyError, match="share a name"):
        verify(parse("kernel k(input x: f32[1], output x: f32[1]) { x[0] = 1.0:f32 }"))
