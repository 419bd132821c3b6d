"""The object cache: hits, damage, privacy, the environment."""

import os
import subprocess
import sys

import pytest

from fnx_xla_lite.runtime.cache import ObjectCache, object_cache


@pytest.fixture
def cache(tmp_path):
    return ObjectCache(tmp_path / "objects")


def test_get_gives_what_put_stored(cache):
    assert cache.get("k") is None
    cache.put("k", b"code")
    assert cache.get("k") == b"code"
    cache.put("k", b"other")
    assert cache.get("k") == b"other"
    assert [p.name for p in cache.folder.iterdir()] == ["k.o"]


@pytest.mark.parametrize("damage", [b"", b"x", None, "flip"])
def test_damaged_files_are_ignored_and_written_anew(cache, damage):
    cache.put("k", b"code" * 10)
    path = cache.folder / "k.o"
    content = path.read_bytes()
    if damage is None:
        damage = content[:-5]
    elif damage == "flip":
        damage = content[:-1] + bytes([content[-1] ^ 1])
    path.write_bytes(damage)
    assert cache.get("k") is None
    cache.put("k", b"new")
    assert cache.get("k") == b"new"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
def test_files_are_private_and_others_are_not_trusted(cache):
    cache.put("k", b"code")
    path = cache.folder / "k.o"
    assert path.stat().st_mode & 0o077 == 0
    assert cache.folder.stat().st_mode & 0o077 == 0
    path.chmod(0o666)
    assert cache.get("k") is None
    path.chmod(0o600)
    cache.folder.chmod(0o777)
    assert cache.get("k") is None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    file = tmp_path / "file"
    file.write_text("not a folder")
    cache = ObjectCache(file / "objects")
    cache.put("k", b"code")
    assert cache.get("k") is None


def test_old_files_go_when_there_are_too_many(cache, monkeypatch):
    monkeypatch.setattr("fnx_xla_lite.runtime.cache._MOST_FILES", 8)
    for number in range(9):
        cache.put(f"k{number}", b"code")
        os.utime(cache.folder / f"k{number}.o", (number, number))
    left = sorted(p.name for p in cache.folder.iterdir())
    assert len(left) == 7
    assert "k8.o" in left


def test_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("FNX_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("FNX_CACHE", raising=False)
    found = object_cache()
    assert found is not None
    assert found.folder.parent == tmp_path
    monkeypatch.setenv("FNX_CACHE", "0")
    assert object_cache() is None


PROGRAM = """
import sys
import numpy as np
import fnx_xla_lite as x
from fnx_xla_lite.backends.cpu import backend
if sys.argv[1] == "cached":
    backend.emit_modules = None  # must not be needed
b = x.Builder("f")
p = b.parameter((50,), "f32")
run = x.compile(b.build(b.tanh(p)))
print(run(np.linspace(-2, 2, 50, dtype=np.float32))[0].tobytes().hex())
"""


def test_a_second_process_loads_the_object_and_gets_the_same_bits(tmp_path):
    def run(mode):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, mode],
            env=os.environ | {"FNX_CACHE_DIR": str(tmp_path), "FNX_CACHE": "1"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    first = run("fresh")
    assert run("cached") == first
    for path in (tmp_path / "objects").iterdir():
        path.write_bytes(b"damaged")
    assert run("fresh") == first
    assert run("cached") == first
