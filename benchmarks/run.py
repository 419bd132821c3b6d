"""Run: every case on every framework, interleaved; prints the figures, and keeps them as JSON.

    python -m benchmarks.run [--cases softmax,GEMM] [--rounds 5] [--threads 2]
                             [--python jax=PATH ...]

Each framework lives in its own process; a round times one framework after the other, so that a
noisy neighbour hits all of them, begins with another one each time, and lets a framework's threads
fall asleep before the next one's turn. The ratio is the median over rounds of fnx / peer, and the
best peer is the one with the smallest median; below 1 fnx is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.peers import data

FRESH = {
    "import": "import",
    "first": "first call of the MLP train step",
    "memory": "peak memory of MLP training",
}
CASES = (
    "dispatch of jit(x + 1)", "eager a + b, 8 floats", "chain of 9, 1e6", "chain of 9, 1e7",
    "sum, 4096x4096", "sum of rows, 4096x4096", "sum of columns, 4096x4096",
    *(f"GEMM {n}" for n in data.GEMM_SIZES),
    *(f"softmax, {rows}x1024" for rows in data.ROWS),
    *(f"layer norm, {rows}x1024" for rows in data.ROWS),
    *(f"GELU + layer norm, {rows}x1024" for rows in data.ROWS),
    "MLP train step", "tiny MLP, 10,000 steps",
    "fori_loop, 1e6 steps of a scalar", "while_loop, Newton's root", "scan, RNN cell, 1e4 steps",
    "gradient of the scan",
)  # fmt: skip
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "FNX_NUM_THREADS")
SETTLING = 0.2  # seconds in which the last framework's threads stop spinning for more work
ROOT = Path(__file__).resolve().parent.parent


def environment(threads: int) -> dict[str, str]:
    """The environment of every process: so many threads, no cached kernels, this checkout first."""
    inherited = dict(os.environ)
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages have their bytecode
    return {
        **inherited,
        **dict.fromkeys(THREAD_LIMITS, str(threads)),
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "FNX_CACHE": "0",
    }


class Worker:
    """A framework's process."""

    def __init__(
        self, framework: str, python: str, threads: int, module: str = "benchmarks.worker",
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.process = subprocess.Popen(
            [python, "-m", module, framework, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=ROOT, env={**environment(threads), **settings},
        )  # fmt: skip

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command, wait for its answer; a dead worker answers nothing."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {}

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(timeout=60)


def processor() -> str:
    """What the system calls this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def measure_case(
    case: str, workers: dict[str, Worker], rounds: int, seconds: float, clock: str = "wall"
) -> dict[str, list[float]]:
    """Seconds of a call, for every framework that has the case, round by round."""
    has = [name for name, worker in workers.items() if worker.ask(prepare=case).get("has")]
    times: dict[str, list[float]] = {name: [] for name in has}
    for number in range(rounds):
        turn = number % max(1, len(has))
        for name in has[turn:] + has[:turn]:
            time.sleep(SETTLING)
            answer = workers[name].ask(time=case, seconds=seconds, clock=clock)
            times[name].append(answer.get("seconds", float("nan")))
    for name in has:
        workers[name].ask(drop=case)
    return times


def measure_fresh(
    kind: str, pythons: dict[str, str], rounds: int, threads: int
) -> dict[str, list[float]]:
    """What new processes pay, round by round."""
    values: dict[str, list[float]] = {
        name: []
        for name in pythons
        if name != "numpy" and (name != "torch.compile" or kind == "first")
    }
    for _ in range(rounds):
        for name in values:
            with tempfile.TemporaryDirectory() as folder:
                # no framework finds its own cached kernels
                caches = {"TORCHINDUCTOR_CACHE_DIR": folder, "FNX_CACHE_DIR": folder}
                done = subprocess.run(
                    [pythons[name], "-m", "benchmarks.fresh", name, kind], cwd=ROOT, text=True,
                    env={**environment(threads), **caches}, stdout=subprocess.PIPE, check=True,
                )  # fmt: skip
            values[name].append(json.loads(done.stdout.splitlines()[-1])["value"])
    return values


def ratios(times: dict[str, list[float]]) -> dict[str, float]:
    """Median over rounds of fnx / peer, and against the best peer (by its median)."""
    if "fnx" not in times:
        return {}
    ours = times["fnx"]
    table = {
        name: statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        for name, theirs in times.items()
        if name != "fnx"
    }
    peers = {name: statistics.median(values) for name, values in times.items() if name != "fnx"}
    return {**table, "best": table[min(peers, key=peers.__getitem__)]} if peers else {}


def show(case: str, times: dict[str, list[float]], names: list[str]) -> str:
    """One row of the table: medians, then ratios to JAX and to the best peer."""
    unit = (lambda v: f"{v / 2**20:8.0f} MB") if "memory" in case else _time
    cells = [unit(statistics.median(times[n])) if n in times else f"{'-':>11}" for n in names]
    factor = ratios(times)
    last = [f"{factor[k]:8.2f}" if k in factor else f"{'-':>8}" for k in ("jax", "best")]
    return f"{case:34}" + "".join(cells) + "".join(last)


def _time(value: float) -> str:
    for scale, unit in ((1, "s "), (1e-3, "ms"), (1e-6, "us")):
        if value >= scale:
            return f"{value / scale:8.2f} {unit}"
    return f"{value / 1e-9:8.0f} ns"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cases",
        default="",
        help="only cases that contain one of these texts, separated by , (or by ; if there is one)",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=0.3, help="timing of one framework in one round"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: the least processor time of a round, for busy machines; with --threads 1",
    )
    parser.add_argument("--peers", default="jax,torch,torch.compile,numpy")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        help="FRAMEWORK=interpreter, where it is not this one",
    )
    parser.add_argument("--json", type=Path, help="keep the figures here")
    return parser.parse_args()


def main() -> None:
    """Measure and report."""
    args = arguments()
    names = ["fnx", *filter(None, args.peers.split(","))]
    chosen = dict(pair.split("=", 1) for pair in args.python)
    pythons = {
        name: chosen.get(name, chosen.get(name.split(".")[0], sys.executable)) for name in names
    }
    wanted = [w for w in args.cases.split(";" if ";" in args.cases else ",") if w]
    matches = lambda case: not wanted or any(w in case for w in wanted)
    print(f"{'':34}" + "".join(f"{n:>11}" for n in names) + f"{'/jax':>8}{'/best':>8}", flush=True)
    table: dict[str, dict[str, list[float]]] = {}
    workers = {name: Worker(name, python, args.threads) for name, python in pythons.items()}
    for case in filter(matches, CASES):
        table[case] = measure_case(case, workers, args.rounds, args.seconds, args.clock)
        print(show(case, table[case], names), flush=True)
    for worker in workers.values():
        worker.close()
    for kind, case in FRESH.items():
        if matches(case):
            table[case] = measure_fresh(kind, pythons, args.rounds, args.threads)
            print(show(case, table[case], names), flush=True)
    if args.json:
        machine = {
            "processor": processor(),
            "threads": args.threads,
            "clock": args.clock,
            "date": time.strftime("%Y-%m-%d"),
        }
        rows = {case: {"values": times, "ratios": ratios(times)} for case, times in table.items()}
        args.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
