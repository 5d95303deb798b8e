"""The consoles of the docs: their blocks, and what their commands print."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from command_client import ENVIRONMENT, SOURCE, keelback_command

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page, language):
    return re.findall(rf"^```{language}(?: [^\n]*)?\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def write_files(page, folder):
    """Write the files that a page shows: each says its name in a comment at its start, or its block has it as title."""
    for source in blocks(page, "c") + blocks(page, "python") + blocks(page, "text"):
        name = re.match(r"(?:/\*|#) (\w+\.(?:c|py|txt))\b", source)
        if name is not None:
            (folder / name[1]).write_text(source)
    for path, text in re.findall(r'^```\w+ title="([^"]*)"\n(.*?)^```$', page.read_text(), re.DOTALL | re.MULTILINE):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def consoles():
    """Yield each page, command and what the page says that it prints."""
    for page in PAGES:
        for block in blocks(page, "console"):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, expected = part.partition("\n")
                yield page, command, expected


def sessions():
    """Yield each page, debugger's command, and what the page shows of a session with it."""
    for page in PAGES:
        for prompt in ("pdb", "gdb"):
            for block in blocks(page, prompt):
                command, _, shown = block.removeprefix("$ ").partition("\n")
                yield page, command, shown


def run_session(command, shown):
    """Return what a debugger answers to the lines of a session as a page shows it, after what it says first."""
    prompt = shown.partition(" ")[0]
    lines = [line.removeprefix(prompt).strip() for line in shown.splitlines() if line.startswith(prompt)]
    said = run(command, input="".join(f"{line}\n" for line in [*lines, "quit"]), stderr=subprocess.STDOUT).stdout
    answers = [each.replace(f"{SOURCE}/", "") for each in said.split(f"{prompt} ")[1:]]
    return "".join(f"{prompt} {line}\n{answer}" for line, answer in zip(lines, answers, strict=False))


def run(command, **options):
    """Run a command of the docs; `keelback` and `python` are ours."""
    program, *words = shlex.split(command, comments=True)
    if program == "keelback":
        return keelback_command(*words, **options)
    assert program == "python"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run([sys.executable, *words], text=True, timeout=60, env=ENVIRONMENT, **streams)


def run_console(page, command, folder):
    """Return what a page's command prints, errors too, in an empty folder with the page's files."""
    write_files(page, folder)
    done = run(command, cwd=folder, stderr=subprocess.STDOUT)
    return "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
