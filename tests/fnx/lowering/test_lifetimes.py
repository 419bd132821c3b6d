"""Programs, and what is derived from them, die with the function that they were made for."""

import gc

import pytest

import fnx
import fnx.numpy as fnp
from fnx.control.effects.user_callback import UserCallback
from fnx.core.ir import Jaxpr
from fnx.lowering.compiled import Compiled
from fnx_xla_lite.backends.cpu.engine import Library
from fnx_xla_lite.runtime.executable import Executable

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


class Owner:
    """A method is jitted whose callback is a method: everything holds everything."""

    def __init__(self):
        self.log = []
        self.step = fnx.jit(self._step)

    def _step(self, x):
        fnx.debug.callback(self.seen, x)
        return fnp.sum(x * x)

    def seen(self, x):
        self.log.append(x)


USES |= {
    "callback": lambda: Owner().step(X),
    "gradient of a callback": lambda: fnx.grad(Owner().step)(X),
    "vmap of a callback": lambda: fnx.vmap(Owner().step)(X[:, None]),
    "compiled gradient of a callback": lambda: fnx.jit(fnx.grad(Owner().step))(X),
}


def living():
    gc.collect()
    gc.collect()
    kinds = (Jaxpr, Compiled, Executable, Library, UserCallback, Owner)
    return {kind: sum(type(x) is kind for x in gc.get_objects()) for kind in kinds}


@pytest.mark.parametrize("use", USES)
def test_nothing_stays(use):
    USES[use]()
    before = living()
    for _ in range(3):
        USES[use]()
    assert living() == before


def test_the_text_of_a_program_outlives_its_function():
    assert "sin" in fresh().compiled(X).executable.stages["jaxpr"]
