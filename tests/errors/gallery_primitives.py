"""Rules of a primitive of one's own that return the wrong thing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import fnx
import fnx.numpy as np
from fnx import extend
from fnx.core.primitive import REGISTRY
from fnx.errors import FnxValueError, RuleError
from tests.errors.mistake import mistake


@contextlib.contextmanager
def forgotten() -> Iterator[None]:
    """What a program registers is forgotten after it."""
    before = dict(REGISTRY)
    try:
        yield
    finally:
        REGISTRY.clear()
        REGISTRY.update(before)


@mistake(
    "A type rule that returns a shape",
    RuleError,
    at="return extend.bind",
    got="got (3,)",
    wanted="must return a tuple of avals",
    write="type(*avals, **params)",
    check=forgotten,
)
def type_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: x.shape,
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return extend.bind(double_p, np.ones(3))


@type_rule.mended
def type_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return extend.bind(double_p, np.ones(3))


@mistake(
    "A numpy rule that returns another shape than the type rule",
    RuleError,
    at="return extend.bind",
    got="in shape ()",
    wanted="the type rule says f32[3]",
    write="numpy(xp, *arrays, **params)",
    check=forgotten,
)
def numpy_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x.sum(),),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return extend.bind(double_p, np.ones(3))


@numpy_rule.mended
def numpy_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return extend.bind(double_p, np.ones(3))


@mistake(
    "A jvp rule that returns no tuple",
    RuleError,
    at="return fnx.grad",
    got="got f32[3]",
    wanted="must return a tuple of 1 tangents",
    write="jvp(primals, tangents, outs, **params)",
    check=forgotten,
)
def jvp_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: 2 * tangents[0],
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return fnx.grad(lambda x: extend.bind(double_p, x)[0].sum())(np.ones(3))


@jvp_rule.mended
def jvp_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return fnx.grad(lambda x: extend.bind(double_p, x)[0].sum())(np.ones(3))


@mistake(
    "A jvp rule whose tangent has another shape",
    RuleError,
    at="return fnx.jvp",
    got="tangent 0 as f32[]",
    wanted="expected f32[3]",
    write="jvp(primals, tangents, outs, **params)",
    check=forgotten,
)
def jvp_shape():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: (tangents[0].sum(),),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return fnx.jvp(lambda x: extend.bind(double_p, x)[0], (np.ones(3),), (np.ones(3),))


@jvp_shape.mended
def jvp_shape():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return fnx.jvp(lambda x: extend.bind(double_p, x)[0], (np.ones(3),), (np.ones(3),))


@mistake(
    "A transpose rule with a cotangent too many",
    RuleError,
    at="return fnx.grad",
    got="got 2",
    wanted="must return 1 cotangents",
    write="None for the others",
    check=forgotten,
)
def transpose_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: (2 * cts[0], None),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return fnx.grad(lambda x: extend.bind(double_p, x)[0].sum())(np.ones(3))


@transpose_rule.mended
def transpose_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return fnx.grad(lambda x: extend.bind(double_p, x)[0].sum())(np.ones(3))


@mistake(
    "A batch rule that names the wrong axis",
    RuleError,
    at="return fnx.vmap",
    got="f32[5, 3]",
    wanted="expected size 5 at axis 1",
    write="batch(inputs, axes, size, **params)",
    check=forgotten,
)
def batch_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), (1,)),
        lower=lambda b, x: (b.add(x, x),),
    )
    return fnx.vmap(lambda x: extend.bind(double_p, x)[0])(np.ones((5, 3)))


@batch_rule.mended
def batch_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return fnx.vmap(lambda x: extend.bind(double_p, x)[0])(np.ones((5, 3)))


@mistake(
    "A lower rule that makes another element type",
    RuleError,
    at="return fnx.jit",
    got="tensor<3xi32>",
    wanted="the type rule says f32[3]",
    write="lower(b, *operands, **params)",
    check=forgotten,
)
def lower_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.convert(x, "i32"),),
    )
    return fnx.jit(lambda x: extend.bind(double_p, x)[0])(np.ones(3))


@lower_rule.mended
def lower_rule():
    double_p = extend.Primitive(
        name="my.double",
        type=lambda x: (x,),
        numpy=lambda xp, x: (2 * x,),
        jvp=lambda primals, tangents, outs: extend.bind(double_p, tangents[0]),
        transpose=lambda cts, inputs: extend.bind(double_p, cts[0]),
        batch=lambda inputs, axes, size: (extend.bind(double_p, inputs[0]), axes),
        lower=lambda b, x: (b.add(x, x),),
    )
    return fnx.jit(lambda x: extend.bind(double_p, x)[0])(np.ones(3))


@mistake(
    "A primitive with a name that exists",
    FnxValueError,
    at="return extend.elementwise(",
    got="'sin'",
    wanted="expected a new name",
    write="begin yours with your package's",
    check=forgotten,
)
def duplicate():
    return extend.elementwise("sin", numpy=lambda xp, x: xp.sin(x), jvp=None, lower=None)


@duplicate.mended
def duplicate():
    return extend.elementwise("my.sin", numpy=lambda xp, x: xp.sin(x), jvp=None, lower=None)
