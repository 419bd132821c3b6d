"""GPU: fnx's compiler beside JAX and PyTorch on one CUDA device; prints a table, keeps JSON.

    python -m benchmarks.gpu [--cases softmax,GEMM] [--peers jax,torch,torch.compile]
                             [--rounds 3] [--budget 140] [--json FILE]

Each framework lives in its own process; a round times one after the other. A figure is the median
over rounds of a round's median; calls are queued in groups, and the device is waited for at the end
of each. ``first`` is the first call, which traces and compiles. Products are float32, never TF32.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.run import ROOT, Worker, ratios, show

CASES = (
    "dispatch of jit(x + 1)", "chain of 9, 1e7", "softmax, 8192x1024", "layer norm, 8192x1024",
    "GELU + layer norm, 8192x1024", "sum, 4096x4096", "sum of rows, 4096x4096",
    "sum of columns, 4096x4096", "GEMM 1024", "GEMM 4096", "MLP train step",
)  # fmt: skip
TOLERANCE = 1e-3  # between the means of the frameworks' results


def settings(folder: str) -> dict[str, str]:
    """Environment of the workers: the device, memory shared with others, no cached kernels."""
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "JAX_PLATFORMS": "cuda",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "FNX_CACHE": "0",
        "TORCHINDUCTOR_CACHE_DIR": folder,
        "TRITON_CACHE_DIR": f"{folder}/triton",
        "CUDA_CACHE_DISABLE": "1",
    }


def measure(
    case: str, workers: dict[str, Worker], rounds: int, seconds: float, end: float
) -> dict[str, Any]:
    """One case on every framework that has it; fewer rounds if the time is up."""
    ready = {name: worker.ask(prepare=case) for name, worker in workers.items()}
    has = [name for name, answer in ready.items() if answer.get("has")]
    values: dict[str, list[float]] = {name: [] for name in has}
    latencies: dict[str, list[float]] = {name: [] for name in has}
    for done in range(rounds):
        if done and time.perf_counter() > end:
            break
        for name in has:
            answer = workers[name].ask(time=case, seconds=seconds)
            values[name].append(answer.get("seconds", float("nan")))
            latencies[name].append(answer.get("latency", float("nan")))
    for name in has:
        workers[name].ask(drop=case)
    return {
        "values": values,
        "latency": latencies,
        "first": {name: ready[name]["first"] for name in has},
        "means": {name: ready[name]["value"] for name in has},
        "errors": {n: a["error"] for n, a in ready.items() if "error" in a},
        "ratios": ratios(values),
    }


def disagreements(case: str, row: dict[str, Any]) -> list[str]:
    """Frameworks whose result is not fnx's."""
    means = row["means"]
    ours = means.get("fnx", float("nan"))
    return [
        f"{case}: mean |result| of {name} is {value:.6g}, of fnx {ours:.6g}"
        for name, value in means.items()
        if not abs(value - ours) <= TOLERANCE * max(abs(value), 1e-30)
    ]


def device() -> str:
    """What the driver calls the device."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", default="", help="only cases that contain one of these texts")
    parser.add_argument("--peers", default="jax,torch", help="torch.compile is slow to start")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.15, help="of a framework in a round")
    parser.add_argument("--budget", type=float, default=140, help="seconds for everything")
    parser.add_argument("--json", type=Path, help="keep the figures here")
    return parser.parse_args()


def report(table: dict[str, Any], names: list[str]) -> None:
    """Medians; then first calls, in the same columns; then what went wrong."""
    head = "".join(f"{n:>11}" for n in names) + f"{'/jax':>8}{'/best':>8}"
    print(f"{'queued calls':34}{head}")
    for case, row in table.items():
        print(show(case, row["values"], names))
    print(f"{'one call, waited for':34}{head}")
    for case, row in table.items():
        print(show(case, row["latency"], names))
    print(f"{'first call':34}{head}")
    for case, row in table.items():
        print(show(case, {name: [value] for name, value in row["first"].items()}, names))
    for case, row in table.items():
        for line in disagreements(case, row):
            print(line)
        for name, error in row["errors"].items():
            print(f"{case}: {name} failed: {error}")


def main() -> None:
    """Measure and report."""
    start, args = time.perf_counter(), arguments()
    names = ["fnx", *filter(None, args.peers.split(","))]
    wanted = [w for w in args.cases.split(",") if w]
    table: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        workers = {
            name: Worker(name, sys.executable, 2, "benchmarks.gpu_worker", settings(folder))
            for name in names
        }
        versions = {name: worker.ask(hello=1).get("version") for name, worker in workers.items()}
        for case in CASES:
            if wanted and not any(w in case for w in wanted):
                continue
            if time.perf_counter() > start + args.budget:
                print(f"no time left for {case}")
                continue
            table[case] = measure(
                case, workers, args.rounds, args.seconds, start + 0.8 * args.budget
            )
            if args.json:
                machine = {"device": device(), "date": time.strftime("%Y-%m-%d"), **versions}
                args.json.write_text(json.dumps({"machine": machine, "rows": table}, indent=1))
        for worker in workers.values():
            worker.close()
    print(f"{device()}; {versions}; {time.perf_counter() - start:.0f} s")
    report(table, names)


if __name__ == "__main__":
    main()
