"""Imports go one way: the contracts of pyproject.toml hold, and CuPy is imported in one file."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*ROOT.glob("fnx/**/*.py"), *ROOT.glob("fnx_xla_lite/**/*.py")])


def imported_modules(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def run_python(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", command, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_import_contracts_hold() -> None:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = run_python(command, "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_cupy_is_imported_in_one_file() -> None:
    users = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if any(name.split(".")[0] == "cupy" for name in imported_modules(path))
    ]
    assert users == ["fnx_xla_lite/backends/cuda/launch.py"]


def test_importing_fnx_imports_no_heavy_library() -> None:
    heavy = {"scipy", "torch", "jax", "cupy", "PIL", "hypothesis", "tqdm"}
    done = run_python("import sys, fnx; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert "fnx" in done.stdout.split()
    assert not heavy & set(done.stdout.split())
