"""The console's line editor: whatever is typed, the terminal shows the line, and its cursor is where the line's is."""

import ctypes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from on_host import library

LONGEST, COLUMNS, KEPT = 1023, 79, 16
EXTRA = """
#include "editor.h"
#include <stdlib.h>
#include <string.h>
struct editor *make_editor(void) { return calloc(1, sizeof(struct editor)); }
const char *line_of(struct editor *e) { return e->text; }
unsigned long at_of(struct editor *e) { return e->at; }
unsigned long first_of(struct editor *e) { return e->first; }
unsigned long taken(struct editor *e, char *to)
{
    unsigned long count = e->output_count;
    memcpy(to, e->output, count);
    e->output_count = 0;
    return count;
}
"""
EDITING, ENTERED, ENDED, INTERRUPTED, TOO_LONG = range(5)
BACKSPACE = 127
UP, DOWN, RIGHT, LEFT, HOME, END, DELETE, OTHER = range(256, 264)
LETTERS = [*b"ab c", *"é€".encode()]
CONTROLS = [ord(each) & 0x1F for each in "ABEFHKNPUW"]
EDITS = [*LETTERS * 3, *CONTROLS, BACKSPACE, UP, DOWN, RIGHT, LEFT, HOME, END, DELETE, OTHER, 0, 9, 200]


def editor_library():
    loaded = library("console/editor.c", extra=EXTRA)
    loaded.make_editor.restype = ctypes.c_void_p
    loaded.line_of.restype = ctypes.c_char_p
    return loaded


class Terminal:
    """Some rows of 80 columns; the cursor goes left by a backspace, and into the next row behind the last column."""

    def __init__(self):
        self.rows, self.column, self.bells = [[" "] * 80], 0, 0

    def show(self, text):
        text = iter(text)
        for byte in text:
            if byte == 8:
                assert self.column > 0
                self.column -= 1
            elif byte == 10:
                self.rows.append([" "] * 80)
                self.column = 0
            elif byte == 13:
                self.column = 0
            elif byte == 27:
                assert [next(text), next(text)] == [*b"[K"]
                self.rows[-1][self.column :] = " " * (80 - self.column)
            elif byte == 7:
                self.bells += 1
            else:
                assert 32 <= byte < 127
                assert self.column < 79, "the last column would be written"
                self.rows[-1][self.column] = chr(byte)
                self.column += 1


class Edited:
    """An editor and what its terminal shows."""

    def __init__(self, prompt=b"$ "):
        self.library, self.terminal = editor_library(), Terminal()
        self.state = ctypes.c_void_p(self.library.make_editor())
        self.prompt = prompt
        self.begin()

    def begin(self):
        self.library.begin_line(self.state, self.prompt, ctypes.c_size_t(len(self.prompt)))
        self.show()

    def show(self):
        room = ctypes.create_string_buffer(1024)
        count = self.library.taken(self.state, room)
        assert count <= 512
        self.terminal.show(room.raw[:count])

    def press(self, *keys):
        for key in keys:
            result = self.library.take_key(self.state, key)
            self.show()
        return result

    def enter(self, text=b""):
        """Enter the line, with some text at its end, keep it, and begin another; return it."""
        assert self.press(END, *text, 13) == ENTERED
        line = self.line
        self.library.keep_line(self.state)
        self.begin()
        return line

    @property
    def line(self):
        return self.library.line_of(self.state)

    @property
    def at(self):
        return self.library.at_of(self.state)

    def check_shown(self):
        """Check that the terminal shows the part of the line that the cursor is in, and nothing else."""
        first, room = self.library.first_of(self.state), COLUMNS - len(self.prompt)
        part = self.prompt.decode() + "".join(
            chr(each) if each < 127 else "?" for each in self.line[first : first + room]
        )
        assert "".join(self.terminal.rows[-1]) == part.ljust(80)
        assert self.terminal.column == len(self.prompt) + self.at - first


def size_of_first(text):
    """Return how many bytes the first character has, 0 where there is none; some bytes only go on with one."""
    return len(text) - len(text[1:].lstrip(bytes(range(0x80, 0xC0))))


def size_of_last(text):
    """Return how many bytes the last character has, 0 where there is none."""
    start = len(text.rstrip(bytes(range(0x80, 0xC0))))
    return len(text) - max(start - 1, 0)


class Model:
    """The same line as a text, which keys change as they are known to."""

    def __init__(self):
        self.text, self.at, self.kept, self.browsed, self.draft = b"", 0, [], 0, b""

    def press(self, key):
        before, after = self.text[: self.at], self.text[self.at :]
        control = chr(key + 64) if key < 27 else ""
        if key in (LEFT, RIGHT) or control in ("B", "F"):
            self.at += size_of_first(after) if key == RIGHT or control == "F" else -size_of_last(before)
        elif key == HOME or control == "A":
            self.at = 0
        elif key == END or control == "E":
            self.at = len(self.text)
        elif key == BACKSPACE or control == "H":
            self.put(before[: len(before) - size_of_last(before)], after)
        elif key == DELETE:
            self.put(before, after[size_of_first(after) :])
        elif control == "U":
            self.put(b"", after)
        elif control == "K":
            self.put(before, b"")
        elif control == "W":
            words = before.rstrip(b" ")
            self.put(words[: words.rfind(b" ") + 1], after)
        elif key == UP or control == "P":
            self.browse(self.browsed + 1)
        elif key == DOWN or control == "N":
            self.browse(self.browsed - 1)
        elif 32 <= key < 256 and key != BACKSPACE and len(self.text) < LONGEST:
            self.put(before + bytes((key,)), after)

    def put(self, before, after):
        self.text, self.at = before + after, len(before)

    def browse(self, which):
        if 0 <= which <= len(self.kept):
            if self.browsed == 0:
                self.draft = self.text
            self.browsed = which
            self.put(self.kept[which - 1] if which else self.draft, b"")


@settings(max_examples=60)
@given(st.integers(0, 40), st.lists(st.sampled_from(EDITS), max_size=300), st.integers(0, 3))
def test_whatever_is_typed_the_terminal_shows_the_line(prompt, keys, entered):
    edited, model = Edited(b">" * prompt), Model()
    for number in range(entered):
        model.kept.insert(0, edited.enter(b"line %d" % number * 9))
    for key in keys:
        assert edited.press(key) == EDITING
        model.press(key)
        assert (edited.line, edited.at) == (model.text, model.at)
        edited.check_shown()


def test_a_line_that_is_too_long_takes_no_more_and_is_not_entered():
    edited = Edited()
    edited.press(*b"x" * LONGEST)
    assert edited.terminal.bells == 0
    edited.press(*b"yz")
    assert (edited.line, edited.terminal.bells) == (b"x" * LONGEST, 2)
    edited.check_shown()
    assert edited.press(BACKSPACE, 13) == TOO_LONG


def test_a_line_that_was_too_long_is_as_any_other_when_all_of_it_was_taken_out():
    edited = Edited()
    edited.press(*b"x" * (LONGEST + 1), 0x15)
    assert edited.enter(b"short") == b"short"


def test_a_character_of_several_bytes_is_one():
    edited = Edited()
    edited.press(*"né€n".encode(), LEFT, LEFT, BACKSPACE)
    assert edited.line == "n€n".encode()
    edited.press(DELETE)
    assert edited.line == b"nn"
    edited.check_shown()


def test_the_last_lines_are_kept_once_each_the_newest_first():
    edited = Edited()
    for number in range(20):
        edited.enter(b"line %d" % number)
        edited.enter(b"line %d" % number)
    edited.enter()
    for number in range(19, 3, -1):
        edited.press(UP)
        assert edited.line == b"line %d" % number
    edited.press(UP)
    assert edited.line == b"line 4"


def test_what_is_typed_stays_while_an_earlier_line_is_shown():
    edited = Edited()
    edited.enter(b"earlier")
    edited.press(*b"now", UP)
    assert edited.line == b"earlier"
    edited.press(DOWN, DOWN)
    assert edited.line == b"now"


@pytest.mark.parametrize(
    ("keys", "ending", "shown"),
    [(b"ls\r", ENTERED, "$ ls"), (b"ls\n", ENTERED, "$ ls"), (b"\x04", ENDED, "$"), (b"ls\x03", INTERRUPTED, "$ ls^C")],
)
def test_a_line_ends_in_a_row_of_its_own(keys, ending, shown):
    edited = Edited()
    assert edited.press(*keys) == ending
    assert ["".join(row).rstrip() for row in edited.terminal.rows] == [shown, ""]


def test_control_d_in_a_line_takes_a_character_out():
    edited = Edited()
    assert edited.press(*b"abc", LEFT, LEFT, 4) == EDITING
    assert edited.line == b"ac"
    edited.check_shown()


def test_an_interrupted_line_is_left_behind_its_end():
    edited = Edited()
    edited.press(*b"echo hello", HOME, 3)
    assert "".join(edited.terminal.rows[0]).rstrip() == "$ echo hello^C"


@pytest.mark.parametrize("prompt", [b"", b"$ "])
@pytest.mark.parametrize("keys", [(), (*b"hello",), (*b"hello", LEFT, LEFT), (*b"x" * 100, HOME, RIGHT)])
def test_a_line_gives_way_to_others_and_comes_again(prompt, keys):
    edited = Edited(prompt)
    for key in keys:
        edited.press(key)
    edited.library.hide_line(edited.state)
    edited.show()
    assert (set(edited.terminal.rows[-1]), edited.terminal.column) == ({" "}, 0)
    edited.terminal.show(b"from elsewhere\n")
    edited.library.show_hidden_line(edited.state)
    edited.show()
    edited.check_shown()
    edited.press(*b"more")
    edited.check_shown()
