"""The second fuzzer: scenarios, changed by surgery, and transplants must do the same in CPython and compiled.

    python tests/compiler/scenario_fuzz.py [seconds] [seed] [programs]

Every module runs on both targets.  What fails is shrunk and kept in `found/`, where `test_found.py` runs it for ever.
"""

import ast
import os
import random
import re
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from campaigns import Progress
from compiler.compare_lives import Lives, Outcome
from compiler.holes import EDGES, Holes
from compiler.scenario_world import Program, module_text
from compiler.scenarios import make
from compiler.shrinking import shrink
from compiler.surgery import operated, over_lines
from compiler.transplants import transplant
from keelback.compiler import compile_program, source
from keelback.compiler.errors import CompileError
from keelback.image.toolchain import ToolchainError
from keelback.lang.integers import INTEGER_TYPES, IntegerType

FOUND = Path(__file__).parent / "found"
WORDS = (32, 64)
PROGRAMS, INPUTS, SHRINKING = 60, 30, 60.0
PATIENCE = 0.5
"""For how many seconds of the CPU's time an interpreted program may run: a changed one may never end."""


@dataclass(frozen=True)
class Fault:
    """A program that fails, on words of so many bits, and how."""

    program: Program
    word_bits: int
    how: str

    def kind(self) -> str:
        """Return what sort of fault it is: shrinking keeps to it."""
        return re.sub(r"entry_\d+|\d+|\(.*?\)", "", self.how.partition("\n")[0])[:40]


@dataclass
class Report:
    """What a session saw; the counters of programs are by shape."""

    made: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    endless: int = 0
    runs: Counter[int] = field(default_factory=Counter)
    """By the bits of a word."""
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)


# Writing.


def write(seed: str) -> Program:
    """Return the program of a seed: a scenario or a transplant, most often operated on."""
    holes = Holes(f"{seed}.surgery")
    program = transplant(seed) if holes.chance(25) else make(seed)
    if holes.chance(60):
        program = operated(program, make(f"{seed}.other"), holes)
    text = over_lines(program.text, holes.random) if holes.chance(40) else program.text
    wider = replace(program, text=text)
    return wider if wider.is_python() else program


def inputs(seed: str, types: Sequence[str]) -> list[tuple[int, ...]]:
    """Return arguments for an entry, the edges of their types among them."""
    chosen = random.Random(seed)
    return [tuple(_input(chosen, INTEGER_TYPES[each]) for each in types) for _ in range(INPUTS)]


def _input(chosen: random.Random, type: IntegerType) -> int:
    edges = [each for each in EDGES if each <= type.maximum]
    extremes = [type.minimum, type.maximum, type.minimum + 1, type.maximum - 1]
    ways = (extremes, range(8), edges, [chosen.randint(type.minimum, type.maximum)])
    return chosen.choice(chosen.choice(ways))


# Running.


class Endless(BaseException):
    """An interpreted program that has run for too long."""


@contextmanager
def patience() -> Iterator[None]:
    """Interrupt what takes too long; again and again, as a finally may be what never ends."""

    def stop(*_: object) -> None:
        raise Endless

    usual = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE, PATIENCE / 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, usual)


class PatientLives(Lives):
    """Both lives of a module whose programs may not end."""

    def interpreted(self, name: str, arguments: tuple[int, ...]) -> tuple[Outcome, bytes, bool]:
        """See `Lives`.  Raises: Endless."""
        with patience():
            return super().interpreted(name, arguments)


def run(programs: Sequence[Program], path: Path, word_bits: int, report: Report) -> None:
    """Compile and run the programs of one module; note those that fail."""
    for each in (source._definitions, source._found_definition, source.hints_of):
        each.cache_clear()  # the same file, with another text
    path.write_text(module_text(programs))
    lives = PatientLives(path, word_bits)
    for number, how in _failures(lives, programs, report):
        report.faults.append(Fault(programs[number], word_bits, how))


def _failures(lives: Lives, programs: Sequence[Program], report: Report) -> Iterator[tuple[int, str]]:
    """Yield the number of each program that fails, and how."""
    taken: list[int] = []
    for number, program in enumerate(programs):
        how = _refusal(lives, number, program, report)
        if how is None:
            taken.append(number)
        elif how:
            yield number, how
    failing = dict(_c_errors(lives, taken))
    yield from failing.items()
    for number in taken:
        if number not in failing and (how := _run_entry(lives, number, programs[number], report)):
            yield number, how


def _refusal(lives: Lives, number: int, program: Program, report: Report) -> str | None:
    """Return None for a program that the compiler takes, "" for one that it refuses, else how it breaks."""
    name = f"entry_{number}"
    report.made[program.shape] += 1
    try:
        compile_program(lives.root, lives.ram, {name: getattr(lives.root, name)})
    except CompileError as error:
        if error.rule == "compiler":
            return f"compiler: {error.message}"
        report.refused[program.shape] += 1
        return ""
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"compiler: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {error}"
    return None


def _c_errors(lives: Lives, numbers: list[int]) -> Iterator[tuple[int, str]]:
    """Compile programs together; yield those for which that fails, and how."""
    if not numbers:
        return
    try:
        lives.compile([f"entry_{number}" for number in numbers])
    except Exception as error:
        if len(numbers) == 1:
            yield numbers[0], f"C: {type(error).__name__}: {_errors_alone(error)}"
            return
        middle = len(numbers) // 2
        failing = {**dict(_c_errors(lives, numbers[:middle])), **dict(_c_errors(lives, numbers[middle:]))}
        # Two that fail only together: the later is told.
        failing = failing or {numbers[-1]: f"C: together: {_errors_alone(error)}"}
        yield from failing.items()
        yield from _c_errors(lives, [number for number in numbers if number not in failing])


def _errors_alone(error: Exception) -> str:
    lines = str(error).splitlines()
    return "\n".join(each for each in lines if "error:" in each) if isinstance(error, ToolchainError) else str(error)


def _run_entry(lives: Lives, number: int, program: Program, report: Report) -> str | None:
    """Run one program on its inputs, from the first RAM on; return how it fails."""
    name = f"entry_{number}"
    lives.reset()
    for arguments in inputs(program.seed, lives.types(name)):
        try:
            difference = lives.difference(name, arguments)
        except Endless:
            report.endless += 1
            return None
        except Exception as error:
            return f"{name}{arguments}: {type(error).__name__}: {error}"
        if difference:
            return difference
        report.runs[lives.ram.word_bits] += 1
        report.outcomes[lives.outcome[0]] += 1
    return None


# Sessions.


def session(seed: str, modules: int | None, seconds: float, directory: Path, report: Report) -> None:
    """Fuzz until so many modules or seconds are done, or something fails."""
    end, number, progress = time.monotonic() + seconds, 0, Progress()
    while time.monotonic() < end and (modules is None or number < modules) and not report.faults:
        with warnings.catch_warnings(action="ignore", category=SyntaxWarning):
            programs = [write(f"{seed}.{number}.{each}") for each in range(PROGRAMS)]
            for word_bits in WORDS:
                run(programs, directory / "program.py", word_bits, report)
        number += 1
        progress.tell(lambda: f"seed {seed}: {report.made.total():,} programs, {report.runs.total():,} runs")


def smaller(fault: Fault, directory: Path, seconds: float = SHRINKING) -> Fault:
    """Return the smallest fault of the same kind that was found."""

    def fails(text: str) -> str | None:
        report, program = Report(), replace(fault.program, text=text)
        if not program.is_python() or "def entry(" not in text:
            return None
        try:
            run([program], directory / "program.py", fault.word_bits, report)
        except Exception:
            return None
        return next((each.how for each in report.faults if each.kind() == fault.kind()), None)

    if fails(fault.program.text) is None:
        return fault
    tree, how = shrink(ast.parse(fault.program.text), fails, seconds)
    return fault if how is None else Fault(replace(fault.program, text=ast.unparse(tree)), fault.word_bits, how)


def keep(fault: Fault, seed: str) -> Path:
    """Write a failing program where the tests find it."""
    path = FOUND / f"{fault.program.shape}_{seed.replace('.', '_')}.py"
    first = fault.how.partition("\n")[0]
    path.write_text(f"# ruff: noqa\n# {fault.word_bits} bits: {first}\n{module_text([fault.program])}")
    return path


def main(arguments: list[str]) -> int:
    seconds = float(arguments[0]) if arguments else 60.0
    seed = arguments[1] if len(arguments) > 1 else str(time.time_ns() % 1_000_000)
    modules = -(-int(arguments[2]) // PROGRAMS) if len(arguments) > 2 else None
    report, start = Report(), time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["KEELBACK_CACHE"] = scratch + "/cache"
        session(seed, modules, seconds, Path(scratch), report)
        print_figures(report, seed, time.monotonic() - start)
        for fault in report.faults[:1]:
            print(fault.how)
            print("kept as", keep(smaller(fault, Path(scratch)), seed))
    return 1 if report.faults else 0


def print_figures(report: Report, seed: str, spent: float) -> None:
    made, runs = report.made.total(), " and ".join(f"{report.runs[bits]} with {bits} bits" for bits in WORDS)
    print(f"seed {seed}: {made} programs in {spent:.0f} s; runs: {runs}", dict(report.outcomes))
    print(f"refused: {report.refused.total() / max(made, 1):.1%}; without end: {report.endless}; refused by shape:")
    print(", ".join(f"{shape} {report.refused[shape]} of {count}" for shape, count in sorted(report.made.items())))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
