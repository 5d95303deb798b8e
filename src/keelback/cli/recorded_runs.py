"""`keelback run --record` and `keelback replay`: a run in a file, and the same run again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from keelback.cli.commands.run import RunOptions
from keelback.cli.ending import tell
from keelback.cli.options import KernelChoice
from keelback.cli.statuses import BADLY, WELL
from keelback.errors import Interrupted, LimitReached, UserError
from keelback.image.written_files import check_place, write_file
from keelback.inspect.kept import BadKeptFile
from keelback.lang import strict
from keelback.machine.recorded.run_file import End, RunFile, build_digest, read_run

if TYPE_CHECKING:
    from keelback.cli.programs import Selection
    from keelback.machine.observed import Machine
    from keelback.machine.simulated.pc import SimulatedPc


@contextmanager
def recorded(path: Path, options: RunOptions, selection: "Selection", machine: "Machine") -> Iterator[None]:
    """Write what repeats the run that a machine makes meanwhile, however that ends.  Raises: UserError."""
    from keelback.machine.simulated.pc import SimulatedPc

    assert isinstance(machine, SimulatedPc), "no other machine repeats a run"
    check_place(path)
    try:
        yield
    except Interrupted:  # the last trap may not be served
        write_file(path, _run_of(options, selection, machine, replace(_end_of(machine), memory="")).pack())
        raise
    write_file(path, _run_of(options, selection, machine, _end_of(machine)).pack())


def _run_of(options: RunOptions, selection: "Selection", machine: "SimulatedPc", end: End) -> RunFile:
    from keelback.inspect.records_digest import records_digest

    layout, files = machine.layout, selection.files
    return RunFile(
        build=build_digest(),
        records=records_digest(layout),
        layout=_absolute(options.choice.layout),
        paging=layout.paging.name,
        parts={_absolute(each): _digest(each) for each in _own_files(options.choice)},
        compiled=options.compiled,
        check=options.check,
        memory=options.memory,
        command_line=options.command_line,
        lines=selection.lines,
        files={name: [machine.image.index(content), len(content)] for name, content in files.items() if content},
        end=end,
        image=machine.image,
        typed=tuple(machine.input.typed),
    )


class Question(NamedTuple):
    """What somebody wants of a run: words that name what changed, or a film, with so many traps from frame to frame."""

    changed: str | None = None
    film: Path | None = None
    every: int | None = None


def replay(path: Path, at: int | None, question: Question) -> int:
    """Make a recorded run again, to its end or to a trap, or answer a question; return the exit status.

    Raises: UserError; Interrupted.
    """
    run = read_run(path)
    _check_parts(path, run)
    if run.build != build_digest():
        tell(f"{path} was recorded by another build of Keelback; what follows may differ")
    if at is not None and not 1 <= at <= run.end.traps:
        raise UserError(f"--at {at}: the run in {path} has traps 1 to {run.end.traps:,}")
    if run.check and not run.compiled and not strict.is_installed("keelback.kernel"):
        strict.install("keelback.kernel")
    return _replay(path, run, at, question)


def _replay(path: Path, run: RunFile, at: int | None, question: Question) -> int:
    # Imported here: strict mode has to come first.
    from keelback.cli.programs import Selection

    machine, options = _machine_of(path, run)
    selection = Selection({name: run.content(name) for name in run.files}, run.lines)
    last = run.end.traps if at is None else at
    if question.changed is not None:
        return _tell_changes(machine, selection, last, question.changed)
    if question.film is not None:
        from keelback.cli.films import write_film  # hardly anybody draws

        write_film(question.film, machine, ", ".join(run.lines), last, question.every)
        return WELL
    stop = at if at is not None else None if run.end.memory else run.end.traps
    status = _run_to(stop, machine, selection, options)
    if status is None:
        return WELL
    if (end := _end_of(machine)) != run.end:
        tell(f"the run differs from what was recorded: {_said(end)}, not {_said(run.end)}")
        return BADLY
    return status


def _machine_of(path: Path, run: RunFile) -> tuple["SimulatedPc", RunOptions]:
    """Return the machine of a recorded run, before its start, and what it was told.  Raises: UserError."""
    from keelback.cli.machines import machine_of_image
    from keelback.cli.own_parts import chosen_layout
    from keelback.inspect.records_digest import records_digest

    own = [each for each in run.parts if not run.layout.startswith(f"{each}:")]
    choice = KernelChoice(run.layout, tuple(own), run.paging)
    with _named(path):
        layout = chosen_layout(choice)
    if records_digest(layout) != run.records:
        raise BadKeptFile(path, "its kernel's records lie otherwise than this build's; record the run again")
    options = RunOptions(
        choice, compiled=run.compiled, memory=run.memory, command_line=run.command_line, check=run.check
    )
    try:
        with _named(path):
            machine = machine_of_image(options, layout, run.image)
    except (OSError, MemoryError):
        why = f"its machine has {run.memory >> 20:,} MiB of memory, more than there is for this process"
        raise BadKeptFile(path, f"{why}: see `ulimit -v`") from None
    machine.input.add(*run.typed)
    return machine, options


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Tell what a recorded run's machine can't be made of with the name of its file.  Raises: UserError."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: its machine can't be made: {error.said}", error.details) from error


def _run_to(stop: int | None, machine: "SimulatedPc", selection: "Selection", options: RunOptions) -> int | None:
    """Run a machine to a trap, None: to its end; return the exit status, None where it stands at that trap."""
    from keelback.cli.session import Session

    def stop_there() -> None:
        if machine.traps == stop:
            raise LimitReached(f"trap {stop}")

    machine.after_trap.append(stop_there)
    try:
        return Session(machine, selection, options).run()
    except LimitReached:
        return None


def _tell_changes(machine: "SimulatedPc", selection: "Selection", at: int, words: str) -> int:
    """Tell who changed something last by a trap, and who does so next.  Raises: UserError."""
    from keelback.cli.debug_files import WithDebugData
    from keelback.cli.running import stoppable
    from keelback.machine.recorded.changes import ChangeFinder
    from keelback.machine.recorded.recording import Recording
    from keelback.machine.recorded.subjects import NoSubject

    machine.output = lambda byte: None
    recording = Recording(machine)
    with stoppable(machine):
        recording.boot()
        recording.go(at)
        finder = ChangeFinder(recording, WithDebugData(selection.files))
        try:
            subject = finder.subject(words)
        except NoSubject as error:
            raise UserError(f"--changed {words}: {error}") from None
        print(finder.last(subject))
        print(finder.next(subject) or f"nothing changes {subject.name} after trap {recording.at}")
    return WELL


def _end_of(machine: "SimulatedPc") -> End:
    return End(machine.traps, machine.time, machine.outcome.name, sha256(machine.contents).hexdigest())


def _said(end: End) -> str:
    return f"{end.traps:,} traps, time {end.time:,}, memory {end.memory[:8]}"


def _check_parts(path: Path, run: RunFile) -> None:
    """Check that a run's own parts are what they were: they are run as Python.  Raises: UserError."""
    for file in _own_files(KernelChoice(run.layout)):
        if file not in run.parts:
            raise BadKeptFile(path, f"its layout is from {file}, of which it has no digest")
    for file, digest in run.parts.items():
        if not os.path.isfile(file) or _digest(file) != digest:
            raise BadKeptFile(path, f"its kernel has a part from {file}, which has changed since")


def _own_files(choice: KernelChoice) -> list[str]:
    file, separator, _ = choice.layout.rpartition(":")
    return [*choice.parts, *([file] if separator else [])]


def _absolute(word: str) -> str:
    """Return a file's path, or a layout's word that names one, from the root on."""
    file, separator, name = word.rpartition(":")
    if separator:
        return f"{os.path.abspath(file)}:{name}"
    return os.path.abspath(word) if os.path.exists(word) and word.endswith(".py") else word


def _digest(file: str) -> str:
    return sha256(Path(file).read_bytes()).hexdigest()
