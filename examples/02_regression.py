"""Linear regression: a pytree of parameters, a compiled step, a gradient for each example.

Run ``python examples/02_regression.py``.
"""

import fnx
import fnx.numpy as np


def loss(params, x, y):
    """Mean squared error of a line; for one example or for many."""
    return np.mean((x @ params["slope"] + params["offset"] - y) ** 2)


@fnx.jit
def step(params, x, y):
    """One step of gradient descent; both results come from one native function."""
    value, grads = fnx.value_and_grad(loss)(params, x, y)
    return fnx.tree.map(lambda p, g: p - 0.1 * g, params, grads), value


def main():
    """Fit, then look for the example that pulls most."""
    x_key, noise_key = fnx.random.split(fnx.random.key(0))
    x = fnx.random.normal(x_key, (200, 3))
    y = x @ np.asarray([1.0, -2.0, 0.5]) + 3.0 + 0.01 * fnx.random.normal(noise_key, (200,))
    y = y.at[17].add(5.0)  # an outlier

    params = {"slope": np.zeros(3), "offset": np.asarray(0.0)}
    for _ in range(200):
        params, value = step(params, x, y)
    print("slope", params["slope"], "offset", params["offset"], "loss", value)

    one_each = fnx.vmap(fnx.grad(loss), in_axes=(None, 0, 0))(params, x, y)
    print("shapes of the gradients:", fnx.tree.map(lambda g: g.shape, one_each))
    print("the outlier is example", np.argmax(abs(one_each["offset"])))


if __name__ == "__main__":
    main()
