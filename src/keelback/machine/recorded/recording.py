"""A recording of a run: a machine that can be stepped, taken back, and put at any trap of its run.

    0 ───── 50 ───── 100 ────(…)──── 750 ──── 763      steps; `at` is how many were made
    ●                 ●               ●        ^        checkpoints; going back puts the last one before back, and
                                               at       makes the steps from there again

1. A run repeats: what was done once is done again by the same steps, so a checkpoint stays right.  Who types begins
   another, and checkpoints behind that step are given up.
2. A step ends at a trap boundary, where no CPU context has to be kept: RAM, and what `parts` of the machine keep.
3. At every step that could have a checkpoint the CPU forgets its translations, whether there is one or not, so that a
   kernel that forgets to invalidate one meets the same after going back.
4. Observers of the machine hear of a step once: when it is made for the first time.  So does who shows the console.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple

from keelback.lang import Panic
from keelback.machine.input_log import Device, Typed
from keelback.machine.observed import Observer, Outcome
from keelback.machine.recorded.pages import Pages
from keelback.machine.simulated.kept import Values
from keelback.machine.simulated.pc import SimulatedPc

STRIDE = 50
"""Steps from one that may have a checkpoint to the next."""
LEAST_TIME = 0.1
"""Seconds of stepping between checkpoints, at least: as long as going back takes then …"""
SHARE = 4
"""… and so many times what a checkpoint took, so that recording slows a run by a fourth at most."""
MOST_BYTES = 256 << 20


class Checkpoint(NamedTuple):
    """What a machine had besides RAM at a step: what its parts keep, and how much was on the console."""

    parts: tuple[Values, ...]
    console: int


class Recording:
    """A machine's run.  `at` counts the steps that led here, `end` those of the whole run, None before it is known.

    A step is one trap, but the last may be none: that in which the machine is found to have ended.
    `every` is how many steps lie between checkpoints, a multiple of `STRIDE`; without it that depends on their time.
    `room` is how many bytes checkpoints may have: then every second of the older half is given up.
    """

    def __init__(self, pc: SimulatedPc, *, every: int | None = None, room: int = MOST_BYTES) -> None:
        if every is not None and every % STRIDE:
            raise ValueError(f"checkpoints lie a multiple of {STRIDE} steps apart, not {every}")
        self.pc = pc
        self.at = 0
        self.furthest = 0
        self.end: int | None = None
        self.panic: Panic | None = None
        """What the run ended with, once it has, if it was a panic."""
        self.checkpoints: dict[int, Checkpoint] = {}
        self._every = every
        self._room = room
        self._pages = Pages(pc.contents)
        self._said = bytearray()
        """What was on the console before it was taken back: all that later checkpoints have of it."""
        self._spent = 0.0
        self._cost = 0.0
        self._is_whole = True

    @property
    def size(self) -> int:
        """Return how many bytes the checkpoints' pages have."""
        return self._pages.size

    # Forward.

    def boot(self) -> None:
        """Start the kernel and its programs.  Raises: Panic when the kernel is wrong."""
        self.pc.boot()
        self.begin()

    def begin(self) -> None:
        """Record from here, where the machine has booted."""
        if self.pc.outcome is not Outcome.RUNNING:
            self.end = 0
        self._take()

    def step(self) -> None:
        """Make the next step; at the end, nothing happens.  Raises: Panic when the kernel is wrong."""
        if self.at < self.furthest:
            with self._unobserved():
                self._step()
        else:
            self._step()
        if self.at == self.end and self.panic is not None:
            raise self.panic

    def run(self) -> Outcome:
        """Step to the end; return how it ended.  Raises: Panic when the kernel is wrong."""
        while self.at != self.end:
            self.step()
        return self.pc.outcome

    # Anywhere.

    def back(self, steps: int = 1) -> None:
        """Go back by so many steps, or to where the programs start."""
        self.go(max(0, self.at - steps))

    def go(self, at: int) -> None:
        """Go to where so many steps have led, or to the end where the run has fewer.  Raises: ValueError below 0."""
        if at < 0:
            raise ValueError(f"a run has no step {at}")
        before = max(each for each in self.checkpoints if each <= at)
        if at < self.at or before > self.at or not self._is_whole:
            self._put_back(before)
        with self._unobserved():
            while self.at < min(at, self.furthest):
                self._step()
        while self.at < at and self.at != self.end:
            self._step()

    def replay(self, at: int, before_trap: Observer | None = None, after_trap: Observer | None = None) -> None:
        """Make the step again that leads from `at` to the next, with observers of this step alone."""
        self.go(at)
        with self._unobserved():
            self.pc.before_trap += [before_trap] if before_trap else []
            self.pc.after_trap += [after_trap] if after_trap else []
            self._step()

    def type(self, device: Device, data: bytes) -> None:
        """Let something be typed here, where the run goes on; what came after this step before is forgotten.

        Raises: ValueError where the run ends.
        """
        if self.at == self.end:
            raise ValueError("a run that is over takes no input")
        for later in [each for each in self.checkpoints if each > self.at]:
            del self.checkpoints[later]
        self._pages.cut(self.at)
        self.furthest, self.end, self.panic = self.at, None, None
        del self._said[len(self.pc.console) :]
        self.pc.input.forget_after(self.pc.time)
        self.pc.input.add(Typed(self.pc.time, device, data))

    def before(self, at: int) -> int:
        """Return the last checkpoint before a step."""
        return max(each for each in self.checkpoints if each < at)

    @contextmanager
    def _unobserved(self) -> Iterator[None]:
        """Let nobody hear of steps that were made before, nor type in them."""
        pc = self.pc
        heard = pc.before_trap, pc.after_trap, pc.output, pc.input.live
        pc.before_trap, pc.after_trap, pc.output, pc.input.live = [], [], _nothing, None
        try:
            yield
        finally:
            pc.before_trap, pc.after_trap, pc.output, pc.input.live = heard

    def _step(self) -> None:
        """Make a step, and note where it led; a panic is noted too."""
        if self.at == self.end:
            return
        started = perf_counter()
        self._is_whole = False
        try:
            self.pc.step()
        except Panic as panic:
            if self.at + 1 < self.furthest:
                raise  # what observes the step alone is wrong, for the step itself did not end so before
            self.panic = panic
            self.end = self.at + 1
        self._is_whole = True
        self._spent += perf_counter() - started
        self.at += 1
        self.furthest = max(self.furthest, self.at)
        if self.pc.outcome is not Outcome.RUNNING:
            self.end = self.at
        elif self.at % STRIDE == 0 and self.at != self.end:
            self._pass()

    # Checkpoints.

    def _pass(self) -> None:
        """Pass by a step that may have a checkpoint."""
        self.pc.processor.forget_addresses()
        if self.at in self.checkpoints:
            self._pages.pass_by(self.at)
            self._spent = 0.0
        elif self.at > max(self.checkpoints) and self._is_due():  # those before were made as the run went there first
            self._take()

    def _is_due(self) -> bool:
        if self._every is not None:
            return self.at % self._every == 0
        return self._spent > max(LEAST_TIME, SHARE * self._cost)

    def _take(self) -> None:
        """Make a checkpoint here."""
        started = perf_counter()
        self._pages.take(self.at)
        parts = tuple(each.kept() for each in self.pc.parts())
        self.checkpoints[self.at] = Checkpoint(parts, len(self.pc.console))
        if self._pages.size > self._room:
            self._thin_out()
        self._cost = perf_counter() - started if self.at else 0.0
        self._spent = 0.0

    def _thin_out(self) -> None:
        """Give up every second checkpoint of the older half, but for the first."""
        steps = sorted(self.checkpoints)
        for step, after in zip(steps[1 : len(steps) // 2 : 2], steps[2 : len(steps) // 2 + 1 : 2], strict=True):
            if step != self.at:
                del self.checkpoints[step]
                self._pages.forget(step, after)

    def _put_back(self, at: int) -> None:
        """Make the machine what it was at a checkpoint."""
        self._pages.put_back(at)
        checkpoint = self.checkpoints[at]
        for part, values in zip(self.pc.parts(), checkpoint.parts, strict=True):
            part.put_back(values)
        console = self.pc.console
        self._said += console[len(self._said) :]
        console[:] = self._said[: checkpoint.console]
        self.pc.processor.forget_all()
        self.at, self._is_whole, self._spent = at, True, 0.0


def _nothing(_byte: int) -> None:
    """Show nothing: it was shown before."""
