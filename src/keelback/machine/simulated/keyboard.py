"""A keyboard behind a PC's controller for it: scan codes of set 1, byte by byte, and the answers to commands.

    keys ──> the controller's output buffer, 1 byte ──> port 0x60
                └─ if the settings say so ─> interrupt

1. Nothing overruns it: who brings a scan code asks for `room` first, and there is none while the keyboard is silent.
2. Until somebody lets the keyboard send, it is silent: no BIOS has run.
3. There is no mouse, and its scan codes are those of set 1 whatever the settings say of translation.

Sources: IBM PS/2 technical reference, keyboard and auxiliary device controller; Intel 8042 data sheet.
"""

from collections.abc import Callable

from keelback.machine.simulated.devices import OPEN_BUS, Device

DATA, STATUS = 0, 4
FULL, STARTED, COMMANDED, UNLOCKED = 0x01, 0x04, 0x08, 0x10  # in the status
ASKS, SILENT = 0x01, 0x10  # in the settings
AT_RESET = 0x70

READ_SETTINGS, WRITE_SETTINGS, TEST, TEST_KEYBOARD, SILENCE, LET_SEND, WRITE_OUTPUT = (
    *(0x20, 0x60, 0xAA, 0xAB),
    *(0xAD, 0xAE, 0xD1),
)
WELL, WIRED = 0x55, 0x00  # the answers to both tests

TAKEN, UNKNOWN = 0xFA, 0xFE  # the keyboard's answers
ANSWERS = {0xEE: (0xEE,), 0xF2: (TAKEN, 0xAB, 0x41), 0xFF: (TAKEN, 0xAA)}
SIMPLE, WITH_VALUE = (0xF4, 0xF5, 0xF6), (0xED, 0xF0, 0xF3)
SCAN, REST, RESET = 0xF4, 0xF5, 0xFF


class Keyboard(Device):
    """A keyboard; `interrupt` is told whether its controller asks for one."""

    KEPT = (
        *("settings", "data", "is_full", "answers", "command"),
        *("awaits_value", "was_command", "is_scanning"),
    )
    first, count = 0x60, 5

    def __init__(self, interrupt: Callable[[bool], None] = lambda is_up: None) -> None:
        self.interrupt = interrupt
        self.settings = AT_RESET
        self.data = 0
        self.is_full = False
        self.answers: list[int] = []
        self.command = 0
        """The controller's command that waits for its value; 0: none."""
        self.awaits_value = False
        """Whether the keyboard waits for the value of its own command."""
        self.was_command = False
        self.is_scanning = True

    # The keys.

    def room(self) -> int:
        """Return how many bytes of scan codes the keyboard can send now."""
        return int(self.is_scanning and not self.settings & SILENT and not self.is_full)

    def receive(self, byte: int) -> None:
        """Send a byte of a scan code, for which there is room."""
        self._fill(byte)

    def _fill(self, byte: int) -> None:
        self.data = byte
        self.is_full = True
        self._tell()

    def _tell(self) -> None:
        self.interrupt(self.is_full and bool(self.settings & ASKS))

    # The ports.

    def read(self, offset: int) -> int:
        """Return the status, or take the byte out of the output buffer."""
        if offset == STATUS:
            return FULL * self.is_full | self.settings & STARTED | COMMANDED * self.was_command | UNLOCKED
        return self._take() if offset == DATA else OPEN_BUS

    def _take(self) -> int:
        """Return the byte in the output buffer, the last one if it is empty, and put the next answer there."""
        byte = self.data
        self.is_full = False
        self._tell()
        if self.answers:
            self._fill(self.answers.pop(0))
        return byte

    def write(self, offset: int, value: int) -> None:
        """Take a command to the controller, or one to the keyboard, or the value of either."""
        if offset == STATUS:
            self.was_command = True
            self._obey(value)
        elif offset == DATA:
            self.was_command = False
            command, self.command = self.command, 0
            if command == WRITE_SETTINGS:
                self.settings = value
                self._tell()
            elif command == 0:
                self._obey_keyboards(value)

    def _obey(self, command: int) -> None:
        """Do what a command to the controller says."""
        self.command = command if command in (WRITE_SETTINGS, WRITE_OUTPUT) else 0
        if command == READ_SETTINGS:
            self._answer(self.settings)
        elif command == TEST:
            self._answer(WELL)
        elif command == TEST_KEYBOARD:
            self._answer(WIRED)
        elif command == SILENCE:
            self.settings |= SILENT
        elif command == LET_SEND:
            self.settings &= ~SILENT

    def _obey_keyboards(self, command: int) -> None:
        """Do what a command to the keyboard itself says, or take its value; that lets the keyboard send."""
        self.settings &= ~SILENT
        if self.awaits_value:
            self.awaits_value = False
            self._answer(TAKEN)
            return
        self.awaits_value = command in WITH_VALUE
        self.is_scanning = command in (SCAN, RESET) or (command != REST and self.is_scanning)
        known = command in SIMPLE or command in WITH_VALUE
        self._answer(*ANSWERS.get(command, (TAKEN,) if known else (UNKNOWN,)))

    def _answer(self, *answer: int) -> None:
        """Put an answer into the output buffer, or behind what waits for it."""
        self.answers += answer
        if not self.is_full:
            self._fill(self.answers.pop(0))
