"""House rule 9: small and plain. No file is exempt."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*ROOT.glob("fnx/**/*.py"), *ROOT.glob("fnx_xla_lite/**/*.py")])
LONGEST_FILE = 330
LONGEST_FUNCTION = 60
FORBIDDEN_NAMES = {"utils.py", "common.py", "misc.py", "helpers.py"}


def code_lines(node: ast.FunctionDef) -> int:
    body = node.body
    is_doc = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    if is_doc and len(body) == 1:
        return 0
    return node.end_lineno - (body[1] if is_doc else body[0]).lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_file_is_small_and_says_what_it_is(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module opens with one line that says what it is"
    assert path.name not in FORBIDDEN_NAMES
    assert text.count("\n") <= LONGEST_FILE
    long = [
        f"{node.name}: {code_lines(node)} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and code_lines(node) > LONGEST_FUNCTION
    ]
    assert not long
