"""A signal in a loop of the kernel itself ends the run, in each life, and says where the kernel was."""

import os
import re
import signal
import threading
from pathlib import Path

import pytest

import keelback
from keelback.errors import Interrupted
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.linked import make_symbols
from keelback.image.payload import make_payload
from keelback.inspect.source_places import source_places
from keelback.kernel.layout import MICROKERNEL, with_paging
from keelback.kernel.processes.scheduler import Scheduler
from keelback.machine.breaking import ENDING, interruptible
from keelback.machine.qemu.breaking import breakable
from keelback.machine.qemu.observed_qemu import ObservedQemu
from keelback.machine.simulated.compiled import CompiledPc
from support import MIB, code_program, make_pc, sliced

WIDE = with_paging(MICROKERNEL, "x86-64")
both_widths = pytest.mark.parametrize("layout", [MICROKERNEL, WIDE], ids=["i386", "x86-64"])
FOREVER = code_program("ebfe")
LOOP = b"\xeb\xfe"
MADE_CURRENT = re.compile(r"kernel/processes/scheduler\.py:(\d+) \(Scheduler\._make_current\)")


@pytest.fixture
def control_c():
    """Return a function that sends this process a control-C, or another signal, in a while."""
    timers = []

    def send(seconds=0.2, number=signal.SIGINT):
        timers.append(threading.Timer(seconds, os.kill, (os.getpid(), number)))
        timers[-1].start()

    yield send
    for timer in timers:
        timer.cancel()


def lines_of_make_current():
    text = (Path(keelback.__file__).parent / "kernel" / "processes" / "scheduler.py").read_text().splitlines()
    first = next(number for number, line in enumerate(text, 1) if "def _make_current(" in line)
    return range(first, first + 30)


def spoil_make_current(contents, layout=MICROKERNEL):
    """Let the method that makes a thread the one that runs loop, wherever the compiler has put it in."""
    for address, place in source_places(make_symbols(layout, compiled(layout))):
        if place and place.function == "scheduler_make_current" and place.line:
            contents[address : address + len(LOOP)] = LOOP


def image_of(layout=MICROKERNEL):
    forever = code_program("ebfe", layout.image_base, layout.paging.word_bits)
    return make_image(layout, make_payload({"etc/init": b"forever\n", "forever": forever}), compiled(layout))


def compiled_pc(layout=MICROKERNEL):
    return CompiledPc(layout, image_of(layout), memory=8 * MIB)


def place_of(error):
    found = MADE_CURRENT.fullmatch(str(error))
    assert found is not None and int(found[1]) in lines_of_make_current(), str(error)


def test_an_interpreted_kernel_is_left_where_it_is(control_c, monkeypatch):
    def _make_current(self, _cpu, _thread):
        while True:
            pass

    pc = make_pc("forever", programs={"forever": FOREVER}, check=False)
    pc.bring_up()
    # The line is this file's, and it is called as if the kernel had it.
    code = _make_current.__code__.replace(
        co_filename=Scheduler._make_current.__code__.co_filename, co_firstlineno=lines_of_make_current()[0]
    )
    made = type(_make_current)(code, Scheduler._make_current.__globals__)
    monkeypatch.setattr(Scheduler, "_make_current", made)
    with pytest.raises(Interrupted) as ended, interruptible(pc):
        control_c()
        pc.begin()
        pc.run()
    place_of(ended.value)


@both_widths
@pytest.mark.parametrize("number", sliced(ENDING, 2))
def test_a_compiled_kernel_is_stopped_where_it_is(control_c, number, layout):
    pc = compiled_pc(layout)
    spoil_make_current(pc.contents, layout)
    with pytest.raises(Interrupted) as ended, interruptible(pc):
        control_c(number=number)
        pc.boot()
        pc.run()
    place_of(ended.value)
    assert ended.value.number == number


@both_widths
def test_a_kernel_on_qemu_is_stopped_where_it_is(control_c, layout):
    image = make_image_file(layout, image_of(layout))
    with ObservedQemu(image, memory=8 * MIB) as machine:

        def spoil():
            spoil_make_current(machine.contents, layout)
            control_c(0.5)

        machine.at_booted.append(spoil)
        with pytest.raises(Interrupted) as ended, breakable(machine, layout):
            machine.boot()
            machine.run()
    place_of(ended.value)


@pytest.mark.parametrize("life", ["interpreted", "compiled"])
def test_a_program_is_left_after_a_trap_without_a_place(life, control_c):
    pc = compiled_pc() if life == "compiled" else make_pc("forever", programs={"forever": FOREVER}, check=False)
    before = [signal.getsignal(number) for number in ENDING]
    threads = threading.active_count()
    control_c(0.1)
    with pytest.raises(Interrupted) as ended, interruptible(pc):
        pc.boot()
        pc.run()
    assert str(ended.value) == "" and [signal.getsignal(number) for number in ENDING] == before
    assert threading.active_count() <= threads, "the watch has ended"


def test_a_program_that_never_traps_is_left_too(control_c):
    """Without a timer the emulator would go on for 4,294,967,296 instructions."""
    pc = make_pc("forever", programs={"forever": FOREVER}, check=False)
    pc.boot()
    pc.timer.due = None
    control_c(0.1)
    with pytest.raises(Interrupted, match="^$"), interruptible(pc):
        pc.run()
