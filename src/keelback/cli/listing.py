"""`keelback programs`: our programs and libraries, and what each is for."""

from rich.console import Console

from keelback.cli.json_output import print_json
from keelback.cli.sources import our_libraries, our_programs, outside_programs, purpose_of
from keelback.cli.tables import make_table, print_table

LANGUAGES = {".c": "C", ".py": "Kernel Python"}
OF_SHELL = "shell program"
HOW = """
keelback run "primes 1000" ping pong     runs some, each with an argument if you like
keelback run mine.c theirs.py            runs yours
keelback run --shell mine.c              lets you start them by what you type
"""


def list_programs(*, as_json: bool) -> int:
    """Print all programs and libraries; return the exit status."""
    of_shell = {name: paths[0] for name, paths in outside_programs().items()}
    facts = [
        {"name": name, "kind": kind, "language": LANGUAGES[path.suffix], "purpose": purpose_of(path)}
        for kind, sources in (("program", our_programs()), (OF_SHELL, of_shell), ("library", our_libraries()))
        for name, path in sources.items()
    ]
    if as_json:
        print_json(facts)
        return 0
    console = Console(highlight=False)
    for kind, title in (("program", "program"), (OF_SHELL, "of the shell"), ("library", "library")):
        table = make_table()
        table.add_column(title, no_wrap=True)
        table.add_column("in", no_wrap=True)
        table.add_column("what it does")
        for each in facts:
            if each["kind"] == kind:
                table.add_row(each["name"], "C" if each["language"] == "C" else "Python", each["purpose"])
        print_table(console, table)
        console.print()
    print(HOW.strip())
    return 0
