"""A GRUB rescue ISO: a disc, or a USB stick, that boots a kernel image file by GRUB's `linux`.

Who makes it twice with the same GRUB and xorriso gets the same bytes: all times on it are one fixed time.

Sources: GRUB's manual, `grub-mkrescue` and `linux`; xorriso's manual, `-volume_date`.
"""

import os
from pathlib import Path
from typing import Final

from keelback.errors import UserError
from keelback.image.host_tools import install_line, missing_tools
from keelback.image.leftovers import run_tool, scratch_folder

TOOLS: Final = ("grub-mkrescue", "xorriso")
GRUB: Final = Path("/usr/lib/grub/i386-pc")
"""GRUB for a PC with a BIOS."""
MODULES: Final = "linux normal serial terminal"
SAME_TIME: Final = "1980010100000000"
MENU: Final = """\
if serial --unit=0 --speed=115200; then
  terminal_input console serial
  terminal_output console serial
fi
set timeout=0
menuentry "Keelback" {{
  linux {words}
}}
"""


class IsoError(UserError):
    """There is no ISO: a tool is missing or failed; the message is one line."""


def build_iso(image: bytes, command_line: str = "") -> bytes:
    """Return a disc that boots a kernel image file, and gives the kernel a command line of printable ASCII.

    GRUB takes the line apart and puts it together again: a word with a space in it then stands between double quotes as
    a whole, and ' and \\ have a \\ before them.

    Raises: IsoError.
    """
    check_iso_tools()
    with scratch_folder() as scratch:
        boot = scratch / "disc" / "boot"
        (boot / "grub").mkdir(parents=True)
        (boot / "keelback.img").write_bytes(image)
        words = ["/boot/keelback.img", *words_of(command_line)]
        (boot / "grub" / "grub.cfg").write_text(MENU.format(words=" ".join(map(_quoted, words))))
        return _make(scratch, boot.parent)


def check_iso_tools() -> None:
    """Check that there is what makes an ISO.  Raises: IsoError."""
    if missing_tools(TOOLS) or not GRUB.is_dir():
        raise IsoError(f"an ISO needs GRUB and xorriso: {install_line(*TOOLS)}")


def words_of(command_line: str) -> list[str]:
    """Return the words of a command line: spaces part them, but not between double quotes, which go."""
    pieces = command_line.split('"')
    pieces[::2] = (piece.replace(" ", "\n") for piece in pieces[::2])
    return [word for word in "".join(pieces).split("\n") if word]


def _make(scratch: Path, disc: Path) -> bytes:
    """Make the ISO of a folder by grub-mkrescue.  Raises: IsoError."""
    made = scratch / "keelback.iso"
    # fmt: off
    command = [
        "grub-mkrescue", f"--directory={GRUB}", f"--install-modules={MODULES}", "--compress=no",
        "--locales=", "--themes=", "--fonts=", f"--output={made}", str(disc),
        "--", "-volume_date", "uuid", SAME_TIME, "-volume_date", "all_file_dates", SAME_TIME,
    ]
    # fmt: on
    # HOME: what a user has told xorriso must not matter.
    environment = os.environ | {"HOME": str(scratch), "TMPDIR": str(scratch), "LC_ALL": "C"}
    environment.pop("SOURCE_DATE_EPOCH", None)
    done = run_tool(command, environment=environment)
    if done.returncode != 0 or not made.exists():
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"]
        raise IsoError(f"grub-mkrescue failed: {said[-1]}")
    return made.read_bytes()


def _quoted(word: str) -> str:
    """Return a word as GRUB's command language takes it unchanged."""
    return "'" + word.replace("'", "'\\''") + "'"
