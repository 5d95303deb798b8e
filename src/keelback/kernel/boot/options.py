"""Options: what the kernel is told on the command line that the boot loader hands over.

    init=PROGRAM         start this program and nothing else; init="PROGRAM ARGUMENT" gives it an argument
    memory=SIZE          use no memory from this address on; K, M or G may stand behind the number
    console=WHERE        serial, screen or both
    BOOT_IMAGE=PATH      ignored: some boot loaders say what they loaded

Words are separated by spaces; between double quotes a space is none.  The quotes around a value, or around a whole
word as GRUB puts them, are no part of it.  A word that is no option, or an option whose value is wrong, changes nothing
and is reported.
"""

from collections.abc import Iterator
from enum import IntEnum

from keelback.kernel.boot.boot_parameters import BootParameters
from keelback.kernel.devices.console import Sink
from keelback.lang import PAGE_SHIFT, Array, Component, Region, Struct, TextSink, inline, rare, u8, u32, u64, view, word

LINE_SIZE = 2048
SINKS = (("serial", Sink.SERIAL), ("screen", Sink.SCREEN), ("both", Sink.BOTH))
UNITS = (("", 0), ("K", 10), ("M", 20), ("G", 30))
LARGEST_NUMBER = 1 << 32  # of any unit, that is all memory
LONGEST_NAME = 16


class Finding(IntEnum):
    """What became of a word."""

    TAKEN = 0
    UNKNOWN = 1
    WRONG = 2


class CommandLineText(Struct):
    """The command line as the kernel keeps it: zero-terminated."""

    text: Array[u8] = inline(LINE_SIZE)


class GivenByte(Struct):
    """A byte of the command line as the boot loader left it."""

    byte: u8


class OptionName(Struct):
    """A text that part of the command line is compared with, zero-terminated."""

    text: Array[u8] = inline(LONGEST_NAME)


class OptionValues(Struct):
    """What the options say; all zero means that nothing was said."""

    init_start: u32  # the program to start is the text [init_start, init_end) of the line
    init_end: u32
    frames: u32  # the first frame that is not to be used; 0: all may be
    sink: Sink
    cut: bool  # the line was longer than there is room, or than the memory that it lies in


class Options(Component):
    """The command line, copied at boot, and what it says."""

    def __init__(self, records: Region, all_frames: int) -> None:
        self.ram = records.ram
        self.all_frames = all_frames
        self.line = records.struct(CommandLineText).text
        self.values = records.struct(OptionValues)
        self.name = records.struct(OptionName).text
        self.options = (
            ("init", self._take_init),
            ("memory", self._take_memory),
            ("console", self._take_console),
            ("BOOT_IMAGE", self._ignore),
        )

    def start(self, parameters: word, room: u32) -> None:
        """Copy the command line that the boot parameters name and take its options.

        It has at most `room` bytes of memory; where that is 0 there is none.
        """
        place = view(self.ram, BootParameters, parameters).command_line
        if room != 0:
            most: u32 = min(room, LINE_SIZE - 1)
            length: u32 = 0
            while length < most and self._given(place + length) != 0:
                self.line[length] = self._given(place + length)
                length += 1
            self.values.cut = length == room or self._given(place + length) != 0
        for start, end in self._words():
            self._take(start, end)

    def _given(self, place: word) -> u8:
        return view(self.ram, GivenByte, place).byte

    def most_frames(self) -> u32:
        """Return the frame from which on memory is not to be used: at most the first that nobody uses."""
        frames = self.values.frames
        return frames if frames != 0 else self.all_frames

    @rare
    def report(self, console: TextSink) -> None:
        """Say which words were ignored, and whether the line was cut."""
        if self.values.cut:
            console.write(f"keelback: the command line has more than {LINE_SIZE - 1} bytes; ")
            console.write("the others are ignored\n")
        for start, end in self._words():
            finding = self._take(start, end)
            if finding != Finding.TAKEN:
                console.write("keelback: option ")
                for position in range(start, end):
                    console.put_printable(self.line[position])
                if finding == Finding.UNKNOWN:
                    console.write(" is unknown; ignored\n")
                else:
                    console.write(" has a wrong value; ignored\n")

    # Words.

    def _words(self) -> Iterator[tuple[u32, u32]]:
        """Yield where each word of the line starts and ends; a quote that is never closed ends with the line."""
        start: u32 = 0
        quoted = False
        for position in range(LINE_SIZE):
            byte = self.line[position]
            quoted = quoted != (byte == ord('"'))
            if byte == 0 or (byte == ord(" ") and not quoted):
                if start < position:
                    yield start, position
                start = position + 1
            if byte == 0:
                break

    def _is(self, start: u32, end: u32, text: str) -> bool:
        """Say whether [start, end) of the line is a text."""
        if end - start > LONGEST_NAME:
            return False
        self.name.clear()
        self.name.copy_from(0, self.line, start, end - start)
        return self.name == text

    # Options.

    @rare
    def _take(self, start: u32, word_end: u32) -> Finding:
        """Take the word [start, word_end) as an option, if it is one."""
        name: u32 = self._inside_start(start, word_end)
        end: u32 = self._inside_end(start, word_end)
        name_end: u32 = name
        while name_end < end and self.line[name_end] != ord("="):
            name_end += 1
        given: u32 = min(name_end + 1, end)
        for option, take in self.options:
            if self._is(name, name_end, option):
                return take(self._inside_start(given, end), self._inside_end(given, end))
        return Finding.UNKNOWN

    def _inside_start(self, start: u32, end: u32) -> u32:
        """Return where [start, end) of the line starts without the quotes around it."""
        return start + 1 if start < end and self.line[start] == ord('"') else start

    def _inside_end(self, start: u32, end: u32) -> u32:
        """Return where [start, end) of the line ends without the quotes around it; the second may be missing."""
        first: u32 = self._inside_start(start, end)
        return end - 1 if start < first < end and self.line[end - 1] == ord('"') else end

    def _take_init(self, start: u32, end: u32) -> Finding:
        """Take [start, end) of the line as what to start."""
        if start == end or self.line[start] == ord(" "):
            return Finding.WRONG
        self.values.init_start = start
        self.values.init_end = end
        return Finding.TAKEN

    def _take_memory(self, start: u32, end: u32) -> Finding:
        """Take [start, end) of the line as a size: digits, then at most one letter."""
        number: u64 = 0
        position: u32 = start
        while position < end and ord("0") <= self.line[position] <= ord("9"):
            number = min(number, LARGEST_NUMBER) * 10 + self.line[position] - ord("0")
            position += 1
        frames: u32 = 0
        for unit, shift in UNITS:
            if position > start and self._is(position, end, unit):
                frames = min(min(number, LARGEST_NUMBER) << shift >> PAGE_SHIFT, self.all_frames)
        if frames == 0:
            return Finding.WRONG
        self.values.frames = frames
        return Finding.TAKEN

    def _take_console(self, start: u32, end: u32) -> Finding:
        """Take [start, end) of the line as where text goes."""
        for name, sink in SINKS:
            if self._is(start, end, name):
                self.values.sink = sink
                return Finding.TAKEN
        return Finding.WRONG

    def _ignore(self, start: u32, end: u32) -> Finding:
        """Take any value, and let it mean nothing."""
        return Finding.TAKEN
