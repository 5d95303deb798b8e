"""`keelback web`: what it writes, and what it says where something is missing."""

import base64
import gzip
import json
import re

import pytest

from keelback.cli.app import app
from keelback.cli.options import KernelChoice
from keelback.cli.web import write_page
from keelback.errors import UserError
from keelback.image.image_reader import read_image_file
from keelback.view import emulator

PUBLISHED = KernelChoice()


def write(folder, *words, choice=PUBLISHED, memory="16M", command_line="", **options):
    return write_page(folder, words, choice, memory, command_line, **options)


def carried(page, name):
    packed = re.search(f'id="file-{name}">([^<]+)</script>', page)[1]
    return gzip.decompress(base64.b64decode(packed))


def test_the_page_carries_the_image_the_machine_and_their_licences(tmp_path, capsys):
    assert write(tmp_path / "new" / "page", "hello", as_json=True) == 0
    facts = json.loads(capsys.readouterr().out)
    page = (tmp_path / "new" / "page" / "index.html").read_text()
    assert facts["bytes"] == len(page.encode()) and facts["gzipped"] < 850_000
    assert "hello" in [each.name for each in read_image_file(carried(page, "image")).members]
    assert carried(page, "bios") == (emulator.BIOS / "bios.bin").read_bytes()
    notice = (tmp_path / "new" / "page" / "NOTICE.txt").read_text()
    assert "Redistribution and use in source and binary forms" in notice
    assert "GNU Lesser General Public License, version 3" in notice
    assert notice.splitlines()[2] in page


def test_the_same_programs_make_the_same_page_and_no_other_address_is_in_it(tmp_path):
    for each in ("one", "two"):
        write(tmp_path / each, "hello")
    one, two = ((tmp_path / each / "index.html").read_text() for each in ("one", "two"))
    assert one == two
    assert re.findall(r'(?:src|href|action)="(?!data:)[^"]+"', one) == []


def test_a_program_of_the_readers_own_is_in_the_page(tmp_path):
    source = tmp_path / "mine.c"
    source.write_text('#include <stdio.h>\nint main(void) { puts("<mine>"); }\n')
    write(tmp_path / "page", f"{source} </script>")
    page = (tmp_path / "page" / "index.html").read_text()
    assert "mine" in [each.name for each in read_image_file(carried(page, "image")).members]
    assert "&lt;/script&gt;" in page and "mine.c </script>" not in page


@pytest.mark.parametrize(
    "choice", [KernelChoice("teaching"), KernelChoice(paging="x86-64")], ids=lambda each: each.layout
)
def test_a_kernel_of_64_bits_is_refused_in_a_line(tmp_path, choice):
    with pytest.raises(UserError, match="^v86 has no 64-bit mode, which the .* needs; try --paging i386 or PAE .*$"):
        write(tmp_path, "hello", choice=choice)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"memory": "15K"}, "--memory 15K: not a multiple of 1M below 1G"),
        ({"memory": "1M"}, "too little memory: .* the machine has 1,024 KiB"),
        ({"command_line": "a\n"}, r"--append 'a\\n': not printable ASCII"),
    ],
)
def test_a_machine_that_cannot_be_is_refused(tmp_path, options, said):
    with pytest.raises(UserError, match=f"^{said}$"):
        write(tmp_path, "hello", **options)
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="/file: File exists$"):
        write(tmp_path / "file", "hello")


# What is missing.


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KEELBACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def npm(folder, *lines):
    """Put a program called npm there that does what the lines of a shell say."""
    (folder / "npm").write_text("\n".join(["#!/bin/sh", *lines, ""]))
    (folder / "npm").chmod(0o755)


def test_a_missing_bios_is_told_with_the_line_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setattr(emulator, "BIOS", tmp_path)
    with pytest.raises(emulator.NoEmulator, match=r"bios\.bin: No such file or directory: .* install .*seabios$"):
        emulator.find_emulator()
    assert not emulator.is_bios_there()


def test_without_npm_the_line_that_installs_it_is_told(empty_cache):
    with pytest.raises(emulator.NoEmulator, match="^the page's machine is v86, which npm fetches: .* install .*npm"):
        emulator.find_emulator()
    assert not emulator.is_v86_kept()


def test_what_npm_says_is_told_in_a_line(empty_cache):
    said = json.dumps({"error": {"summary": "no network\nat all"}})
    npm(empty_cache, f"printf %s '{said}'", "exit 1")
    with pytest.raises(emulator.NoEmulator, match=f"^npm pack v86@{emulator.VERSION} failed: no network$"):
        emulator.find_emulator()
    npm(empty_cache, "echo 'something else' >&2", "exit 1")
    with pytest.raises(emulator.NoEmulator, match="failed: something else$"):
        emulator.find_emulator()


def test_another_package_than_the_known_one_is_refused_and_not_kept(empty_cache):
    npm(empty_cache, f"echo other > {emulator.TARBALL}")
    with pytest.raises(emulator.NoEmulator, match="is not the one known here: its SHA-512 differs$"):
        emulator.find_emulator()
    assert not emulator.is_v86_kept()


def test_another_v86_than_the_known_one_is_refused():
    for wasm in (b"", emulator._PUBLISHED_SLICE * 2):
        with pytest.raises(emulator.NoEmulator, match="the length of its slices is not where it was$"):
            emulator.with_short_slices(wasm)
    assert emulator.with_short_slices(b"<" + emulator._PUBLISHED_SLICE + b">") == b"<\x41\x81\x80\x00\x49>"


def test_the_command_is_known():
    assert "web" in app.list_commands(None)


def test_a_file_that_the_page_is_made_of_is_not_written_over(tmp_path):
    layout = tmp_path / "index.html"
    layout.write_text("")
    with pytest.raises(UserError, match=r"index\.html"):
        write(tmp_path, "hello", choice=KernelChoice(f"{layout}:OWN"))
    assert layout.read_text() == ""
