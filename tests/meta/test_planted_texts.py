"""Every planted bug still finds its text: once, in the file that it names."""

from __future__ import annotations

import ast
from collections import Counter

from tests.meta.bugs import BUGS
from tests.meta.seeded_bugs import edited


def test_every_text_to_replace_occurs_once_and_the_edit_is_python() -> None:
    for bug in BUGS:
        ast.parse(edited(bug), bug.file)


def test_every_bug_has_words_of_its_own() -> None:
    twice = [what for what, count in Counter(bug.what for bug in BUGS).items() if count > 1]
    assert not twice
