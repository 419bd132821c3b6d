"""A deep network as one loop: its layers scanned over, its values computed again, not kept.

Run ``python examples/07_deep_in_little_memory.py``.
"""

import argparse

import fnx
import fnx.numpy as np
from fnx import lax, nn


def layer(weights, x):
    """A residual block of two products; only its input is kept if it is checkpointed."""
    hidden = fnx.checkpoint_name(x @ weights["up"], "hidden")
    return x + nn.silu(nn.gelu(hidden) @ weights["down"])


def init(key, depth, size):
    """Parameters of all layers, stacked along a first axis: `scan` runs along it."""
    up, down = fnx.random.split(key)
    scale = 0.5 / size**0.5
    return {
        "up": scale * fnx.random.normal(up, (depth, size, 2 * size)),
        "down": scale * fnx.random.normal(down, (depth, 2 * size, size)),
    }


def loss_of(block):
    """The loss of a network of such blocks."""

    def loss(params, x):
        y, _ = lax.scan(lambda x, weights: (block(weights, x), None), x, params)
        return np.mean((y - np.roll(x, 1, axis=0)) ** 2)

    return loss


def main():
    """The same gradient three times, and the memory that each takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=int, default=48)
    parser.add_argument("--size", type=int, default=64)
    args = parser.parse_args()
    params = init(fnx.random.key(0), args.depth, args.size)
    x = fnx.random.normal(fnx.random.key(1), (256, args.size))

    names = fnx.checkpoint_policies.save_only_these_names("hidden")
    blocks = {
        "keeps all values": layer,
        "keeps 'hidden'": fnx.checkpoint(layer, policy=names),
        "keeps nothing": fnx.checkpoint(layer),
    }
    gradients = []
    for what, block in blocks.items():
        compiled = fnx.jit(fnx.value_and_grad(loss_of(block))).lower(params, x).compile()
        memory, work = compiled.memory_analysis(), compiled.cost_analysis()
        value, grads = compiled(params, x)
        gradients.append(grads)
        megabytes, gigaflops = memory.temp_size_in_bytes / 1e6, work["flops"] / 1e9
        print(f"{what:17s} {megabytes:6.1f} MB beside arguments and results, ", end="")
        print(f"{gigaflops:.2f} GFLOP, loss {float(value):.4f}")
    first, *others = gradients
    close = lambda a, b: bool(np.allclose(a, b, atol=1e-6))
    print("gradients agree:", all(fnx.tree.all(fnx.tree.map(close, first, g)) for g in others))
    one = fnx.jit(loss_of(layer)).lower(params, x).as_text().count("stablehlo.dot_general")
    print(f"{args.depth} layers are one loop: {one} matrix products in the program")


if __name__ == "__main__":
    main()
