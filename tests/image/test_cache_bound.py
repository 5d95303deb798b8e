"""The cache does not grow without end, and neither two writers nor a killed one harm it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import keelback
from keelback.image import cache, cache_bound
from keelback.image.cache import Entry, find, find_or_build, keep, key_of
from keelback.image.cache_bound import DAY, LOCKS, MARK, kept_in, remove_surplus, tidy

SOURCE = str(Path(keelback.__file__).parents[1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KEELBACK_CACHE", str(tmp_path / "cache"))
    return cache.cache_directory()


def add(name: str, size: int, days: float = 0) -> str:
    """Keep an entry that was last used so many days ago; return its key."""
    key = key_of(name)
    keep(key, Entry(bytes(size), ""))
    age(cache.cache_directory() / key, days)
    return key


def age(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def names(folder: Path) -> set[str]:
    return {each.path.name for each in kept_in(folder)}


def test_what_was_not_used_for_long_goes(folder: Path) -> None:
    old, new = add("old", 10, days=31), add("new", 10, days=29)
    remove_surplus(folder, most_bytes=1 << 20, most_seconds=30 * DAY)
    assert names(folder) == {new} and old != new


def test_of_too_much_the_oldest_goes_first(folder: Path) -> None:
    keys = [add(str(number), 1000, days=number) for number in range(5)]
    remove_surplus(folder, most_bytes=3500, most_seconds=30 * DAY)
    assert names(folder) == {*keys[:3]}


def test_the_c_of_compiled_python_goes_with_its_folder(folder: Path) -> None:
    source = folder / "compiled" / "digest" / "kernel.c"
    source.parent.mkdir(parents=True)
    source.write_text("int x;")
    age(source, 40)
    remove_surplus(folder, most_bytes=1 << 20, most_seconds=30 * DAY)
    assert not source.parent.exists() and (folder / "compiled").is_dir()


def test_nothing_else_is_removed(folder: Path) -> None:
    for name in ("mine", "a" * 63, "G" * 64):
        (folder / name).write_text("")
        age(folder / name, 99)
    remove_surplus(folder, most_bytes=0, most_seconds=0)
    assert {path.name for path in folder.iterdir()} == {"mine", "a" * 63, "G" * 64}


def test_it_is_tidied_once_a_day_by_whoever_keeps_a_build(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tidied: list[Path] = []
    monkeypatch.setattr(cache_bound, "remove_surplus", lambda where, **_most: tidied.append(where))
    add("one", 1)
    add("two", 1)
    assert tidied == [folder]
    age(folder / MARK, 2)
    add("three", 1)
    assert tidied == [folder, folder]


def test_a_use_makes_an_entry_young_again(folder: Path) -> None:
    key = add("used", 10, days=20)
    assert find(key) is not None
    remove_surplus(folder, most_bytes=1 << 20, most_seconds=DAY)
    assert names(folder) == {key}


def test_a_cache_that_goes_meanwhile_is_no_error(folder: Path) -> None:
    tidy(folder / "none")
    remove_surplus(folder / "none", most_bytes=0, most_seconds=0)


# Several at once.

WRITER = """
import sys, time
from pathlib import Path
from keelback.image.cache import Entry, find_or_build, key_of
for number in range(200):
    content = bytes([number]) * 40_000
    entry = find_or_build(key_of("shared", number), lambda work: Entry(content, ""))
    assert entry.output == content, number
print("done", flush=True)
"""


def writer() -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": SOURCE}
    return subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, text=True, env=environment)


def test_two_writers_of_the_same_builds_get_what_they_built(folder: Path) -> None:
    both = [writer(), writer()]
    assert [each.communicate(timeout=60)[0] for each in both] == ["done\n"] * 2
    assert len(names(folder)) == 200


def test_a_writer_that_is_killed_leaves_nothing_that_is_not_whole(folder: Path) -> None:
    for moment in range(5):
        killed = writer()
        until = time.monotonic() + 20
        while len(names(folder)) < 30 * moment + 5 and time.monotonic() < until:
            time.sleep(0.002)
        killed.kill()
        killed.wait()
    assert all(find(each.name) is not None for each in folder.iterdir() if len(each.name) == 64)
    assert writer().communicate(timeout=60)[0] == "done\n"
    assert {path.name for path in folder.iterdir() if len(path.name) != 64} == {MARK, LOCKS}


def test_of_threads_that_want_one_build_one_builds(folder: Path) -> None:
    built: list[int] = []

    def build(_work: Path) -> Entry:
        built.append(1)
        time.sleep(0.1)
        return Entry(b"once", "")

    threads = [threading.Thread(target=find_or_build, args=(key_of("once"), build)) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert built == [1]


SLOW = """
import sys, time
from pathlib import Path
from keelback.image.cache import Entry, find_or_build, key_of
def build(work):
    print("building", flush=True)
    time.sleep(float(sys.argv[1]))
    return Entry(b"once", "")
assert find_or_build(key_of("slow"), build).output == b"once"
"""


def slow(seconds: float) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": SOURCE}
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(seconds)], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_of_processes_that_want_one_build_one_builds(folder: Path) -> None:
    several = [slow(0.5) for _ in range(4)]
    assert sorted(each.communicate(timeout=60)[0] for each in several) == ["", "", "", "building\n"]
    assert [*(folder / LOCKS).iterdir()] == []


def test_a_builder_that_is_killed_keeps_nobody_from_building(folder: Path) -> None:
    killed = slow(60)
    assert killed.stdout is not None and killed.stdout.readline() == "building\n"
    other = slow(0)
    killed.kill()
    killed.wait()
    assert other.communicate(timeout=60)[0] == "building\n"


def test_a_lock_that_was_left_goes_with_what_is_old(folder: Path) -> None:
    (folder / LOCKS).mkdir()
    left = folder / LOCKS / key_of("left")
    left.touch()
    age(left, 31)
    tidy(folder)
    assert not left.exists()


def test_where_nothing_can_be_locked_all_build(folder: Path) -> None:
    (folder / LOCKS).write_text("a file")
    assert find_or_build(key_of("it"), lambda work: Entry(b"it", "")).output == b"it"
