"""The `keelback` command: its commands, each a module of `commands/` that is imported when it is asked for."""

from importlib import import_module
from typing import Any

import click

from keelback.cli.statuses import STATUSES

COMMANDS = (
    *("run", "replay", "watch", "programs", "check", "compare", "diff", "story", "maps", "mem", "ps", "frames"),
    *("walk", "shell", "snapshot", "layouts", "compile", "gdb", "build", "image", "web", "lab", "grade", "fuzz"),
    *("doctor", "completion", "man"),
)


class Commands(click.Group):
    """The commands, in the order in which the help lists them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name, or None if there is none such."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"keelback.cli.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; a mistake is told with the names that are near."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None


def commands_with(option: str) -> list[str]:
    """Return the commands that have an option."""
    context = click.Context(app)
    commands = {name: app.get_command(context, name) for name in COMMANDS}
    return [name for name, each in commands.items() if each and any(option in known.opts for known in each.params)]


def _statuses() -> str:
    lines = "\n".join(f"  {name:<8} {meaning}" for name, meaning in STATUSES)
    return f"\b\nExit status:\n{lines}"


def _print_version(context: click.Context, _option: click.Parameter, wanted: bool) -> Any:
    if wanted and not context.resilient_parsing:
        from keelback import __version__

        print(f"keelback {__version__}")
        context.exit()


@click.command(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_statuses(),
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and end.",
)
@click.pass_context
def app(context: click.Context) -> None:
    """A microkernel and process manager in Python, centred on virtual memory."""
    if context.invoked_subcommand is None:
        print(context.get_help())
