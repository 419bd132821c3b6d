"""The check of random keys that are used twice: what it finds, and what it lets pass."""

from __future__ import annotations

import pytest

import fnx
import fnx.numpy as fnp
from fnx import random
from fnx.errors import AbstractValueError, KeyReuseError

DRAWS = {
    "bernoulli": lambda key: random.bernoulli(key, 0.3, (3,)),
    "bits": lambda key: random.bits(key, (3,)),
    "categorical": lambda key: random.categorical(key, fnp.zeros((2, 3))),
    "cauchy": lambda key: random.cauchy(key, (3,)),
    "choice": lambda key: random.choice(key, 9, (3,)),
    "choice without replacement": lambda key: random.choice(key, 9, (3,), replace=False),
    "exponential": lambda key: random.exponential(key, (3,)),
    "gumbel": lambda key: random.gumbel(key, (3,)),
    "laplace": lambda key: random.laplace(key, (3,)),
    "logistic": lambda key: random.logistic(key, (3,)),
    "normal": lambda key: random.normal(key, (3,)),
    "permutation": lambda key: random.permutation(key, 9),
    "rademacher": lambda key: random.rademacher(key, (3,)),
    "randint": lambda key: random.randint(key, (3,), 0, 9),
    "truncated normal": lambda key: random.truncated_normal(key, -1.0, 1.0, (3,)),
    "uniform": lambda key: random.uniform(key, (3,)),
}
NEED_VALUES = {"choice without replacement", "permutation"}
WRAPS = {"eager": lambda f: f, "jit": fnx.jit, "vmap": lambda f: lambda key: fnx.vmap(f)(key[None])}


@pytest.fixture(autouse=True)
def checked():
    with random.debug_key_reuse():
        yield


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", DRAWS)
def test_our_own_draws_use_each_key_once_and_a_second_draw_is_found(name, wrap):
    draw = DRAWS[name]
    if name in NEED_VALUES and wrap != "eager":
        with pytest.raises(AbstractValueError, match="sorting needs the value of the key"):
            WRAPS[wrap](draw)(random.key(3))
        return
    WRAPS[wrap](lambda key: draw(key))(random.key(3))
    with pytest.raises(KeyReuseError, match=r"it was used first in test_key_reuse\.py") as caught:
        WRAPS[wrap](lambda key: (draw(key), draw(key)))(random.key(4))
    assert caught.value.source.file == __file__


@pytest.mark.parametrize("wrap", WRAPS)
def test_what_is_right_passes(wrap):
    def f(key):
        first, second = random.split(key)
        steps = [random.normal(random.fold_in(first, i)) for i in range(3)]
        return sum(steps) + random.normal(second)

    WRAPS[wrap](f)(random.key(0))
    WRAPS[wrap](f)(random.key(0))  # the same program again


@pytest.mark.parametrize("wrap", WRAPS)
def test_splitting_and_indexing(wrap):
    def split_twice(key):
        return random.split(key), random.split(key)

    def same_row(key):
        keys = random.split(key, 3)
        return random.normal(keys[1]) + random.normal(keys[1])

    def other_rows(key):
        keys = random.split(key, 3)
        return random.normal(keys[1]) + random.normal(keys[2])

    WRAPS[wrap](other_rows)(random.key(1))
    if wrap != "vmap":  # there every row is a value of its own
        with pytest.raises(KeyReuseError):
            WRAPS[wrap](same_row)(random.key(1))
    with pytest.raises(KeyReuseError, match="the key of split"):
        WRAPS[wrap](split_twice)(random.key(1))


def test_under_grad_keys_are_known():
    def loss(x, key):
        return x * random.normal(key) + random.normal(key)

    with pytest.raises(KeyReuseError):
        fnx.grad(loss)(1.0, random.key(2))


def test_keys_that_a_compiled_function_closes_over():
    key = random.key(5)
    draw = fnx.jit(lambda x: x + random.normal(key, x.shape))
    draw(fnp.ones(2))
    draw(fnp.ones(3))  # traced again: no second use
    with pytest.raises(KeyReuseError):
        fnx.jit(lambda x: random.normal(key) + random.normal(key) + x)(1.0)


def test_a_compiled_function_uses_its_keys_up():
    draw, split = fnx.jit(lambda key: random.normal(key)), fnx.jit(lambda key, n: random.split(key))
    key = random.key(6)
    draw(key)
    for again in (lambda: draw(key), lambda: split(key, 1), lambda: random.uniform(key)):
        with pytest.raises(KeyReuseError, match="the key of a call of <lambda>") as caught:
            again()
        assert caught.value.source.file == __file__
    draw(random.key(6))  # a key that is made again is fresh
    other = random.key(7)
    random.bits(other)
    with pytest.raises(KeyReuseError, match="the key of a draw"):
        draw(other)


def test_keys_of_compiled_functions_inside_of_compiled_functions():
    inner = fnx.jit(lambda key, x: x + random.normal(key))
    right = fnx.jit(
        lambda key: inner(random.split(key)[0], 1.0) + inner(random.fold_in(key, 1), 2.0)
    )
    wrong = fnx.jit(lambda key: inner(key, 1.0) + inner(key, 2.0))
    key = random.key(8)
    right(key)
    with pytest.raises(KeyReuseError, match="the key of a call of <lambda>"):
        right(key)
    with pytest.raises(KeyReuseError, match="the key of a call of <lambda>"):
        wrong(random.key(8))


def test_a_compiled_function_that_was_rehearsed_first():
    draw = fnx.jit(lambda key: random.normal(key))
    noisy = fnx.custom_jvp(lambda x, key: x + draw(key))
    noisy.defjvp(lambda primals, tangents: (primals[0], tangents[0]))
    fnx.grad(noisy)(1.0, random.key(3))
    key = random.key(4)
    draw(key)
    with pytest.raises(KeyReuseError, match="the key of a call of <lambda>"):
        draw(key)


@pytest.mark.parametrize("wrap", [lambda f: f, fnx.jit], ids=["plain", "jit"])
def test_a_checkpoint_uses_its_keys_up(wrap):
    noisy = fnx.checkpoint(lambda x, key: x * random.normal(key))
    right = wrap(fnx.grad(lambda x, key: noisy(noisy(x, key), random.fold_in(key, 1))))
    wrong = wrap(fnx.grad(lambda x, key: noisy(noisy(x, key), key)))
    right(1.0, random.key(10))
    with pytest.raises(KeyReuseError, match="the key of a call of <lambda>"):
        wrong(1.0, random.key(11))


def test_of_several_branches_only_one_uses_a_key():
    draws = (lambda key: random.normal(key), lambda key: random.uniform(key))

    @fnx.jit
    def right(key, index):
        nested = lambda: fnx.lax.cond(index > 1, *[lambda f=f: f(key) for f in draws])
        return fnx.lax.switch(index, [nested, *[lambda f=f: f(key) for f in draws]])

    @fnx.jit
    def wrong(key, index):
        drawn = fnx.lax.switch(index, [lambda: random.normal(key), lambda: 0.0])
        return drawn + random.normal(key)

    @fnx.jit
    def wrong_before(key, index):
        return random.normal(key) + fnx.lax.switch(index, [lambda: 0.0, lambda: draws[0](key)])

    right(random.key(5), 1)
    for f in (wrong, wrong_before):
        with pytest.raises(KeyReuseError, match="the key of a draw"):
            f(random.key(5), 1)


def test_keys_that_are_only_folded_in_are_not_used_up():
    step = fnx.jit(lambda key, i: random.normal(random.fold_in(key, i)))
    key = random.key(9)
    for i in range(3):
        step(key, i)


def test_compiled_functions_that_were_traced_without_the_check_are_not_looked_at():
    draw = fnx.jit(lambda key: random.normal(key))
    with random.debug_key_reuse(False):
        draw(random.key(0))
    key = random.key(1)
    assert float(draw(key)) == float(draw(key))


def test_it_is_off_by_default():
    with random.debug_key_reuse(False):
        key = random.key(0)
        assert float(random.normal(key)) == float(random.normal(key))
