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


def test_import_contracts_hold() -> None:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
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
    probe = "import sys, fnx; print([m for m in ('scipy', 'torch', 'jax', 'cupy', 'PIL', 'hypothesis', 'tqdm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
