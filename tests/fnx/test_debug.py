"""debug.print: what it prints, and which formats it refuses."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx.errors import FnxTypeError, FnxValueError

X = fnp.asarray([0.5, 1.25, -3.0])

PRINTS = {
    "by name": ("x = {x}", (), {"x": X}, "x = [ 0.5   1.25 -3.  ]"),
    "in order": ("{} {}", (1, 2.5), {}, "1 2.5"),
    "by number": ("{1} {0}", (1, 2.5), {}, "2.5 1"),
    "a format for a number": ("{x:.3f}|{y:>5}", (), {"x": 0.25, "y": 7}, "0.250|    7"),
    "a format for an array": ("{x:.1f}", (), {"x": X}, "[0.5 1.2 -3.0]"),
    "narrow floats": ("{x:.2f} {x}", (), {"x": fnp.asarray([0.5], "bfloat16")}, "[0.50] [0.5]"),
    "a bfloat16": ("{:.2f}", (fnp.asarray(0.5, "bfloat16"),), {}, "0.50"),
    "an element": ("{x[1]} {x.shape}", (), {"x": X}, "1.25 (3,)"),
    "a tree": ("{}", ({"a": 1.0, "b": (True, None)},), {}, "{'a': 1.0, 'b': (True, None)}"),
    "what is no array": ("{} {!r} {:>4}", ("text", "q", "r"), {}, "text 'q'    r"),
    "braces": ("{{}} {x}", (), {"x": 1}, "{} 1"),
    "a width that is an argument": ("{x:{w}}", (), {"x": 1.5, "w": 6}, "   1.5"),
    "nothing": ("hello", (), {}, "hello"),
}  # fmt: skip


@pytest.mark.parametrize("case", PRINTS)
@pytest.mark.parametrize("jit", [False, True])
def test_prints(capsys, case, jit):
    fmt, args, kwargs, text = PRINTS[case]

    def f():
        fnx.debug.print(fmt, *args, **kwargs)

    (fnx.jit(f) if jit else f)()
    assert capsys.readouterr().out == text + "\n"


def test_prints_values_of_a_jitted_function(capsys):
    @fnx.jit
    def f(x, w):
        fnx.debug.print("x = {x:{w}.2f}, {0}", x + 1, x=x, w=w, ordered=True)

    f(1.5, 8)
    assert capsys.readouterr().out == "x =     1.50, 2.5\n"


REFUSED = {
    "no such name": ("{y}", (), {"x": 1}, "there is no argument 'y'"),
    "too few": ("{} {}", (1,), {}, "Replacement index 1 out of range"),
    "too many": ("{}", (1, 2), {}, "no field shows argument 1"),
    "a name not shown": ("{}", (1,), {"x": 2, "y": 3}, "no field shows argument x, y"),
    "both ways of counting": ("{} {0}", (1,), {}, "cannot switch from automatic"),
    "open brace": ("{", (1,), {}, "Single '{' encountered"),
    "a format of integers": ("{x:d}", (), {"x": X}, "Unknown format code 'd'"),
    "no such element": ("{x[7]}", (), {"x": X}, "out of bounds"),
    "no such attribute": ("{x.size_of}", (), {"x": X}, "no attribute 'size_of'"),
    "a value in the string": ("x = 1.0", (1.0,), {}, "no field shows argument 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_formats_before_anything_runs(case):
    fmt, args, kwargs, complaint = REFUSED[case]

    def f(x):
        fnx.debug.print(fmt, *args, **kwargs)

    with pytest.raises(FnxValueError, match="does not fit the arguments") as caught:
        fnx.make_jaxpr(f)(1.0)
    assert complaint in str(caught.value)
    assert "in test_debug.py:" in str(caught.value)
    assert 'fnx.debug.print("x = {x:.3f}", x=x)' in str(caught.value)


def test_a_format_must_be_a_string():
    with pytest.raises(FnxTypeError, match="the format must be a string, got Array"):
        fnx.debug.print(X)


def test_the_check_can_be_left_out():
    f = fnx.jit(lambda x: fnx.debug.print("{y}", x=x, skip_format_check=True))
    with pytest.raises(KeyError, match="y"):
        f(1.0)


def test_large_arrays_are_cut_as_numpy_cuts_them(capsys):
    fnx.jit(lambda x: fnx.debug.print("{}", x))(fnp.zeros(5000))
    assert capsys.readouterr().out == "[0. 0. 0. ... 0. 0. 0.]\n"
    assert str(np.dtype(ml_dtypes.bfloat16)) == "bfloat16"
