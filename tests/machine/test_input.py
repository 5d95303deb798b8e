"""Input as part of a run: it comes at its time, is the same in both lives, and comes again."""

import os
import random
import threading
import time
from contextlib import suppress
from hashlib import sha256

import pytest

from keelback.image.images import make_image_file
from keelback.machine.clock import INSTRUCTIONS_PER_SECOND
from keelback.machine.compare import compare
from keelback.machine.input_log import Device, Typed
from keelback.machine.live import LiveInput
from keelback.machine.observed import Outcome
from keelback.machine.qemu.qemu import Qemu, Verdict
from keelback.machine.qemu.qmp import QemuError
from keelback.machine.qemu.typing import Typist
from keelback.machine.recorded.recording import STRIDE, Recording
from keelback.machine.scan_codes import scan_codes
from machine.lined import KEYBOARD, LINED, LINED_64, SERIAL, image_of, machine, part_in_place, ran, rows
from support import MIB, some_of

LIVES = ("interpreted", "compiled")
TEXT = b"a line of text\nand some more of it\nq"
KEYS = scan_codes("Some keys; q")
TICK = 78_125


@pytest.fixture(scope="module", autouse=True)
def _part():
    with part_in_place():
        yield


def typed(time_, data, device=Device.SERIAL):
    return Typed(time_, device, data)


class Typing:
    """Somebody who types on a pipe, and the end that a machine listens to."""

    def __init__(self):
        self.heard_by, self.line = os.pipe()
        self.live = LiveInput(self.heard_by)

    def type(self, data):
        os.write(self.line, data)

    def leave(self):
        os.close(self.line)


@pytest.fixture
def typing():
    made = Typing()
    yield made
    os.close(made.heard_by)


def test_a_driver_gets_what_is_typed_on_its_own_device():
    pc = machine("interpreted", SERIAL, KEYBOARD)
    pc.input.add(typed(0, KEYS, Device.KEYBOARD), typed(0, TEXT))
    ran(pc)
    said = sorted((row for row in rows(pc)), key=len)
    assert pc.outcome is Outcome.POWERED_OFF
    assert sorted(byte for row in said for byte in row) == sorted(TEXT + KEYS[: KEYS.index(0x90) + 1])


def test_all_of_a_text_comes_in_order_whatever_the_port_holds():
    text = bytes(range(1, 0x71)) * 3 + b"q"
    pc = machine("interpreted", SERIAL)
    pc.input.add(typed(0, text))
    assert [byte for row in rows(ran(pc)) for byte in row] == [*text]


@pytest.mark.parametrize("layout", some_of([LINED, LINED_64], [LINED]), ids=lambda layout: layout.paging.name)
def test_both_lives_are_equal_after_every_trap_of_a_run_with_input(layout):
    pcs = [machine(life, SERIAL, KEYBOARD, "primes 2000", "sleeper 1", layout=layout) for life in LIVES]
    for pc in pcs:
        pc.input.add(typed(0, TEXT[:3]), typed(7_001, KEYS[:5], Device.KEYBOARD), typed(9_999, TEXT[3:]))
        pc.input.add(typed(3 * TICK + 1, KEYS[5:], Device.KEYBOARD))
    assert compare(*pcs).difference is None
    assert all(pc.outcome is Outcome.POWERED_OFF for pc in pcs)


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("at", [30_011, 2 * TICK, 5 * TICK + 17])
def test_a_byte_comes_before_the_first_instruction_after_its_time(life, at):
    """While a program computes, and while all sleep."""
    for others in ([], ["primes 30000"]):
        pc = machine(life, SERIAL, *others)
        pc.input.add(typed(at, b"q"))
        pc.boot()
        times = []
        pc.before_trap.append(
            lambda pc=pc, times=times: times.append(pc.time) if pc.controller.in_service & 16 else None
        )
        pc.run()
        [came] = times
        assert at <= came < at + 500 + 1, "at its time, or as the trap ends that is served then"


def test_nothing_of_it_comes_without_a_driver_and_nobody_is_told():
    pc, other = machine("interpreted", "ping 5"), machine("interpreted", "ping 5")
    pc.input.add(typed(0, TEXT), typed(0, KEYS, Device.KEYBOARD))
    ran(pc), ran(other)
    assert bytes(pc.console) == bytes(other.console) and pc.traps == other.traps
    assert bytes(pc.contents) == bytes(other.contents)


def test_qemus_serial_line_brings_the_same(typing):
    """A text, and then what is typed while it runs."""
    said = []

    def hear(data):
        said.append(data)
        if b"0x0000000a" in b"".join(said) and len(typed_there) == 0:
            typed_there.append(typing.type(b"abq"))

    typed_there = []
    file = make_image_file(LINED, image_of(LINED, "compiled", (SERIAL,)))
    typist = Typist(b"ls\n", typing.live)
    with Qemu(file, memory=16 * MIB, output=hear, typist=typist) as qemu:
        qemu.command("cont")
        assert qemu.wait() is Verdict.DONE
    typing.leave()
    assert [byte for row in rows(qemu) for byte in row] == [*b"ls\nabq"]


def test_qemus_keyboard_is_driven_as_ours_is():
    """Keys that are pressed before the line is open are lost, so the first is pressed until it is told."""
    file = make_image_file(LINED, image_of(LINED, "compiled", (KEYBOARD,)))
    with Qemu(file, memory=16 * MIB) as qemu:
        end = time.monotonic() + 60
        while not rows(qemu) and time.monotonic() < end:
            press(qemu, "a")
            time.sleep(0.2)
            qemu.read_console()
        for key in ("shift", "b", "up"):
            press(qemu, key)
        with suppress(QemuError):  # it may end before it answers
            press(qemu, "q")
        assert qemu.wait() is Verdict.DONE
    told = bytes(byte for row in rows(qemu) for byte in row)
    assert told.lstrip(b"\x1e\x9e") == bytes.fromhex("2aaa 30b0 e048e0c8 1090")


def press(qemu, key):
    """Press a key and let it go."""
    for is_down in (True, False):
        event = {"type": "key", "data": {"down": is_down, "key": {"type": "qcode", "data": key}}}
        qemu.command("input-send-event", events=[event])


def test_a_machine_that_waits_for_what_never_comes_has_halted_in_both_lives():
    pcs = [machine(life, SERIAL, "sleeper 300") for life in LIVES]
    for pc in pcs:
        pc.input.add(typed(0, b"no end"))
    assert compare(*pcs).difference is None
    for pc in pcs:
        assert pc.outcome is Outcome.HALTED and rows(pc) == [[*b"no end"]]
        assert pc.console.count(b" is over") == 3, "who sleeps is waited for"
        assert 9 * 100 * TICK < pc.time + TICK < 13 * 100 * TICK


def test_a_machine_does_not_halt_before_what_is_typed_late():
    pc = machine("interpreted", SERIAL)
    pc.input.add(typed(1000 * TICK, b"q"))
    assert ran(pc).outcome is Outcome.POWERED_OFF


# Again, and back.


def digest(pc):
    return sha256(pc.contents).digest(), bytes(pc.console), pc.time, pc.instructions, pc.traps, pc.frame, pc.outcome


@pytest.mark.parametrize("life", LIVES)
def test_stepping_back_and_forward_leads_to_the_same_machine(life):
    def fresh():
        pc = machine(life, SERIAL, KEYBOARD, "sleeper 4")
        for number, byte in enumerate(TEXT):
            pc.input.add(typed(number * 9_000, bytes([byte])))
            pc.input.add(typed(number * 9_000 + 11, KEYS[number : number + 1] or b"\x90", Device.KEYBOARD))
        pc.boot()
        return pc

    plain, places = fresh(), {}
    while plain.outcome is Outcome.RUNNING:
        if plain.traps % 7 == 0:
            places[plain.traps] = digest(plain)
        plain.step()
    recording = Recording(fresh(), every=STRIDE)
    recording.begin()
    recording.run()
    assert digest(recording.pc) == digest(plain) and plain.traps > 3 * STRIDE
    chosen = random.Random(life)
    for place in [0, *chosen.sample([*places], 8)]:
        recording.go(place)
        assert digest(recording.pc) == places[place]
    recording.run()
    assert digest(recording.pc) == digest(plain)


@pytest.mark.parametrize("life", some_of(LIVES, ["compiled"]))
def test_who_types_after_going_back_makes_the_run_in_which_that_was_typed(life):
    """However often: each run is that of a machine that was given all of it, at every step."""
    recording = Recording(machine(life, SERIAL, "sleeper 40", "ping 40", "pong 40"), every=STRIDE)
    recording.pc.input.add(typed(0, b"ab"), typed(60 * TICK, b"q"))
    recording.boot()
    chosen = random.Random(life)
    for place, data in ((170, b"c"), (60, b"dd"), (120, b"e"), (0, b"f"), (55, b"gq")):
        recording.run()
        assert recording.end > place
        recording.go(place)
        was = digest(recording.pc)
        recording.type(Device.SERIAL, data)
        assert digest(recording.pc) == was and recording.end is None and recording.furthest == place
    recording.run()
    plain, places = machine(life, SERIAL, "sleeper 40", "ping 40", "pong 40"), {}
    plain.input.add(*recording.pc.input.typed)
    assert [each.data for each in plain.input.typed] == [b"ab", b"f", b"gq"]
    plain.boot()
    while plain.outcome is Outcome.RUNNING:
        places[plain.traps] = digest(plain)
        plain.step()
    assert digest(recording.pc) == digest(plain)
    for place in chosen.sample([*places], 6):
        recording.go(place)
        assert digest(recording.pc) == places[place]


def test_a_run_that_is_over_takes_no_input():
    recording = Recording(machine("interpreted", "ping 1"))
    recording.boot()
    recording.run()
    with pytest.raises(ValueError, match="over"):
        recording.type(Device.SERIAL, b"a")
    assert not recording.pc.input.typed


# Typed at this moment.


@pytest.mark.parametrize("life", LIVES)
def test_what_was_typed_comes_again_at_the_same_times(typing, life):
    pc = machine(life, SERIAL, "primes 3000")
    pc.input.live = typing.live
    pc.boot()
    for count, data in enumerate((b"ab", b"c\r", b"\x03", b"q"), 1):
        typing.type(data)
        while len(pc.input.typed) < count:
            pc.step()
        pc.step()
    pc.run()
    typing.leave()
    again = machine(life, SERIAL, "primes 3000")
    again.input.add(*pc.input.typed)
    assert digest(ran(again)) == digest(pc)
    assert [each.data for each in pc.input.typed] == [b"ab", b"c\r", b"\x03", b"q"]


def test_an_idle_machine_waits_for_who_types_as_long_as_that_takes(typing):
    pc = machine("interpreted", SERIAL)
    pc.input.live = typing.live
    pc.boot()
    started, cpu = time.perf_counter(), time.process_time()
    timer = threading.Timer(1.5, typing.type, [b"q"])
    timer.start()
    pc.run()
    timer.join()
    typing.leave()
    took, used = time.perf_counter() - started, time.process_time() - cpu
    [(at, _, _)] = pc.input.typed
    assert took >= 1.4 and abs(at / INSTRUCTIONS_PER_SECOND - 1.5) < 0.75, "virtual time went with it"
    assert used < took / 2, "and it slept"


def test_when_nobody_types_any_more_time_jumps_again(typing):
    pc = machine("interpreted", "sleeper 300")
    pc.input.live = typing.live
    typing.leave()
    started = time.perf_counter()
    assert ran(pc).outcome is Outcome.POWERED_OFF and pc.input.live.is_over
    assert pc.time > 8.9 * INSTRUCTIONS_PER_SECOND and time.perf_counter() - started < 8


def test_nobody_types_in_what_was_before(typing):
    pc = machine("interpreted", SERIAL, "sleeper 2", "sleeper 1")
    pc.input.live = typing.live
    recording = Recording(pc, every=STRIDE)
    recording.boot()
    for _ in range(10):
        recording.step()
    was = digest(pc)
    typing.type(b"q")
    recording.back(8)
    recording.go(10)
    assert digest(pc) == was and not pc.input.typed
    recording.step()
    assert [each.data for each in pc.input.typed] == [b"q"]
    typing.leave()
    recording.run()
    end = digest(pc)
    recording.go(3)
    recording.run()
    assert digest(pc) == end and recording.pc.outcome is Outcome.POWERED_OFF
