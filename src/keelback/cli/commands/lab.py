"""`keelback lab`."""

import click

from keelback.cli import options


@click.group("lab", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Do assignments: parts of the kernel to write, with programs that try them."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@command.command("list")
@options.json
def list_all(as_json: bool) -> int:
    """List the labs, what each is about, and how many points it is worth."""
    from keelback.cli.lab import list_labs

    return list_labs(as_json=as_json)


@command.command()
@click.argument("lab")
@options.json
def show(lab: str, as_json: bool) -> int:
    """Print the task of a lab, its methods, and its requirements with their points.

    LAB is a number, a name, or the folder of a lab of your own.
    """
    from keelback.cli.lab import show_lab

    return show_lab(lab, as_json=as_json)


@command.command()
@click.argument("lab")
@click.argument("folder")
@click.option("--solved", is_flag=True, help="Give the methods the kernel's own bodies, for who teaches.")
def new(lab: str, folder: str, solved: bool) -> int:
    """Make a FOLDER with the task of a LAB, the file to write, and the programs that try it.

    The file has the kernel's own methods without their bodies.
    """
    from keelback.cli.lab import make_lab

    return make_lab(lab, folder, solved=solved)
