"""`keelback layouts`."""

import click

from keelback.cli import options
from keelback.cli.sizes import memory_size
from keelback.errors import UserError


@click.command()
@click.option("--live", is_flag=True, help="Boot a simulated PC and draw what it has.")
@click.option(
    "--layout",
    metavar=options.LAYOUT_WORD,
    help="Which layout: a published one, or one of your own.  [default: all; microkernel with --live]",
)
@options.paging
@options.json
@options.memory(None, "64M", "With --live: how much memory that machine has.")
def command(live: bool, layout: str | None, paging: str | None, memory: str | None, as_json: bool) -> int:
    """Draw where everything lies.

    Each layout from its constants, or the boundaries of a running machine of one.
    """
    from keelback.cli.layouts import show_layouts, show_live

    if live:
        return show_live(layout or options.LAYOUTS[0], memory_size(memory or "64M"), paging, as_json=as_json)
    if memory is not None:
        raise UserError("--memory is of a running machine; say --live, too")
    return show_layouts(layout, paging, as_json=as_json)
