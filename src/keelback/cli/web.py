"""`keelback web`: a page that boots the compiled kernel in the browser, beside a live map of its memory."""

import gzip
from collections.abc import Sequence
from pathlib import Path

from keelback.cli.build import check_command_line, is_source
from keelback.cli.images import build_image, check_memory
from keelback.cli.json_output import print_json
from keelback.cli.options import KernelChoice
from keelback.cli.own_parts import chosen_layout
from keelback.cli.programs import choose
from keelback.cli.run import TOUR
from keelback.cli.sizes import web_memory_size
from keelback.errors import UserError
from keelback.image.written_files import make_folder, write_file
from keelback.kernel.layout import Layout
from keelback.view.emulator import find_emulator
from keelback.view.page import PageContents, make_page, notice

PAGE, NOTICE = "index.html", "NOTICE.txt"


def write_page(
    folder: Path, words: Sequence[str], choice: KernelChoice, memory: str, command_line: str, *, as_json: bool = False
) -> int:
    """Write the page with the programs that the words name, or the tour's; return the exit status.

    Raises: UserError.
    """
    size = web_memory_size(memory)
    check_command_line(command_line)
    layout = chosen_layout(choice)
    _check_width(layout)
    chosen = choose(words or TOUR, layout)
    for name in (PAGE, NOTICE):
        if is_source(folder / name, chosen, choice):
            raise UserError(f"{folder / name}: this is a file that the page is made of; name another folder")
    emulator = find_emulator()
    image = build_image(chosen, command_line)
    check_memory(image, layout, size)
    contents = PageContents(layout, image, ", ".join(words or TOUR), size, command_line)
    page = make_page(contents, emulator).encode()
    make_folder(folder)
    write_file(folder / PAGE, page)
    write_file(folder / NOTICE, notice(emulator).encode())
    _print_facts(folder / PAGE, page, as_json)
    return 0


def _check_width(layout: Layout) -> None:
    if layout.paging.word_bits != 32:
        raise UserError(
            f"v86 has no 64-bit mode, which the {layout.name} layout with {layout.paging.name} page tables needs; "
            "try --paging i386 or PAE with the microkernel or usermode layout"
        )


def _print_facts(path: Path, page: bytes, as_json: bool) -> None:
    packed = len(gzip.compress(page, 9))
    if as_json:
        print_json({"file": str(path), "bytes": len(page), "gzipped": packed})
        return
    print(f"{path}: {len(page):,} bytes, {packed:,} gzipped; open it in a browser")
