"""Traced values that outlive the function that they belong to."""

from __future__ import annotations

import fnx
import fnx.numpy as np
from fnx import lax
from fnx.errors import LeakedTracerError
from tests.errors.mistake import mistake


@mistake(
    "A traced value kept in a list",
    LeakedTracerError,
    at="kept[0] + 1",
    got="a traced value",
    wanted="must return what they compute",
    write="kept in a global, an attribute or a list",
)
def in_a_list():
    kept = []

    @fnx.jit
    def f(x):
        kept.append(2 * x)
        return x

    f(1.0)
    return kept[0] + 1


@in_a_list.mended
def in_a_list():
    @fnx.jit
    def f(x):
        return x, 2 * x

    _x, kept = f(1.0)
    return kept + 1


@mistake(
    "A traced value kept in an attribute",
    LeakedTracerError,
    at="model.last.mean()",
    got="a traced value",
    wanted="must return what they compute",
    write="kept in a global, an attribute or a list",
)
def in_an_attribute():
    class Model:
        def __call__(self, x):
            self.last = np.sin(x)
            return self.last.sum()

    model = Model()
    fnx.grad(model)(np.ones(3))
    return model.last.mean()


@in_an_attribute.mended
def in_an_attribute():
    class Model:
        def __call__(self, x):
            last = np.sin(x)
            return last.sum(), last

    _gradient, last = fnx.grad(Model(), has_aux=True)(np.ones(3))
    return last.mean()


@mistake(
    "A traced value kept in a global",
    LeakedTracerError,
    at='STATE["x"] * 2',
    got="a traced value",
    wanted="must return what they compute",
    write="kept in a global, an attribute or a list",
)
def in_a_global():
    def f(x):
        STATE["x"] = x
        return x

    fnx.vmap(f)(np.ones(3))
    return STATE["x"] * 2


@in_a_global.mended
def in_a_global():
    def f(x):
        return x

    x = fnx.vmap(f)(np.ones(3))
    return x * 2


STATE = {}


@mistake(
    "A function that closes over a traced value, called later",
    LeakedTracerError,
    at="lambda y: y * scale",
    got="a traced value",
    wanted="must return what they compute",
    write="kept in a global, an attribute or a list",
)
def in_a_closure():
    made = []

    @fnx.jit
    def f(x):
        scale = np.exp(x)
        made.append(lambda y: y * scale)
        return scale

    f(1.0)
    return made[0](2.0)


@in_a_closure.mended
def in_a_closure():
    @fnx.jit
    def f(x):
        return np.exp(x)

    scale = f(1.0)
    later = lambda y: y * scale
    return later(2.0)


@mistake(
    "A generator that was started under jit and goes on outside",
    LeakedTracerError,
    at="yield x + i",
    got="a traced value",
    wanted="must return what they compute",
    write="kept in a global, an attribute or a list",
)
def in_a_generator():
    def steps(x):
        for i in range(3):
            yield x + i

    running = []

    @fnx.jit
    def f(x):
        running.append(steps(x))
        return next(running[0])

    f(1.0)
    return next(running[0])


@in_a_generator.mended
def in_a_generator():
    def steps(x):
        for i in range(3):
            yield x + i

    @fnx.jit
    def f(x):
        return list(steps(x))

    return f(1.0)[1]


@mistake(
    "A value of one branch of a cond, used after it",
    LeakedTracerError,
    at="inside[0] + x",
    got="a traced value",
    wanted="must return what they compute",
    write="kept in a global, an attribute or a list",
)
def out_of_a_branch():
    inside = []

    def double(x):
        inside.append(2 * x)
        return x

    @fnx.jit
    def f(x):
        x = lax.cond(x > 0, double, lambda x: x, x)
        return inside[0] + x

    return f(1.0)


@out_of_a_branch.mended
def out_of_a_branch():
    def double(x):
        return x, 2 * x

    @fnx.jit
    def f(x):
        x, inside = lax.cond(x > 0, double, lambda x: (x, x), x)
        return inside + x

    return f(1.0)


@mistake(
    "Looking at a leaked value",
    LeakedTracerError,
    at="print(float(kept[0]))",
    got="a traced value",
    wanted="must return what they compute",
    write="kept in a global, an attribute or a list",
)
def looking():
    kept = []
    fnx.jit(lambda x: kept.append(x) or x)(1.0)
    print(float(kept[0]))


@looking.mended
def looking():
    kept = [fnx.jit(lambda x: x)(1.0)]
    print(float(kept[0]))


@mistake(
    "A leaked value as an argument of another compiled function",
    LeakedTracerError,
    at="fnx.jit(np.sin)(kept[0])",
    got="a traced value",
    wanted="must return what they compute",
    write="kept in a global, an attribute or a list",
)
def into_another():
    kept = []
    fnx.make_jaxpr(lambda x: kept.append(x) or x)(1.0)
    return fnx.jit(np.sin)(kept[0])


@into_another.mended
def into_another():
    return fnx.jit(np.sin)(1.0)
