"""Mistakes with loops: each message names the user's line, what came in and what to write."""

from __future__ import annotations

import re

import numpy as np
import pytest

import fnx
import fnx.numpy as jnp
from fnx import lax

XS = np.ones(3, np.float32)


def grown(c, x):
    return {"w": c["w"], "n": c["n"][None]}, x


CASES = {
    "a carry that changes its shape": (
        lambda: lax.scan(grown, {"w": 1.0, "n": XS}, XS),
        [r"scan: grown changes the type of what it carries",
         r"carry\['n'\] comes in as f32\[3\] and is returned as f32\[1,3\]", r"astype"],
    ),
    "a carry that changes its dtype": (
        lambda: lax.while_loop(lambda x: x < 3, lambda x: x + 0.5, np.int32(0)),
        [r"while_loop: <lambda> changes the type",
         r"carry comes in as i32\[\] and is returned as f32"],
    ),
    "a fori body that changes its dtype": (
        lambda: lax.fori_loop(0, 3, lambda i, s: (s[0], s[1] / 2), (1.0, np.int32(1))),
        [r"fori_loop: <lambda> changes",
         r"carry\[1\] comes in as i32\[\] and is returned as f32\[\]"],
    ),
    "a carry that changes its structure": (
        lambda: lax.scan(lambda c, x: ((c, c), x), 0.0, XS),
        [r"scan: <lambda> must return a carry of the structure that it gets, "
         r"got TreeDef\(\(\*, \*\)\) for TreeDef\(\*\)"],
    ),
    "a scan body that returns no pair": (
        lambda: lax.scan(lambda c, x: c + x, 0.0, XS),
        [r"must return a pair \(carry, y\), got TreeDef\(\*\)", r"Return \(carry, None\)"],
    ),
    "a condition that is no boolean": (
        lambda: lax.while_loop(lambda x: x, lambda x: x - 1, 3),
        [r"while_loop: <lambda> must return a boolean of rank 0, got i32~\[\]", r"Compare"],
    ),
    "a condition of more than one element": (
        lambda: lax.while_loop(lambda x: x > 0, lambda x: x - 1, XS),
        [r"must return a boolean of rank 0, got bool\[3\]", r"\.any\(\)"],
    ),
    "a condition that is a pair": (
        lambda: lax.while_loop(lambda x: (x > 0, x), lambda x: x - 1, 3),
        [r"must return a boolean of rank 0, got TreeDef\(\(\*, \*\)\) with leaves"],
    ),
    "a body that returns no array": (
        lambda: lax.while_loop(lambda x: x > 0, lambda x: "x", 3),
        [r"results must be arrays or numbers, got str"],
    ),
    "xs of different lengths": (
        lambda: lax.scan(lambda c, x: (c, x), 0.0, {"a": XS, "b": XS[:2]}),
        [r"scan: all xs must have the same number of elements along axis 0",
         r"xs\['a'\] has 3 elements", r"xs\['b'\] has 2 elements"],
    ),
    "xs of rank 0": (
        lambda: lax.scan(lambda c, x: (c, x), 0.0, (XS, 1.0)),
        [r"scan: xs\[1\] has rank 0: there is no axis to run over", r"closed over"],
    ),
    "a length that does not fit": (
        lambda: lax.scan(lambda c, x: (c, x), 0.0, XS, length=4),
        [r"xs has 3 elements along axis 0", r"length is 4"],
    ),
    "neither xs nor length": (
        lambda: lax.scan(lambda c, x: (c, x), 0.0),
        [r"scan: neither xs nor length says how many steps to run", r"length=\.\.\."],
    ),
    "a length that is computed": (
        lambda: fnx.jit(lambda n: lax.scan(lambda c, x: (c, x), 0.0, length=n))(3),
        [r"length must be a whole number that is not negative, got Tracer", r"while_loop"],
    ),
    "a negative length": (
        lambda: lax.scan(lambda c, x: (c, x), 0.0, length=-1),
        [r"length must be a whole number that is not negative, got -1"],
    ),
    "a bad unroll": (
        lambda: lax.scan(lambda c, x: (c, x), 0.0, XS, unroll=0),
        [r"scan: unroll must be a positive whole number or a bool, got 0"],
    ),
    "unroll of computed bounds": (
        lambda: lax.fori_loop(0, jnp.asarray(3), lambda i, x: x, 0.0, unroll=2),
        [r"fori_loop: unroll needs bounds that are Python integers"],
    ),
    "no function": (
        lambda: lax.scan(3, 0.0, XS), [r"scan: f must be a function, got int: 3"],
    ),
    "no condition": (
        lambda: lax.while_loop(True, lambda x: x, 0.0),
        [r"while_loop: cond_fun must be a function, got bool: True", r"the function itself"],
    ),
    "no body": (
        lambda: lax.fori_loop(0, 3, None, 0.0),
        [r"fori_loop: body_fun must be a function, got NoneType"],
    ),
    "bounds that are floats": (
        lambda: lax.fori_loop(0, 3.5, lambda i, x: x, 0.0),
        [r"fori_loop: upper must be an integer of rank 0, got 3.5", r"scan or map"],
    ),
    "bounds that are arrays": (
        lambda: lax.fori_loop(jnp.arange(3), 3, lambda i, x: x, 0.0),
        [r"fori_loop: lower must be an integer of rank 0, got .*i32\[3\]"],
    ),
    "max_steps that is computed": (
        lambda: lax.while_loop(lambda x: x < 3, lambda x: x, 0, max_steps=jnp.asarray(3)),
        [r"max_steps must be a whole number that is not negative", r"size of the tape"],
    ),
    "a bad batch_size": (
        lambda: lax.map(lambda x: x, XS, batch_size=0),
        [r"map: batch_size must be a positive whole number, got 0"],
    ),
    "an associative function that returns something else": (
        lambda: lax.associative_scan(lambda a, b: (a, b), XS),
        [r"associative_scan: <lambda> must return what it gets, \[f32\[1\]\]", r"parts of elems"],
    ),
    "elems of different sizes": (
        lambda: lax.associative_scan(jnp.add, (XS, XS[:2])),
        [r"associative_scan: elems must be arrays of one size along the axis, got "
         r"\[f32\[3\], f32\[2\]\]"],
    ),
    "an axis that does not exist": (
        lambda: lax.associative_scan(jnp.add, XS, axis=1),
        [r"associative_scan: elems is f32\[3\]: it has no axis 1"],
    ),
    "a value of the loop where Python wants to know it": (
        lambda: lax.fori_loop(0, 3, lambda i, x: x if i > 1 else x + 1, 0.0),
        [r"bool\(\) needs the value of a traced bool\[\]", r"fnx\.lax\.cond"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_mistakes_are_explained(name):
    run, patterns = CASES[name]
    with pytest.raises((TypeError, ValueError)) as error:
        run()
    text = str(error.value)
    for pattern in [*patterns, r"in test_loop_errors\.py:\d+"]:
        assert re.search(pattern, text, re.DOTALL), text
