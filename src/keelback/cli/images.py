"""The kernel image file that a command's words ask for."""

from keelback.cli.programs import Chosen
from keelback.image.boot_protocol import read_field
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled, compiling
from keelback.kernel.layout import Layout
from keelback.machine.simulated.boot_loader import check_room


def build_image(chosen: Chosen, command_line: str = "") -> bytes:
    """Return the kernel image file that starts the programs that words named.

    Those that a command line names are in it too.  Raises: UserError.
    """
    with compiling(compiled, chosen.layout):
        selection = chosen.build(command_line)
    return build_image_of(selection.payload(), chosen.layout)


def build_image_of(payload: bytes, layout: Layout) -> bytes:
    """Return the kernel image file with a payload.  Raises: UserError."""
    return make_image_file(layout, make_image(layout, payload, compiled(layout)))


def check_memory(image: bytes, layout: Layout, memory: int) -> None:
    """Check that a machine with `memory` bytes has room for a kernel image file.  Raises: UserError."""
    check_room(layout.loaded_at, read_field(image, "init_size"), memory)
