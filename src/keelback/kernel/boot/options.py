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
from keelback.kernel.boot.memory_map import MOST_FRAMES
from keelback.kernel.devices.console import Sink
from keelback.lang import PAGE_SHIFT, Array, Component, Region, Struct, TextSink, inline, u8, u32, u64, view, word

LINE_SIZE = 2048
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

    def __init__(self, records: Region) -> None:
        self.ram = records.ram
        self.line = records.struct(CommandLineText).text
        self.values = records.struct(OptionValues)
        self.name = records.struct(OptionName).text

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
        for start in self._words():
            self._take(start)

    def _given(self, place: word) -> u8:
        return view(self.ram, GivenByte, place).byte

    def most_frames(self) -> u32:
        """Return the frame from which on memory is not to be used."""
        frames = self.values.frames
        return frames if frames != 0 else MOST_FRAMES

    def report(self, console: TextSink) -> None:
        """Say which words were ignored, and whether the line was cut."""
        if self.values.cut:
            console.write(f"keelback: the command line has more than {LINE_SIZE - 1} bytes; ")
            console.write("the others are ignored\n")
        for start in self._words():
            finding = self._take(start)
            if finding != Finding.TAKEN:
                console.write("keelback: option ")
                self._write(console, start)
                if finding == Finding.UNKNOWN:
                    console.write(" is unknown; ignored\n")
                else:
                    console.write(" has a wrong value; ignored\n")

    # Words.

    def _words(self) -> Iterator[u32]:
        """Yield where each word of the line starts."""
        position: u32 = 0
        while position < LINE_SIZE and self.line[position] != 0:
            if self.line[position] == ord(" "):
                position += 1
            else:
                start: u32 = position
                position = self._end_of_word(start)
                yield start

    def _end_of_word(self, start: u32) -> u32:
        """Return the end of the word that starts somewhere; a quote that is never closed ends with the line."""
        position: u32 = start
        quoted = False
        while position < LINE_SIZE and self.line[position] != 0:
            byte = self.line[position]
            if byte == ord(" ") and not quoted:
                break
            quoted = quoted != (byte == ord('"'))
            position += 1
        return position

    def _write(self, console: TextSink, start: u32) -> None:
        for position in range(start, self._end_of_word(start)):
            byte = self.line[position]
            console.put(byte if ord(" ") <= byte <= ord("~") else ord("?"))

    def _is(self, start: u32, end: u32, text: str) -> bool:
        """Say whether [start, end) of the line is a text."""
        if end - start > LONGEST_NAME:
            return False
        self.name.clear()
        self.name.copy_from(0, self.line, start, end - start)
        return self.name == text

    # Options.

    def _take(self, start: u32) -> Finding:
        """Let a word mean what it says, if it says something."""
        word_end: u32 = self._end_of_word(start)
        name: u32 = self._inside_start(start, word_end)
        end: u32 = self._inside_end(start, word_end)
        name_end: u32 = name
        while name_end < end and self.line[name_end] != ord("="):
            name_end += 1
        given: u32 = min(name_end + 1, end)
        first: u32 = self._inside_start(given, end)
        last: u32 = self._inside_end(given, end)
        if self._is(name, name_end, "init"):
            return self._take_init(first, last)
        if self._is(name, name_end, "memory"):
            return self._take_memory(first, last)
        if self._is(name, name_end, "console"):
            return self._take_console(first, last)
        if self._is(name, name_end, "BOOT_IMAGE"):
            return Finding.TAKEN
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
                frames = min(min(number, LARGEST_NUMBER) << shift >> PAGE_SHIFT, MOST_FRAMES)
        if frames == 0:
            return Finding.WRONG
        self.values.frames = frames
        return Finding.TAKEN

    def _take_console(self, start: u32, end: u32) -> Finding:
        if self._is(start, end, "serial"):
            self.values.sink = Sink.SERIAL
        elif self._is(start, end, "screen"):
            self.values.sink = Sink.SCREEN
        elif self._is(start, end, "both"):
            self.values.sink = Sink.BOTH
        else:
            return Finding.WRONG
        return Finding.TAKEN
