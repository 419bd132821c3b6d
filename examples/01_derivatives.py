"""Derivatives: of Python functions with Python control flow, of any order, for many inputs at once.

Run ``python examples/01_derivatives.py``.
"""

import fnx
import fnx.numpy as np


def newton_root(a):
    """The square root of ``a`` by Newton's method; the number of steps depends on the value."""
    x = a
    while abs(x * x - a) > 1e-5:
        x = (x + a / x) / 2
    return x


def energy(x):
    """A scalar of a vector."""
    return np.sum(x**4) / 4 + np.sum(np.cos(x))


def main():
    """Print them beside what they should be."""
    print("through a while loop:", fnx.grad(newton_root)(2.0), "expected", 0.5 / 2**0.5)
    print("of the derivative:   ", fnx.grad(fnx.grad(newton_root))(2.0), "expected", -0.25 / 2**1.5)

    x = np.asarray([0.5, 1.0, 2.0])
    value, gradient = fnx.value_and_grad(energy)(x)
    print("value", value, "gradient", gradient)
    print("Hessian\n", fnx.hessian(energy)(x), sep="")

    direction = np.asarray([1.0, 0.0, 0.0])
    print("along a direction:", fnx.jvp(energy, (x,), (direction,))[1], "=", gradient[0])

    points = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
    print("one gradient for each row:", fnx.vmap(fnx.grad(energy))(points).shape)
    print("the same, compiled:       ", fnx.jit(fnx.vmap(fnx.grad(energy)))(points).shape)


if __name__ == "__main__":
    main()
