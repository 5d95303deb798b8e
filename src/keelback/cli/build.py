"""`keelback build`: the kernel image file, or a disc that boots it."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from keelback.cli.images import build_image
from keelback.cli.json_output import print_json
from keelback.cli.options import KernelChoice
from keelback.cli.own_parts import chosen_layout
from keelback.cli.programs import Chosen, choose
from keelback.cli.run import TOUR
from keelback.errors import UserError
from keelback.image.boot_protocol import LONGEST_COMMAND_LINE
from keelback.image.image_reader import read_image_file
from keelback.image.iso import build_iso, check_iso_tools
from keelback.image.kernels import compiled
from keelback.image.leftovers import draft_of
from keelback.image.rooms import rooms_of
from keelback.kernel.layout import Layout

IMAGE, ISO = Path("keelback.img"), Path("keelback.iso")


def build_file(words: Sequence[str], choice: KernelChoice, output: Path, *, as_json: bool = False) -> int:
    """Write the kernel image file that starts the programs that the words name, or the tour's; return the exit status.

    Raises: UserError.
    """
    chosen = choose(words or TOUR, chosen_layout(choice))
    _check_no_source(output, chosen, choice)
    image = build_image(chosen)
    _write(output, image)
    _print_facts(output, image, image, chosen.layout, as_json)
    return 0


def build_disc(
    words: Sequence[str], choice: KernelChoice, output: Path, command_line: str, *, as_json: bool = False
) -> int:
    """Write a GRUB rescue ISO with that image, which gives the kernel a command line; return the exit status.

    Raises: UserError.
    """
    _check_command_line(command_line)
    check_iso_tools()
    chosen = choose(words or TOUR, chosen_layout(choice))
    _check_no_source(output, chosen, choice)
    image = build_image(chosen, command_line)
    disc = build_iso(image, command_line)
    _write(output, disc)
    _print_facts(output, disc, image, chosen.layout, as_json)
    return 0


def _check_command_line(text: str) -> None:
    if not text.isascii() or not text.isprintable():
        raise UserError(f"--append {text!r}: not printable ASCII")
    if len(text) > LONGEST_COMMAND_LINE:
        raise UserError(f"--append: {len(text)} characters; {LONGEST_COMMAND_LINE} are the most")


def _check_no_source(output: Path, chosen: Chosen, choice: KernelChoice) -> None:
    """Check that a file can be written where it is to be, and is none that is read.  Raises: UserError."""
    if not output.parent.exists():
        raise UserError(f"{output}: No such file or directory")
    own = [*choice.parts, choice.layout.rpartition(":")[0]]
    for source in [*chosen.sources, *(Path(each) for each in own if each)]:
        if output.exists() and output.samefile(source):
            raise UserError(f"-o {output}: this is a file that the image is made of; name another to write")


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.  Raises: UserError."""
    try:
        if path.exists() and not path.is_file():  # a device, or a folder, which says so itself
            path.write_bytes(content)
            return
        place = path.resolve()  # where a link leads, not over the link
        with draft_of(place) as draft:
            draft.write_bytes(content)
            os.replace(draft, place)
    except (OSError, ValueError, RuntimeError) as error:  # a zero byte in the path; links in a circle
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _print_facts(path: Path, content: bytes, image: bytes, layout: Layout, as_json: bool) -> None:
    file = read_image_file(image, layout)
    digest, build_id = sha256(content).hexdigest(), file.build_id.hex()
    rooms = rooms_of(layout, compiled(layout), file.header["payload_size"])
    if as_json:
        taken = {each.name: {"bytes": each.taken, "free": each.free} for each in rooms}
        facts = {"file": str(path), "bytes": len(content), "sha256": digest, "build_id": build_id, "rooms": taken}
        print_json(facts)
        return
    print(f"{path}: {len(content):,} bytes")
    print(f"SHA-256   {digest}")
    print(f"build id  {build_id}")
    width = len(f"{max(max(each.taken, each.free) for each in rooms):,}")
    for each in rooms:
        print(f"{each.name:10}{each.taken:>{width},} bytes, {each.free:>{width},} free")
