"""What is built from our own sources is built once, and again when one of them changes."""

import pytest

import keelback
from keelback.image import own_sources
from keelback.image.own_sources import kept_build


@pytest.fixture
def package(monkeypatch, tmp_path):
    """Let a small package be Keelback, with a cache of its own."""
    for name in ("lang/a.py", "lang/deep/b.c", "lang/notes.txt", "user/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("as it was")
    monkeypatch.setattr(keelback, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setenv("KEELBACK_CACHE", str(tmp_path / "cache"))
    own_sources.digest_of_sources.cache_clear()
    yield tmp_path
    own_sources.digest_of_sources.cache_clear()


def builds(*key):
    """Say whether something made of the part `lang` is built, and not found."""
    own_sources.digest_of_sources.cache_clear()  # as in another process
    seen = []
    assert kept_build(("lang",), *key, build=lambda: seen.append(1) or b"made") == b"made"
    return bool(seen)


def test_what_was_built_is_found_again(package):
    assert builds("it") and not builds("it") and builds("it", 2)


@pytest.mark.parametrize("name", ["lang/a.py", "lang/deep/b.c"])
def test_it_is_built_again_when_a_source_changes(package, name):
    builds("it")
    (package / name).write_text("as it is")
    assert builds("it") and not builds("it")


def test_it_is_built_again_when_a_source_comes_or_goes(package):
    builds("it")
    (package / "lang" / "new.h").write_text("")
    assert builds("it")
    (package / "lang" / "new.h").unlink()
    assert not builds("it")


def test_other_parts_and_other_files_do_not_count(package):
    builds("it")
    (package / "user" / "c.py").write_text("as it is")
    (package / "lang" / "notes.txt").write_text("as it is")
    assert not builds("it")


def test_another_toolchain_builds_again(package, monkeypatch):
    builds("it")
    monkeypatch.setattr(own_sources, "_toolchain", lambda: "another")
    assert builds("it")
