"""A part of a kernel for tests: a program opens a line, waits until it is told, and reads its device."""

from keelback.abi.calls import COUNT
from keelback.kernel.calls.own_calls import system_call
from keelback.kernel.calls.system_calls import SystemCalls
from keelback.kernel.calls.traps import Traps
from keelback.kernel.devices.lines import LINES, Lines
from keelback.kernel.processes.threads import Thread
from keelback.kernel.x86.vectors import TIMER
from keelback.lang import Array, Ref, Struct, inline, replaces, u32, word

made = SystemCalls.__init__


class Driver(Struct):
    """Who serves a line; all zero is nobody, who was told of nothing."""

    told: bool
    waits: Ref[Thread]


class Drivers(Struct):
    """By lines."""

    lines: Array[Driver] = inline(LINES)


@replaces(SystemCalls)
class WithLines:
    def __init__(self, home, console, endings, user_memory, word_waits, of_parts):
        self.lines = Lines(home, endings.scheduler.timer.interrupts, console)
        self.drivers = home.struct(Drivers)
        made(self, home, console, endings, user_memory, word_waits, of_parts)

    def tell(self, line: u32) -> None:
        driver = self.drivers.lines[line]
        thread = driver.waits
        if thread is None:
            driver.told = True
        else:
            driver.waits = None
            self.scheduler.wake(thread)


@replaces(Traps._serve_device)
def _serve_device(self, thread: Thread, vector: u32) -> None:
    if vector == TIMER:
        self.scheduler.timer.tick()
        self.scheduler.wake_sleepers()
        self.scheduler.give_way(thread)
        self.strays.tell(self.console)
        self.console.tell()
    elif self.calls.lines.take(vector):
        self.calls.tell(self.calls.lines.line_of(vector))
    else:
        self.strays.take(vector, self.console)
    self.interrupts.finish(vector)


@system_call("device_open", {"line": COUNT}, "1, or 0 where nothing answers", number=200)
def device_open(self, thread: Thread) -> word:
    return 1 if self.lines.open(thread.frame.argument(0)) else 0


@system_call("device_wait", {"line": COUNT}, "0", number=201)
def device_wait(self, thread: Thread) -> word:
    driver = self.drivers.lines[thread.frame.argument(0) & 7]
    if driver.told:
        driver.told = False
    else:
        driver.waits = thread
        self.scheduler.wait(thread, self.scheduler.wait_queues.of_children(thread.pid))
    return 0


@system_call("device_done", {"line": COUNT}, "0", number=202)
def device_done(self, thread: Thread) -> word:
    line = thread.frame.argument(0) & 7
    if self.lines.done(line):
        self.tell(line)
    return 0


@system_call("device_read", {"line": COUNT, "register": COUNT}, "its byte", number=203)
def device_read(self, thread: Thread) -> word:
    return self.lines.read(thread.frame.argument(0), thread.frame.argument(1))
