"""Who changed something last, or will change it next: the step of a recorded run, and what in it made the store.

    checkpoint ─── step ─── step ─── step ─── where the machine stands
         │          └ the steps are made again from here, and the last one that changed it once more, watched
         └ if none did, the same from the checkpoint before

1. Every step is looked at: a change that another undid before the next checkpoint is found too.
2. The machine stands afterwards where it stood before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from keelback.inspect.backtrace import Stack, way_of
from keelback.inspect.event_reader import EventReader
from keelback.inspect.events import Event, Returned, TrapEnded
from keelback.inspect.lens import look, walker_of
from keelback.inspect.loaded_code import Code, code_of
from keelback.inspect.traps import TrapFrames
from keelback.kernel.x86.vectors import SYSTEM_CALL, is_exception
from keelback.machine.recorded.recording import Recording
from keelback.machine.recorded.stores import Store, StoreWatch
from keelback.machine.recorded.subjects import Subject, said_change, subject_of


@dataclass(frozen=True)
class Change:
    """A change of a subject: the step that made it, 0 where the kernel started with it.

    `what` says the change, or what the subject is since the start.
    `store` is what made it; `code` says what lies at the program's instruction that made it, or that trapped and had
    the kernel make it, and `way` the lines that led there, the innermost first, where they are known.
    """

    name: str
    step: int
    what: str
    event: Event | None = None
    store: Store | None = None
    code: str = ""
    way: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.step == 0:
            return f"{self.name} is {self.what} since the programs were started"
        lines = [f"trap {self.step}{self._who()}: {self.name} changes {self.what}"]
        if self.store is None or self.store == Store():
            return "\n".join([*lines, "  by the CPU, as it enters the kernel"])
        if self.store.instruction is not None:
            return "\n".join([*lines, f"  by the program: {self.code}"])
        innermost, *callers = self.store.lines
        program = [f"  for the program: {self.code}", *_from(self.way)] if self.code else []
        return "\n".join([*lines, *program, f"  by {innermost}", *_from(callers)])

    def _who(self) -> str:
        event = self.event
        if event is None:
            return ""
        who = f"{event.program} ({event.pid})" if event.pid else event.program
        return f", {who}, {event}" if type(event).__str__ is not object.__str__ else f", {who}"


def _from(lines: Iterable[str]) -> list[str]:
    return [f"     from {each}" for each in lines]


class ChangeFinder:
    """Finds changes in a recording; `files` are the ELF files of programs and libraries by name."""

    def __init__(self, recording: Recording, files: Mapping[str, bytes]) -> None:
        self.recording = recording
        self.files = files
        pc = recording.pc
        self.kernel = look(pc.layout, pc.contents)

    def subject(self, words: str) -> Subject:
        """Return what words name.  Raises: NoSubject."""
        return subject_of(self.kernel, words)

    def last(self, subject: Subject) -> Change:
        """Return the last change of a subject that led to what it is now; it takes at most as long as the run took."""
        recording = self.recording
        stand = end = recording.at
        try:
            while end > 0:
                start = recording.before(end)
                found = self._last_between(subject, start, end)
                if found is not None:
                    return self._explained(subject, found)
                end = start
            recording.go(0)
            return Change(subject.name, 0, subject.say(subject.read()))
        finally:
            recording.go(stand)

    def next(self, subject: Subject) -> Change | None:
        """Return the next change of a subject, None where there is none up to the end; the run may come further."""
        recording, before = self.recording, subject.read()
        stand = recording.at
        try:
            while recording.at != recording.end:
                recording.go(recording.at + 1)
                if subject.read() != before:
                    return self._explained(subject, recording.at)
            return None
        finally:
            recording.go(stand)

    def _last_between(self, subject: Subject, start: int, end: int) -> int | None:
        """Return the last step in (start, end] that changed a subject, None when none did."""
        self.recording.go(start)
        found, before = None, subject.read()
        for step in range(start + 1, end + 1):
            self.recording.go(step)
            now = subject.read()
            found = step if now != before else found
            before = now
        return found

    def _explained(self, subject: Subject, step: int) -> Change:
        """Make a step again, and watch who changes a subject."""
        recording, events = self.recording, list[Event]()
        recording.go(step - 1)
        before = subject.read()
        watch = StoreWatch(recording.pc, subject.read)
        code = code_of(self._running(), self.files)
        reader = EventReader(
            self.kernel, events.append, clock=lambda: recording.pc.time, fault_address=recording.pc.fault_address
        )
        asked: tuple[str, tuple[str, ...]] = ("", ())

        def begin() -> None:
            nonlocal asked
            reader.begin()
            asked = self._who_asks(code)

        with watch.watching():
            recording.replay(step - 1, begin, reader.end)
        place = watch.store.instruction if watch.store is not None else None
        said, way = (code.place_in(place), ()) if place is not None else asked
        what = said_change(subject, before, subject.read())
        return Change(subject.name, step, what, _main(events), watch.store, said, way)

    def _who_asks(self, code: Code) -> tuple[str, tuple[str, ...]]:
        """Return the instruction of the program that has trapped, and the lines that led there.

        Nothing where the trap is an interrupt, which is not its doing.
        """
        kernel, frames = self.kernel, TrapFrames(self.kernel)
        thread = frames.current()
        frame, pid = frames.of(thread), kernel.threads.table[thread].pid
        if not pid or not (frame.vector == SYSTEM_CALL or is_exception(frame.vector)):
            return "", ()
        directory, bits = kernel.processes.table[pid].space.directory, kernel.layout.paging.word_bits
        stack = Stack(walker_of(kernel), self.recording.pc.contents, directory, frame.stack, bits)
        return code.place_in(frame.place), way_of(code, frame, stack)

    def _running(self) -> Any:
        """Return the record of the process that runs next."""
        thread = self.kernel.scheduler.current(self.kernel.first_cpu)
        return self.kernel.processes.table[thread.pid]


def _main(events: list[Event]) -> Event | None:
    """Return the event that says most of what happened in a step: what was served, or what was begun."""
    told = [each for each in events if not isinstance(each, TrapEnded | Returned)]
    return told[-1] if told else None
