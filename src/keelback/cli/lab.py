"""`keelback lab`: which assignments there are, what each asks for, and the folder that a student begins with."""

import shutil
from pathlib import Path
from typing import Any

from rich.console import Console

from keelback.cli.json_output import print_json
from keelback.cli.statuses import WELL
from keelback.cli.tables import make_table, print_table
from keelback.errors import UserError
from keelback.labs.lab import TASK, Lab, find_lab, labs
from keelback.labs.skeleton import skeleton, solution
from keelback.labs.vocabulary import VOCABULARY, vocabulary


def list_labs(*, as_json: bool) -> int:
    """Print all labs; return the exit status."""
    if as_json:
        print_json([_facts(each) for each in labs()])
        return WELL
    console, table = Console(highlight=False), make_table()
    for title, justify in (("lab", "right"), ("name", "left"), ("layout", "left"), ("points", "right")):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("what it is about")
    for each in labs():
        table.add_row(str(each.number), each.name, each.layout.name, str(each.points), each.title)
    print_table(console, table)
    return WELL


def show_lab(word: str, *, as_json: bool) -> int:
    """Print a lab; return the exit status.  Raises: UserError."""
    lab = find_lab(word)
    if as_json:
        print_json(_facts(lab) | {"task": lab.task})
        return WELL
    print(lab.task.rstrip())
    print(f"\nWhat is to be written, in {lab.file}:")
    for module, methods in lab.methods.items():
        print(f"  {', '.join(methods)}  ({module})")
    print(f"\nWhat it is worth, {lab.points} points in all:")
    for each in lab.requirements:
        print(f"  {each.points:>2}  {each.says}")
    return WELL


def make_lab(word: str, folder: str, *, solved: bool) -> int:
    """Make a student's folder, the methods written as the kernel has them or not; return the exit status.

    Raises: UserError.
    """
    if folder == "":
        raise UserError("a FOLDER without a name: name a new one")
    lab, place = find_lab(word), Path(folder)
    text = solution(lab) if solved else skeleton(lab)
    try:
        place.mkdir(parents=True, exist_ok=True)
        if any(place.iterdir()):
            raise UserError(f"{folder}: there is something in it already; name a new folder")
        (place / lab.file).write_text(text, encoding="utf-8")
        (place / TASK).write_text(lab.task, encoding="utf-8")
        (place / VOCABULARY).write_text(vocabulary(lab), encoding="utf-8")
        programs = [lab.program(name) for name in lab.own_programs]
        for each in (*programs, *lab.headers):
            shutil.copyfile(each, place / each.name)
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from None
    state = "as the kernel has it" if solved else "to be written"
    print(f"made {folder}: {TASK} says what to do, {VOCABULARY} what there is to call; {lab.file} is {state}")
    return WELL


def _facts(lab: Lab) -> dict[str, Any]:
    """Return what there is to tell of a lab."""
    return {
        "number": lab.number,
        "name": lab.name,
        "title": lab.title,
        "layout": lab.layout.name,
        "file": lab.file,
        "points": lab.points,
        "methods": [name for methods in lab.methods.values() for name in methods],
        "programs": lab.programs(with_hidden=False),
        "requirements": [{"says": each.says, "points": each.points} for each in lab.requirements],
    }
