"""A run that is watched: where it stands, what happened, and what the last step changed; no terminal is needed.

    at 212 ── step, over, find ──> 213, 215 …      each move makes a new snapshot and finds what its last step changed
           <── back ──────────── 211

1. Events are heard once, when a step is made for the first time, and kept by step.
2. `changes` are those of the step that led here, however it was come to; none where nothing led here.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from time import monotonic
from types import MappingProxyType

from keelback.inspect.events import Event
from keelback.inspect.lens import look
from keelback.inspect.snapshot import Snapshot
from keelback.lang import Panic
from keelback.machine.events import listen_to_served
from keelback.machine.input_log import Device
from keelback.machine.moments import life_of
from keelback.machine.recorded.changes import Change, ChangeFinder
from keelback.machine.recorded.recording import Recording
from keelback.view.cells import Spot
from keelback.view.changes import UNCHANGED, Fingerprint
from keelback.view.watch.page_subjects import subjects_of

Told = tuple[int, Event]
"""An event, and the step that it belongs to."""


class Watched:
    """A recording with an eye on it; `programs` says what runs there, `files` are its ELF files by name."""

    def __init__(self, recording: Recording, programs: str, files: Mapping[str, bytes] = MappingProxyType({})) -> None:
        self.recording = recording
        self.files = files
        self.programs = programs
        self.life = life_of(recording.pc)
        self.kernel = look(recording.pc.layout, recording.pc.contents)
        self._events: list[Event] = []
        self._steps: list[int] = []
        listen_to_served(recording.pc, self.kernel, self._hear)
        recording.boot()
        self._arrive(None)

    def _hear(self, event: Event) -> None:
        self._events.append(event)
        self._steps.append(self.recording.at + 1)

    # Where it stands.

    @property
    def at(self) -> int:
        """Return how many steps led here."""
        return self.recording.at

    @property
    def is_over(self) -> bool:
        """Say whether the run ends here."""
        return self.at == self.recording.end

    @property
    def console(self) -> str:
        """Return what the machine has printed."""
        return bytes(self.recording.pc.console).decode(errors="replace")

    @property
    def current(self) -> int:
        """Return the id of the process that runs next, 0: none."""
        return self.kernel.scheduler.current(self.kernel.first_cpu).pid

    @property
    def ending(self) -> str:
        """Return how the run ended, if it is over."""
        if not self.is_over:
            return ""
        return f"kernel panic: {self.panic}" if self.panic is not None else self.recording.pc.outcome.value

    @property
    def panic(self) -> Panic | None:
        """Return the panic that the run ends with here, None where it ends otherwise or goes on."""
        return self.recording.panic if self.is_over else None

    # What happened.

    def events_of(self, step: int) -> list[Event]:
        """Return what happened in a step."""
        return self._events[bisect_left(self._steps, step) : bisect_right(self._steps, step)]

    def latest(self, count: int) -> list[Told]:
        """Return the last events up to here, the earliest first."""
        end = bisect_right(self._steps, self.at)
        start = max(0, end - count)
        return [*zip(self._steps[start:end], self._events[start:end], strict=True)]

    # Moves.

    def step(self) -> None:
        """Make a step."""
        before = self._fingerprint
        self._quietly(self.recording.step)
        self._arrive(before)

    def back(self, steps: int = 1) -> None:
        """Go back by so many steps, at most to where the programs start."""
        self.go(self.at - steps)

    def go(self, at: int) -> None:
        """Go to a step of the run, or to the nearest that it has."""
        if max(0, at) == 0:
            self.recording.go(0)
            self._arrive(None)
            return
        self._quietly(lambda: self.recording.go(at - 1))
        if self.is_over:
            self._quietly(lambda: self.recording.go(max(0, self.at - 1)))
        self._arrive(None)
        self.step()

    def type(self, text: str) -> None:
        """Type on the serial line here; what came after this step before is another run's."""
        self.recording.type(Device.SERIAL, text.encode(errors="replace"))
        known = bisect_right(self._steps, self.at)
        del self._steps[known:], self._events[known:]

    def over(self) -> None:
        """Step until the process that runs now has trapped again and been served, whatever others do meanwhile."""
        pid = self.current
        self.run_until(lambda: any(each.pid == pid for each in self.events_of(self.at)))

    def run_for(self, steps: int | None, seconds: float) -> None:
        """Make so many steps, as far as a time reaches; None: as many as there is time for."""
        last = None if steps is None else self.at + steps
        if steps == 1:
            self.step()
        else:
            self.run_until(lambda: self.at == last, seconds)

    def next_change(self, spot: Spot) -> bool:
        """Step until a page is not as it is here: where it leads, its frame's record, what is in it; say whether."""
        subjects = subjects_of(self.kernel, spot)
        here = [each.read() for each in subjects]
        return self.run_until(lambda: [each.read() for each in subjects] != here)

    def who_changed(self, spot: Spot) -> list[Change]:
        """Return what changed a page last: where it leads, its frame's record, what is in it; the latest first.

        It takes at most as long as the run took so far, three times.
        """
        finder = ChangeFinder(self.recording, self.files)
        found = [finder.last(each) for each in subjects_of(self.kernel, spot)]
        return sorted(found, key=lambda each: each.step, reverse=True)

    def find(self, text: str) -> bool:
        """Step until an event or the console's new text has a text; say whether one had."""
        shown = len(self.recording.pc.console)

        def found() -> bool:
            new = bytes(self.recording.pc.console[shown:]).decode(errors="replace")
            return text in new or any(text in f"{each.program} {each}" for each in self.events_of(self.at))

        return self.run_until(found)

    def run_until(self, arrived: Callable[[], bool], seconds: float | None = None) -> bool:
        """Step until a test says so, the run is over, or a time has passed; say whether the test did."""
        end = None if seconds is None else monotonic() + seconds
        while not self.is_over:
            self._quietly(self.recording.step)
            if arrived():
                self.go(self.at)
                return True
            if end is not None and monotonic() > end:
                break
        self._arrive(self._fingerprint)
        return False

    def _quietly(self, move: Callable[[], None]) -> None:
        """Make a move; a panic is where the run ends, and no more."""
        try:
            move()
        except Panic:
            assert self.recording.panic is not None

    def _arrive(self, before: Fingerprint | None) -> None:
        """See what is here, and what is not as it was."""
        self.snapshot = Snapshot(self.kernel)
        self.unreadable, self.changes = "", UNCHANGED
        try:
            fingerprint = Fingerprint(self.snapshot)
        except Panic as panic:  # of a kernel whose tables lead anywhere
            self.unreadable = str(panic)
            return
        if before is not None:
            self.changes = fingerprint.changes_since(before)
        self._fingerprint = fingerprint
