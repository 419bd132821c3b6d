"""Dump folders that cannot be written to."""

import pytest

from fnx_xla_lite.debug import StageWriter
from fnx_xla_lite.errors import BackendError


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(BackendError, match=r"FNX_DUMP=.*file: the stages cannot be written there"):
        StageWriter("program", file)


def test_stages_are_numbered_in_a_folder_of_the_program(tmp_path):
    writer = StageWriter("a/b", tmp_path)
    paths = [writer.write("first", "1"), writer.write("second", "2", ".txt")]
    assert [p.name for p in paths] == ["00-first.mlir", "01-second.txt"]
    assert paths[0].parent.name.endswith("a_b")
    assert paths[1].read_text() == "2"
