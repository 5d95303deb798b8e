"""The cache lies where the user wants it, or in a place that is nobody else's."""

import os
import tempfile
from pathlib import Path

import pytest

from keelback.image import cache, compiled
from keelback.image.cache import Entry


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_an_entry_is_what_was_packed() -> None:
    entry = Entry(b"output", "a warning", {"/a file": "a digest"})
    assert Entry.unpack(entry.pack()) == entry


def test_an_entry_is_current_until_a_file_changes(tmp_path: Path) -> None:
    read = write(tmp_path / "read.h", "one")
    entry = Entry(b"", "", {str(read): cache.digest_of(read) or ""})
    assert entry.is_current()
    write(read, "two")
    assert not entry.is_current()
    read.unlink()
    assert not entry.is_current()


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("KEELBACK_CACHE", raising=False)
    assert cache.cache_directory() == tmp_path / "home" / ".cache" / "keelback"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_directory() == tmp_path / "xdg" / "keelback"
    monkeypatch.setenv("KEELBACK_CACHE", str(tmp_path / "mine"))
    assert cache.cache_directory() == tmp_path / "mine"
    assert (tmp_path / "mine").is_dir()


def test_a_place_that_cannot_be_made_gives_a_private_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEELBACK_CACHE", str(write(tmp_path / "file", "") / "below"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cache._temporary_cache.cache_clear()
    try:
        found = cache.cache_directory()
    finally:
        cache._temporary_cache.cache_clear()
    assert found == tmp_path / f"keelback-{os.getuid()}"
    assert found.stat().st_mode & 0o777 == 0o700


def test_a_cache_open_to_others_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = tmp_path / f"keelback-{os.getuid()}"
    theirs.mkdir()
    theirs.chmod(0o777)
    monkeypatch.setenv("KEELBACK_CACHE", str(write(tmp_path / "file", "") / "below"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cache._temporary_cache.cache_clear()
    try:
        found = cache.cache_directory()
    finally:
        cache._temporary_cache.cache_clear()
    assert found != theirs
    assert found.parent == tmp_path


def test_c_of_compiled_python_has_a_place_where_the_cache_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEELBACK_CACHE", str(tmp_path))
    write(tmp_path / "compiled", "a file where the folder would be")
    made = compiled._written(b"int x;", Path("compiled", "digest", "kernel.c"))
    assert made.read_bytes() == b"int x;" and tmp_path not in made.parents
