"""The code of docs/checks.md runs, from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "checks.md"


def test_the_page_runs(capsys):
    text = PAGE.read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    names = {"__name__": "page"}
    for block in blocks:
        line = text[: text.index(block)].count("\n")
        exec(compile("\n" * line + block, str(PAGE), "exec"), names)
    said = capsys.readouterr().out
    assert "loss: log made nan at element 0 of its result f32[3]" in said
    assert "in checks.md:" in said
    assert "h = fnp.log(x @ w)" in said
