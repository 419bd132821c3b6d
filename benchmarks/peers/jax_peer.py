"""JAX, jitted, on the CPU."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any


def set_threads(threads: int) -> None:
    """JAX has no thread setting: the process is bound to as many cores before JAX starts."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def cases() -> dict[str, Any]:
    """The functional cases on JAX."""
    import jax  # noqa: PLC0415  peers are imported by the worker that runs them
    import jax.numpy as jnp  # noqa: PLC0415

    from benchmarks.peers import functional  # noqa: PLC0415

    return functional.cases(
        SimpleNamespace(
            numpy=jnp,
            tree=jax.tree,
            jit=jax.jit,
            lax=jax.lax,
            value_and_grad=jax.value_and_grad,
            asarray=jnp.asarray,
            wait=lambda x: x.block_until_ready(),
        )
    )
