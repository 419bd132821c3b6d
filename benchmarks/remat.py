"""Remat: memory and time of the gradient of a deep stack, with checkpoints and without.

    python -m benchmarks.remat [--framework jax] [--layers 12] [--rows 1024] [--width 256]

Each row: bytes of intermediate values that the compiler plans for one call, operations, and
milliseconds of a call. The same program runs on both frameworks; rematerialisation is per block.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import time
from collections.abc import Callable
from typing import Any

from benchmarks.peers import data

STACKS = ("mlp", "transformer")


def mlp(np_: Any, name: Any, x: Any, weights: Any) -> Any:
    """A residual block of two dense layers."""
    first, second = weights[:2]
    hidden = name(np_.tanh(x @ first), "hidden")
    return x + np_.tanh(hidden @ second)


def transformer(np_: Any, name: Any, x: Any, weights: Any) -> Any:
    """Attention of one head over rows of 128, then the residual block of an MLP."""
    *dense, query, key, value = weights
    rows = x.reshape(-1, 128, x.shape[-1])
    q, k, v = (rows @ w for w in (query, key, value))
    scores = q @ np_.swapaxes(k, 1, 2) / q.shape[-1] ** 0.5
    e = np_.exp(scores - np_.max(scores, axis=-1, keepdims=True))
    mixed = (e / np_.sum(e, axis=-1, keepdims=True)) @ v
    return mlp(np_, name, x + name(mixed, "attention").reshape(x.shape), dense)


def loss(block: Callable[..., Any], layers: Any, x: Any) -> Any:
    """Mean square after all blocks."""
    for weights in layers:
        x = block(x, weights)
    return (x * x).mean()


def wraps(lib: Any) -> dict[str, Callable[..., Any]]:
    """The ways to differentiate a block."""
    policies = lib.checkpoint_policies
    keep = lambda policy: functools.partial(lib.checkpoint, policy=policy)
    return {
        "no remat": lambda f: f,
        "nothing kept": lib.checkpoint,
        "dots kept": keep(policies.dots_saveable),
        "hidden kept": keep(policies.save_only_these_names("hidden", "attention")),
        "everything kept": keep(policies.everything_saveable),
    }


def measure(gradient: Any, args: tuple[Any, ...]) -> str:
    """One row."""
    compiled = gradient.lower(*args).compile()
    bytes_planned = compiled.memory_analysis().temp_size_in_bytes
    flops = compiled.cost_analysis().get("flops", float("nan"))
    times = []
    for _ in range(7):
        start = time.perf_counter()
        _wait(compiled(*args))
        times.append(time.perf_counter() - start)
    return f"{bytes_planned / 2**20:9.1f} MiB {flops / 1e9:8.2f} G {1e3 * min(times[1:]):8.1f} ms"


def _wait(layers: Any) -> None:
    for weights in layers:
        for x in weights:
            if hasattr(x, "block_until_ready"):
                x.block_until_ready()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--framework", choices=("fnx", "jax"), default="fnx")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--width", type=int, default=256)
    options = parser.parse_args()
    lib = importlib.import_module(options.framework)
    np_ = importlib.import_module(f"{options.framework}.numpy")
    home = lib if options.framework == "fnx" else importlib.import_module("jax.ad_checkpoint")
    n = options.width
    shapes = [(n, 4 * n), (4 * n, n), (n, n), (n, n), (n, n)]
    layers = [
        tuple(np_.asarray(data.normal(*shape, seed=i) * n**-0.5) for shape in shapes)
        for i in range(options.layers)
    ]
    x = np_.asarray(data.normal(options.rows, n))
    for stack, block in zip(STACKS, (mlp, transformer), strict=True):
        used = [weights[: 2 if stack == "mlp" else 5] for weights in layers]
        for name, wrap in wraps(lib).items():
            body = wrap(functools.partial(block, np_, home.checkpoint_name))
            gradient = lib.jit(lib.grad(functools.partial(loss, body)))
            print(f"{options.framework} {stack:12} {name:16}{measure(gradient, (used, x))}")


if __name__ == "__main__":
    main()
