"""`keelback completion`."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print what lets a shell complete commands, options and programs.

    For bash: keelback completion bash >> ~/.bashrc, and the like for zsh; for fish:
    keelback completion fish > ~/.config/fish/completions/keelback.fish.
    """
    from click.shell_completion import get_completion_class

    from keelback.cli.app import app

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these three"
    completion = kind(app, {}, "keelback", "_KEELBACK_COMPLETE")
    print(completion.source_template % completion.source_vars())
    return 0
