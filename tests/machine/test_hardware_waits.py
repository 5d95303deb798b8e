"""Every wait on hardware ends, and what did not come is said: by the serial line, the timer, the local APIC."""

import re
import subprocess
import time

import pytest

import keelback.kernel.devices.console as console_module
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.lens import look
from keelback.kernel.devices.console import Sink
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.x86.vectors import Vector
from keelback.lang import text_of
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.qemu.qemu import Qemu, Verdict, find_qemu
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from support import MIB, payload_programs

MEMORY = 8 * MIB
STUCK = "keelback: the serial line takes no text; it goes to the screen alone"
NEVER_ASKS = "keelback: no tick comes: the timer never asks for an interrupt; nobody who sleeps will wake"
MASKED = (
    "keelback: no tick comes: the timer's interrupt does not reach the CPU, whose local APIC may mask it; "
    "nobody who sleeps will wake"
)


def payload(*lines):
    return make_payload({"etc/init": "".join(line + "\n" for line in lines).encode(), **payload_programs()})


def both_lives(*lines, command_line=""):
    image = make_image(MICROKERNEL, payload(*lines)), make_image(MICROKERNEL, payload(*lines), compiled(MICROKERNEL))
    options = {"memory": MEMORY, "command_line": command_line}
    return InterpretedPc(MICROKERNEL, image[0], **options), CompiledPc(MICROKERNEL, image[1], **options)


def file_of(*lines):
    return make_image_file(MICROKERNEL, make_image(MICROKERNEL, payload(*lines), compiled(MICROKERNEL)))


def shown(pc):
    """Return the rows of the screen."""
    text = bytes(pc.ram.bytes[SCREEN : SCREEN + 4000 : 2]).decode("ascii")
    return [text[place : place + 80].rstrip() for place in range(0, 2000, 80)]


# The serial line.


@pytest.mark.parametrize("command_line", ["", "console=serial"])
def test_a_serial_line_that_is_never_free_is_left_for_the_screen_in_both_lives(command_line):
    pcs = both_lives("hello", command_line=command_line)
    for pc in pcs:
        pc.serial.is_stuck = True
    assert compare(*pcs).difference is None
    for pc in pcs:
        assert pc.outcome is Outcome.POWERED_OFF and pc.console == b""
        rows = shown(pc)
        assert rows[0] == STUCK and rows[1].startswith("keelback: microkernel") and rows[2] == "hello: I am process 1"
        assert pc.kernel.console.state.sink is Sink.SCREEN


def test_a_line_that_stops_later_is_left_then_and_said_at_the_next_tick(monkeypatch):
    monkeypatch.setattr(console_module, "POLLS", 50)
    pc, _ = both_lives("sleeper 1", "ping 3")
    pc.boot()
    pc.serial.is_stuck = True
    assert pc.run() is Outcome.POWERED_OFF
    assert pc.console.count(b"\n") == 1, "the greeting"
    rows = [row for row in shown(pc) if row]
    assert rows[1:4] == ["ping 1", "ping 2", "ping 3"] and rows[4] == STUCK and "nap 3" in rows[-1]


def test_on_qemu_an_uart_whose_status_is_0_hides_nothing_from_the_screen():
    """A debug console at the port of the line status reads 0 there: a UART that is never free."""
    with Qemu(
        file_of("sleeper 600"),
        memory=16 * MIB,
        arguments=(
            "-chardev", "null,id=n", "-device", "isa-debugcon,iobase=0x3fd,readback=0,chardev=n",
        ),
    ) as machine:  # fmt: skip
        rows, end = "", time.monotonic() + 20
        while "KiB free" not in rows:
            assert time.monotonic() < end, rows
            time.sleep(0.05)
            rows = machine.monitor(f"xp /160hx {SCREEN:#x}")
            cells = [int(each, 16) & 0xFF for each in re.findall(r"0x([0-9a-f]{4})\b", rows)]
            rows = bytes(cells).decode("cp437")
    assert rows.startswith(STUCK)


# The timer.


def test_a_timer_that_never_asks_is_said_in_both_lives():
    pcs = both_lives("hello")
    for pc in pcs:
        pc.timer.is_dead = True
    assert compare(*pcs).difference is None
    assert pcs[1].console.decode().splitlines()[1:] == [NEVER_ASKS, "hello: I am process 1"]


@pytest.mark.parametrize("program", ["hello", "sleeper 1"])
def test_an_interrupt_that_does_not_reach_the_cpu_is_said_in_both_lives(program):
    pcs = both_lives(program)
    for pc in pcs:
        pc.controller.is_connected = False
    assert compare(*pcs).difference is None
    assert pcs[1].console.decode().splitlines()[1] == MASKED
    assert pcs[1].outcome is (Outcome.HALTED if "sleeper" in program else Outcome.POWERED_OFF)


def test_a_timer_that_works_leaves_no_trace():
    pcs = both_lives("hello")
    assert compare(*pcs).difference is None
    for pc in pcs:
        clock = pc.kernel.timer.clock
        assert (clock.asks, clock.reached, pc.kernel.strays.record.counts[Vector.NON_MASKABLE]) == (True, True, 0)
        assert not pc.controller.in_service and not pc.controller.requested


def machine_of(*arguments, file, limit=20):
    """Run QEMU with arguments of its own; return exit status and what the serial line said."""
    command = [
        find_qemu(), "-accel", "tcg", "-display", "none", "-no-reboot", "-monitor", "none", "-nodefaults",
        "-serial", "stdio", "-kernel", str(file), "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *arguments,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=limit, stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout.decode()


def test_on_a_machine_whose_firmware_leaves_the_local_apic_masked_it_is_said(tmp_path):
    file = tmp_path / "kernel"
    file.write_bytes(file_of("hello"))
    status, text = machine_of("-M", "microvm", file=file)
    assert status == 1 and MASKED in text.splitlines() and "hello: I am process 1" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("-M", "isapc", "-cpu", "pentium3"),
        ("-M", "pc", "-vga", "none"),
        ("-M", "q35", "-cpu", "coreduo"),
        ("-M", "pc", "-cpu", "athlon", "-m", "16"),
    ],
)
def test_other_machines_boot_and_tick(arguments, tmp_path):
    file = tmp_path / "kernel"
    file.write_bytes(file_of("hello", "sleeper 2"))
    status, text = machine_of(*arguments, file=file)
    assert status == 1 and "no tick" not in text and "hello: I am process 1" in text and text.count("nap") == 3


# What a loader says.


def test_an_argument_that_is_too_long_is_refused_and_the_longest_is_not():
    for length, says in ((255, f"hello: I am process 1, and I was told: {'a' * 255}"), (256, "An argument")):
        with Qemu(file_of("null"), memory=16 * MIB, command_line=f'init="hello {"a" * length}"') as machine:
            assert machine.wait() is Verdict.DONE
            assert says in machine.console.decode()
            line = text_of(look(MICROKERNEL, machine.ram).options.line)
            assert line.endswith(f'init="hello {"a" * length}"')
