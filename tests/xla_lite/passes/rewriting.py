"""How tests of passes are written: a body before, a body after, as StableHLO text."""

from __future__ import annotations

import re
import textwrap

import pytest

from fnx_xla_lite.hlo.isomorphism import isomorphic
from fnx_xla_lite.hlo.text import parse, to_text
from fnx_xla_lite.hlo.verify import verify

TYPES = {
    "f": "tensor<2x3xf32>",
    "i": "tensor<2x3xi32>",
    "p": "tensor<2x3xi1>",
    "s": "tensor<f32>",
    "n": "tensor<i32>",
    "q": "tensor<i1>",
    "w": "tensor<3x2xf32>",
}


def module_of(body, parameters, result):
    """A module from statements, whose last line is the value returned; F I P S N Q W are types."""
    *lines, returned = textwrap.dedent(body).strip().splitlines()
    text = re.sub(r"\b[FIPSNQW]\b", lambda match: TYPES[match[0].lower()], "\n".join(lines))
    arguments = ", ".join(f"%{name}: {TYPES.get(kind, kind)}" for name, kind in parameters.items())
    result = TYPES.get(result, result)
    return parse(
        f"module @m {{ func.func public @main({arguments}) -> {result} {{\n"
        f"{text}\nreturn {returned} : {result} }} }}"
    )


def check(run, before, after, parameters, result):
    """``run`` turns ``before`` into ``after``, after dropping what nobody reads."""
    got = verify(run(module_of(before, parameters, result)))
    expected = module_of(after, parameters, result)
    if not isomorphic(got, expected):
        pytest.fail(f"got\n{to_text(got)}\nexpected\n{to_text(expected)}")
