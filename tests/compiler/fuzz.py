"""The fuzzer: random Kernel Python programs must do the same in CPython and compiled.

    python tests/compiler/fuzz.py [seconds] [seed] [bits of a word]

Unless said otherwise, the modules are for each target in turn.
A program that does not is shrunk and kept in `found/`, where `test_found.py` runs it for ever after.
"""

import ast
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from campaigns import Progress
from compiler import shrinking
from compiler.compare_lives import Lives
from compiler.generate import inputs, module_text, write_units
from keelback.compiler import compile_program, source
from keelback.compiler.errors import CompileError
from keelback.image.toolchain import ToolchainError

FOUND = Path(__file__).parent / "found"
UNITS, INPUTS, SHRINKING = 10, 40, 60.0


@dataclass(frozen=True)
class Failure:
    """What differs, and of the module its text, the bits of a word and the seed that wrote it."""

    difference: str
    text: str
    word_bits: int
    seed: str


@dataclass
class Report:
    """What a fuzzing session saw."""

    programs: int = 0
    runs: Counter[int] = field(default_factory=Counter)
    """By the bits of a word."""
    refused: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


def run_module(path: Path, text: str, seed: str, names: list[str], report: Report, word_bits: int) -> None:
    """Compile and run all entries of a module on a machine whose words have so many bits."""
    for difference in differences(path, text, seed, names, report, word_bits):
        report.failures.append(Failure(difference, text, word_bits, seed))


def differences(path: Path, text: str, seed: str, names: list[str], report: Report, word_bits: int) -> Iterator[str]:
    """Yield how the entries of a module fail."""
    for each in (source._definitions, source._found_definition, source.hints_of):
        each.cache_clear()  # the same file, with another text
    path.write_text(text)
    lives = Lives(path, word_bits)
    refusals = {name: refusal(lives, name, report) for name in names}
    yield from filter(None, refusals.values())
    entries = [name for name, why in refusals.items() if why is None]
    if not entries:
        return
    try:
        lives.compile(entries)
    except ToolchainError:
        yield from c_errors(lives, entries)
        return
    for name in entries:
        yield from filter(None, [run_entry(lives, name, seed, report=report)])


def c_errors(lives: Lives, entries: list[str]) -> Iterator[str]:
    """Yield what the C compiler says of each entry that it refuses."""
    for name in entries:
        try:
            lives.compile([name])
        except ToolchainError as error:
            yield f"C: {name}: {error}"


def refusal(lives: Lives, name: str, report: Report) -> str | None:
    """Return None for an entry that the compiler takes, "" for one that it refuses, else how it breaks."""
    report.programs += 1
    try:
        compile_program(lives.root, lives.ram, {name: getattr(lives.root, name)})
    except CompileError as error:
        if error.rule == "compiler":
            return f"{name}: {error.message}"
        report.refused[error.message] += 1
        return ""
    except Exception as error:
        return f"{name}: {type(error).__name__}: {error}"
    return None


def run_entry(lives: Lives, name: str, seed: str, *, report: Report) -> str | None:
    """Run one entry on its inputs, from the first RAM on; return the first difference."""
    lives.reset()
    for arguments in inputs(f"{seed}.{name}", lives.types(name), INPUTS):
        report.runs[lives.ram.word_bits] += 1
        difference = lives.difference(name, arguments)
        if difference:
            return difference
        report.outcomes[lives.outcome[0]] += 1
    return None


def session(
    seed: str,
    modules: int | None,
    seconds: float,
    directory: Path,
    report: Report,
    words: Sequence[int] = (32, 64),
) -> None:
    """Fuzz until so many modules or seconds are done, or something fails; `words` are the targets in turn."""
    end, number, progress = time.monotonic() + seconds, 0, Progress()
    while time.monotonic() < end and (modules is None or number < modules) and not report.failures:
        name, word_bits = f"{seed}.{number}", words[number % len(words)]
        units = write_units(name, UNITS, word_bits)
        names = [f"entry_{unit.number}" for unit in units]
        run_module(directory / "program.py", module_text(units), name, names, report, word_bits)
        number += 1
        progress.tell(lambda: f"seed {seed}: {report.programs:,} programs, {report.runs.total():,} runs")


# Shrinking.


def fails(failure: Failure, text: str, entry: str, directory: Path) -> str | None:
    """Return how a program fails in the way that another did, None when it does not."""
    report, path = Report(), directory / "program.py"
    try:
        found = list(differences(path, text, failure.seed, [entry], report, failure.word_bits))
    except Exception:
        return None
    return next((each for each in found if kind_of(each) == kind_of(failure.difference)), None)


def kind_of(difference: str) -> str:
    """Return what sort of failure a difference is: shrinking keeps to it."""
    if "RAM differs" in difference:
        return "ram"
    if difference.startswith("C:"):
        return "C"
    return "outcome" if "interpreted" in difference else difference.partition(": ")[2].partition(":")[0]


def shrink(failure: Failure, entry: str, directory: Path) -> Failure:
    """Return the smallest program found that still fails in the same way."""

    def still(text: str) -> str | None:
        return fails(failure, text, entry, directory)

    tree, difference = shrinking.shrink(ast.parse(failure.text), still, SHRINKING)
    return replace(failure, text=ast.unparse(tree), difference=difference or failure.difference)


def keep(failure: Failure) -> Path:
    """Write a failing program where the tests find it."""
    FOUND.mkdir(exist_ok=True)
    path = FOUND / f"seed_{failure.seed.replace('.', '_')}.py"
    lines = failure.text.splitlines()
    body = "\n".join(lines[1:] if lines and lines[0].startswith('"""') else lines)
    path.write_text(f"# ruff: noqa\n# {failure.word_bits} bits: {failure.difference.splitlines()[0]}\n{body}\n")
    return path


def main(arguments: list[str]) -> int:
    seconds = float(arguments[0]) if arguments else 60.0
    seed = arguments[1] if len(arguments) > 1 else str(time.time_ns() % 1_000_000)
    words = [int(each) for each in arguments[2:]] or [32, 64]
    report, start = Report(), time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["KEELBACK_CACHE"] = scratch + "/cache"
        session(seed, None, seconds, Path(scratch), report, words)
        runs = " and ".join(f"{report.runs[bits]} with {bits} bits" for bits in words)
        spent = time.monotonic() - start
        print(f"seed {seed}: {report.programs} programs in {spent:.0f} s; runs: {runs}", dict(report.outcomes))
        refused = sum(report.refused.values())
        print(f"refused: {refused} ({refused / max(report.programs, 1):.1%})", report.refused.most_common(8))
        for failure in report.failures[:1]:
            print(failure.difference)
            print("kept as", keep(smaller(failure, Path(scratch))))
    return 1 if report.failures else 0


def smaller(failure: Failure, directory: Path) -> Failure:
    """Return a failure of a smaller program, where the difference names an entry."""
    entry = re.search(r"entry_(\d+)", failure.difference)
    if entry is None:
        return failure
    units = write_units(failure.seed, UNITS, failure.word_bits)
    alone = module_text([units[int(entry[1])]])
    if fails(failure, alone, entry[0], directory):
        failure = replace(failure, text=alone)
    return shrink(failure, entry[0], directory)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
