"""docs/errors.md is what the gallery says now."""

from __future__ import annotations

import re

from fnx.core.primitive import REGISTRY
from tests.errors.page import PAGE, page


def test_the_page_is_up_to_date():
    text = PAGE.read_text("utf-8")
    assert text == page(), "run `python -m tests.errors.page`"


def test_the_page_names_no_machine():
    text = PAGE.read_text("utf-8")
    assert "/home" not in text
    assert "/work" not in text
    assert "/tmp" not in text
    assert " object at 0x" not in text


def test_what_the_page_shows_runs_as_it_stands(capsys):
    """The imports, then each program under "Instead:", which is called."""
    text = PAGE.read_text("utf-8")
    blocks = re.findall(r"(Instead:\n\n)?```python\n(.*?)```\n", text, re.DOTALL)
    namespace: dict[str, object] = {"__name__": "__main__"}
    before, count = dict(REGISTRY), 0
    for is_right, code in blocks:
        exec(compile(code, "program.py", "exec"), namespace)
        if is_right:
            namespace[re.match(r"def (\w+)", code)[1]]()
            count += 1
        REGISTRY.clear()
        REGISTRY.update(before)
    assert count >= 60
