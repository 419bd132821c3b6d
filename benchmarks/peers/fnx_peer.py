"""fnx, jitted, on the CPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def set_threads(threads: int) -> None:
    """Threads of the compiled code."""
    import fnx  # noqa: PLC0415  peers are imported by the worker that runs them

    fnx.set_threads(threads)


def cases() -> dict[str, Any]:
    """The functional cases on fnx."""
    import fnx  # noqa: PLC0415
    from benchmarks.peers import functional  # noqa: PLC0415

    return functional.cases(
        SimpleNamespace(
            numpy=fnx.numpy,
            tree=fnx.tree,
            jit=fnx.jit,
            lax=fnx.lax,
            value_and_grad=fnx.value_and_grad,
            asarray=fnx.numpy.asarray,
            wait=lambda x: x,
        )
    )
