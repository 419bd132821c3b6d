"""Derivative rules of one's own that return the wrong thing."""

from __future__ import annotations

import fnx
import fnx.numpy as np
from fnx.errors import DerivativeError, FnxTypeError
from tests.errors.mistake import mistake


@mistake(
    "A custom_jvp without a rule",
    DerivativeError,
    at="return f(2.0)",
    got="f has no rule",
    wanted="has no rule yet",
    write="@f.defjvp",
)
def no_jvp():
    @fnx.custom_jvp
    def f(x):
        return x * x

    return f(2.0)


@no_jvp.mended
def no_jvp():
    @fnx.custom_jvp
    def f(x):
        return x * x

    @f.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), 2 * x * t

    return f(2.0)


@mistake(
    "A rule that returns the tangent only",
    DerivativeError,
    at="fnx.grad(f)",
    got="got Tracer",
    wanted="a pair (out, out_tangent)",
    write="Write return f(*primals), tangent",
)
def jvp_no_pair():
    @fnx.custom_jvp
    def f(x):
        return x * x

    @f.defjvp
    def rule(primals, tangents):
        return 2 * primals[0] * tangents[0]

    return fnx.grad(f)(2.0)


@jvp_no_pair.mended
def jvp_no_pair():
    @fnx.custom_jvp
    def f(x):
        return x * x

    @f.defjvp
    def rule(primals, tangents):
        return f(*primals), 2 * primals[0] * tangents[0]

    return fnx.grad(f)(2.0)


@mistake(
    "A tangent of another shape than its result",
    DerivativeError,
    at="fnx.jvp(f",
    got="got f32[3]",
    wanted="expected a leaf of f32[]",
    write=".sum() for a function that sums",
)
def jvp_shape():
    @fnx.custom_jvp
    def f(x):
        return x.sum()

    @f.defjvp
    def rule(primals, tangents):
        return f(*primals), tangents[0]

    return fnx.jvp(f, (np.ones(3),), (np.ones(3),))


@jvp_shape.mended
def jvp_shape():
    @fnx.custom_jvp
    def f(x):
        return x.sum()

    @f.defjvp
    def rule(primals, tangents):
        return f(*primals), tangents[0].sum()

    return fnx.jvp(f, (np.ones(3),), (np.ones(3),))


@mistake(
    "A rule whose value has another structure than the function's",
    DerivativeError,
    at="fnx.jit(f)",
    got="got TreeDef(*)",
    wanted="the function's structure TreeDef((*, *))",
    write="for example f(*primals)",
)
def jvp_structure():
    @fnx.custom_jvp
    def f(x):
        return np.sin(x), np.cos(x)

    @f.defjvp
    def rule(primals, tangents):
        return np.sin(primals[0]), np.cos(primals[0]) * tangents[0]

    return fnx.jvp(fnx.jit(f), (1.0,), (1.0,))


@jvp_structure.mended
def jvp_structure():
    @fnx.custom_jvp
    def f(x):
        return np.sin(x), np.cos(x)

    @f.defjvp
    def rule(primals, tangents):
        sin, cos = f(*primals)
        return (sin, cos), (cos * tangents[0], -sin * tangents[0])

    return fnx.jvp(fnx.jit(f), (1.0,), (1.0,))


@mistake(
    "A custom_vjp without a rule",
    DerivativeError,
    at="return f(2.0)",
    got="f has no rule",
    wanted="has no rule yet",
    write="Write f.defvjp(fwd, bwd)",
)
def no_vjp():
    @fnx.custom_vjp
    def f(x):
        return x * x

    return f(2.0)


@no_vjp.mended
def no_vjp():
    @fnx.custom_vjp
    def f(x):
        return x * x

    f.defvjp(lambda x: (x * x, x), lambda x, ct: (2 * x * ct,))
    return f(2.0)


@mistake(
    "A forward rule without residuals",
    DerivativeError,
    at="fnx.grad(f)",
    got="got Array",
    wanted="a pair (out, residuals)",
    write="Write return f(x), x",
)
def no_residuals():
    @fnx.custom_vjp
    def f(x):
        return x * x

    f.defvjp(lambda x: x * x, lambda x, ct: (2 * x * ct,))
    return fnx.grad(f)(2.0)


@no_residuals.mended
def no_residuals():
    @fnx.custom_vjp
    def f(x):
        return x * x

    f.defvjp(lambda x: (x * x, x), lambda x, ct: (2 * x * ct,))
    return fnx.grad(f)(2.0)


@mistake(
    "A forward rule whose value has another shape than the function's",
    DerivativeError,
    at="fnx.grad(f)",
    got="got f32[3]",
    wanted="expected the value that the function returns, f32[]",
    write="for example f(*primals)",
)
def forward_shape():
    @fnx.custom_vjp
    def f(x):
        return np.sin(x).sum()

    f.defvjp(lambda x: (np.sin(x), x), lambda x, ct: (np.cos(x) * ct,))
    return fnx.grad(f)(np.ones(3))


@forward_shape.mended
def forward_shape():
    @fnx.custom_vjp
    def f(x):
        return np.sin(x).sum()

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (np.cos(x) * ct,))
    return fnx.grad(f)(np.ones(3))


@mistake(
    "A backward rule that returns no tuple",
    DerivativeError,
    at="fnx.grad(f)",
    got="got Array",
    wanted="a tuple of 1 cotangents",
    write="Write return (ct_x,)",
)
def backward_no_tuple():
    @fnx.custom_vjp
    def f(x):
        return x * x

    f.defvjp(lambda x: (x * x, x), lambda x, ct: 2 * x * ct)
    return fnx.grad(f)(2.0)


@backward_no_tuple.mended
def backward_no_tuple():
    @fnx.custom_vjp
    def f(x):
        return x * x

    f.defvjp(lambda x: (x * x, x), lambda x, ct: (2 * x * ct,))
    return fnx.grad(f)(2.0)


@mistake(
    "A backward rule with too few cotangents",
    DerivativeError,
    at="fnx.grad(f)",
    got="got 1",
    wanted="a tuple of 2 cotangents, one for each argument",
    write="None stands for a zero",
)
def backward_count():
    @fnx.custom_vjp
    def f(x, y):
        return x * y

    f.defvjp(lambda x, y: (x * y, (x, y)), lambda r, ct: (r[1] * ct,))
    return fnx.grad(f)(2.0, 3.0)


@backward_count.mended
def backward_count():
    @fnx.custom_vjp
    def f(x, y):
        return x * y

    f.defvjp(lambda x, y: (x * y, (x, y)), lambda r, ct: (r[1] * ct, r[0] * ct))
    return fnx.grad(f)(2.0, 3.0)


@mistake(
    "A cotangent of another shape than its argument",
    DerivativeError,
    at="fnx.grad(f)",
    got="got f32[]",
    wanted="expected a leaf of f32[3]",
    write="reduce or broadcast",
)
def backward_shape():
    @fnx.custom_vjp
    def f(x):
        return (x * x).sum()

    f.defvjp(lambda x: ((x * x).sum(), x), lambda x, ct: (ct,))
    return fnx.grad(f)(np.ones(3))


@backward_shape.mended
def backward_shape():
    @fnx.custom_vjp
    def f(x):
        return (x * x).sum()

    f.defvjp(lambda x: ((x * x).sum(), x), lambda x, ct: (2 * x * ct,))
    return fnx.grad(f)(np.ones(3))


@mistake(
    "A cotangent of another structure than its argument",
    DerivativeError,
    at="fnx.grad(f)",
    got="Got: (*, *)",
    wanted="Expected there: {'b': *, 'w': *}",
    write="Trees that go together have one structure",
)
def backward_structure():
    @fnx.custom_vjp
    def f(p):
        return p["w"] * p["b"]

    f.defvjp(lambda p: (p["w"] * p["b"], p), lambda p, ct: ((p["b"] * ct, p["w"] * ct),))
    return fnx.grad(f)({"w": 2.0, "b": 3.0})


@backward_structure.mended
def backward_structure():
    @fnx.custom_vjp
    def f(p):
        return p["w"] * p["b"]

    f.defvjp(lambda p: (p["w"] * p["b"], p), lambda p, ct: ({"w": p["b"] * ct, "b": p["w"] * ct},))
    return fnx.grad(f)({"w": 2.0, "b": 3.0})


@mistake(
    "A position of nondiff_argnums that does not exist",
    DerivativeError,
    at="return f(2.0)",
    got="nondiff_argnums has 1",
    wanted="the function takes 1 arguments",
    write="Positions count from 0",
)
def nondiff_position():
    f = fnx.custom_jvp(lambda x: x * x, nondiff_argnums=(1,))
    f.defjvp(lambda primals, tangents: (primals[0], tangents[0]))
    return f(2.0)


@nondiff_position.mended
def nondiff_position():
    f = fnx.custom_jvp(lambda x: x * x)
    f.defjvp(lambda primals, tangents: (primals[0], tangents[0]))
    return f(2.0)


@mistake(
    "A rule's function that closes over what is differentiated",
    DerivativeError,
    at="return f(x)",
    got="closes over a value",
    wanted="expected it as an argument",
    write="Pass the value as an argument",
)
def closes_over():
    def loss(w, x):
        f = fnx.custom_jvp(lambda x: w * x)
        f.defjvp(lambda primals, tangents: (f(*primals), w * tangents[0]))
        return f(x)

    return fnx.grad(fnx.jit(loss))(2.0, 3.0)


@closes_over.mended
def closes_over():
    f = fnx.custom_jvp(lambda w, x: w * x)
    f.defjvp(lambda p, t: (f(*p), p[0] * t[1] + t[0] * p[1]))
    return fnx.grad(fnx.jit(f))(2.0, 3.0)


@mistake(
    "An argument that is neither array nor static",
    FnxTypeError,
    at='f(2.0, "relu")',
    got="a str ('relu')",
    wanted="expected an array or number",
    write="nondiff_argnums",
)
def text_argument():
    f = fnx.custom_jvp(lambda x, name: x)
    f.defjvp(lambda primals, tangents: (primals[0], tangents[0]))
    return f(2.0, "relu")


@text_argument.mended
def text_argument():
    f = fnx.custom_jvp(lambda x, name: x, nondiff_argnums=(1,))
    f.defjvp(lambda name, primals, tangents: (primals[0], tangents[0]))
    return f(2.0, "relu")


@mistake(
    "A custom_vmap without a rule",
    FnxTypeError,
    at="fnx.vmap(solve)",
    got="solve has no rule",
    wanted="expected one before the first call",
    write="@solve.def_vmap",
)
def no_vmap():
    @fnx.custom_vmap
    def solve(a, b):
        return b / a

    return fnx.vmap(solve)(np.ones(3), np.ones(3))


@no_vmap.mended
def no_vmap():
    @fnx.custom_vmap
    def solve(a, b):
        return b / a

    @solve.def_vmap
    def rows(axis_size, in_batched, a, b):
        return b / a, True

    return fnx.vmap(solve)(np.ones(3), np.ones(3))
