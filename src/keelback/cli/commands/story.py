"""`keelback story`."""

import click

from keelback.cli import options
from keelback.cli.sizes import memory_size, qemu_memory_size
from keelback.errors import UserError


@click.command()
@options.machine
@options.paging
@options.memory("64M")
@options.json
def command(machine: str, kernel: str | None, paging: str | None, memory: str, as_json: bool) -> int:
    """Tell how user-mode paging works, in five steps.

    They are those of a running kernel with the usermode layout.  A `+` marks a row that was not there a step before.

    After each step it prints who has which addresses, physical and virtual, as the machine's memory says: a kernel,
    two processes, and a library that both have at addresses of their own.
    """
    from keelback.cli.story import tell_on_qemu, tell_on_simulated_pc

    if machine == "simulated":
        size = memory_size(memory)
        return tell_on_simulated_pc(compiled=kernel == "compiled", memory=size, as_json=as_json, paging=paging)
    if kernel == "interpreted":
        raise UserError("QEMU runs the compiled kernel; try --machine simulated")
    return tell_on_qemu(memory=qemu_memory_size(memory), as_json=as_json, paging=paging)
