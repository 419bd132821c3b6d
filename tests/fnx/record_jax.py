"""Write down what JAX does, as data for tests that run without JAX.

Run ``python tests/fnx/record_jax.py`` where JAX is installed, after a change of the cases below.
"""

from __future__ import annotations

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from jax import random
from jax._src import dtypes
from jax._src.lax import lax

jax.config.update("jax_enable_x64", True)

HERE = pathlib.Path(__file__).parent
NAMES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float8_e4m3fn",
    "float8_e5m2",
    "bfloat16",
    "float16",
    "float32",
    "float64",
]
WEAK = ["int32", "int64", "float32", "float64"]


def promotions() -> list:
    """Rows ``[dtype, weak, dtype, weak, [dtype, weak] or None]`` of JAX's promotion with x64."""
    cases = [(name, False) for name in NAMES] + [(name, True) for name in WEAK]
    return [[*a, *b, _join(_value(*a), _value(*b))] for a in cases for b in cases]


def _value(name: str, weak: bool) -> jax.Array:
    x = jnp.zeros((), name)
    return lax._convert_element_type(x, x.dtype, weak_type=True) if weak else x


def _join(a: jax.Array, b: jax.Array) -> list | None:
    try:
        dtype, weak = dtypes.lattice_result_type(a, b)
    except dtypes.TypePromotionError:
        return None
    return [str(np.dtype(dtype)), bool(weak)]


def samples() -> list:
    """Rows ``[function, seed, arguments, dtype, shape, elements]``; floats are hexadecimal."""
    rows = []
    for seed in (0, 42, 2**31 + 5, 2**40 + 3):
        rows += [_row("key", seed, [])]
        rows += [_row("split", seed, [shape]) for shape in (2, 5)]
        rows += [_row("fold_in", seed, [data]) for data in (0, 7, 2**32 - 1)]
        for dtype in ("uint8", "uint16", "uint32", "uint64"):
            rows += [_row("bits", seed, [shape, dtype]) for shape in ([], [7], [2, 3])]
        for dtype in ("bfloat16", "float16", "float32", "float64"):
            rows += [_row("uniform", seed, [shape, dtype, -1, 3]) for shape in ([], [9], [2, 0, 3])]
            for name in (
                "uniform",
                "normal",
                "gumbel",
                "exponential",
                "laplace",
                "logistic",
                "cauchy",
            ):
                rows += [_row(name, seed, [[5], dtype])]
            rows += [_row("truncated_normal", seed, [-1, 2, [6], dtype])]
        for dtype, low, high in (
            ("int32", 0, 10),
            ("int32", -7, 2**31 - 1),
            ("int8", -128, 128),
            ("uint8", 3, 200),
            ("int64", -5, 2**40),
            ("uint32", 5, 5),
            ("uint32", 0, 2**32),
        ):
            rows += [_row("randint", seed, [[8], low, high, dtype])]
        rows += [_row("bernoulli", seed, [0.3, [10]]), _row("rademacher", seed, [[10], "int32"])]
        rows += [_row("permutation", seed, [n]) for n in (0, 1, 10, 3000)]
        rows += [_row("categorical", seed, [[[0, 1, 2], [3, 0, 0]], axis]) for axis in (0, 1)]
        rows += [_row("choice", seed, [9, [4], replace]) for replace in (True, False)]
    return rows


def _row(name: str, seed: int, arguments: list) -> list:
    if name == "key":
        x = random.key_data(random.key(seed))
    else:
        key = random.PRNGKey(seed)
        # As by default, unless there are 64-bit dtypes or numbers.
        with jax.enable_x64(any(text in str(arguments) for text in ("64", str(2**32)))):
            x = getattr(random, name)(key, *map(_argument, arguments))
    flat = np.asarray(x).reshape(-1)
    if flat.size > 100:  # enough to tell a permutation
        flat = flat[:100]
    kind = jnp.issubdtype(flat.dtype, jnp.floating)
    elements = [float(v).hex() for v in flat] if kind else [int(v) for v in flat]
    return [name, seed, arguments, str(x.dtype), list(x.shape), elements]


def _argument(x: object) -> object:
    return jnp.asarray(x, "float32") if isinstance(x, list) and x and isinstance(x[0], list) else x


if __name__ == "__main__":
    for name, rows in (("promotions.json", promotions()), ("random_samples.json", samples())):
        text = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        (HERE / name).write_text(f"[\n{text}\n]\n")
