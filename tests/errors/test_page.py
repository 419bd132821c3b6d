"""docs/errors.md is what the gallery says now."""

from __future__ import annotations

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
