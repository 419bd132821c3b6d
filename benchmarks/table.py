"""Table: a results file of ``benchmarks.run`` as Markdown.

Run as ``python -m benchmarks.table benchmarks/results/cpu.json``.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

NAMES = ("fnx", "jax", "torch", "torch.compile", "numpy")


def cell(case: str, values: list[float] | None) -> str:
    """The median in a fitting unit."""
    if not values:
        return ""
    median = statistics.median(values)
    if "memory" in case:
        return f"{median / 2**20:.0f} MB"
    for scale, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "us")):
        if median >= scale:
            return f"{median / scale:.3g} {unit}"
    return f"{median / 1e-9:.3g} ns"


def table(results: dict) -> str:
    """Medians of every framework, and fnx over JAX and over the best peer."""
    lines = [
        "| case | " + " | ".join(NAMES) + " | fnx / JAX | fnx / best |",
        "| --- |" + " ---: |" * (len(NAMES) + 2),
    ]
    for case, row in results["rows"].items():
        medians = [cell(case, row["values"].get(name)) for name in NAMES]
        ratios = [f"{row['ratios'][k]:.2f}" if k in row["ratios"] else "" for k in ("jax", "best")]
        lines.append(f"| {case} | " + " | ".join([*medians, *ratios]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(json.loads(Path(sys.argv[1]).read_text("utf-8"))))
