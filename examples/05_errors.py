"""Mistakes that everybody makes once, and what fnx says about each.

Run ``python examples/05_errors.py``.
"""

import numpy

import fnx
import fnx.numpy as np

kept = []


def branch_on_a_value(x):
    """A compiled function stands for all values of its arguments."""
    return x if x > 0 else -x


def keep(x):
    """What a traced function computes leaves it by ``return`` only."""
    kept.append(2 * x)
    return x


def use_what_was_kept():
    """It means nothing outside."""
    fnx.jit(keep)(1.0)
    return kept[0] + 1


def write():
    """Arrays never change."""
    x = np.zeros(3)
    x[0] = 1.0


def reuse_donated():
    """Donated memory holds the result now."""
    x = np.ones(1000)
    fnx.jit(np.sin, donate_argnums=0)(x)
    return x + 1


MISTAKES = {
    "an if in a compiled function": lambda: fnx.jit(branch_on_a_value)(1.0),
    "a value kept from a trace": use_what_was_kept,
    "a result that is no scalar": lambda: fnx.grad(np.sin)(np.ones(3)),
    "an integer argument": lambda: fnx.grad(lambda x: x * x)(3),
    "shapes that do not fit": lambda: np.ones((3, 2)) @ np.ones((3, 2)),
    "NumPy's function for fnx's": lambda: fnx.grad(lambda x: numpy.sin(x))(1.0),
    "axes of different sizes": lambda: fnx.vmap(np.add)(np.ones(3), np.ones(4)),
    "writing to an array": write,
    "using a donated array": reuse_donated,
    "no key": lambda: fnx.random.normal((3,)),
}


def main():
    """Make them all."""
    for name, mistake in MISTAKES.items():
        try:
            mistake()
        except Exception as error:
            print(f"--- {name}: {type(error).__name__}\n{error}\n")
    repaired = fnx.jit(lambda x: fnx.lax.cond(x > 0, lambda x: x, lambda x: -x, x))
    print("the first one, repaired:", repaired(-1.0), repaired(2.0))


if __name__ == "__main__":
    main()
