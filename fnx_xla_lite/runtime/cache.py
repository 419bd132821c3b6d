"""Cache: compiled objects on disk; private, written atomically, checked when read.

``FNX_CACHE_DIR`` names the folder (default: the user's cache folder), ``FNX_CACHE=0`` turns the
cache off. A file that is damaged, or that another user could have written, is ignored and written
anew. A cache that cannot be written is no error.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

_MAGIC = b"fnx-object-1\n"
_DIGEST_BYTES = 32
_MOST_FILES = 4096


@dataclass(frozen=True, slots=True)
class ObjectCache:
    """A folder of objects, named by key: a magic line, the SHA-256 of the data, the data."""

    folder: Path

    def get(self, key: str) -> bytes | None:
        """The object stored under ``key``, or None."""
        path = self._path(key)
        try:
            if not _is_private(path):
                return None
            content = path.read_bytes()
        except OSError:
            return None
        head = len(_MAGIC) + _DIGEST_BYTES
        if not content.startswith(_MAGIC) or len(content) <= head:
            return None
        data = content[head:]
        if hashlib.sha256(data).digest() != content[len(_MAGIC) : head]:
            return None
        return data

    def put(self, key: str, data: bytes) -> None:
        """Store ``data`` under ``key``; other processes see all of it or nothing."""
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_MAGIC + hashlib.sha256(data).digest() + data)
                os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
            self._trim()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.o"

    def _trim(self) -> None:
        """Keep the number of files bounded: drop the oldest quarter when there are too many."""
        files = list(self.folder.glob("*.o"))
        if len(files) <= _MOST_FILES:
            return
        for path in sorted(files, key=lambda file: file.stat().st_mtime)[: _MOST_FILES // 4]:
            with contextlib.suppress(OSError):
                path.unlink()


def _is_private(path: Path) -> bool:
    """Whether the file and its folder are ours and nobody else can write to them."""
    if not hasattr(os, "getuid"):
        return True
    for place in (path, path.parent):
        status = place.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o022:
            return False
    return True


def object_cache() -> ObjectCache | None:
    """The cache that the environment asks for, or None where it is turned off."""
    if os.environ.get("FNX_CACHE", "1") == "0":
        return None
    wanted = os.environ.get("FNX_CACHE_DIR", "")
    folder = Path(wanted) if wanted else Path(platformdirs.user_cache_dir("fnx", appauthor=False))
    return ObjectCache(folder / "objects")
