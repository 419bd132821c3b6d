"""Two operations of your own, written outside of fnx, that every transform and the compiler take.

Run ``python examples/06_new_primitive.py``.
"""

import numpy

import fnx
import fnx.numpy as np
from fnx import extend

# An elementwise one: its meaning in NumPy, its derivative, its code. The rest follows.
log_cosh_p = extend.elementwise(
    "example.log_cosh",
    numpy=lambda xp, x: xp.logaddexp(x, -x) - numpy.log(2.0).astype(x.dtype),
    jvp=lambda tangent, out, x: tangent * np.tanh(x),
    lower=extend.lowered_by(lambda x: np.logaddexp(x, -x) - np.log(2.0)),
)


def log_cosh(x):
    """``log(cosh(x))``, also where ``cosh(x)`` overflows."""
    return extend.apply(log_cosh_p, np.asarray(x))


# A linear one, with all six rules: the second difference along a ring of points.
def laplacian(x):
    """``x[i - 1] - 2 x[i] + x[i + 1]`` along the last axis, around the end."""
    return extend.bind(laplacian_p, np.asarray(x))[0]


def ring(x):
    """The same in operations that exist: what the compiler makes of it."""
    return np.roll(x, 1, axis=-1) - 2 * x + np.roll(x, -1, axis=-1)


def shape_rule(x):
    """From shapes and dtypes to shapes and dtypes, where no value is known."""
    if not x.shape:
        raise TypeError(f"laplacian: expected at least one axis, got {x}")
    return (x,)


def batch_rule(inputs, axes, size):
    """``vmap``: the last axis stays last, so one operation does the whole batch."""
    return (laplacian(np.moveaxis(inputs[0], axes[0], 0)),), (0,)


laplacian_p = extend.Primitive(
    name="example.laplacian",
    type=shape_rule,
    numpy=lambda xp, x: (xp.roll(x, 1, -1) - 2 * x + xp.roll(x, -1, -1),),
    jvp=lambda primals, tangents, outs: (laplacian(tangents[0]),),  # it is linear
    transpose=lambda cts, inputs: (laplacian(cts[0]),),  # and its matrix is symmetric
    batch=batch_rule,
    lower=extend.lowered_by(ring),
)


def roughness(x):
    """A scalar of a ring, made of both."""
    return np.sum(log_cosh(laplacian(x)))


def main():
    """Values, derivatives against differences, batches, and the programs."""
    x = np.asarray([0.0, 1.0, 4.0, 2.0, 1.0, 0.5])
    print("laplacian:", laplacian(x))
    print("log cosh of 100:", float(log_cosh(100.0)))

    slope = fnx.jit(fnx.grad(roughness))
    ways = numpy.eye(6, dtype="float32") * 1e-2
    differences = [float(roughness(x + d) - roughness(x - d)) / 2e-2 for d in ways]
    print("gradient:", slope(x))
    print("differences agree:", numpy.allclose(slope(x), differences, atol=1e-3))

    rows = np.stack([x, 2 * x], axis=1)  # a ring in each column
    both = fnx.vmap(fnx.grad(roughness), in_axes=1)(rows)
    print("a batch agrees:", bool(np.allclose(both[0], slope(x), atol=1e-6)))
    print("its Hessian is symmetric:", bool(np.allclose(h := fnx.hessian(roughness)(x), h.T)))
    print(fnx.make_jaxpr(roughness)(x))
    kernels = fnx.jit(roughness).lower(x).compile().cost_analysis()["kernels"]
    print("compiled to", len(kernels), "kernel:", kernels[0]["operations"])


if __name__ == "__main__":
    main()
