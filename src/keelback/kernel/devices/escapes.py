"""Escape sequences: what in the console's text is not shown but addressed to the screen.

    ESC [ parameters final     a control sequence; the screen obeys some
    ESC ] text                 a control string, also with P, X, ^ or _; swallowed
    ESC intermediates final    anything else; swallowed

1. Parameters are decimal numbers with `;` between them, 0 where one is left out; 8 are kept, none above 9,999.
2. No sequence goes past a control character, a byte below 32: so text that was cut off costs a line at most.
3. All of a sequence is swallowed, with the control character that ends it, but for line feed and carriage return.

Source: ECMA-48, fifth edition, 5.3 to 5.6.
"""

from enum import IntEnum

from keelback.lang import Array, Component, Region, Struct, inline, u8, u16, u32

STRINGS = tuple(map(ord, "PX]^_"))
"""What begins a control string."""
MOST_PARAMETERS = 8
HIGHEST = 9_999


class Stage(IntEnum):
    """How far a sequence has come."""

    TEXT = 0
    ESCAPE = 1
    INTERMEDIATE = 2
    CONTROL = 3
    UNKNOWN = 4  # a control sequence that nobody here obeys
    STRING = 5


class Act(IntEnum):
    """What is to be done about a byte."""

    SHOW = 0
    SWALLOW = 1
    OBEY = 2  # it is the final byte of a control sequence


class Sequence(Struct):
    """The sequence at hand; all zero is none."""

    stage: Stage
    semicolons: u8  # so far, `MOST_PARAMETERS` at most
    parameters: Array[u16] = inline(MOST_PARAMETERS)


class Escapes(Component):
    """Takes text byte by byte and finds the sequences in it."""

    def __init__(self, records: Region) -> None:
        self.sequence = records.struct(Sequence)

    def take(self, byte: u8) -> Act:
        """Say what is to be done about the next byte."""
        sequence = self.sequence
        stage = sequence.stage
        if byte < ord(" "):
            return self._take_control(byte)
        if stage == Stage.TEXT:
            return Act.SHOW
        if stage == Stage.ESCAPE:
            self._begin(byte)
        elif stage == Stage.INTERMEDIATE:
            sequence.stage = Stage.INTERMEDIATE if byte < ord("0") else Stage.TEXT
        elif stage != Stage.STRING:
            return self._continue(byte)
        return Act.SWALLOW

    def count(self) -> u32:
        """Return how many parameters the sequence has, at least 1."""
        return min(self.sequence.semicolons + 1, MOST_PARAMETERS)

    def _take_control(self, byte: u8) -> Act:
        within = self.sequence.stage != Stage.TEXT
        if byte == ord("\x1b"):
            self.sequence.stage = Stage.ESCAPE
            return Act.SWALLOW
        self.sequence.stage = Stage.TEXT
        return Act.SWALLOW if within and byte != ord("\n") and byte != ord("\r") else Act.SHOW

    def _begin(self, byte: u8) -> None:
        sequence = self.sequence
        sequence.stage = Stage.INTERMEDIATE if byte < ord("0") else Stage.TEXT
        if byte == ord("["):
            sequence.stage = Stage.CONTROL
            sequence.semicolons = 0
            sequence.parameters.clear()
        for introducer in STRINGS:
            if byte == introducer:
                sequence.stage = Stage.STRING

    def _continue(self, byte: u8) -> Act:
        """Take a byte of a control sequence."""
        sequence = self.sequence
        if byte >= ord("@"):
            known = sequence.stage == Stage.CONTROL and byte <= ord("~")
            sequence.stage = Stage.TEXT
            return Act.OBEY if known else Act.SWALLOW
        if ord("0") <= byte <= ord("9"):
            self._add_digit(byte - ord("0"))
        elif byte == ord(";"):
            sequence.semicolons = min(sequence.semicolons + 1, MOST_PARAMETERS)
        else:
            sequence.stage = Stage.UNKNOWN
        return Act.SWALLOW

    def _add_digit(self, digit: u8) -> None:
        index = self.sequence.semicolons
        if index < MOST_PARAMETERS:
            parameters = self.sequence.parameters
            parameters[index] = min(parameters[index] * 10 + digit, HIGHEST)
