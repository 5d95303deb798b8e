"""`keelback build` and `keelback image show` as a person runs them, and what they build booted on QEMU."""

import os
import re
import resource
import shutil
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

from command_client import ENVIRONMENT, SOURCE, keelback_command
from keelback.cli.images import build_image
from keelback.cli.programs import choose
from keelback.image import iso
from keelback.image.host_tools import install_line
from keelback.image.images import most_payload
from keelback.image.iso import GRUB, TOOLS, build_iso, words_of
from keelback.kernel.layout import MICROKERNEL, TEACHING, with_paging
from keelback.machine.qemu.qemu import Medium, Qemu, Verdict
from support import sliced

MIB = 1 << 20
ON_DISC = ("--append", 'memory=20M init="hello from GRUB"', "primes")
SCREEN, COLUMNS, ROWS = 0xB8000, 80, 25


def command(*words, cwd=None, env=(), **options):
    done = keelback_command(*words, cwd=cwd, timeout=250, env=ENVIRONMENT | dict(env), **options)
    assert "Traceback" not in done.stderr + done.stdout
    return done


def well(*words, **options):
    done = command("build", *words, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def digest_of_file(path):
    """Return what is short enough for pytest to say of a megabyte that differs."""
    return sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Return an image file that starts two programs."""
    path = tmp_path_factory.mktemp("image") / "keelback.img"
    well("-o", path, "hello you", "primes 100")
    return path


@pytest.fixture(scope="module")
def disc(tmp_path_factory):
    """Return an ISO whose command line says more than its programs do."""
    if any(shutil.which(tool) is None for tool in TOOLS) or not GRUB.is_dir():
        pytest.fail(f"there is no GRUB on this machine: {install_line(*TOOLS)}")
    path = tmp_path_factory.mktemp("disc") / "keelback.iso"
    well("--iso", "-o", path, *ON_DISC)
    return path


# What is written.

PART = """\
from dataclasses import replace
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.memory.frames import Frames
from keelback.lang import replaces, u32

L = replace(MICROKERNEL, name="mine", number=99)

@replaces(Frames.is_alone)
def is_alone(self, frame: u32) -> bool:
    return self.table[frame].references == 1
"""


def test_the_facts_printed_are_those_of_the_file(tmp_path):
    lines = well("hello", cwd=tmp_path).splitlines()
    content = (tmp_path / "keelback.img").read_bytes()
    assert lines[0] == f"keelback.img: {len(content):,} bytes"
    assert lines[1] == f"SHA-256   {sha256(content).hexdigest()}"
    shown = command("image", "show", "keelback.img", cwd=tmp_path).stdout
    build_id = re.fullmatch("build id  ([0-9a-f]{32})", lines[2])[1]
    assert re.search(f"^build_id +{build_id} *$", shown, re.MULTILINE)
    assert os.listdir(tmp_path) == ["keelback.img"]
    *room_lines, stack = lines[3:]
    assert stack.startswith("stack ") and re.search("bytes, +[0-9,]+ free, at most: kernel_trap → [a-z0-9_ →]+$", stack)
    room_lines.append(stack.partition(", at most")[0])
    rooms = {line.split()[0]: [int(each.replace(",", "")) for each in line.split()[1::2]] for line in room_lines}
    assert {name: sum(room) for name, room in rooms.items()} == {
        "text": MICROKERNEL.places - MICROKERNEL.kernel_start,
        "places": MICROKERNEL.text_end - MICROKERNEL.places,
        "records": MICROKERNEL.records_limit - MICROKERNEL.text_end,
        "payload": most_payload(MICROKERNEL),
        "stack": MICROKERNEL.kernel_stack,
    }
    assert re.search(f"^payload +0x[0-9a-f]+ +{rooms['payload'][0]:,} ", shown, re.MULTILINE)


@pytest.mark.campaign
@pytest.mark.parametrize(
    "words", [("--layout", "teaching", "hello", "mine.c"), ("hello", "fib", "mine.c", "libgfx")], ids=["small", "large"]
)
def test_the_same_programs_make_the_same_bytes_elsewhere_and_in_another_environment(words, tmp_path):
    """The second is built from a copy of the source, with another user's settings and nothing in the cache."""
    one, other = tmp_path / "one", tmp_path / "other place"
    elsewhere = other / "tmp", other / "home", other / "cache"
    for folder in (one, *elsewhere):
        folder.mkdir(parents=True)
    shutil.copytree(SOURCE / "keelback", other / "src" / "keelback", ignore=shutil.ignore_patterns("__pycache__"))
    settings = {
        "PYTHONPATH": str(other / "src"), "TMPDIR": str(elsewhere[0]), "HOME": str(elsewhere[1]),
        "KEELBACK_CACHE": str(elsewhere[2]), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C",
        "SOURCE_DATE_EPOCH": "1234567890", "COLUMNS": "40",
    }  # fmt: skip
    (other / "mine.c").write_text('#include "keelback.h"\nint main(void) { print(__FILE__); return 0; }')
    shutil.copy(other / "mine.c", one)
    well(*words, cwd=one, env={"PYTHONHASHSEED": "1"})
    well(*words, cwd=other, env=settings, umask=0o077)
    assert digest_of_file(one / "keelback.img") == digest_of_file(other / "keelback.img")


def test_a_disc_made_twice_is_the_same_bytes(disc, tmp_path):
    settings = {"TMPDIR": str(tmp_path), "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1234567890"}
    well("--iso", *ON_DISC, cwd=tmp_path, env=settings, umask=0o077)
    assert os.listdir(tmp_path) == ["keelback.iso"]
    assert digest_of_file(tmp_path / "keelback.iso") == digest_of_file(disc)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(image, tmp_path):
    (tmp_path / "keelback.img").write_bytes(b"old")

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = command("build", "hello you", "primes 100", cwd=tmp_path, preexec_fn=little_room)
    assert (done.returncode, done.stderr) == (2, "keelback: keelback.img: File too large\n")
    assert os.listdir(tmp_path) == ["keelback.img"] and (tmp_path / "keelback.img").read_bytes() == b"old"


def test_a_link_is_followed_and_a_device_is_written_to(tmp_path):
    (tmp_path / "link").symlink_to("file")
    well("-o", "link", "hello", cwd=tmp_path)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").stat().st_size > 4096
    well("-o", "/dev/null", "hello")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["own.c"], "own.c"),
        (["own.c+more.c"], "./more.c"),
        (["own.c"], "link"),
        (["own.c", "libown.c"], "libown.c"),
        (["hello", "--with", "part.py"], "part.py"),
        (["hello", "--layout", "part.py:L"], "part.py"),
        (["--iso", "own.c"], "own.c"),
    ],
)
def test_what_an_image_is_made_of_is_not_overwritten(tmp_path, words, output):
    files = {
        "own.c": "int main(void) { return 0; }\n",
        "more.c": "int more;\n",
        "libown.c": '#include "keelback.h"\nEXPORT int one(void) { return 1; }\n',
        "part.py": PART,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "link").symlink_to("own.c")
    done = command("build", "-o", output, *words, cwd=tmp_path)
    said = f"keelback: -o {Path(output)}: this is a file that the image is made of; name another to write\n"
    assert (done.returncode, done.stderr, done.stdout) == (2, said, "")
    assert {name: (tmp_path / name).read_text() for name in files} == files


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nope"], "no program 'nope'; `keelback programs` lists"),
        (["-o", "none/keelback.img", "hello"], "none/keelback.img: No such file or directory"),
        (["-o", ".", "hello"], ".: Is a directory"),
        (["-o", "/proc/self/fd/99/x", "hello"], "/proc/self/fd/99/x: No such file or directory"),
        (["-o", "x" * 300, "hello"], "xxx"),
        (["-o", "/dev/full", "hello"], "/dev/full: No space left on device"),
        (["--append", "x", "hello"], "--append: only with --iso; whoever boots an image file gives it a command line"),
        (["--iso", "--append", "a\nb", "hello"], "--append 'a\\nb': not printable ASCII"),
        (["--iso", "--append", "x" * 2048, "hello"], "--append has 2048 bytes; a command line has at most 2047"),
    ],
)
def test_a_mistake_is_one_clear_line_and_status_2(tmp_path, words, says):
    done = command("build", *words, cwd=tmp_path)
    assert done.returncode == 2 and os.listdir(tmp_path) == []
    [line] = done.stderr.splitlines()
    assert line.startswith(f"keelback: {says}")


def test_a_missing_tool_is_said_with_the_line_to_type(tmp_path):
    done = command("build", "--iso", "hello", cwd=tmp_path, env={"PATH": str(tmp_path)})
    says = "keelback: an ISO needs GRUB and xorriso: apt-get install -y grub-pc-bin grub-common xorriso\n"
    assert (done.returncode, done.stderr, os.listdir(tmp_path)) == (2, says, [])


def test_a_tool_that_fails_is_said_in_its_own_last_line(tmp_path):
    for tool in TOOLS:
        (tmp_path / tool).write_text("#!/bin/sh\necho one >&2\necho 'no luck' >&2\nexit 7\n")
        (tmp_path / tool).chmod(0o755)
    done = command("build", "--iso", "hello", cwd=tmp_path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert (done.returncode, done.stderr) == (2, "keelback: grub-mkrescue failed: no luck\n")


def test_the_words_of_a_command_line_keep_spaces_between_quotes():
    assert words_of(' a  b="c d" "e" f"g h"i "" ') == ["a", "b=c d", "e", "fg hi"]


# What is shown.


def test_show_prints_parts_headers_and_payload(image):
    done = command("image", "show", image)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    size = image.stat().st_size
    assert lines[0].startswith(f"{image}: Keelback ") and lines[0].endswith(f", microkernel layout, {size:,} bytes")
    assert "boot sector 0x0 512 anywhere below 1 MiB" in lines
    assert "setup code 0x200 3,584 anywhere below 1 MiB" in lines
    assert any(re.fullmatch("microkernel and process manager 0x1000 [0-9,]+ 0x00100000", line) for line in lines)
    assert any(re.fullmatch("payload 0x[0-9a-f]+ [0-9,]+ 0x00[0-9a-f]{6}", line) for line in lines)
    assert "header 0x202 0x53726448 HdrS: this is a setup header" in lines
    assert "code32_start 0x214 0x100000 the 32-bit entry" in lines
    assert "magic 0x4b45454c KEEL" in lines and "layout 0x1 microkernel" in lines
    assert any(re.fullmatch(f"etc/init 0x[0-9a-f]+ {len('hello you|primes 100|')}", line) for line in lines)
    assert any(re.fullmatch("hello 0x[0-9a-f]+ [0-9,]+", line) for line in lines)


def test_show_refuses_what_is_no_good_image_in_one_line(image, tmp_path):
    content = image.read_bytes()
    (tmp_path / "short").write_bytes(content[:5000])
    (tmp_path / "changed").write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    (tmp_path / "setup").write_bytes(content[:2000] + bytes([content[2000] ^ 1]) + content[2001:])
    (tmp_path / "empty").write_bytes(b"")
    for name, says in {
        "short": f"short: no good kernel image: it is truncated: 5,000 bytes of {len(content):,}",
        "changed": "changed: no good kernel image: its bytes have changed: its build id is ",
        "setup": "setup: no good kernel image: its bytes have changed: kernel and payload are as they were",
        "empty": "empty: no good kernel image: it has 0 bytes; boot sector and setup header alone take 1,024",
        sys.executable: f"{sys.executable}: no good kernel image: it has no setup header: no 0xaa55 at 0x1fe and HdrS",
        "missing": "missing: No such file or directory",
        ".": ".: Is a directory",
        "/dev/zero": "/dev/zero: not a regular file",
    }.items():
        done = command("image", "show", name, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        [line] = done.stderr.splitlines()
        assert line.startswith(f"keelback: {says}")


def test_help_names_the_commands():
    assert "show" in command("image").stdout and command("image").returncode == 0
    assert "--iso" in command("build", "--help").stdout


# What is built, booted.


def test_grub_boots_the_disc_by_linux_and_gives_the_kernel_its_command_line(disc):
    with Qemu(disc.read_bytes(), memory=64 * MIB, medium=Medium.DISC) as machine:
        assert machine.wait() is Verdict.DONE
    text = machine.console.decode()
    assert re.search(r"keelback: microkernel layout, 1\d{4} KiB free\n", text), "memory=20M"
    assert "hello: I am process 1, and I was told: from GRUB\n" in text and "primes" not in text, "init="
    assert "ignored" not in text


@pytest.fixture(scope="module", params=sliced(["linux", "linux16"], 2))
def small_disc(request, tmp_path_factory):
    """Return an ISO of the smallest 64-bit kernel, which GRUB loads by one of its commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(iso, "MENU", iso.MENU.replace("linux", request.param))
        patch.setattr(iso, "MODULES", iso.MODULES.replace("linux", request.param))
        layout = with_paging(TEACHING, "x86-64")
        return build_iso(build_image(choose(["allocator 5", "fork 3"], layout)))


@pytest.mark.parametrize("size", [3, 16])
def test_grub_boots_the_small_kernel_of_64_bits_by_either_command(small_disc, size):
    with Qemu(small_disc, memory=size * MIB, medium=Medium.DISC) as machine:
        assert machine.wait() is Verdict.DONE
    text = machine.console.decode()
    assert re.search("keelback: teaching layout, [0-9]+ KiB free", text)
    assert text.count("allocator: took pages: ") == 1 and text.count("fork: took pages: ") == 4


def test_grub_itself_says_where_it_has_too_little_memory(small_disc):
    with Qemu(small_disc, memory=2 * MIB, medium=Medium.DISC) as machine:
        until = time.monotonic() + 60
        while b"out of memory" not in machine.console and time.monotonic() < until:
            machine.read_console()
            time.sleep(0.1)
    assert b"error: out of memory." in machine.console and b"keelback: " not in machine.console


def test_the_disc_boots_from_a_usb_stick_too(disc):
    with Qemu(disc.read_bytes(), memory=64 * MIB, medium=Medium.DISK) as machine:
        assert machine.wait() is Verdict.DONE
    assert b"hello: I am process 1, and I was told: from GRUB\n" in machine.console


def test_qemu_boots_the_image_file(image):
    with Qemu(image.read_bytes(), memory=64 * MIB) as machine:
        assert machine.wait() is Verdict.DONE
    assert b"hello: I am process 1, and I was told: you\n" in machine.console
    assert b"primes: 25 primes up to 100\n" in machine.console


def test_the_image_as_a_boot_disk_says_that_it_needs_a_boot_loader(image):
    expected = "Keelback needs a boot loader, such as GRUB. Remove the disk and press a key."
    with Qemu(image.read_bytes(), memory=64 * MIB, medium=Medium.DISK) as machine:
        until = time.monotonic() + 60
        while expected not in (shown := screen(machine)) and time.monotonic() < until:
            time.sleep(0.1)
        assert expected in shown
        assert machine.command("query-status")["running"], "it waits for a key"


def screen(machine: Qemu) -> list[str]:
    """Return the lines of the text screen."""
    path = machine.folder / "screen"
    machine.command("pmemsave", val=SCREEN, size=2 * COLUMNS * ROWS, filename=str(path))
    text = path.read_bytes()[::2].decode("cp437")
    return [text[start : start + COLUMNS].rstrip(" \0") for start in range(0, len(text), COLUMNS)]
