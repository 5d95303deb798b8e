"""Text sinks: f-strings become bytes."""

from enum import IntEnum

import pytest

from keelback.lang import TextSink


class Kind(IntEnum):
    ONE = 1


class Collector(TextSink):
    def __init__(self) -> None:
        self.bytes = []

    def put(self, byte: int) -> None:
        self.bytes.append(byte)


@pytest.fixture
def sink():
    return Collector()


NUMBER, KIND = 0xBEEF, Kind.ONE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", b""),
        ("a\n", b"a\n"),
        (f"{NUMBER}", b"48879"),
        (f"{-NUMBER}", b"-48879"),
        (f"{NUMBER:x} {NUMBER:X}", b"beef BEEF"),
        (f"{NUMBER:#010x}", b"0x0000beef"),
        (f"{NUMBER:#x}", b"0xbeef"),
        (f"{NUMBER:7}|{NUMBER:07}", b"  48879|0048879"),
        (f"at {KIND}", b"at 1"),
    ],
)
def test_text_becomes_its_bytes_in_order(sink, text, expected):
    sink.write(text)
    assert bytes(sink.bytes) == expected


def test_text_is_ascii(sink):
    with pytest.raises(UnicodeEncodeError):
        sink.write("aé")
    assert sink.bytes == []


def test_a_sink_says_where_its_bytes_go():
    with pytest.raises(NotImplementedError):
        TextSink().write("a")
