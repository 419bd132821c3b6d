"""Law: a printed kernel parses back to itself."""

from __future__ import annotations

import pytest

from fnx_xla_lite.errors import ParseError
from fnx_xla_lite.loops.build import build_program
from fnx_xla_lite.loops.parse import parse
from fnx_xla_lite.loops.program_text import kernels_of
from fnx_xla_lite.loops.text import to_text
from tests.xla_lite.loops.cases import CASES, build


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name):
    for kernel in set(kernels_of(build_program(build(name)[0]).steps)):
        assert parse(to_text(kernel)) == kernel


SQUARE = """kernel square(input x: f32[3,4], output y: f32[3,4]) {  // model.py:3 in f
  parallel i < 3 {
    vector j < 4, -i + 4 {
      let v = x[i, j]
      y[i, j] = multiply.f32(v, -0.5:f32)
    }
  }
}"""


def test_printing_gives_the_text_that_was_parsed():
    kernel = parse(SQUARE)
    assert to_text(kernel) == SQUARE
    assert kernel.location == "model.py:3 in f"
    assert kernel.body[0].body[0].bound.offset == 4


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("multiply.f32(v,", "multiply.f32(w,", "line 5: w is not defined here"),
        ("x[i, j]", "z.f32[i, j]", "line 4"),
        ("< 4,", "4,", "line 3: expected '<'"),
        ("}\n}", "}", "expected"),
        ("parallel", "parallel &", "unknown character"),
    ],
)
def test_errors_name_the_line(old, new, problem):
    with pytest.raises(ParseError, match=problem):
        parse(SQUARE.replace(old, new))
