"""GPU worker: one framework in one process, told by JSON lines what to prepare and when to run.

Commands on standard input: ``{"hello": 1}``, ``{"prepare": case}``, ``{"time": case, "seconds":
s}``, ``{"drop": case}``. One JSON line answers each.
"""

from __future__ import annotations

import contextlib
import gc
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.gpu_peers import PEERS, Peer

_GROUP_SECONDS, _LONGEST_GROUP = 0.01, 500


def time_calls(call: Callable[[], Any], wait: Callable[[Any], Any], seconds: float) -> float:
    """Median seconds of a call, of groups that are queued and waited for at their end."""
    start = time.perf_counter()
    wait(call())
    once = max(time.perf_counter() - start, 1e-7)
    group = max(1, min(_LONGEST_GROUP, int(_GROUP_SECONDS / once)))
    times: list[float] = []
    end = start + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        for _ in range(group):
            result = call()
        wait(result)
        times.append((time.perf_counter() - start) / group)
    return statistics.median(times)


def latency(call: Callable[[], Any], wait: Callable[[Any], Any], count: int = 50) -> float:
    """Median seconds of a call that is waited for."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        wait(call())
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def prepare(peer: Peer, case: str, ready: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Data on the device, then the first call, timed: it traces and compiles; and its result."""
    if case not in peer.cases:
        return {"has": False}
    call = peer.cases[case]()
    start = time.perf_counter()
    result = call()
    peer.wait(result)
    first = time.perf_counter() - start
    value = float(np.abs(np.asarray(peer.fetch(result), np.float64)).mean())
    for _ in range(2):
        peer.wait(call())
    ready[case] = call
    return {"has": True, "first": first, "value": value}


def answer(peer: Peer, command: dict[str, Any], ready: dict[str, Callable[[], Any]]) -> Any:
    """What a command gives."""
    if case := command.get("prepare"):
        return prepare(peer, case, ready)
    if case := command.get("time"):
        return {
            "seconds": time_calls(ready[case], peer.wait, command["seconds"]),
            "latency": latency(ready[case], peer.wait),
        }
    if case := command.get("drop"):
        ready.pop(case, None)
        gc.collect()
    return {"version": peer.version}


def main() -> None:
    """Answer commands until standard input ends; what else is printed goes to standard error."""
    out, ready = sys.stdout, {}
    with contextlib.redirect_stdout(sys.stderr):
        peer = PEERS[sys.argv[1]]()
        for line in sys.stdin:
            try:
                reply = answer(peer, json.loads(line), ready)
            except Exception as error:  # a case that fails is told, and the next one goes on
                traceback.print_exc()
                reply = {"has": False, "error": f"{type(error).__name__}: {error}"[:500]}
            print(json.dumps(reply), file=out, flush=True)


if __name__ == "__main__":
    main()
