"""Text, equality and verification of jaxprs."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from fnx.api import grad, make_jaxpr, vmap
from fnx.config import Config
from fnx.control.call import call
from fnx.core import trace as trace_module
from fnx.core.array import Array
from fnx.core.equality import equal
from fnx.core.flatten import trace_closed
from fnx.core.ir import Eqn, Jaxpr, Literal, Var
from fnx.core.text import parse
from fnx.core.verify import verify
from fnx.errors import ParseError, VerifyError
from fnx.ops.arithmetic import mul
from fnx.ops.conversion import convert
from fnx.ops.families import add
from fnx.ops.layout import reduce_sum, reshape
from fnx.ops.trigonometric import sin, sin_p

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def total(x):
    return reduce_sum(mul(sin(x), x), axes=(0, 1))


def inner_call(x):
    jaxpr, consts = trace_closed(lambda y: [total(y)], [x.aval])
    return call(jaxpr, *consts, x, name="total")[0]


C = Array(X)

PROGRAMS = [
    lambda x: x,
    lambda x: sin(x),
    total,
    grad(total),
    inner_call,
    grad(inner_call),
    vmap(grad(lambda row: reduce_sum(mul(row, row), axes=(0,)))),
    lambda x: add(mul(x, 0.1), C),
    lambda x: (
        mul(x, float("inf")),
        mul(x, float("nan")),
        mul(x, -0.0),
        mul(x, 1e-30),
        mul(x, -3.5e20),
    ),
    lambda x: (convert(x, dtype=np.dtype("int64")), 7, True, np.uint8(200)),
    lambda x: mul(convert(x, dtype=np.dtype(ml_dtypes.bfloat16)), ml_dtypes.bfloat16(0.1)),
    lambda x: reshape(x, shape=(6,)),
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_parse_inverts_print(f):
    jaxpr = verify(make_jaxpr(f)(X))
    again = parse(str(jaxpr), [value for _, value in jaxpr.consts])
    assert equal(jaxpr, again)
    assert str(again) == str(jaxpr)
    verify(again)


def test_programs_print_in_jax_notation():
    assert str(make_jaxpr(sin)(X)) == "{ lambda ; a:f32[2,3]. let b:f32[2,3] = sin a in (b,) }"
    assert str(make_jaxpr(total)(X)).splitlines() == [
        "{ lambda ; a:f32[2,3]. let",
        "    b:f32[2,3] = sin a",
        "    c:f32[2,3] = mul b a",
        "    d:f32[] = reduce_sum[axes=(0, 1)] c",
        "  in (d,) }",
    ]


def test_names_skip_reserved_words():
    def many(x):
        for _ in range(300):
            x = sin(x)
        return x

    text = str(make_jaxpr(many)(1.0))
    assert "in:" not in text
    assert equal(parse(text), make_jaxpr(many)(1.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ lambda ; a:f32[3]. let b:f32[3] = sine a in (b,) }", "no primitive called 'sine'"),
        ("{ lambda ; a:f32[3]. let b:f32[3] = sin c in (b,) }", "'c' is not bound"),
        ("{ lambda ; a:f32[3]. let a:f32[3] = sin a in (a,) }", "a is bound a second time"),
        ("{ lambda ; a:f32[3]. let b:f32[3] = sin b in (b,) }", "'b' is not bound"),
        ("{ lambda ; a:f32[3]. let in (a,) } }", "expected the end"),
        ("{ lambda ; a:f32. let in (a,) }", "expected a aval"),
        ("{ lambda ; a:f32[3]. in (a,) }", "expected 'let'"),
        ("{ lambda a:f32[3] ;. let in (a,) }", "the text has 1 constants"),
        (
            "{ lambda ; a:f32[3]. let b:f32[3] = sin[f=<function>] a in (b,) }",
            "functions cannot be read back",
        ),
        ("{ lambda ; a:f32[3]. let $ in (a,) }", "no token begins here"),
        ("{ lambda ; a:f32[3]. let in (a,)", "expected '}'"),
    ],
)
def test_parse_errors_show_the_place(text, message):
    with pytest.raises(ParseError, match=message) as error:
        parse(text)
    assert str(error.value).splitlines()[-1].strip() == "^"


def jaxpr_of(text):
    return parse(text)


def test_equality_is_structural():
    p = jaxpr_of("{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] = mul a b in (c,) }")
    same = jaxpr_of("{ lambda ; x:f32[3] y:f32[3]. let z:f32[3] = mul x y in (z,) }")
    assert equal(p, same)
    for other in [
        "{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] = mul b a in (c,) }",
        "{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] = add a b in (c,) }",
        "{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] = mul a b in (a,) }",
        "{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] = mul a b in (c, c) }",
        "{ lambda ; a:f32[4] b:f32[4]. let c:f32[4] = mul a b in (c,) }",
        "{ lambda ; a:f32[3] b:f32[3]. let c:f32[3] = mul a 2.0:f32[] in (c,) }",
    ]:
        assert not equal(p, jaxpr_of(other))


def test_equality_looks_at_parameters_and_constants():
    one = make_jaxpr(lambda x: reshape(x, shape=(6,)))(X)
    two = make_jaxpr(lambda x: reshape(x, shape=(6, 1)))(X)
    assert not equal(one, two)
    c, d = Array(X), Array(X + 1)
    assert equal(make_jaxpr(lambda x: add(x, c))(X), make_jaxpr(lambda x: add(x, Array(X)))(X))
    assert not equal(make_jaxpr(lambda x: add(x, c))(X), make_jaxpr(lambda x: add(x, d))(X))


GOOD = "{ lambda ; a:f32[3]. let b:f32[3] = sin a c:f32[3] = mul a b in (c,) }"


def broken_programs():
    p = jaxpr_of(GOOD)
    (a,), (first, second) = p.inputs, p.eqns
    stranger = Var(a.aval)
    yield "used before it is bound", replace(p, eqns=(second, first))
    yield "used before it is bound", replace(p, outputs=(stranger,))
    yield "bound twice", replace(p, eqns=(first, second, first))
    yield "bound twice", replace(p, inputs=(a, a))
    yield (
        "type rule says",
        jaxpr_of(GOOD.replace("b:f32[3] = sin", "b:f32[4] = sin").replace("mul a b", "sin b")),
    )
    yield "type rule refuses", jaxpr_of("{ lambda ; a:i32[3]. let b:i32[3] = sin a in (b,) }")
    yield "no scalar of type", replace(p, outputs=(Literal(np.float64(1), a.aval),))
    yield "a constant is bound as", replace(p, consts=((Var(a.aval), Array(np.ones(2))),))
    with_const = make_jaxpr(lambda x: mul(x, C))(X)
    yield "has constants", Jaxpr((), (Eqn(sin_p, (), (), {"jaxpr": with_const}),), ())


@pytest.mark.parametrize(("message", "jaxpr"), list(broken_programs()))
def test_verify_finds_broken_programs(message, jaxpr):
    with pytest.raises(VerifyError, match=message) as error:
        verify(jaxpr)
    assert str(error.value).splitlines()[-1].endswith("}")


def test_verify_returns_good_programs():
    p = jaxpr_of(GOOD)
    assert verify(p) is p


def test_every_traced_program_is_verified_on_request(monkeypatch):
    checked = []
    monkeypatch.setattr(trace_module, "config", Config(check=True))
    monkeypatch.setattr(trace_module, "verify", lambda p: checked.append(verify(p)) or p)
    jaxpr = make_jaxpr(grad(inner_call))(X)
    assert len(checked) > 1
    assert checked[-1] is jaxpr
