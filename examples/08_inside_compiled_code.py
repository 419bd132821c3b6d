"""A training loop that is one native function, talks while it runs, and says what went wrong where.

Run ``python examples/08_inside_compiled_code.py``.
"""

import argparse

import fnx
import fnx.numpy as np
from fnx import checkify, lax

history = []


def loss(w, x, y):
    """Poisson regression: counts ``y`` with the rates ``exp(x @ w)``."""
    rate = np.exp(x @ w)
    return np.mean(rate - y * np.log(rate))


def note(step, value):
    """Called from inside of the loop, with NumPy arrays of its own; may do anything."""
    history.append((int(step), float(value)))


def train(w, x, y, steps, rate):
    """Gradient descent: the whole loop is compiled, the callback included."""

    def step(w, i):
        value, slope = fnx.value_and_grad(loss)(w, x, y)
        lax.cond(i % 25 == 0, lambda: fnx.debug.callback(note, i, value), lambda: None)
        return w - rate * slope, None

    return lax.scan(step, w, np.arange(steps))[0]


def checked_mean(x, mask):
    """Assertions are part of the program; `checkify` makes them a value."""
    checkify.check(mask.any(), "nothing is left of {n} values", n=np.asarray(mask.size))
    return np.sum(x, where=mask) / np.sum(mask)


def main():
    """Watch a run, break it, and ask why."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    steps = parser.parse_args().steps
    keys = fnx.random.split(fnx.random.key(0), 2)
    x = fnx.random.normal(keys[0], (200, 3))
    w_true = np.asarray([0.5, -0.25, 0.75])
    y = np.round(np.exp(x @ w_true + 0.1 * fnx.random.normal(keys[1], (200,))))

    fit = fnx.jit(train, static_argnums=3)
    w = fit(np.zeros(3), x, y, steps, 0.1)
    print("history:", ", ".join(f"{i}: {value:.3f}" for i, value in history))
    print("weights:", w)

    print("\nA rate that is too large gives", fit(np.zeros(3), x, y, steps, 1e3))
    guarded = fnx.jit(train, static_argnums=3, check="nan,overflow")
    try:
        guarded(np.zeros(3), x, y, steps, 1e3)
    except fnx.errors.CheckError as error:
        print(f"and the same, compiled with checks, says why:\n{error}")

    mean = fnx.jit(checkify.checkify(checked_mean))
    for mask in (np.asarray([True, True, False]), np.zeros(3, bool)):
        error, value = mean(np.asarray([1.0, 3.0, 8.0]), mask)
        print(f"\nmean {float(value):.1f}; error: {error.get()}", end="")
    print()

    @fnx.jit
    def traced(x):
        y = np.sqrt(x)
        fnx.debug.print("sqrt of {x:.1f} is {y:.3f}", x=x, y=y)
        return y

    fnx.vmap(traced)(np.asarray([1.0, 2.0]))  # once for each lane, in order


if __name__ == "__main__":
    main()
