"""Train a multi-layer perceptron on real handwritten digits; the whole step is one native function.

Run ``python examples/digits_mlp.py [--epochs 30] [--hidden 256]``.
"""

import argparse
import time

from tqdm import tqdm

import fnx
from fnx import data, nn, optim


def loss_fn(model, images, labels):
    """Mean cross-entropy of a batch: images (batch, 64), labels (batch,)."""
    return nn.cross_entropy(model(images), labels)


def make_step(optimizer):
    """A jitted training step that reuses the memory of its model and optimiser state."""

    def step(model, state, images, labels):
        loss, grads = fnx.value_and_grad(loss_fn)(model, images, labels)
        updates, state = optimizer.update(grads, state, model)
        return optim.apply_updates(model, updates), state, loss

    return fnx.jit(step, donate_argnums=(0, 1))


@fnx.jit
def accuracy(model, images, labels):
    """The fraction of images whose largest logit is the label's."""
    return nn.accuracy(model(images), labels)


def main():
    """Train, and print what happens."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=64)
    args = parser.parse_args()

    start = time.perf_counter()
    train, test = data.digits()
    model_key, order_key = fnx.random.split(fnx.random.key(0))
    model = nn.mlp([64, args.hidden, args.hidden, 10], activation="relu", key=model_key)
    loader = data.DataLoader(train, args.batch_size, key=order_key, drop_last=True)
    steps = args.epochs * len(loader)
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(optim.Cosine(2e-3, steps)))
    state = optimizer.init(model)
    step = make_step(optimizer)

    with tqdm(total=steps, unit="step") as bar:
        for epoch in range(args.epochs):
            for images, labels in loader.epoch(epoch):
                model, state, loss = step(model, state, images, labels)
                bar.update()
            score = float(accuracy(model, *test))
            bar.set_postfix(epoch=epoch + 1, loss=f"{float(loss):.4f}", test=f"{score:.2%}")

    images, labels = next(loader.epoch(0))
    program = step.compiled(model, state, images, labels)
    seconds, count = time.perf_counter() - start, len(test.labels)
    print(f"loss {float(loss):.4f}, test accuracy {score:.2%} on {count} held-out digits")
    print(f"{steps} steps in {seconds:.1f} s with compilation; {step.signatures} signature traced")
    print(f"compiled: {program.summary()}")


if __name__ == "__main__":
    main()
