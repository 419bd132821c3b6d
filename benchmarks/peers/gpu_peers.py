"""The cases of ``benchmarks.gpu``: fnx's compiler, JAX and PyTorch on one CUDA device.

A peer's calls queue work and do not wait; ``wait`` waits for a result, ``fetch`` copies it to the
host. Matrix products are float32 throughout: no framework may use TF32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from benchmarks.peers import data, functional


@dataclass(frozen=True)
class Peer:
    """A framework's cases, and how to wait for a result."""

    cases: dict[str, functional.Case]
    wait: Callable[[Any], Any]
    fetch: Callable[[Any], Any]
    version: str


class Compiled:
    """A function traced by fnx and compiled for the device at its first call; flat arrays."""

    def __init__(self, function: Callable[..., Any], donate_argnums: tuple[int, ...] = ()) -> None:
        self.function, self.donated = function, donate_argnums
        self.executable: Any = None

    def compile(self, *args: Any) -> Any:
        """The executable for arguments, which may be trees."""
        import fnx  # noqa: PLC0415  peers are imported by the worker that runs them
        import fnx_xla_lite  # noqa: PLC0415

        kinds = fnx.tree.map(lambda x: fnx.ShapeDtypeStruct(x.shape, x.dtype), args)
        traced = fnx.jit(self.function, donate_argnums=self.donated, keep_unused=True)
        self.executable = fnx_xla_lite.compile(traced.lower(*kinds).as_text(), backend="cuda")
        return self.executable

    def __call__(self, *args: Any) -> Any:
        """Run on flat arguments; one result."""
        run = self.executable or self.compile(*args)
        return run(*args)[0]


def _training(f: SimpleNamespace) -> Callable[[], Any]:
    """Training steps on flat lists of arrays, that each step gives on to the next."""
    step, arguments = functional.train_step(f, data.MLP_SIZES)
    *held, x, y = f.tree.leaves(arguments)

    def run() -> Any:
        executable = step.executable or step.compile(*arguments)
        *held[:], loss = executable(*held, x, y)
        return loss

    return run


def fnx_peer() -> Peer:
    """fnx_xla_lite's executables on CuPy arrays."""
    import cupy  # noqa: PLC0415

    import fnx  # noqa: PLC0415

    f = SimpleNamespace(
        numpy=fnx.numpy, tree=fnx.tree, lax=fnx.lax, jit=Compiled, asarray=cupy.asarray,
        value_and_grad=fnx.value_and_grad, wait=lambda x: x,
    )  # fmt: skip
    cases = functional.cases(f) | {"MLP train step": lambda: _training(f)}
    wait = lambda x: cupy.cuda.get_current_stream().synchronize()
    return Peer(cases, wait, lambda x: x.get(), f"fnx, CuPy {cupy.__version__}")


def jax_peer() -> Peer:
    """JAX, jitted."""
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    jax.config.update("jax_default_matmul_precision", "highest")  # or XLA may take TF32
    assert jax.devices()[0].platform != "cpu", jax.devices()
    f = SimpleNamespace(
        numpy=jnp, tree=jax.tree, lax=jax.lax, jit=jax.jit, asarray=jnp.asarray,
        value_and_grad=jax.value_and_grad, wait=lambda x: x,
    )  # fmt: skip
    wait = lambda x: x.block_until_ready()
    return Peer(functional.cases(f), wait, np.asarray, f"JAX {jax.__version__}")


def torch_peer(compiled: bool = False) -> Peer:
    """PyTorch, eager or compiled."""
    import torch  # noqa: PLC0415

    from benchmarks.peers import torch_peer as cpu  # noqa: PLC0415

    torch.set_float32_matmul_precision("highest")
    assert torch.cuda.is_available()
    wait = lambda x: torch.cuda.synchronize()
    fetch = lambda x: x.detach().cpu().numpy()
    return Peer(cpu.cases(compiled, "cuda"), wait, fetch, f"PyTorch {torch.__version__}")


PEERS: dict[str, Callable[[], Peer]] = {
    "fnx": fnx_peer,
    "jax": jax_peer,
    "torch": torch_peer,
    "torch.compile": lambda: torch_peer(compiled=True),
}
