"""Looking inside.

``FNX_DUMP=folder`` writes every stage of every program, ``FNX_CHECK=1`` verifies between any two.
"""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

from fnx_xla_lite.errors import BackendError

_COUNTER = itertools.count()


def dump_folder() -> Path | None:
    """The folder of ``FNX_DUMP``, or None; read at each call, so that a program may set it late."""
    folder = os.environ.get("FNX_DUMP")
    return Path(folder) if folder else None


def is_checking() -> bool:
    """Whether ``FNX_CHECK`` asks for verification between passes."""
    return os.environ.get("FNX_CHECK", "").lower() not in ("", "0", "false", "no", "off")


class StageWriter:
    """Writes the stages of one program as numbered files in a folder; without one, nothing.

    >>> StageWriter("mlp", folder=None).write("parsed", "module ...") is None
    True
    """

    def __init__(self, program: str, folder: Path | None) -> None:
        self._stage = itertools.count()
        self._folder: Path | None = None
        if folder is not None:
            name = re.sub(r"[^\w.-]", "_", program)[:80]
            self._folder = folder / f"{os.getpid()}-{next(_COUNTER):03d}-{name}"
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise BackendError(
                    f"FNX_DUMP={folder}: the stages cannot be written there: {error}"
                ) from error

    @property
    def is_on(self) -> bool:
        """Whether anything is written; ask before making an expensive text."""
        return self._folder is not None

    def write(self, stage: str, text: str, suffix: str = ".mlir") -> Path | None:
        """Write one stage's text and return its path."""
        if self._folder is None:
            return None
        path = self._folder / f"{next(self._stage):02d}-{stage}{suffix}"
        path.write_text(text, encoding="utf-8")
        return path
