"""Loops: carries that change their type, bodies and bounds that do not fit."""

from __future__ import annotations

import fnx
import fnx.numpy as np
from fnx import lax
from fnx.errors import DerivativeError, FnxTypeError, FnxValueError
from tests.errors.mistake import mistake


@mistake(
    "A carry that changes its dtype",
    FnxTypeError,
    at="lax.scan",
    got="comes in as i32[]",
    wanted="changes the type of what it carries",
    write="Start with the type that the body returns",
)
def carry_dtype():
    start = np.zeros((), "int32")
    total, _ = lax.scan(lambda total, x: (total + x, None), start, np.arange(4.0))
    return total


@carry_dtype.mended
def carry_dtype():
    start = np.zeros((), "float32")
    total, _ = lax.scan(lambda total, x: (total + x, None), start, np.arange(4.0))
    return total


@mistake(
    "A carry that grows",
    FnxTypeError,
    at="lax.fori_loop",
    got="comes in as f32[1] and is returned as f32[2]",
    wanted="changes the type of what it carries",
    write="convert in the body",
)
def carry_shape():
    grow = lambda i, x: np.concatenate([x, x[-1:]])
    return lax.fori_loop(0, 3, grow, np.ones(1))


@carry_shape.mended
def carry_shape():
    fill = lambda i, x: x.at[i + 1].set(x[i])
    return lax.fori_loop(0, 3, fill, np.ones(4))


@mistake(
    "A carry that changes its structure",
    FnxTypeError,
    at="lax.while_loop",
    got="got TreeDef((*, *))",
    wanted="TreeDef({'n': *, 'x': *})",
    write="Every step gets what the step before returned",
)
def carry_structure():
    step = lambda state: (state["x"] / 2, state["n"] + 1)
    return lax.while_loop(lambda state: state["x"] > 1, step, {"x": 9.0, "n": 0})


@carry_structure.mended
def carry_structure():
    step = lambda state: {"x": state["x"] / 2, "n": state["n"] + 1}
    return lax.while_loop(lambda state: state["x"] > 1, step, {"x": 9.0, "n": 0})


@mistake(
    "A body of scan that returns the carry only",
    FnxTypeError,
    at="lax.scan",
    got="got TreeDef(*)",
    wanted="a pair (carry, y)",
    write="Return (carry, None)",
)
def body_without_pair():
    return lax.scan(lambda total, x: total + x, 0.0, np.arange(4.0))


@body_without_pair.mended
def body_without_pair():
    return lax.scan(lambda total, x: (total + x, total), 0.0, np.arange(4.0))


@mistake(
    "Arrays of different lengths to scan over",
    FnxValueError,
    at="lax.scan",
    got="xs[1] has 5 elements",
    wanted="the same number of elements along axis 0",
    write="Cut them to one length",
)
def scan_lengths():
    step = lambda total, xy: (total + xy[0] * xy[1], None)
    return lax.scan(step, 0.0, (np.ones(4), np.ones(5)))


@scan_lengths.mended
def scan_lengths():
    step = lambda total, xy: (total + xy[0] * xy[1], None)
    return lax.scan(step, 0.0, (np.ones(4), np.ones(5)[:4]))


@mistake(
    "Scanning over a number",
    FnxTypeError,
    at="lax.scan",
    got="xs has rank 0",
    wanted="there is no axis to run over",
    write="belong into the carry",
)
def scan_number():
    return lax.scan(lambda total, x: (total + x, None), 0.0, 5)


@scan_number.mended
def scan_number():
    return lax.scan(lambda total, x: (total + 1.0, None), 0.0, None, length=5)


@mistake(
    "A condition of a loop that is no boolean",
    FnxTypeError,
    at="lax.while_loop",
    got="got i32~[]",
    wanted="a boolean of rank 0",
    write="for example x > 0",
)
def while_condition():
    return lax.while_loop(lambda n: n, lambda n: n - 1, 5)


@while_condition.mended
def while_condition():
    return lax.while_loop(lambda n: n > 0, lambda n: n - 1, 5)


@mistake(
    "Bounds of a loop that are floats",
    FnxTypeError,
    at="lax.fori_loop",
    got="got 5.0",
    wanted="must be an integer of rank 0",
    write="n // 2 for n / 2",
)
def float_bounds():
    return lax.fori_loop(0, 10 / 2, lambda i, x: x + i, 0)


@float_bounds.mended
def float_bounds():
    return lax.fori_loop(0, 10 // 2, lambda i, x: x + i, 0)


@mistake(
    "The gradient of a compiled loop without a bound",
    DerivativeError,
    at="lax.while_loop",
    got="there is no bound",
    wanted="needs the values of every step",
    write="max_steps=N",
)
def unbounded():
    def halve(x):
        return lax.while_loop(lambda x: x > 1, lambda x: x / 2, x)

    return fnx.jit(fnx.grad(halve))(9.0)


@unbounded.mended
def unbounded():
    def halve(x):
        return lax.while_loop(lambda x: x > 1, lambda x: x / 2, x, max_steps=10)

    return fnx.jit(fnx.grad(halve))(9.0)


@mistake(
    "A loop whose body is no function",
    FnxTypeError,
    at="lax.fori_loop",
    got="got Array",
    wanted="must be a function",
    write="Pass the function itself",
)
def body_value():
    x = np.zeros(())
    return lax.fori_loop(0, 10, x + 1, x)


@body_value.mended
def body_value():
    x = np.zeros(())
    return lax.fori_loop(0, 10, lambda i, x: x + 1, x)


@mistake(
    "Python's list as a carry that is appended to",
    FnxTypeError,
    at="lax.fori_loop",
    got="got TreeDef([*, *])",
    wanted="TreeDef([*])",
    write="Every step gets what the step before returned",
)
def appended():
    def step(i, values):
        values.append(values[-1] * 2)
        return values

    return lax.fori_loop(0, 3, step, [1.0])


@appended.mended
def appended():
    return lax.scan(lambda value, _: (value * 2, value), 1.0, None, length=3)


@mistake(
    "An associative scan whose function changes the structure",
    FnxTypeError,
    at="lax.associative_scan",
    got="got [f32[2], f32[2]]",
    wanted="must return what it gets",
    write="many elements along the axis",
)
def associative():
    return lax.associative_scan(lambda a, b: (a + b, b), np.arange(4.0))


@associative.mended
def associative():
    return lax.associative_scan(lambda a, b: a + b, np.arange(4.0))
