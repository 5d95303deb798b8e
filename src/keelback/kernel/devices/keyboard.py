"""The keyboard, behind the controller that a PC has for it: how it is set up and asked; a driver program does the rest.

Sources: IBM PS/2 technical reference, keyboard and auxiliary device controller; Intel 8042 data sheet.
"""

from keelback.kernel.x86.vectors import FIRST_DEVICE, KEYBOARD
from keelback.lang import Component, Cpu, u8

DATA, STATUS = 0x60, 0x64  # what is written to the second is a command of the controller's
FULL, BUSY = 0x01, 0x02  # in the status: there is a byte to read; the last that was written is not taken yet
READ_SETTINGS, WRITE_SETTINGS, STOP_MOUSE, STOP_KEYBOARD = 0x20, 0x60, 0xA7, 0xAD
QUIET = 0x74
"""Settings: scan codes of set 1, the system has started, and neither keyboard nor mouse sends."""
LISTENING = 0x65
"""The keyboard sends, and each byte asks for an interrupt."""
POLLS = 100_000
"""How often the controller is asked for what it owes: a tenth of a second on a PC."""
MOST_LEFT = 64
"""How many bytes may wait in the controller and the keyboard."""


class Keyboard(Component):
    """The keyboard as a device that interrupts by line 1.

    Its registers are 0, data, and 4, the controller's status: port 0x60 and those behind it.  A byte that is written
    to register 0 is a command to the keyboard itself; commands to the controller are the kernel's alone, for one of
    them resets the machine.
    """

    def __init__(self, cpu: Cpu) -> None:
        self.cpu = cpu
        self.line = KEYBOARD - FIRST_DEVICE
        self.port = DATA
        self.readable = 1 << 0 | 1 << 4
        self.writable = 1 << 0
        self.silence = "keelback: there is no keyboard: its controller does not answer\n"

    def start(self) -> bool:
        """Make each byte of the keyboard's ask for an interrupt; what waits there is lost.

        Returns whether the controller answers as it should; each wait for it is bounded.
        """
        if not (self._send(STATUS, STOP_KEYBOARD) and self._send(STATUS, STOP_MOUSE)):
            return False
        self._empty()
        if not (self._set(QUIET) and self._send(STATUS, READ_SETTINGS) and self._waits_full()):
            return False
        return self.cpu.in8(DATA) == QUIET and self._set(LISTENING)

    def stop(self) -> None:
        """Stop the keyboard from sending."""
        self._set(QUIET)

    def asks(self) -> bool:
        """Say whether there is something to read."""
        return self.cpu.in8(STATUS) & FULL != 0

    def _set(self, settings: u8) -> bool:
        return self._send(STATUS, WRITE_SETTINGS) and self._send(DATA, settings)

    def _send(self, port: u8, value: u8) -> bool:
        """Write to a port as soon as the controller has taken what was written before; say whether it had."""
        for _ in range(POLLS):
            if self.cpu.in8(STATUS) & BUSY == 0:
                self.cpu.out8(port, value)
                return True
        return False

    def _waits_full(self) -> bool:
        """Wait until there is a byte to read; say whether there is."""
        for _ in range(POLLS):
            if self.asks():
                return True
        return False

    def _empty(self) -> None:
        """Read what keys have left."""
        for _ in range(MOST_LEFT):
            if not self.asks():
                return
            self.cpu.in8(DATA)
