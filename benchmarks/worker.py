"""Worker: one framework in one process, told by JSON lines what to prepare and when to run.

Commands on standard input: ``{"prepare": case}``, ``{"time": case, "seconds": s, "clock": c}``,
``{"drop": case}``. One JSON line answers each.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

MODULES = {
    "fnx": ("fnx_peer", {}),
    "jax": ("jax_peer", {}),
    "torch": ("torch_peer", {}),
    "torch.compile": ("torch_peer", {"compiled": True}),
    "numpy": ("numpy_peer", {}),
}


def load(framework: str, threads: int) -> dict[str, Any]:
    """The framework's cases, with its threads set."""
    module, options = MODULES[framework]
    peer = __import__(f"benchmarks.peers.{module}", fromlist=["cases"])
    peer.set_threads(threads)
    return peer.cases(**options)


# How a call is timed, and which of a round's calls counts: the usual one, or, where other work
# takes the processor away, the least time that this process itself had.
CLOCKS: dict[str, tuple[Callable[[], float], Callable[[list[float]], float]]] = {
    "wall": (time.perf_counter, statistics.median),
    "cpu": (time.process_time, min),
}


def time_calls(run: Callable[[], Any], seconds: float, clock: str = "wall") -> float:
    """Seconds of a call by ``clock``; short calls are timed in groups."""
    now, choose = CLOCKS[clock]
    start = time.perf_counter()
    run()
    group = max(1, min(10_000, int(2e-3 / max(time.perf_counter() - start, 1e-7))))
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = now()
        for _ in range(group):
            run()
        times.append((now() - start) / group)
        if len(times) >= 3 and times[0] > seconds:
            break
    return choose(times)


def main() -> None:
    """Answer commands until standard input ends."""
    framework, threads = sys.argv[1], int(sys.argv[2])
    table, ready = load(framework, threads), {}
    for line in sys.stdin:
        command = json.loads(line)
        answer: dict[str, Any] = {}
        if case := command.get("prepare"):
            if case in table:
                ready[case] = table[case]()
                ready[case]()
                ready[case]()
            answer["has"] = case in table
        elif case := command.get("time"):
            clock = command.get("clock", "wall")
            answer["seconds"] = time_calls(ready[case], command["seconds"], clock)
        elif case := command.get("drop"):
            ready.pop(case, None)
            gc.collect()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
