"""An input log is written and read exactly, and one that is wrong is told by its line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consoles import ROOT
from keelback.machine.input_log import BadLog, Device, Typed, is_log, read_log, write_log

ENTRIES = st.builds(Typed, st.integers(0, (1 << 63) - 1), st.sampled_from(Device), st.binary(min_size=1, max_size=20))


@given(st.lists(ENTRIES))
def test_a_log_is_read_as_it_was_written(entries):
    entries.sort(key=lambda each: each.time)
    text = write_log(entries)
    assert text.isascii() and is_log(text) and read_log(text) == entries
    assert read_log(text.replace(b"\n", b"\r\n")) == entries


def test_a_log_is_lines_that_a_person_can_write():
    assert write_log([Typed(7, Device.SERIAL, b"ls\r"), Typed(9, Device.KEYBOARD, b"\x1e\x9e")]) == (
        b"keelback input 1\n"
        b'{"time": 7, "device": "serial", "bytes": "ls\\r"}\n'
        b'{"time": 9, "device": "keyboard", "bytes": "\\u001e\\u009e"}\n'
    )
    assert read_log(b'keelback input 1\n\n{"bytes":"a","device":"serial","time":0}') == [Typed(0, Device.SERIAL, b"a")]


FORM = 'is not of the form {"time": 0, "device": "serial", "bytes": "text"}'
WRONG = [
    "ls",
    "[]",
    "7",
    "{}",
    '{"time": 0, "device": "serial"}',
    '{"time": -1, "device": "serial", "bytes": "a"}',
    '{"time": 1.5, "device": "serial", "bytes": "a"}',
    '{"time": true, "device": "serial", "bytes": "a"}',
    '{"time": 9223372036854775808, "device": "serial", "bytes": "a"}',
    '{"time": 0, "device": "mouse", "bytes": "a"}',
    '{"time": 0, "device": ["serial"], "bytes": "a"}',
    '{"time": 0, "device": "serial", "bytes": ""}',
    '{"time": 0, "device": "serial", "bytes": 5}',
    '{"time": 0, "device": "serial", "bytes": "€"}',
    '{"time": 0, "device": "serial", "bytes": "\\ud800"}',
    '{"time": 0, "device": "serial", "bytes": "a", "more": 1}',
    "[" * 100_000,
]


@pytest.mark.parametrize("line", WRONG, ids=lambda line: line[:60])
def test_a_line_of_another_form_is_told_by_its_number(line):
    with pytest.raises(BadLog) as told:
        read_log(f"keelback input 1\n\n{line}\n".encode())
    assert str(told.value) == f"line 3 {FORM}"


def test_bytes_that_are_no_text_are_told_too():
    with pytest.raises(BadLog, match="^line 2 is not of the form"):
        read_log(b'keelback input 1\n{"time": 0, "device": "serial", "bytes": "\xff"}\n')


def test_a_log_of_another_version_is_a_log_and_is_refused():
    text = b'keelback input 9\n{"time": 0, "device": "serial", "bytes": "a"}\n'
    assert is_log(text)
    with pytest.raises(BadLog, match="^its first line is not 'keelback input 1'"):
        read_log(text)


def test_times_go_forward():
    lines = [f'{{"time": {time}, "device": "serial", "bytes": "a"}}' for time in (5, 5, 4)]
    with pytest.raises(BadLog, match=r"^line 4 is of time 4, before that of the line above it$"):
        read_log("\n".join(["keelback input 1", *lines]).encode())


def test_the_log_in_the_docs_is_one():
    [text] = re.findall(r"```text\n(keelback input.*?)```", (ROOT / "docs" / "commands.md").read_text(), re.DOTALL)
    assert [each.data for each in read_log(text.encode())] == [b"ls\r", b"\x1e\x9e"]


@given(st.binary(max_size=80))
def test_whatever_a_file_has_it_is_read_or_told(content):
    for text in (content, b"keelback input 1\n" + content):
        try:
            read_log(text)
        except BadLog as told:
            assert str(told)
