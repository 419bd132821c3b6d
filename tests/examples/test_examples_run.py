"""Every example runs as a user runs it, with small settings, and prints what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, tuple[list[str], str]] = {
    "01_derivatives.py": ([], r"while loop: 0\.3535(?s:.*)row: \(4, 3\)"),
    "02_regression.py": ([], r"(?s)loss 0\.12.*outlier is example 17"),
    "03_own_layer.py": ([], r"(?s)accuracy (99|100)\..*results after loading: True"),
    "04_many_at_once.py": ([], r"(?s)(rate 0\.\d{4}: loss 0\.\d{6}\n.*){8}best"),
    "05_errors.py": ([], r"(?s)(---.*){10}repaired: 1\.0 2\.0"),
    "06_new_primitive.py": (
        [],
        r"(?s)cosh of 100: 99\.3.*differences agree: True\n.*batch agrees: True\n.*"
        r"symmetric: True\n.*example\.laplacian a.*compiled to 1 kernel",
    ),
    "07_deep_in_little_memory.py": (
        ["--depth", "8", "--size", "16"],
        r"(?s)keeps all values.*keeps 'hidden'.*keeps nothing.*agree: True\n8 layers are one loop",
    ),
    "08_inside_compiled_code.py": (
        ["--steps", "60"],
        r"(?s)history: 0: 1\.000, 25: .*, 50: .*exp made inf at element.*in iteration 1 of the loop"
        r".*rate = np\.exp\(x @ w\).*mean 2\.0; error: None\n.*nothing is left of 3 values"
        r".*sqrt of 1\.0 is 1\.000\nsqrt of 2\.0 is 1\.414",
    ),
    "digits_mlp.py": (
        ["--epochs", "6", "--hidden", "128"],
        r"test accuracy 9\d\.\d+% on 359 held-out digits(?s:.*)kernels in one",
    ),
    "see_every_stage.py": (
        [],
        r"(?s)lambda.*func\.func.*fusion.*kernel.*define.*(xmm|ymm|zmm|v\d+\.4s)",
    ),
}


def run(arguments: list[str], **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested_listed_and_short() -> None:
    paths = list(ROOT.glob("examples/*.py"))
    assert {path.name for path in paths} == set(SETTINGS)
    text = (ROOT / "examples/README.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+\.py)`", text, re.MULTILINE)
    assert sorted(listed) == sorted(SETTINGS)
    assert all(path.read_text("utf-8").count("\n") < 100 for path in paths)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_example_runs(name: str) -> None:
    arguments, expected = SETTINGS[name]
    assert re.search(expected, run([f"examples/{name}", *arguments]))


def test_the_readme_runs() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    out = run(["-c", code])
    assert "(4, 3, 1)" in out
    assert "lambda" in out


def test_dumps_hold_every_stage(tmp_path: Path) -> None:
    code = (
        "import fnx, fnx.numpy as np; fnx.jit(fnx.grad(lambda x: np.sum(np.sin(x))))(np.ones(100))"
    )
    run(["-c", code], FNX_DUMP=str(tmp_path))
    (folder,) = tmp_path.iterdir()
    stages = [path.stem.split("-", 1)[1] for path in sorted(folder.iterdir())]
    assert stages[0] == "jaxpr"
    for stage in ("hlo", "dce", "fused", "loops", "llvm", "assembly"):
        assert stage in stages
    assert all(path.read_text("utf-8").strip() for path in folder.iterdir())
