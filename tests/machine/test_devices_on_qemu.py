"""The serial port and the keyboard answer as QEMU's do, port by port: QEMU with a CPU that does nothing.

Source: QEMU's documentation of qtest.
"""

import json
import random
import socket
import string
import subprocess
import time

import pytest

from keelback.machine.qemu.qemu import find_qemu
from keelback.machine.scan_codes import scan_codes
from keelback.machine.simulated.keyboard import Keyboard
from keelback.machine.simulated.serial import Serial

WAIT = 20


def connected(path):
    """Return a connection to a socket that QEMU makes."""
    end = time.monotonic() + WAIT
    while True:
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(str(path))
        except OSError:
            made.close()
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            made.settimeout(WAIT)
            return made


class Bare:
    """A QEMU whose CPU halts at once, or does not even begin; `line` is the far end of its serial line."""

    def __init__(self, folder, *arguments):
        sockets = [folder / name for name in ("line", "qmp")]
        (folder / "bios").write_bytes(b"\xf4" * 65536)
        self.process = subprocess.Popen(
            [
                *(find_qemu(), "-accel", "tcg", "-qtest", "stdio", "-display", "none", "-nodefaults", *arguments),
                *("-qtest-log", "/dev/null", "-bios", str(folder / "bios")),
                *("-serial", f"unix:{sockets[0]},server=on,wait=off", "-qmp", f"unix:{sockets[1]},server=on,wait=off"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.line, self.monitor = map(connected, sockets)
        self.answers = self.monitor.makefile()
        self.answers.readline()
        self.qmp("qmp_capabilities")

    def ask(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        while not (answer := self.process.stdout.readline()).startswith("OK"):
            assert answer.startswith("IRQ")
        return answer.split()[1:]

    def read(self, port):
        return int(self.ask(f"inb {port:#x}")[0], 16)

    def write(self, port, value):
        self.ask(f"outb {port:#x} {value:#x}")

    def qmp(self, command, **arguments):
        self.monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while "return" not in (answer := json.loads(self.answers.readline())):
            assert "error" not in answer, answer

    def key(self, name, is_down):
        key = {"type": "qcode", "data": name}
        self.qmp("input-send-event", events=[{"type": "key", "data": {"down": is_down, "key": key}}])

    def end(self):
        self.line.close()
        self.monitor.close()
        self.process.kill()
        self.process.communicate()


def bare(*arguments):
    """Return a fixture that is a QEMU with some arguments."""

    @pytest.fixture(scope="module")
    def made(tmp_path_factory):
        qemu = Bare(tmp_path_factory.mktemp("bare"), *arguments)
        yield qemu
        qemu.end()

    return made


still, halted = bare("-S"), bare()
"""No time passes in the first; only the second takes keys."""


# The serial port.

PORT = 0x3F8
LATCH = 0x80


START = (
    *((3, 0), (1, 0), (4, 0), (2, 1), (2, 7), (2, 0), (7, 0)),
    *((3, LATCH), (0, 1), (1, 0), (3, 3), (0, 0)),
)
"""What is written to both first, to make them alike."""


def writes(chosen):
    """Return a register and what is written to it, as a driver may."""
    register = chosen.choice([0, 1, 2, 3, 4, 7])
    value = chosen.randrange(256)
    fifo = value & 0xC7 if value & 1 else 0
    return register, {1: value & 0x03, 2: fifo, 3: value & (LATCH | 3), 4: value & 0x0F}.get(register, value)


@pytest.mark.parametrize("seed", range(4))
def test_the_serial_port_answers_as_qemus(still, seed):
    chosen = random.Random(seed)
    sent = bytearray()
    ours = Serial(sent.append)

    def write(register, value):
        ours.write(register, value)
        still.write(PORT + register, value)
        if sent:
            assert still.line.recv(1) == sent
            sent.clear()

    def come(data):
        still.line.sendall(data)
        for byte in data:
            ours.receive(byte)
        _settle(still)

    for register, value in START:
        write(register, value)
    come(b"a")
    for register in (0, 2):
        ours.read(register), still.read(PORT + register)
    done = []
    for step in range(400):
        what = chosen.choice(["write", "read", "read", "come"])
        if what == "write":
            register, value = writes(chosen)
            done.append((register, value))
            write(register, value)
        elif what == "come" and ours.room() == (16 if ours.has_fifo else 1):
            most = ours.trigger if ours.has_fifo else 1  # QEMU brings no more until something is read
            data = bytes(chosen.randrange(256) for _ in range(chosen.randint(1, most)))
            done.append(data)
            come(data)
        else:
            register = chosen.randrange(8)
            done.append(register)
            assert ours.read(register) == still.read(PORT + register), (step, done[-12:])


def _settle(qemu):
    """Wait until QEMU has taken what came by its line."""
    end = time.monotonic() + WAIT
    while not qemu.read(PORT + 5) & 1:
        assert time.monotonic() < end
    time.sleep(0.02)


# The keyboard.

NAMES = dict(zip("-=[];'`\\,./ \n\t\b\x1b", (
    "minus", "equal", "bracket_left", "bracket_right", "semicolon", "apostrophe", "grave_accent", "backslash",
    "comma", "dot", "slash", "spc", "ret", "tab", "backspace", "esc",
), strict=True))  # fmt: skip
SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))
EXTENDED = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1b[H": "home", "\x1b[F": "end",
    "\x1b[2~": "insert", "\x1b[3~": "delete", "\x1b[5~": "pgup", "\x1b[6~": "pgdn",
}  # fmt: skip


def keys_of(text):
    """Return QEMU's names of the keys that are pressed together for a character or a named key."""
    if text in EXTENDED:
        return [EXTENDED[text]]
    if text in NAMES:
        return [NAMES[text]]
    if text in SHIFTED:
        return ["shift", *keys_of(SHIFTED[text])]
    if text < " ":
        return ["ctrl", *keys_of(chr(ord(text) | 0x40).lower())]
    return ["shift", text.lower()] if text.isupper() else [text]


def set_up(halted, ours):
    for port, value in ((4, 0xAD), (4, 0x60), (0, 0x65)):
        ours.write(port, value)
        halted.write(0x60 + port, value)
    while halted.read(0x64) & 1:
        halted.read(0x60)


def test_each_key_sends_the_scan_codes_of_qemus(halted):
    set_up(halted, Keyboard())
    texts = [*string.digits, *string.ascii_letters, *string.punctuation, " ", "\n", "\t", "\b", "\x1b", *EXTENDED]
    for text in [*texts, "\x01", "\x03", "\x04", "\x1a"]:
        keys = keys_of(text)
        for key in keys:
            halted.key(key, True)
        for key in reversed(keys):
            halted.key(key, False)
        sent = bytearray()
        while halted.read(0x64) & 1:
            sent.append(halted.read(0x60))
        assert sent == scan_codes(text), text


COMMANDS = (
    (4, 0x20),
    (4, 0xAA),
    (4, 0xAB),
    (4, 0xAD),
    (4, 0xAE),
    (0, 0xF4),
    (0, 0xF5),
    (0, 0xEE),
    (0, 0xF2),
    (0, 0xFF),
)
SAID = 0xF3
"""What QEMU's status says; whether the last byte was a command, and whether the system has started, it does not."""
WITH_VALUES = ((4, 0x60, 0x65), (4, 0x60, 0x74), (4, 0x60, 0x64), (0, 0xED, 7), (0, 0xF3, 0x20))


@pytest.mark.parametrize("seed", range(4))
def test_the_keyboard_and_its_controller_answer_as_qemus(halted, seed):
    chosen = random.Random(seed)
    ours = Keyboard()
    set_up(halted, ours)
    done = []

    def check():
        """Read all there is, as a driver does before it says more."""
        assert ours.read(4) & SAID == halted.read(0x64) & SAID, done[-5:]
        while ours.read(4) & 1:
            assert ours.read(0) == halted.read(0x60), done[-5:]
            assert ours.read(4) & SAID == halted.read(0x64) & SAID, done[-5:]

    for _ in range(300):
        port, *values = chosen.choice(COMMANDS + WITH_VALUES)
        done.append((port, *values))
        for number, value in enumerate(values):
            ours.write(0 if number else port, value)
            halted.write(0x60 if number else 0x60 + port, value)
            check()
