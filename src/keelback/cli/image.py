"""`keelback image show`: what is in a kernel image file."""

from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from keelback.cli.json_output import print_json
from keelback.cli.streams import escaped
from keelback.cli.tables import make_table, print_table
from keelback.cli.users_files import read_file
from keelback.errors import UserError
from keelback.image.boot_protocol import FIELDS
from keelback.image.image_file import BadImageFile, Part
from keelback.image.image_reader import KernelFile, read_image_file


def show_image(path: Path, *, as_json: bool = False) -> int:
    """Print the parts of a kernel image file and what its headers say; return the exit status.

    Raises: UserError when the file can't be read or is no whole kernel image of ours.
    """
    kernel = _read(path)
    if as_json:
        print_json(_facts(path, kernel))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(escaped(f"{path}: {kernel.file.version}, {len(kernel.file.content):,} bytes")))
    for table in (_parts(kernel.file.parts), _setup_header(kernel), _kernel_header(kernel), _members(kernel)):
        console.print()
        print_table(console, table)
    return 0


def _facts(path: Path, kernel: KernelFile) -> dict[str, Any]:
    """Return what the tables show."""
    return {
        "file": str(path),
        "version": kernel.file.version,
        "layout": kernel.layout.name,
        "bytes": len(kernel.file.content),
        "build_id": kernel.build_id.hex(),
        "parts": [
            {"part": each.name, "start": each.start, "end": each.end, "address": each.address}
            for each in kernel.file.parts
        ],
        "setup_header": {field.name: kernel.file.field(field.name) for field in FIELDS},
        "kernel_header": dict(kernel.header),
        "payload": [{"name": each.name, "start": each.start, "bytes": len(each.content)} for each in kernel.members],
    }


def _read(path: Path) -> KernelFile:
    try:
        return read_image_file(read_file(path))
    except BadImageFile as bad:
        raise UserError(f"{path}: no good kernel image: {bad}") from bad


def _table(*columns: str) -> Table:
    """Return an empty table; columns whose name ends in a blank are numbers."""
    table = make_table()
    for column in columns:
        table.add_column(column.strip(), justify="right" if column.endswith(" ") else "left")
    return table


def _parts(parts: tuple[Part, ...]) -> Table:
    table = _table("part", "offset ", "size ", "in RAM")
    for part in parts:
        place = "anywhere below 1 MiB" if part.address is None else f"{part.address:#010x}"
        table.add_row(part.name, f"{part.start:#x}", f"{part.end - part.start:,}", place)
    return table


def _setup_header(kernel: KernelFile) -> Group:
    """Return the fields that say something, and the names of those that don't."""
    table = _table("setup header", "offset ", "value ", "")
    for field in FIELDS:
        if value := kernel.file.field(field.name):
            table.add_row(field.name, f"{field.offset:#x}", f"{value:#x}", field.meaning)
    zero = [field.name for field in FIELDS if not kernel.file.field(field.name)]
    return Group(table, Text(f"zero: {', '.join(zero)}", style="dim"))


def _kernel_header(kernel: KernelFile) -> Table:
    table = _table("kernel header", "value ", "")
    says = {"magic": "KEEL", "layout": kernel.layout.name}
    for name, value in kernel.header.items():
        table.add_row(name, f"{value:#x}", says.get(name, ""))
    table.add_row("build_id", kernel.build_id.hex(), "")
    return table


def _members(kernel: KernelFile) -> Table:
    table = _table("payload", "offset ", "size ")
    for member in kernel.members:
        table.add_row(Text(escaped(member.name)), f"{member.start:#x}", f"{len(member.content):,}")
    return table
