"""`keelback build`: the kernel image file, or a disc that boots it."""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from keelback.cli.images import build_image
from keelback.cli.json_output import print_json
from keelback.cli.options import KernelChoice
from keelback.cli.own_parts import chosen_layout
from keelback.cli.programs import Chosen, choose
from keelback.cli.run import TOUR
from keelback.errors import UserError
from keelback.image.image_reader import read_image_file
from keelback.image.iso import build_iso, check_iso_tools
from keelback.image.kernels import compiled
from keelback.image.rooms import rooms_of
from keelback.image.written_files import write_file
from keelback.kernel.layout import Layout

IMAGE, ISO = Path("keelback.img"), Path("keelback.iso")


def build_file(words: Sequence[str], choice: KernelChoice, output: Path, *, as_json: bool = False) -> int:
    """Write the kernel image file that starts the programs that the words name, or the tour's; return the exit status.

    Raises: UserError.
    """
    chosen = choose(words or TOUR, chosen_layout(choice))
    _check_no_source(output, chosen, choice)
    image = build_image(chosen)
    write_file(output, image)
    _print_facts(output, image, image, chosen.layout, as_json)
    return 0


def build_disc(
    words: Sequence[str], choice: KernelChoice, output: Path, command_line: str, *, as_json: bool = False
) -> int:
    """Write a GRUB rescue ISO with that image, which gives the kernel a command line; return the exit status.

    Raises: UserError.
    """
    check_command_line(command_line)
    check_iso_tools()
    chosen = choose(words or TOUR, chosen_layout(choice))
    _check_no_source(output, chosen, choice)
    image = build_image(chosen, command_line)
    disc = build_iso(image, command_line)
    write_file(output, disc)
    _print_facts(output, disc, image, chosen.layout, as_json)
    return 0


def check_command_line(text: str) -> None:
    """Check that a boot loader can give the kernel a command line.  Raises: UserError."""
    if not text.isascii() or not text.isprintable():
        raise UserError(f"--append {text!r}: not printable ASCII")


def _check_no_source(output: Path, chosen: Chosen, choice: KernelChoice) -> None:
    """Check that a file can be written where it is to be, and is none that is read.  Raises: UserError."""
    if not output.parent.exists():
        raise UserError(f"{output}: No such file or directory")
    if is_source(output, chosen, choice):
        raise UserError(f"-o {output}: this is a file that the image is made of; name another to write")


def is_source(output: Path, chosen: Chosen, choice: KernelChoice) -> bool:
    """Say whether a file that is to be written is one that an image is made of."""
    own = [*choice.parts, choice.layout.rpartition(":")[0]]
    sources = [*chosen.sources, *(Path(each) for each in own if each)]
    with suppress(OSError):  # of a path that can't be: to write it will say so
        return output.exists() and any(output.samefile(source) for source in sources)
    return False


def _print_facts(path: Path, content: bytes, image: bytes, layout: Layout, as_json: bool) -> None:
    file = read_image_file(image, layout)
    digest, build_id = sha256(content).hexdigest(), file.build_id.hex()
    kernel = compiled(layout)
    rooms = rooms_of(layout, kernel, file.header["payload_size"])
    if as_json:
        taken = {each.name: {"bytes": each.taken, "free": each.free} for each in rooms}
        stacks = {each.stack: {"bytes": each.taken, "free": each.free, "chain": each.chain} for each in kernel.stacks}
        facts = {"file": str(path), "bytes": len(content), "sha256": digest, "build_id": build_id, "rooms": taken}
        facts |= {"stacks": stacks}
        print_json(facts)
        return
    print(f"{path}: {len(content):,} bytes")
    print(f"SHA-256   {digest}")
    print(f"build id  {build_id}")
    width = len(f"{max(max(each.taken, each.free) for each in rooms):,}")
    for each in rooms:
        print(f"{each.name:10}{each.taken:>{width},} bytes, {each.free:>{width},} free")
    stack = kernel.stacks[0]
    print(f"{'stack':10}{stack.taken:>{width},} bytes, {stack.free:>{width},} free, at most: {stack.way()}")
