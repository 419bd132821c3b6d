"""fnx.random gives JAX's bits: recorded samples (see record_jax.py); keys and errors."""

import json
import pathlib
import re

import numpy as np
import pytest

import fnx
import fnx.numpy as fnp
from fnx import random
from tests.oracles import said

ROWS = json.loads((pathlib.Path(__file__).parent / "random_samples.json").read_text())
EXACT = {
    "key",
    "split",
    "fold_in",
    "bits",
    "uniform",
    "randint",
    "bernoulli",
    "rademacher",
    "permutation",
    "choice",
}
# The others apply a function whose last bits differ: multiples of the dtype's epsilon.
TOLERANCE = {"float64": 1e-12, "float32": 2e-6, "float16": 4e-3, "bfloat16": 3e-2}


@pytest.mark.parametrize("name", sorted({row[0] for row in ROWS}))
def test_samples_are_those_of_jax(name):
    for _, seed, arguments, dtype, shape, elements in (row for row in ROWS if row[0] == name):
        x = random.key(seed) if name == "key" else _sample(name, seed, arguments)
        assert (str(x.dtype), list(x.shape)) == (dtype, shape), (name, seed, arguments)
        found = np.asarray(x).reshape(-1)[:100]
        if not dtype.startswith(("float", "bfloat")):
            assert found.tolist() == elements, (name, seed, arguments)
            continue
        expected = np.array([float.fromhex(e) for e in elements])
        tolerance = 0.0 if name in EXACT else TOLERANCE[dtype]
        np.testing.assert_allclose(
            found.astype(np.float64),
            expected,
            tolerance,
            tolerance,
            err_msg=f"{name} {seed} {arguments}",
        )


def _sample(name, seed, arguments):
    given = [
        np.array(a, np.float32) if isinstance(a, list) and a and isinstance(a[0], list) else a
        for a in arguments
    ]
    return getattr(random, name)(random.key(seed), *given)


@pytest.mark.parametrize("name", ["uniform", "normal", "bits"])
def test_traced_keys_give_the_same(name):
    function = lambda key: getattr(random, name)(key, (3, 2))
    keys = random.split(random.key(1), 4)
    together = fnx.vmap(function)(keys)
    for i in range(4):
        np.testing.assert_array_equal(together[i], function(keys[i]))


def test_traced_seeds_and_data():
    fold = fnx.vmap(random.fold_in, in_axes=(None, 0))(random.key(3), fnp.arange(3))
    np.testing.assert_array_equal(fold[2], random.fold_in(random.key(3), 2))
    np.testing.assert_array_equal(fnx.vmap(random.key)(fnp.asarray([5, 6]))[1], random.key(6))


def test_negative_seed_has_32_bits():
    assert random.key(-1).tolist() == [0, 2**32 - 1]
    assert random.key(-(2**40)).tolist() == [2**32 - 256, 0]


def test_derivative_reaches_the_ends_of_an_interval():
    def f(high):
        return fnp.sum(random.uniform(random.key(0), (4,), minval=0.0, maxval=high))

    np.testing.assert_allclose(fnx.grad(f)(2.0), f(1.0), rtol=1e-6)


def test_categorical_draws_in_front():
    logits = fnp.asarray([[0.0, -50.0, -50.0], [-50.0, -50.0, 0.0]])
    x = random.categorical(random.key(0), logits, shape=(5, 2))
    np.testing.assert_array_equal(x, np.tile([0, 2], (5, 1)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random.uniform(0), r"random key \(u32\[2\]\), got int 0"),
        (lambda: random.uniform((3,)), r"got tuple \(3,\).*\n  The first argument is a key"),
        (lambda: random.uniform(random.split(random.key(0))), "These are several keys"),
        (lambda: random.key(1.5), "a seed is an integer, got f32"),
        (lambda: random.key(2**64), "more than 64 bits"),
        (lambda: random.uniform(random.key(0), (2,), int), "floating-point one, got int32"),
        (lambda: random.randint(random.key(0), (2,), 0, 3, float), "integer one, got float32"),
        (lambda: random.bits(random.key(0), (2,), "int32"), "unsigned integer, got int32"),
        (lambda: random.choice(random.key(0), 3, (4,), replace=False), "4 of 3 elements cannot"),
        (lambda: random.categorical(random.key(0), np.zeros((2, 3)), shape=(3,)), "does not fit"),
        (lambda: random.uniform(random.key(0), (2.5,)), "a shape is made of ints"),
        (lambda: random.fold_in(random.key(0), 1.0), "data is an integer"),
    ],
)
def test_errors_teach(call, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert re.search(message, said(caught.value))
