"""PyTorch on the CPU, or on another device: eager, or through ``torch.compile``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from benchmarks.peers import data


def set_threads(threads: int) -> None:
    """Intra-op threads."""
    import torch  # noqa: PLC0415  peers are imported by the worker that runs them

    torch.set_num_threads(threads)


def train_step(
    compile: Callable[[Any], Any], sizes: tuple[int, ...], device: str
) -> Callable[[], Any]:
    """One Adam step of a ReLU MLP; forward and loss compiled, the optimiser fused."""
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415

    tiny = sizes == data.TINY_SIZES
    x, y = map(torch.from_numpy, data.tiny_batch() if tiny else data.mlp_batch(sizes, 128))
    layers: list[Any] = []
    for weight, bias in data.mlp_params(sizes):
        layer = nn.Linear(*weight.shape)
        layer.weight.data = torch.from_numpy(weight.T.copy())
        layer.bias.data = torch.from_numpy(bias)
        layers += [layer, nn.ReLU()]
    model = nn.Sequential(*layers[:-1]).to(device)
    loss_of = nn.MSELoss() if tiny else nn.CrossEntropyLoss()
    x, target = x.to(device), (y if tiny else y.long()).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    loss_fn = compile(lambda x, y: loss_of(model(x), y))

    def step() -> Any:
        optimiser.zero_grad(set_to_none=True)
        loss = loss_fn(x, target)
        loss.backward()
        optimiser.step()
        return loss

    return step


def cases(compiled: bool = False, device: str = "cpu") -> dict[str, Any]:
    """Every case on PyTorch."""
    import torch  # noqa: PLC0415

    compile = torch.compile if compiled else (lambda function: function)
    case = functools.partial(_case, compile, device)

    def chain(x: Any, y: Any) -> Any:
        return torch.tanh(x * y + 1) * torch.exp(-x * x) + torch.sqrt(torch.abs(y))

    table: dict[str, Any] = {
        "dispatch of jit(x + 1)": lambda: case(lambda x: x + 1, data.normal(8)),
        "chain of 9, 1e6": lambda: case(chain, data.normal(10**6), data.normal(10**6, seed=1)),
        "chain of 9, 1e7": lambda: case(chain, data.normal(10**7), data.normal(10**7, seed=1)),
        "sum, 4096x4096": lambda: case(torch.sum, data.normal(4096, 4096)),
        "sum of rows, 4096x4096": lambda: case(lambda x: x.sum(1), data.normal(4096, 4096)),
        "sum of columns, 4096x4096": lambda: case(lambda x: x.sum(0), data.normal(4096, 4096)),
        "MLP train step": lambda: train_step(compile, data.MLP_SIZES, device),
        "tiny MLP, 10,000 steps": lambda: _tiny_training(compile),
    }
    if not compiled:
        table["eager a + b, 8 floats"] = _eager_addition
    return {**table, **_sized_cases(case)}


def _case(
    compile: Callable[[Any], Any], device: str, function: Callable[..., Any], *arrays: Any
) -> Callable[[], Any]:
    import torch  # noqa: PLC0415

    tensors, ready = [torch.from_numpy(a).to(device) for a in arrays], compile(function)

    def run() -> Any:
        with torch.inference_mode():
            return ready(*tensors)

    return run


def _eager_addition() -> Callable[[], Any]:
    import torch  # noqa: PLC0415

    a, b = torch.from_numpy(data.normal(8)), torch.from_numpy(data.normal(8))
    return lambda: a + b


def _tiny_training(compile: Callable[[Any], Any]) -> Callable[[], Any]:
    step = train_step(compile, data.TINY_SIZES, "cpu")

    def run() -> Any:
        for _ in range(data.TINY_STEPS):
            loss = step()
        return loss

    return run


def _sized_cases(case: Callable[..., Any]) -> dict[str, Any]:
    """The cases that come in several sizes."""
    import torch  # noqa: PLC0415

    functional = torch.nn.functional

    def gelu_norm(x: Any) -> Any:
        return functional.layer_norm(functional.gelu(x, approximate="tanh"), (1024,))

    table: dict[str, Any] = {}
    for n in {*data.GEMM_SIZES, *data.GPU_GEMM_SIZES}:
        table[f"GEMM {n}"] = lambda n=n: case(
            lambda a, b: a @ b, data.normal(n, n), data.normal(n, n, seed=1)
        )
    for rows in data.ROWS:
        x = lambda rows=rows: data.normal(rows, 1024)
        table[f"softmax, {rows}x1024"] = lambda x=x: case(lambda x: torch.softmax(x, 1), x())
        table[f"layer norm, {rows}x1024"] = lambda x=x: case(
            lambda x: functional.layer_norm(x, (1024,)), x()
        )
        table[f"GELU + layer norm, {rows}x1024"] = lambda x=x: case(gelu_norm, x())
    return table
