"""Programs, and what is derived from them, die with the function that they were made for."""

import gc

import pytest

import fnx
import fnx.numpy as fnp
from fnx.control.derived import _derived
from fnx.lowering.compiled import _compiled

X = fnp.arange(4.0)


def fresh():
    return fnx.jit(lambda x: fnp.sum(fnp.sin(x)))


def custom():
    f = fnx.custom_vjp(lambda x: fnp.sum(x * x))
    f.defvjp(lambda x: (f(x), x), lambda x, ct: (2 * ct * x,))
    return fnx.jit(f)


USES = {
    "call": lambda: fresh()(X),
    "gradient of jit": lambda: fnx.grad(fresh())(X),
    "jit of gradient": lambda: fnx.jit(fnx.grad(fresh()))(X),
    "hessian": lambda: fnx.hessian(fresh())(X),
    "forward mode": lambda: fnx.jvp(fresh(), (X,), (X,)),
    "vmap": lambda: fnx.vmap(fresh())(X[:, None]),
    "checkpoint": lambda: fnx.grad(fnx.jit(fnx.checkpoint(fresh())))(X),
    "custom_vjp": lambda: fnx.grad(custom())(X),
}


@pytest.mark.parametrize("use", USES)
def test_nothing_stays(use):
    USES[use]()
    gc.collect()
    gc.collect()
    compiled, derived = set(map(id, _compiled)), set(map(id, _derived))
    kept = list(_compiled), list(_derived)  # so that ids are not used again
    USES[use]()
    gc.collect()
    gc.collect()
    assert set(map(id, _compiled)) <= compiled
    assert set(map(id, _derived)) <= derived
    del kept


def test_the_text_of_a_program_outlives_its_function():
    assert "sin" in fresh().compiled(X).executable.stages["jaxpr"]
