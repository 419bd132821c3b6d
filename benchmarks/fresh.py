"""Fresh: what a new process pays.

The time of the import, the first call of the MLP train step, the peak resident memory of training.
Run as ``python -m benchmarks.fresh FRAMEWORK import|first|memory``; prints one JSON line.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from typing import Any


def imports(framework: str) -> float:
    """Seconds to import the framework (with its NumPy interface)."""
    start = time.perf_counter()
    importlib.import_module({"fnx": "fnx", "jax": "jax.numpy"}.get(framework, "torch"))
    return time.perf_counter() - start


def first_call(framework: str) -> float:
    """Seconds from a prepared step to the end of its first call: trace, compile, run."""
    run = _step(framework)
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def peak_memory(framework: str) -> float:
    """Peak resident bytes of the process after 20 training steps."""
    run = _step(framework)
    for _ in range(20):
        run()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _step(framework: str) -> Any:
    from benchmarks.worker import load  # noqa: PLC0415  nothing is imported before the clock starts

    return load(framework, 2)["MLP train step"]()


def main() -> None:
    """Measure one thing."""
    measure = {"import": imports, "first": first_call, "memory": peak_memory}[sys.argv[2]]
    print(json.dumps({"value": measure(sys.argv[1])}))


if __name__ == "__main__":
    main()
