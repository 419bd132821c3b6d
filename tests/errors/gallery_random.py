"""Random keys that are missing, malformed, or used twice."""

from __future__ import annotations

import fnx
from fnx import random
from fnx.errors import FnxTypeError, FnxValueError
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
    got="a traced i32~[]",
    wanted="needs the value",
    write="fnx.jit(f, static_argnums=...)",
)
def traced_shape():
    return fnx.jit(lambda key, n: random.normal(key, (n,)))(random.key(0), 3)


@traced_shape.mended
def traced_shape():
    draw = fnx.jit(lambda key, n: random.normal(key, (n,)), static_argnums=1)
    return draw(random.key(0), 3)
