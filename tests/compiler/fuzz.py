"""The fuzzer: random Kernel Python programs must do the same in CPython and compiled.

    python tests/compiler/fuzz.py [seconds] [seed]

A program that does not is shrunk and kept in `found/`, where `test_found.py` runs it for ever after.
"""

import ast
import copy
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from compiler.compare_lives import Lives
from compiler.generate import inputs, module_text, write_units
from keelback.compiler import compile_program, source
from keelback.compiler.errors import CompileError
from keelback.compiler.source import hints_of
from keelback.image.toolchain import ToolchainError
from keelback.lang.layout import integer_type

FOUND = Path(__file__).parent / "found"
UNITS, INPUTS, SHRINKING = 10, 40, 60.0


@dataclass
class Report:
    """What a fuzzing session saw."""

    programs: int = 0
    runs: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Of each, what differs and the module's text."""


def run_module(path: Path, text: str, seed: str, finals: dict[str, bool], report: Report) -> None:
    """Compile and run all entries of a module."""
    source._definitions.cache_clear()  # the same file, with another text
    hints_of.cache_clear()
    path.write_text(text)
    lives = Lives(path)
    entries = [name for name in finals if compiles(lives, name, report, text)]
    if not entries:
        return
    try:
        lives.compile(entries)
    except ToolchainError:
        report.failures += [(f"C: {error}", text) for error in c_errors(lives, entries)]
        return
    for name in entries:
        difference = run_entry(lives, name, seed, plain_stops=not finals[name], report=report)
        if difference:
            report.failures.append((difference, text))


def c_errors(lives: Lives, entries: list[str]) -> Iterator[str]:
    """Yield what the C compiler says of each entry that it refuses."""
    for name in entries:
        try:
            lives.compile([name])
        except ToolchainError as error:
            yield f"{name}: {error}"


def compiles(lives: Lives, name: str, report: Report, text: str) -> bool:
    """Say whether the compiler takes an entry; count why not."""
    report.programs += 1
    try:
        compile_program(lives.root, lives.ram, {name: getattr(lives.root, name)})
    except CompileError as error:
        report.refused[error.message] += 1
        return False
    except Exception as error:
        report.failures.append((f"{name}: {type(error).__name__}: {error}", text))
        return False
    return True


def run_entry(lives: Lives, name: str, seed: str, *, plain_stops: bool, report: Report) -> str | None:
    """Run one entry on its inputs, from the first RAM on; return the first difference."""
    lives.reset()
    hints = hints_of(getattr(lives.root, name).__func__)
    types = [integer_type(hint).name for parameter, hint in hints.items() if parameter != "return"]  # type: ignore[union-attr]
    for arguments in inputs(f"{seed}.{name}", types, INPUTS):
        report.runs += 1
        difference = lives.difference(name, arguments, plain_stops=plain_stops)
        if difference:
            return difference
        report.outcomes[lives.last] += 1
    return None


def session(seed: str, modules: int | None, seconds: float, directory: Path, report: Report) -> None:
    """Fuzz until so many modules or seconds are done, or something fails."""
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end and (modules is None or number < modules) and not report.failures:
        name = f"{seed}.{number}"
        units = write_units(name, UNITS)
        finals = {f"entry_{unit.number}": unit.finals for unit in units}
        run_module(directory / "program.py", module_text(units), name, finals, report)
        number += 1


# Shrinking.


def fails(text: str, entry: str, seed: str, directory: Path, alike: str) -> str | None:
    """Return how a program fails in the way asked for, None when it does not."""
    report, path = Report(), directory / "program.py"
    try:
        run_module(path, text, seed, {entry: "finally" in text}, report)
    except Exception:
        return None
    return next((each for each, _ in report.failures if kind_of(each) == alike), None)


def kind_of(difference: str) -> str:
    """Return what sort of failure a difference is: shrinking keeps to it."""
    if "RAM differs" in difference:
        return "ram"
    if difference.startswith("C:"):
        return "C"
    return "outcome" if "interpreted" in difference else difference.partition(": ")[2].partition(":")[0]


def shrink(text: str, entry: str, seed: str, directory: Path, difference: str) -> tuple[str, str]:
    """Return the smallest program found that still fails, and how."""
    alike, end = kind_of(difference), time.monotonic() + SHRINKING
    tree, number, useless = ast.parse(text), 0, 0
    while time.monotonic() < end and useless < len(edits(tree)):
        number %= len(edits(tree))
        smaller = edited(tree, number)
        found = fails(ast.unparse(smaller), entry, seed, directory, alike)
        if found:
            tree, difference, useless = smaller, found, 0
        else:
            number, useless = number + 1, useless + 1
    return ast.unparse(tree), difference


def edited(tree: ast.Module, number: int) -> ast.Module:
    """Return a smaller program: without a function or statement, with a simpler statement or expression."""
    changed = copy.deepcopy(tree)
    edits(changed)[number]()
    return ast.fix_missing_locations(changed)


def edits(tree: ast.Module) -> list[Callable[[], None]]:
    """Return everything that could be made smaller, the largest first."""
    found: list[tuple[int, Callable[[], None]]] = []
    root = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Root")
    for function in root.body:
        if isinstance(function, ast.FunctionDef):
            size = len(list(ast.walk(function)))
            found.append((size * 10, lambda each=function: root.body.remove(each)))  # type: ignore[misc]
            for node in ast.walk(function):
                found += _edits_of(node, size)
    return [edit for _, edit in sorted(found, key=lambda each: -each[0])]


def _edits_of(node: ast.AST, size: int) -> Iterator[tuple[int, Callable[[], None]]]:
    for name in ("body", "orelse", "finalbody", "handlers"):
        block = getattr(node, name, None)
        if not isinstance(block, list):
            continue
        for each in block:
            weight = len(list(ast.walk(each)))
            if len(block) > 1 or name in ("orelse", "finalbody"):
                yield weight * 4, lambda block=block, each=each: block.remove(each)
            for inner in ("body", "orelse"):
                if isinstance(each, (ast.If, ast.For, ast.While, ast.Try)) and getattr(each, inner):
                    yield weight * 2, lambda block=block, each=each, inner=inner: _splice(block, each, inner)
    for name, value in ast.iter_fields(node):
        if isinstance(value, (ast.BinOp, ast.IfExp, ast.Call, ast.Compare, ast.BoolOp, ast.UnaryOp)):
            weight = len(list(ast.walk(value)))
            for inner in _parts(value):
                yield weight, lambda name=name, inner=inner: setattr(node, name, inner)


def _splice(block: list[ast.stmt], statement: ast.stmt, part: str) -> None:
    place = block.index(statement)
    block[place : place + 1] = getattr(statement, part)


def _parts(value: ast.expr) -> list[ast.expr]:
    simple: ast.expr = ast.Constant(isinstance(value, (ast.Compare, ast.BoolOp)) or 1)
    inner = [each for each in ast.iter_child_nodes(value) if isinstance(each, ast.expr)]
    return [simple, *inner]


def keep(text: str, difference: str, name: str) -> Path:
    """Write a failing program where the tests find it."""
    FOUND.mkdir(exist_ok=True)
    path = FOUND / f"{name}.py"
    lines = text.splitlines()
    body = "\n".join(lines[1:] if lines and lines[0].startswith('"""') else lines)
    path.write_text(f"# ruff: noqa\n# {difference.splitlines()[0]}\n{body}\n")
    return path


def main(arguments: list[str]) -> int:
    seconds = float(arguments[0]) if arguments else 60.0
    seed = arguments[1] if len(arguments) > 1 else str(time.time_ns() % 1_000_000)
    report, start = Report(), time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["KEELBACK_CACHE"] = scratch + "/cache"
        session(seed, None, seconds, Path(scratch), report)
        spent = time.monotonic() - start
        refused = sum(report.refused.values())
        print(f"seed {seed}: {report.runs} runs of {report.programs} programs in {spent:.0f} s", dict(report.outcomes))
        print(f"refused: {refused} ({refused / max(report.programs, 1):.1%})", report.refused.most_common(8))
        for difference, text in report.failures[:1]:
            print(difference)
            print("kept as", keep_smaller(text, difference, seed, Path(scratch)))
    return 1 if report.failures else 0


def keep_smaller(text: str, difference: str, seed: str, directory: Path) -> Path:
    """Shrink a failing program and keep it."""
    found = [word for word in difference.replace("(", " ").replace(":", " ").split() if word.startswith("entry_")]
    number = "0"
    for each in range(100_000):  # the module's own seed decides its inputs
        units = write_units(f"{seed}.{each}", UNITS)
        if module_text(units) == text:
            number = str(each)
            break
    if found:
        alone = module_text([units[int(found[0][6:])]])
        text = alone if fails(alone, found[0], f"{seed}.{number}", directory, kind_of(difference)) else text
        text, difference = shrink(text, found[0], f"{seed}.{number}", directory, difference)
    return keep(text, difference, f"seed_{seed}_{number}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
