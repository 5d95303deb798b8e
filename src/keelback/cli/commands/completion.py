"""`keelback completion`."""

import click

BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' each type value
    COMPREPLY=()
    for each in $(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1"); do
        IFS=, read -r type value <<< "$each"
        if [[ $type == file ]]; then
            compopt -o filenames
            COMPREPLY+=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
        else
            COMPREPLY+=("$value")
        fi
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
"""Click's own script for bash offers either names or files; a program is either."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print what lets a shell complete commands, options, programs and files.

    For bash: keelback completion bash >> ~/.bashrc, and the like for zsh; for fish:
    keelback completion fish > ~/.config/fish/completions/keelback.fish.
    """
    from click.shell_completion import get_completion_class

    from keelback.cli.app import app

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these three"
    completion = kind(app, {}, "keelback", "_KEELBACK_COMPLETE")
    template = BASH if shell == "bash" else completion.source_template
    print(template % completion.source_vars())
    return 0
