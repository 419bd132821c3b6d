"""Errors of the compiler's public functions show the caller's frames."""

from __future__ import annotations

import traceback

import numpy as np
import pytest

import fnx_xla_lite
from fnx_xla_lite.errors import CompilerError

builder = fnx_xla_lite.Builder("double")
x = builder.parameter((4,), "f32")
MODULE = builder.build(builder.add(x, x))
CALLS = {
    "parse": lambda: fnx_xla_lite.parse("modul"),
    "compile": lambda: fnx_xla_lite.compile("module { what }"),
    "interpret": lambda: fnx_xla_lite.interpret(MODULE, np.zeros(3)),
}


def files(error: BaseException) -> set[str]:
    return {frame.filename for frame in traceback.extract_tb(error.__traceback__)}


@pytest.mark.parametrize("name", CALLS)
def test_errors_show_the_callers_frames(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CompilerError) as caught:
        CALLS[name]()
    assert files(caught.value) == {__file__}
    monkeypatch.setenv("FNX_TRACEBACK", "full")
    with pytest.raises(CompilerError) as caught:
        CALLS[name]()
    assert len(files(caught.value)) > 1
