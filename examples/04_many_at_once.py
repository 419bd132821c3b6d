"""Eight learning rates trained at once: an optimiser's numbers are leaves, so vmap maps over them.

Run ``python examples/04_many_at_once.py``.
"""

import fnx
import fnx.numpy as np
from fnx import nn, optim


def loss_fn(model, x, y):
    """Mean squared error."""
    return nn.mse(model(x), y)


def step(optimizer, model, state, x, y):
    """One step of one training."""
    value, grads = fnx.value_and_grad(loss_fn)(model, x, y)
    updates, state = optimizer.update(grads, state, model)
    return optim.apply_updates(model, updates), state, value


def main():
    """Print the loss that each learning rate reaches."""
    x = np.linspace(-3.0, 3.0, 64)[:, None]
    y = np.sin(x)
    rates = np.asarray([1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1])

    optimizers = fnx.vmap(optim.adam)(rates)
    model = nn.mlp([1, 32, 1], activation="tanh", key=fnx.random.key(0))
    models = fnx.tree.map(lambda p: np.broadcast_to(p, (len(rates), *p.shape)), model)
    states = fnx.vmap(lambda optimizer, model: optimizer.init(model))(optimizers, models)

    train = fnx.jit(fnx.vmap(step, in_axes=(0, 0, 0, None, None)))
    for _ in range(300):
        models, states, losses = train(optimizers, models, states, x, y)
    for rate, loss in zip(rates.tolist(), losses.tolist(), strict=True):
        print(f"learning rate {rate:6.4f}: loss {loss:.6f}")
    print("best:", f"{float(rates[np.argmin(losses)]):.4f}")


if __name__ == "__main__":
    main()
