"""The cases as one functional program, run by JAX and by fnx alike: only the namespace differs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from benchmarks.peers import data

Case = Callable[[], Callable[[], Any]]


def forward(xp: Any, params: Any, x: Any) -> Any:
    """A ReLU multi-layer perceptron: (batch, in) to (batch, out)."""
    *hidden, (w, b) = params
    for weight, bias in hidden:
        x = xp.maximum(x @ weight + bias, 0)
    return x @ w + b


def cross_entropy(xp: Any, params: Any, x: Any, labels: Any) -> Any:
    """Mean softmax cross-entropy; integer labels (batch,)."""
    logits = forward(xp, params, x)
    shifted = logits - xp.max(logits, axis=1, keepdims=True)
    log_probs = shifted - xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))
    hot = labels[:, None] == xp.arange(logits.shape[1])[None, :]
    return -xp.mean(xp.sum(xp.where(hot, log_probs, 0), axis=1))


def squared_error(xp: Any, params: Any, x: Any, y: Any) -> Any:
    """Mean squared error."""
    return xp.mean((forward(xp, params, x) - y) ** 2)


def adam(f: Any, loss: Any, params: Any, state: Any, x: Any, y: Any) -> Any:
    """One Adam step (Kingma & Ba 2015): returns parameters, state and the loss."""
    xp, tree = f.numpy, f.tree
    value, grads = f.value_and_grad(functools.partial(loss, xp))(params, x, y)
    count, mean, square = state
    count = count + 1
    mean = tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, grads)
    square = tree.map(lambda v, g: 0.999 * v + 0.001 * (g * g), square, grads)
    mean_scale = 1 / (1 - 0.9**count)
    square_scale = 1 / (1 - 0.999**count)
    params = tree.map(
        lambda p, m, v: p - 1e-3 * (m * mean_scale) / (xp.sqrt(v * square_scale) + 1e-8),
        params, mean, square,
    )  # fmt: skip
    return params, (count, mean, square), value


def train_step(f: Any, sizes: tuple[int, ...]) -> tuple[Any, Any]:
    """A jitted step that donates its state, and the step's first arguments."""
    tiny = sizes == data.TINY_SIZES
    loss = squared_error if tiny else cross_entropy
    batch = data.tiny_batch() if tiny else data.mlp_batch(sizes, 128)
    params = f.tree.map(f.asarray, data.mlp_params(sizes))
    zeros = lambda: f.tree.map(lambda p: f.asarray(p * 0), data.mlp_params(sizes))
    state = (f.asarray(data.normal(1)[0] * 0), zeros(), zeros())
    step = f.jit(lambda *args: adam(f, loss, *args), donate_argnums=(0, 1))
    return step, (params, state, *map(f.asarray, batch))


def steps(f: Any, sizes: tuple[int, ...], count: int) -> Callable[[], Any]:
    """Run ``count`` training steps, one Python call each."""
    step, (params, state, x, y) = train_step(f, sizes)
    held = [params, state]

    def run() -> Any:
        params, state = held
        for _ in range(count):
            params, state, loss = step(params, state, x, y)
        held[:] = params, state
        return f.wait(loss)

    return run


def scalar_loop(f: Any) -> Callable[[Any], Any]:
    """A million multiplications and additions of one number."""
    return lambda x: f.lax.fori_loop(0, data.LOOP_STEPS, lambda i, x: x * 0.5 + 1.0, x)


def newton(f: Any) -> Callable[[Any], Any]:
    """A square root by Newton's method, about 50 steps from 1e30."""

    def root(a: Any) -> Any:
        def step(state: Any) -> Any:
            x, _ = state
            y = 0.5 * (x + a / x)
            return y, f.numpy.abs(y - x)

        return f.lax.while_loop(lambda s: s[1] > 1e-6 * s[0], step, (a, a))[0]

    return root


def rnn(f: Any) -> Callable[..., Any]:
    """A recurrent network, batch 1: the sum of all its states."""

    def total(w: Any, u: Any, h: Any, xs: Any) -> Any:
        def cell(h: Any, x: Any) -> Any:
            h = f.numpy.tanh(w @ h + u @ x)
            return h, h

        return f.lax.scan(cell, h, xs)[1].sum()

    return total


def rnn_arguments() -> tuple[Any, ...]:
    """Weights, the first state, and the inputs."""
    steps, hidden = data.RNN_SIZES
    w, u = (data.normal(hidden, hidden, seed=i) * 0.1 for i in (1, 2))
    return w, u, data.normal(hidden) * 0, data.normal(steps, hidden, seed=3)


def cases(f: SimpleNamespace) -> dict[str, Case]:
    """Every case for a framework ``f``: numpy, lax, tree, jit, value_and_grad, asarray, wait."""
    xp = f.numpy

    def jitted(
        function: Callable[..., Any], *arrays: Any, wait: Callable[[Any], Any] = f.wait
    ) -> Callable[[], Any]:
        compiled, arguments = f.jit(function), [f.asarray(a) for a in arrays]
        return lambda: wait(compiled(*arguments))

    def softmax(x: Any) -> Any:
        e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
        return e / xp.sum(e, axis=1, keepdims=True)

    def layer_norm(x: Any) -> Any:
        mean = xp.mean(x, axis=1, keepdims=True)
        centred = x - mean
        return centred / xp.sqrt(xp.mean(centred * centred, axis=1, keepdims=True) + 1e-5)

    def gelu(x: Any) -> Any:
        return 0.5 * x * (1 + xp.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))

    def chain(x: Any, y: Any) -> Any:
        return xp.tanh(x * y + 1) * xp.exp(-x * x) + xp.sqrt(xp.abs(y))

    def eager() -> Callable[[], Any]:
        a, b = f.asarray(data.normal(8)), f.asarray(data.normal(8))
        return lambda: f.wait(a + b)

    table: dict[str, Case] = {
        "dispatch of jit(x + 1)": lambda: jitted(lambda x: x + 1, data.normal(8)),
        "eager a + b, 8 floats": eager,
        "chain of 9, 1e6": lambda: jitted(chain, data.normal(10**6), data.normal(10**6, seed=1)),
        "chain of 9, 1e7": lambda: jitted(chain, data.normal(10**7), data.normal(10**7, seed=1)),
        "sum, 4096x4096": lambda: jitted(xp.sum, data.normal(4096, 4096)),
        "sum of rows, 4096x4096": lambda: jitted(
            lambda x: xp.sum(x, axis=1), data.normal(4096, 4096)
        ),
        "sum of columns, 4096x4096": lambda: jitted(
            lambda x: xp.sum(x, axis=0), data.normal(4096, 4096)
        ),
        "MLP train step": lambda: steps(f, data.MLP_SIZES, 1),
        "tiny MLP, 10,000 steps": lambda: steps(f, data.TINY_SIZES, data.TINY_STEPS),
    }
    ready = lambda pair: (f.wait(pair[0]), pair[1])
    slope = lambda *args: f.value_and_grad(rnn(f))(*args)
    table |= {
        "fori_loop, 1e6 steps of a scalar": lambda: jitted(scalar_loop(f), data.normal(1)[0]),
        "while_loop, Newton's root": lambda: jitted(newton(f), data.normal(1)[0] * 0 + 1e30),
        "scan, RNN cell, 1e4 steps": lambda: jitted(rnn(f), *rnn_arguments()),
        "gradient of the scan": lambda: jitted(slope, *rnn_arguments(), wait=ready),
    }
    for n in {*data.GEMM_SIZES, *data.GPU_GEMM_SIZES}:
        table[f"GEMM {n}"] = lambda n=n: jitted(
            lambda a, b: a @ b, data.normal(n, n), data.normal(n, n, seed=1)
        )
    for rows in data.ROWS:
        table[f"softmax, {rows}x1024"] = lambda rows=rows: jitted(softmax, data.normal(rows, 1024))
        table[f"layer norm, {rows}x1024"] = lambda rows=rows: jitted(
            layer_norm, data.normal(rows, 1024)
        )
        table[f"GELU + layer norm, {rows}x1024"] = lambda rows=rows: jitted(
            lambda x: layer_norm(gelu(x)), data.normal(rows, 1024)
        )
    return table
