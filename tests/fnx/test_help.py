"""What ``help`` and ``inspect`` show of functions that fnx made."""

from __future__ import annotations

import inspect
import pydoc

import numpy as np
import pytest

import fnx
from fnx import extend
from fnx.core.primitive import Primitive
from fnx.core.rule_checks import _SIGNATURES


def scaled(x, factor: float = 2.0):
    """``x`` times a factor."""
    return x * factor


MAKERS = (
    fnx.jit, fnx.grad, fnx.value_and_grad, fnx.vmap, fnx.checkpoint, fnx.custom_jvp, fnx.custom_vjp,
    fnx.custom_vmap, fnx.sequential_vmap, fnx.jacfwd, fnx.jacrev, fnx.hessian,
)  # fmt: skip


@pytest.mark.parametrize("make", MAKERS, ids=lambda f: f.__name__)
def test_help_shows_the_functions_own_words_and_arguments(make):
    made = make(scaled)
    assert inspect.signature(made) == inspect.signature(scaled)
    assert made.__doc__ == scaled.__doc__
    shown = pydoc.plain(pydoc.render_doc(made))
    assert "scaled(x, factor: 'float' = 2.0)" in shown
    assert "``x`` times a factor." in shown


def test_help_of_primitives_says_the_signature_of_every_rule():
    shown = " ".join(pydoc.plain(pydoc.render_doc(extend.Primitive)).replace("|", "").split())
    for rule, signature in _SIGNATURES.items():
        call = signature.split(" -> ")[0]
        assert call in shown, rule
    for field in Primitive.__dataclass_fields__:
        assert f" {field}: " in inspect.getdoc(Primitive).replace("\n", " "), field


@pytest.mark.parametrize("make", [fnx.custom_jvp, fnx.custom_vjp, fnx.custom_vmap, fnx.jit])
def test_methods_are_bound(make):
    class Layer:
        factor = 3.0

        @make
        def apply(self, x):
            return x * self

    if make is fnx.custom_jvp:
        Layer.apply.defjvp(lambda primals, tangents: (primals[0] * primals[1], tangents[1]))
    elif make is fnx.custom_vjp:
        Layer.apply.defvjp(lambda a, b: (a * b, None), lambda _, ct: (ct, ct))
    elif make is fnx.custom_vmap:
        Layer.apply.def_vmap(lambda size, marks, a, b: (a * b, True))
    fnx.tree.register(Layer, lambda layer: ((), ()), lambda _, children: Layer())
    Layer.__rmul__ = lambda self, x: x * self.factor
    assert float(Layer().apply(np.float32(2.0))) == 6.0
