"""What the console makes of bytes of a terminal and of scan codes, against what is sent for keys."""

import ctypes
import re

from hypothesis import given
from hypothesis import strategies as st

from keelback.machine.scan_codes import KEYS, NAMED, OTHERS, PLAIN, SHIFTED, WITH_CONTROL, scan_codes
from keelback.user import OUTSIDE
from on_host import library

NO_KEY, OTHER = -1, 263
NAMES = {"\x1b[A": 256, "\x1b[B": 257, "\x1b[C": 258, "\x1b[D": 259, "\x1b[H": 260, "\x1b[F": 261, "\x1b[3~": 262}
"""The keys that stand for no character, by what a terminal sends for them."""
ALIKE = {"\n": "\r", "\b": "\x7f"}
"""What a text may have for a key, and what the key stands for."""
ON_KEYS = [*PLAIN, *SHIFTED, *WITH_CONTROL, *NAMED, *OTHERS]
ON_TERMINAL = [chr(byte) for byte in range(128) if byte != 0x1B] + [*NAMED]


def keys_of(decoder: str, codes: bytes) -> list[int]:
    """Return the keys that bytes stand for."""
    take = library("console/terminal.c", "console/keyboard.c")[decoder]
    state = ctypes.create_string_buffer(64)
    return [key for key in (take(state, code) for code in codes) if key != NO_KEY]


def key(sent: str) -> int:
    """Return the key that one key's text stands for."""
    sent = ALIKE.get(sent, sent)
    return NAMES.get(sent, ord(sent) if len(sent) == 1 else OTHER)


@given(st.lists(st.sampled_from(ON_KEYS)))
def test_the_keys_of_scan_codes_are_those_that_were_typed(typed):
    text = "".join(typed)
    assert keys_of("keyboard_key", scan_codes(text)) == [key(each[0]) for each in KEYS.finditer(text)]


@given(st.lists(st.sampled_from(ON_TERMINAL)))
def test_the_keys_of_a_terminals_bytes_are_those_that_were_typed(typed):
    expected = [NAMES.get(each, ord(each) if len(each) == 1 else OTHER) for each in typed]
    assert keys_of("terminal_key", "".join(typed).encode("ascii")) == expected


@given(st.binary(max_size=40))
def test_whatever_bytes_come_a_key_that_follows_is_known_again(noise):
    """A terminal's noise swallows at most what could be the rest of a sequence; a line's end is never lost."""
    assert keys_of("terminal_key", noise + b"\r")[-1] == ord("\r")


def test_a_sequence_with_parameters_is_one_key():
    assert keys_of("terminal_key", b"\x1b[1;5Ax") == [256, ord("x")]
    assert keys_of("terminal_key", b"\x1b[200~x") == [OTHER, ord("x")]


def test_shift_and_capitals_undo_each_other_for_letters_alone():
    capitals, shift = b"\x3a\xba", b"\x2a%b\xaa"
    assert bytes(keys_of("keyboard_key", capitals + b"\x1e\x9e\x03\x83" + shift % b"\x1e\x9e\x03\x83")) == b"A2a@"


def test_each_of_two_shifts_is_held_by_itself():
    assert bytes(keys_of("keyboard_key", b"\x2a\x36\xaa\x1e\xb6\x1e")) == b"Aa"


def test_pause_and_the_shifts_that_nobody_pressed_are_no_keys():
    pause = b"\xe1\x1d\x45\xe1\x9d\xc5"
    with_fake_shifts = b"\xe0\x2a\xe0\x48\xe0\xc8\xe0\xaa"
    assert keys_of("keyboard_key", pause + with_fake_shifts + b"\x1e") == [256, ord("a")]


def test_the_headers_numbers_are_those_here():
    """The numbers of the keys are in no protocol, so the header may change them; these tests have to know."""
    text = (OUTSIDE / "console/keys.h").read_text()
    names = re.findall(r"\bKEY_(\w+)", text.split("KEY_UP", 1)[1])
    assert ["UP", *names][:8] == ["UP", "DOWN", "RIGHT", "LEFT", "HOME", "END", "DELETE", "OTHER"]
