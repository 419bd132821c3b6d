"""The code of docs/callbacks.md runs, and prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "callbacks.md").read_text("utf-8")


def test_the_page_runs(capsys):
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(code) == 4
    exec(compile("\n".join(code), "docs/callbacks.md", "exec"), {})
    shown = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    shown += [text + "\n" for text in re.findall(r"\nprints `(.*?)`", PAGE)]
    assert capsys.readouterr().out == "".join(shown)
