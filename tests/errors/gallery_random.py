"""Random keys that are missing, malformed, or used twice."""

from __future__ import annotations

import fnx
import fnx.numpy as np
from fnx import random
from fnx.errors import FnxTypeError, FnxValueError, KeyReuseError
from tests.errors.mistake import mistake


@mistake(
    "No key",
    FnxTypeError,
    at="random.normal",
    got="got tuple (3,)",
    wanted="expected a random key (u32[2])",
    write="fnx.random.normal(fnx.random.key(0), (3,))",
)
def no_key():
    return random.normal((3,))


@no_key.mended
def no_key():
    return random.normal(random.key(0), (3,))


@mistake(
    "A seed where a key is needed",
    FnxTypeError,
    at="random.uniform",
    got="got int 42",
    wanted="expected a random key (u32[2])",
    write="fnx.random.key(42)",
)
def seed_for_key():
    return random.uniform(42, (3,))


@seed_for_key.mended
def seed_for_key():
    return random.uniform(random.key(42), (3,))


@mistake(
    "All keys of a split, where one is needed",
    FnxTypeError,
    at="random.normal",
    got="got u32[3,2]",
    wanted="expected a random key (u32[2])",
    write="keys[0]",
)
def batch_of_keys():
    keys = random.split(random.key(0), 3)
    return random.normal(keys, (3,))


@batch_of_keys.mended
def batch_of_keys():
    keys = random.split(random.key(0), 3)
    return random.normal(keys[0], (3,))


@mistake(
    "A key that became floats",
    FnxTypeError,
    at="random.bits",
    got="got f32~[2]",
    wanted="expected a random key (u32[2])",
    write="fnx.random.split and fold_in",
)
def float_key():
    key = random.key(0) * 1.0
    return random.bits(key)


@float_key.mended
def float_key():
    key = random.fold_in(random.key(0), 1)
    return random.bits(key)


@mistake(
    "A seed that is no integer",
    FnxTypeError,
    at="random.key",
    got="got f32~[]",
    wanted="a seed is an integer",
    write="Write fnx.random.key(0)",
)
def float_seed():
    return random.key(0.5)


@float_seed.mended
def float_seed():
    return random.key(5)


@mistake(
    "A name folded into a key",
    FnxTypeError,
    at="random.fold_in",
    got="got str 'dropout'",
    wanted="data is an integer",
    write="zlib.crc32(name.encode())",
)
def folded_name():
    return random.fold_in(random.key(0), "dropout")


@folded_name.mended
def folded_name():
    return random.fold_in(random.key(0), 1)


@mistake(
    "Random floats of an integer dtype",
    FnxTypeError,
    at="random.normal",
    got="got int32",
    wanted="dtype must be a floating-point one",
    write="fnx.random.randint",
)
def integer_normal():
    return random.normal(random.key(0), (3,), "int32")


@integer_normal.mended
def integer_normal():
    return random.randint(random.key(0), (3,), -5, 5)


@mistake(
    "Drawing more than there is, without replacement",
    FnxValueError,
    at="random.choice",
    got="5 of 3 elements",
    wanted="expected at most that many",
    write="replace=True",
)
def choice_size():
    return random.choice(random.key(0), 3, (5,), replace=False)


@choice_size.mended
def choice_size():
    return random.choice(random.key(0), 5, (3,), replace=False)


@mistake(
    "A shape that is traced",
    fnx.errors.AbstractValueError,
    at="random.normal",
    got="got (Tracer<i32~[]>,)",
    wanted="shapes must be known while tracing",
    write="fnx.jit(f, static_argnums=...)",
)
def traced_shape():
    return fnx.jit(lambda key, n: random.normal(key, (n,)))(random.key(0), 3)


@traced_shape.mended
def traced_shape():
    draw = fnx.jit(lambda key, n: random.normal(key, (n,)), static_argnums=1)
    return draw(random.key(0), 3)


@mistake(
    "A key used for two draws (found by fnx.random.debug_key_reuse)",
    KeyReuseError,
    at="noise = random.normal",
    got="the key of a draw",
    wanted="expected a new one",
    write="fnx.random.split(key)",
    check=random.debug_key_reuse,
)
def two_draws():
    key = random.key(0)
    weights = random.normal(key, (3,))
    noise = random.normal(key, (3,))
    return weights + noise


@two_draws.mended
def two_draws():
    first, second = random.split(random.key(0))
    weights = random.normal(first, (3,))
    noise = random.normal(second, (3,))
    return weights + noise


@mistake(
    "A key used after it was split",
    KeyReuseError,
    at="random.uniform(key)",
    got="the key of split",
    wanted="expected a new one",
    write="fnx.random.split(key)",
    check=random.debug_key_reuse,
)
def after_split():
    key = random.key(0)
    keys = random.split(key)
    return random.uniform(key) + random.uniform(keys[0])


@after_split.mended
def after_split():
    key, other = random.split(random.key(0))
    return random.uniform(key) + random.uniform(other)


@mistake(
    "One of several keys used twice, in a compiled function",
    KeyReuseError,
    at="random.normal(keys[0], x.shape) * 2",
    got="the key of a draw",
    wanted="expected a new one",
    write="fnx.random.split(key)",
    check=random.debug_key_reuse,
)
def twice_compiled():
    @fnx.jit
    def noisy(keys, x):
        x = x + random.normal(keys[0], x.shape)
        return x + random.normal(keys[0], x.shape) * 2

    return noisy(random.split(random.key(0)), np.ones(3))


@twice_compiled.mended
def twice_compiled():
    @fnx.jit
    def noisy(keys, x):
        x = x + random.normal(keys[0], x.shape)
        return x + random.normal(keys[1], x.shape) * 2

    return noisy(random.split(random.key(0)), np.ones(3))


@mistake(
    "The same key in every turn of a loop",
    KeyReuseError,
    at="x + random.normal(key)",
    got="the key of a draw",
    wanted="expected a new one",
    write="fnx.random.split(key)",
    check=random.debug_key_reuse,
)
def every_turn():
    key, x = random.key(0), 0.0
    for _ in range(3):
        x = x + random.normal(key)
    return x


@every_turn.mended
def every_turn():
    key, x = random.key(0), 0.0
    for step in range(3):
        x = x + random.normal(random.fold_in(key, step))
    return x


@mistake(
    "A random order inside of a compiled function",
    fnx.errors.AbstractValueError,
    at="random.permutation",
    got="got a traced key",
    wanted="expected a key that is known",
    write="pass it in: x[order]",
)
def traced_permutation():
    return fnx.jit(lambda key, x: random.permutation(key, x))(random.key(0), np.arange(9.0))


@traced_permutation.mended
def traced_permutation():
    order = random.permutation(random.key(0), 9)
    return fnx.jit(lambda order, x: x[order])(order, np.arange(9.0))
