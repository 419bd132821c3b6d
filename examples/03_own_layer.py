"""A layer of your own in a network that learns a spiral; its parameters saved and loaded again.

Run ``python examples/03_own_layer.py``.
"""

import tempfile
from pathlib import Path

import numpy
from safetensors.numpy import load_file, save_file

import fnx
import fnx.numpy as np
from fnx import data, nn, optim


class Residual(nn.Module):
    """``x + scale * block(x)``: fields are children, plain Python values are static."""

    block: nn.Sequential
    scale: fnx.Array
    name: str = "residual"

    def __call__(self, x):
        """Inputs and outputs (..., size)."""
        return x + self.scale * self.block(x)


def make_model(key):
    """Layers and plain functions in a row."""
    first, inner, last = fnx.random.split(key, 3)
    block = nn.mlp([32, 32, 32], key=inner)
    return nn.Sequential(
        nn.Dense(2, 32, key=first),
        nn.relu,
        Residual(block, np.asarray(0.5)),
        nn.Dense(32, 2, key=last),
    )


def spirals(count):
    """Points (2 * count, 2) on two arms, and the number of each one's arm."""
    angle = numpy.linspace(0.5, 8, count, dtype="float32")
    arm = numpy.stack([angle * numpy.cos(angle), angle * numpy.sin(angle)], axis=1) / 3
    labels = numpy.repeat(numpy.arange(2, dtype="int32"), count)
    return numpy.concatenate([arm, -arm]), labels


def loss_fn(model, points, labels):
    """Mean cross-entropy."""
    return nn.cross_entropy(model(points), labels)


def main():
    """Train, save, load, compare."""
    points, labels = spirals(250)
    model_key, order_key = fnx.random.split(fnx.random.key(0))
    model, optimizer = make_model(model_key), optim.adam(1e-2)
    state = optimizer.init(model)

    @fnx.jit
    def step(model, state, points, labels):
        value, grads = fnx.value_and_grad(loss_fn)(model, points, labels)
        updates, state = optimizer.update(grads, state, model)
        return optim.apply_updates(model, updates), state, value

    loader = data.DataLoader((points, labels), 100, key=order_key)
    for epoch in range(40):
        for batch in loader.epoch(epoch):
            model, state, value = step(model, state, *batch)
    print(f"loss {float(value):.4f}, accuracy {float(nn.accuracy(model(points), labels)):.2%}")

    leaves = dict(zip(fnx.tree.paths(model), fnx.tree.leaves(model), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save_file({path: numpy.asarray(leaf) for path, leaf in leaves.items()}, file)
        saved = load_file(file)
    fresh = make_model(fnx.random.key(1))
    loaded = fnx.tree.map_with_path(lambda path, _: np.asarray(saved[path]), fresh)
    print("saved:", *leaves)
    print("the same results after loading:", np.array_equal(model(points), loaded(points)))


if __name__ == "__main__":
    main()
